"""What data sets with one folder for each class have in common: where it lies, which pictures are taken."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pydantic import Field

from interpret.errors import DatasetError, UnknownNameError, clause
from interpret.plugin import Dataset
from interpret_datasets.folder import FolderImages, spread
from interpret_datasets.walking import kind_of, require_folder, run_steps


class Benchmark(Dataset):
    """A published data set: where its pictures lie, and which of them are taken."""

    path: Path = Field(description="Where the files lie; ~ is the home folder.")
    classes: tuple[str, ...] | None = Field(
        None, min_length=1, description="Only these classes; their order gives the labels. Left out: all."
    )
    per_class: int | None = Field(
        None, ge=1, le=1_000_000_000, description="At most so many of each class, the first by name."
    )
    limit: int | None = Field(
        None,
        ge=1,
        le=1_000_000_000,
        description="At most so many in all, taken at equal distances, so that classes keep their shares.",
    )

    def chosen(
        self, root: Path, found: Sequence[Sequence[str]], labels: Sequence[int], categories: tuple[str, ...]
    ) -> FolderImages:
        """The images that ``per_class`` and ``limit`` leave.

        Args:
            root: The folder the files lie in.
            found: The files of each class that is taken.
            labels: The label of each of these classes.
            categories: What the labels mean.
        """
        pairs = [
            (file, label)
            for files, label in zip(found, labels, strict=True)
            for file in files[: self.per_class]
        ]
        pairs = spread(pairs, self.limit)
        return FolderImages(root, [file for file, _ in pairs], [label for _, label in pairs], categories)


def locate(
    path: Path, wanted: str, folders: Sequence[str], download: Callable[[], None] | None = None
) -> Path:
    """The folder ``wanted`` of a layout: ``path`` itself, or below it in one of ``folders``.

    Args:
        path: What the user gave.
        wanted: Name of the folder.
        folders: Where it may lie below ``path``; the empty text is ``path`` itself.
        download: Brings it to one of the folders; called where it is in none.

    Raises:
        DatasetError: If it is in none of them; the message says where it seems to be.
    """
    inside = [path] if path.absolute().name == wanted else []
    candidates = [*inside, *(path / folder / wanted for folder in folders)]
    if download is not None and not any(map(Path.is_dir, candidates)):
        download()
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    require_folder(path)
    raise DatasetError(f"There is no folder {wanted} in {path}. {_advice(path, wanted)}")


def class_folders(root: Path) -> list[str]:
    """The names of the sub-folders, in order of their names; hidden ones and run folders are passed over."""
    with os.scandir(root) as entries:
        found = sorted(entry.name for entry in entries if kind_of(entry) in {"folder", "link"})
    return [name for name in found if run_steps(root / name) is None]


def class_pictures(root: Path, names: Sequence[str]) -> list[list[str]]:
    """The pictures in each class folder, as paths relative to ``root``, in order of their names.

    What lies deeper, and what is no picture, belongs to no class of these data sets and is passed over.

    Raises:
        DatasetError: If there are no class folders, or one holds no picture.
    """
    if not names:
        raise DatasetError(f"{root} holds no class folders. Unpack the data set again.")
    found = [[f"{name}/{file}" for file in pictures_in(root / name)] for name in names]
    for name, files in zip(names, found, strict=True):
        if not files:
            raise DatasetError(
                f"The class folder {root / name} holds no picture. Unpack the data set again, "
                "or leave the class out with dataset option 'classes'."
            )
    return found


def pictures_in(folder: Path) -> list[str]:
    """The names of the pictures that lie directly in a folder, in order."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if kind_of(entry) == "picture")


def known_classes(classes: Sequence[str], known: Mapping[str, str]) -> tuple[str, ...]:
    """The folders of the classes that are asked for, by the names one may ask with.

    Raises:
        UnknownNameError: If there is no such class.
        DatasetError: If one is named twice.
    """
    for name in classes:
        if name not in known:
            raise UnknownNameError("class", name, known)
    folders = tuple(known[name] for name in classes)
    if len(set(folders)) < len(folders):
        raise DatasetError(f"Dataset option 'classes' names a class twice: {', '.join(classes)}.")
    return folders


def fetch(name: str, page: str, download: Callable[[], object]) -> None:
    """Run torchvision's download of a data set.

    Raises:
        DatasetError: If it fails; the message says where to get the files by hand.
    """
    try:
        download()
    except Exception as error:  # what the network, the archive and the disk can do has no common type
        raise DatasetError(
            f"The download of {name} failed: {clause(error)}. Get the files from {page} and unpack them, "
            "then give the folder as dataset option 'path'."
        ) from error


def _advice(path: Path, wanted: str) -> str:
    """Where the folder seems to be: around ``path``, or one level deeper."""
    above = path.absolute().parents
    near = [folder for folder in above if folder.name == wanted]
    near += [folder / wanted for folder in above[:2] if (folder / wanted).is_dir()]
    near += sorted(path.glob(f"*/{wanted}"))
    return f"Did you mean path: {near[0].parent}?" if near else f"Give the folder that holds {wanted}."
