"""Photographs in a folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, TypeVar

from pydantic import Field

from interpret.errors import DatasetError, UnknownNameError
from interpret.files import content_hashes, digest, printable, user_path
from interpret.images import Images, Sample, open_image, require_unique, whole_path
from interpret.plugin import Dataset
from interpret_datasets.walking import SUFFIXES, find, tell

T = TypeVar("T")


class Folder(Dataset):
    """Photographs in a folder and its sub-folders.

    Where every picture lies in a sub-folder and every such sub-folder holds some itself, the sub-folders are
    the categories, in the order of torchvision's ``ImageFolder`` (as text: 0, 1, 10, 2), which is that of
    networks trained by it; otherwise the photographs have no labels, and are in natural order of their names
    (2 before 10). Hidden files and folders, and run folders, are passed over, links
    are followed.
    """

    name: ClassVar[str] = "folder"

    path: Path = Field(description="The folder; ~ is the home folder.")
    classes: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        description="Only these sub-folders; their order gives the labels. Left out: all, as ImageFolder's.",
    )
    limit: int | None = Field(
        None,
        ge=1,
        le=1_000_000_000,
        description="At most so many, taken at equal distances, so that categories keep their shares.",
    )

    def open(self) -> FolderImages:
        """The list of files; no picture is read.

        Raises:
            DatasetError: If the folder is missing, cannot be looked into, or holds no picture.
            UnknownNameError: If ``classes`` names a sub-folder without pictures.
        """
        root = user_path(self.path)
        files = find_pictures(root)
        categories = find_categories(files) if self.classes is None else _known(self.classes, files)
        if not categories:
            _tell_why(root, files)
        if categories:
            files = [file for file in files if _top(file) in categories]
        files = spread(files, self.limit)
        numbers = {name: label for label, name in enumerate(categories)}
        return FolderImages(root, files, [numbers.get(_top(file)) for file in files], categories)


class FolderImages(Images):
    """Files below ``root``; safe to read from several threads, cheap to pickle.

    Args:
        root: The folder.
        files: Paths relative to it, with forward slashes.
        labels: The index of each file's category among ``categories``, or None.
        categories: Their names.
    """

    def __init__(
        self, root: Path, files: Sequence[str], labels: Sequence[int | None], categories: tuple[str, ...]
    ) -> None:
        self.root, self.files = root, files
        self.categories = tuple(map(printable, categories))
        self._ids = [printable(file) for file in files]
        self._labels = labels
        require_unique(self._ids)

    @property
    def ids(self) -> Sequence[str]:
        """Paths relative to the folder."""
        return self._ids

    @property
    def whole_paths(self) -> Sequence[str]:
        """The whole path of every file."""
        root = whole_path(self.root)
        return [f"{root.rstrip('/')}/{name}" for name in self._ids]

    @property
    def labels(self) -> Sequence[int | None]:
        """The index of each image's category among the categories."""
        return self._labels

    def __getitem__(self, index: int) -> Sample:
        """Read one photograph."""
        return Sample(self._ids[index], open_image(self.root / self.files[index]), self._labels[index])

    def fingerprint(self) -> str:
        """A hash of every file's relative path, label and content."""
        hashes = content_hashes(self.root / file for file in self.files)
        return digest("folder", *self.categories, *zip(self._ids, self._labels, hashes, strict=True))


def find_pictures(root: Path) -> list[str]:
    """Relative paths of every picture below ``root``, in natural order, without opening any.

    What is passed over is counted and said once, as a warning of the log.

    Raises:
        DatasetError: If the folder is missing, cannot be looked into, or holds no picture.
    """
    found = find(root)
    others = found.passed_over
    if not found.pictures:
        seen = f" It holds {others}." if others else ""
        raise DatasetError(
            f"There is no picture in {root} or below it. Looked for files that end in {', '.join(SUFFIXES)}."
            f"{seen}"
        )
    if others:
        tell(f"{root}: {len(found.pictures):,} pictures. Passed over: {others}.")
    return sorted(found.pictures, key=natural)


def find_categories(files: Sequence[str]) -> tuple[str, ...]:
    """The top folders of ``files``, in ``ImageFolder``'s order.

    None where a picture lies outside them, or one holds pictures only deeper down.
    """
    holders = {_top(file) for file in files if file.count("/") == 1}
    return tuple(sorted(holders)) if all(_top(file) in holders for file in files) else ()


def _tell_why(root: Path, files: Sequence[str]) -> None:
    """Say why pictures have no labels where some of them lie as if they had."""
    holders = {_top(file) for file in files if file.count("/") == 1}
    loose = next((file for file in files if _top(file) not in holders), "")
    if len(holders) > 1 and loose:
        tell(
            f"{root}: its {len(holders)} sub-folders are no categories: {printable(loose)} lies in none "
            "of them. Take it out, or name them: classes."
        )


def spread(files: Sequence[T], limit: int | None) -> list[T]:
    """At most ``limit`` of the files, at equal distances, the first among them."""
    if limit is None or limit >= len(files):
        return list(files)
    return [files[index * len(files) // limit] for index in range(limit)]


def natural(path: str) -> tuple[list[list[str | int]], str]:
    """A key that sorts folder by folder and numbers by their value: ``a2`` before ``a10``."""
    parts = [re.split(r"(\d+)", part.casefold()) for part in path.split("/")]
    return [[int(piece) if index % 2 else piece for index, piece in enumerate(part)] for part in parts], path


def _top(file: str) -> str:
    """The top folder a relative path lies in; empty for a file of the root."""
    return file.rpartition("/")[0].partition("/")[0]


def _known(classes: tuple[str, ...], files: Sequence[str]) -> tuple[str, ...]:
    present = set(map(_top, files)) - {""}
    for name in classes:
        if name not in present:
            raise UnknownNameError("sub-folder with pictures", name, sorted(present))
    if len(set(classes)) < len(classes):
        raise DatasetError(f"Dataset option 'classes' names a sub-folder twice: {', '.join(classes)}.")
    return classes
