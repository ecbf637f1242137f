"""What passes between the processes of a run: claims, how far each is, and files where disks differ."""

from __future__ import annotations

from collections import defaultdict
from itertools import chain
from pathlib import Path

from interpret.files import inside, whole_last, write_atomically
from interpret.run import CLAIMS


class Coordinator:
    """It lives in one process on the machine of the run, which all others can call.

    Args:
        folder: The run folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.owners: dict[str, dict[str, str]] = defaultdict(dict)
        self.turns: dict[str, int] = defaultdict(int)
        self.told: list[tuple[int, int]] = []

    def held(self, folder: str) -> tuple[int, frozenset[str]]:
        """Which parts in a folder are held, and a number that changes whenever that does."""
        return self.turns[folder], frozenset(self.owners[folder])

    def claim(self, folder: str, turn: int, name: str, owner: str) -> bool:
        """Hold a part, if nothing has changed since `held` was asked."""
        if turn != self.turns[folder]:
            return False
        self.turns[folder] += 1
        self.owners[folder][name] = owner
        return True

    def free(self, folder: str, name: str) -> None:
        """Hold a part no longer."""
        self.turns[folder] += 1
        self.owners[folder].pop(name, None)

    def lose(self, owner: str) -> None:
        """A worker is gone: what it held is free."""
        for folder, owners in self.owners.items():
            for name in [name for name, holder in owners.items() if holder == owner]:
                self.free(folder, name)

    def tell(self, job: int, images: int) -> None:
        """So many more images of a job are done."""
        self.told.append((job, images))

    def hear(self) -> list[tuple[int, int]]:
        """What was told since this was asked last."""
        told, self.told = self.told, []
        return told

    def files(self, folder: str) -> dict[str, int]:
        """The files below a folder, and their sizes; what says that a result is whole comes last."""
        place = inside(self.folder, folder)
        found = [path for path in place.rglob("*") if path.is_file() and CLAIMS not in path.parts]
        ordered = chain.from_iterable(whole_last(found))
        return {path.relative_to(self.folder).as_posix(): path.stat().st_size for path in ordered}

    def read(self, name: str) -> bytes:
        """What is in a file."""
        return inside(self.folder, name).read_bytes()

    def write(self, name: str, data: bytes) -> None:
        """Store a file, whole or not at all."""
        path = inside(self.folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, data)
