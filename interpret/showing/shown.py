"""What `show` returns: files that a notebook displays, a folder keeps and a browser opens."""

from __future__ import annotations

import os
import shutil
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from interpret.browsers import open_address
from interpret.errors import InterpretError
from interpret.plugin.rendering import made_folder
from interpret.results import Result
from interpret.showing.pages import as_body, as_document, inline, linked
from interpret.wording import as_text, listed

PAGE = "shown.html"


class Shown:
    """A drawn result. Its files lie in a temporary folder, which goes with it, unless it was opened.

    Args:
        result: What is shown.
        root: The temporary folder.
        files: What was drawn.
        renderers: The names of those that drew.
    """

    def __init__(self, result: Result, root: Path, files: Sequence[Path], renderers: Sequence[str]) -> None:
        self.result, self.renderers, self._root = result, tuple(renderers), root
        self._drawn = tuple(files)
        self.files: tuple[Path, ...] = self._drawn or (self._written(root / "files" / "summary.html"),)
        self._end = weakref.finalize(self, _remove_own, root, os.getpid())

    def save(self, folder: str | Path) -> tuple[Path, ...]:
        """Copy the files into a folder, which is made where it is missing; files of that name are replaced.

        Raises:
            InterpretError: If they cannot be written.
        """
        target, source = made_folder(folder), self._root / "files"
        copies = [target / file.relative_to(source) for file in self.files]
        try:
            for file, copy in zip(self.files, copies, strict=True):
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, copy)
        except OSError as error:
            raise InterpretError(
                f"The files cannot be written into {target}: {error.strerror or error}."
            ) from error
        return tuple(copies)

    def open(self) -> Path:
        """Open all of it as one page in the browser; without a display, print where the page is.

        The page stays where it is when the process ends: a browser may read it later.

        Returns:
            The page.
        """
        page = self._written(self._root / PAGE)
        self._end.detach()
        if not open_address(page.resolve().as_uri()):
            print(f"There is no browser here. The page is {page}")
        return page

    def __repr__(self) -> str:
        """What is shown, by what, and where its files are."""
        names = [file.relative_to(self._root / "files").as_posix() for file in self.files]
        rows = {"drawn by": ", ".join(self.renderers)} if self.renderers else {}
        rows |= {"files": listed(names), "folder": str(self._root / "files")}
        return as_text(f"Shown {type(self.result).__name__}", rows)

    def _repr_html_(self) -> str:
        """The pictures and tables with all that they need, and the main numbers below them."""
        return as_body(self.result, self._drawn, inline)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:  # noqa: ARG002
        """What notebooks and consoles choose from; a single picture also as what it is."""
        bundle = {"text/plain": repr(self), "text/html": self._repr_html_()}
        pictures = [file for file in self._drawn if file.suffix.lower() == ".png"]
        if len(pictures) == 1:
            bundle["image/png"] = inline(pictures[0]).partition("base64,")[2]
        return bundle

    def _written(self, page: Path) -> Path:
        """A page with everything on it."""
        body = as_body(self.result, self._drawn, lambda file: linked(file, page.parent))
        page.write_text(as_document(type(self.result).__name__, body), encoding="utf-8")
        return page


def remove(root: Path) -> None:
    """Remove a temporary folder."""
    shutil.rmtree(root, ignore_errors=True)


def _remove_own(root: Path, process: int) -> None:
    """Remove it unless this is a copy of the process that made it."""
    if os.getpid() == process:
        remove(root)
