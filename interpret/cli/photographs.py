"""The photographs that a command is given, and where what it makes of them goes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from interpret.cli.written import NAME
from interpret.errors import DatasetError, InterpretError
from interpret.files.folders import user_path
from interpret.files.reading import printable
from interpret.images.dataset import Images
from interpret.plugin.discovery import Registry
from interpret.plugin.parameters import configure
from interpret.run.store import read_json

DATASET, PHOTOGRAPHS = "files", "photographs"
"""The dataset that opens them, and what a pipeline calls it."""

MOST = 50
"""So many photographs are explained at once."""


@dataclass(frozen=True)
class Photographs:
    """Photographs that can be read.

    Attributes:
        paths: What was named: files and folders.
        images: All that lies there.
        places: Those among them that can be read.
        unreadable: The id of every other one, and the reason.
    """

    paths: tuple[str, ...]
    images: Images
    places: tuple[int, ...]
    unreadable: tuple[tuple[str, str], ...] = ()

    @property
    def names(self) -> list[str]:
        """The ids of those that can be read."""
        ids = self.images.ids
        return [ids[place] for place in self.places]


def find_photographs(registry: Registry, paths: Sequence[str]) -> Photographs:
    """The photographs that were named; each is opened, so that a mistake shows before any work.

    What cannot be read is left out where it was found in a folder.

    Raises:
        DatasetError: If a file or folder is missing, a file that was named is no picture, or nothing is left.
        InterpretError: If there are too many.
    """
    images = _opened(registry, paths)
    if len(images) > MOST:
        raise InterpretError(
            f"These are {len(images):,} photographs, and at most {MOST} are explained at once. Name some of "
            "them. What drives the units of a network over many images shows a pipeline with the probe topk: "
            "interpret run quickstart."
        )
    named = {name for path in paths if user_path(path).is_file() for name in _opened(registry, [path]).ids}
    places, unreadable = [], []
    for place, name in enumerate(images.ids):
        try:
            images[place]
            places.append(place)
        except DatasetError as error:
            if name in named:
                raise
            unreadable.append((name, str(error)))
    if not places:
        raise DatasetError(f"No photograph can be read. The first, {unreadable[0][0]!r}: {unreadable[0][1]}")
    return Photographs(tuple(paths), images, tuple(places), tuple(unreadable))


def _opened(registry: Registry, paths: Sequence[str]) -> Images:
    """All that lies there."""
    for path in paths:
        if not path.isprintable():
            raise InterpretError(
                f"The name {printable(path)!r} holds letters that cannot be written in a pipeline. Give the "
                "folder in which it lies, or rename it."
            )
    images: Images = configure(registry.lookup("dataset", DATASET), "dataset", {"paths": list(paths)}).open()
    return images


def default_folder(paths: Sequence[str]) -> Path:
    """``explained/NAME``, after the first photograph or folder.

    Example:
        >>> default_folder(["photos/black cat.jpg", "dog.jpg"]).as_posix()
        'explained/black_cat'
    """
    first = user_path(paths[0])
    name = first.name if first.is_dir() or not first.stem else first.stem
    plain = re.sub(r"[^\w.-]+", "_", printable(name or first.resolve().name)).strip("._")
    return Path("explained") / (plain[:60] or "photograph")


def own_folder(out: Path) -> Path:
    """A folder for what is found: empty, not there yet, or one that explained photographs before.

    Raises:
        InterpretError: If it holds other files: some could have the names of those that are written.
    """
    there = sorted(path.name for path in out.iterdir() if path.name[0] != ".") if out.is_dir() else []
    if not there or NAME in there or _explains(out):
        return out
    raise InterpretError(
        f"The folder {out} holds other files than those of an explanation, such as {there[0]!r}, and some "
        "could be replaced. Give an empty folder, or one that does not exist yet: --out FOLDER."
    )


def _explains(run: Path) -> bool:
    """Whether photographs were explained there and stopped before ``explain.yaml`` was written."""
    pipeline = read_json(run / "manifest.json").get("pipeline")
    datasets = pipeline.get("datasets") if isinstance(pipeline, dict) else None
    return isinstance(datasets, dict) and [*datasets] == [PHOTOGRAPHS]
