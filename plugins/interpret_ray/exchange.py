"""How a worker claims parts, and gets and gives files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from interpret.files import whole_last, write_atomically
from interpret.run import CLAIMS, Choose, Exchange


class CoordinatorExchange(Exchange):
    """By the coordinator of the run.

    Args:
        call: Calls a method of the coordinator.
        owner: Who this worker is.
        folder: The run folder, or what stands for it here.
        apart: Whether the folder is this worker's own: what others store must be sent.
    """

    def __init__(self, call: Callable[..., Any], owner: str, folder: Path, *, apart: bool) -> None:
        self.call, self.owner, self.folder, self.apart = call, owner, folder, apart
        self.known: dict[str, int] = {}

    def held(self, folder: Path) -> frozenset[str]:
        """The names of the parts that workers hold now."""
        found: frozenset[str] = self.call("held", self._name(folder))[1]
        return found

    @contextmanager
    def claim(self, folder: Path, choose: Choose) -> Iterator[str | None]:
        """Hold the part that is chosen."""
        place, claimed = self._name(folder), False
        while not claimed:
            turn, held = self.call("held", place)
            name = choose(held)
            claimed = name is None or self.call("claim", place, turn, name, self.owner)
        try:
            yield name
        finally:
            if name is not None:
                self.call("free", place, name)

    def bring(self, folder: Path) -> None:
        """Get what others stored in a folder."""
        if not self.apart:
            return
        for name, size in self.call("files", self._name(folder)).items():
            path = self.folder / name
            if self.known.get(name) != size or not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(path, self.call("read", name))
                self.known[name] = size

    def share(self, path: Path) -> None:
        """Give what is stored here to the others."""
        if not self.apart or not path.exists():
            return
        files = [file for file in path.rglob("*") if file.is_file() and CLAIMS not in file.parts]
        for file in chain.from_iterable(whole_last(files)):
            name, size = self._name(file), file.stat().st_size
            if self.known.get(name) != size:
                self.call("write", name, file.read_bytes())
                self.known[name] = size

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()
