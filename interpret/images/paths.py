"""One id for a photograph, however its path is written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from interpret.files.reading import printable


def path_ids(paths: Sequence[str | Path]) -> list[str]:
    """Each path as one line of text: below the folder one works in relative to that, else the whole path.

    Links are not followed. ``photos/a.jpg``, ``./photos/a.jpg`` and the whole path of it are the same.
    """
    here = _working_folders()
    return [_short(whole_path(path), here) for path in paths]


def whole_path(path: str | Path) -> str:
    """A path from the root as one line of text, with ``/`` between its parts; it need not exist."""
    try:
        return printable(Path(os.path.abspath(path)).as_posix())  # noqa: PTH100 - which follows no links
    except OSError:  # the folder one works in is gone
        return printable(Path(path).as_posix())


def _short(whole: str, folders: Sequence[str]) -> str:
    return next((whole.removeprefix(here) for here in folders if whole.startswith(here)), whole)


def _working_folders() -> list[str]:
    """The folder one works in, as the system calls it and as the shell does, each with a ``/`` at its end."""
    try:
        here, shell = str(Path.cwd()), os.environ.get("PWD", "")
        names = [here, shell] if shell and os.path.realpath(shell) == os.path.realpath(here) else [here]
    except OSError:  # it is gone
        return []
    found = [f"{printable(Path(name).as_posix()).rstrip('/')}/" for name in names]
    return sorted(found, key=len, reverse=True)
