"""Photographs by their files, wherever they lie."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from interpret.errors import DatasetError
from interpret.files import printable, user_path
from interpret.images import Images, as_images, whole_path
from interpret.plugin import Dataset
from interpret_datasets.folder import find_pictures


class Files(Dataset):
    """Photographs by their files, and those in folders and their sub-folders, in the order given.

    They have no labels. A file is taken whatever its name ends in, of a folder what ``folder`` takes, and
    what is named twice is there once.
    """

    name: ClassVar[str] = "files"

    paths: list[Path] = Field(
        min_length=1, max_length=100_000, description="Files and folders; ~ is the home folder."
    )

    def open(self) -> Images:
        """The list of files; no picture is read.

        Raises:
            DatasetError: If a file or folder is missing, or a folder holds no picture.
        """
        found = (path for given in self.paths for path in _files(user_path(given)))
        return as_images([*{whole_path(path): path for path in found}.values()])


def _files(path: Path) -> Iterator[Path]:
    """A file, or those of a folder."""
    try:
        is_folder, is_there = path.is_dir(), path.exists()
    except OSError as error:
        raise DatasetError(f"{printable(str(path))[:200]} cannot be looked at: {error.strerror}.") from None
    if is_folder:
        yield from (path / name for name in find_pictures(path))
    elif is_there:
        yield path
    else:
        here = printable(str(Path.cwd()))
        raise DatasetError(f"There is no file or folder {printable(str(path))[:200]} (looked from {here}).")
