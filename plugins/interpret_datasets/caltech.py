"""Caltech-101 and Caltech-256, the data sets of the paper's Tables 4, 5 and 7."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from interpret.files import user_path
from interpret_datasets.benchmark import (
    Benchmark,
    class_folders,
    class_pictures,
    fetch,
    known_classes,
    locate,
)
from interpret_datasets.folder import FolderImages


class Caltech(Benchmark):
    """What the two have in common: a folder of class folders, one of which is background."""

    folder: ClassVar[str]
    places: ClassVar[tuple[str, ...]]
    clutter: ClassVar[str]
    page: ClassVar[str]

    background: bool = Field(
        False,
        description="Whether the background class is a class too; it always is where 'classes' names it.",
    )
    download: bool = Field(
        False, description="Fetch it with torchvision into 'path' if it is not there, and check its hash."
    )

    def open(self) -> FolderImages:
        """The list of files; no picture is read.

        Raises:
            DatasetError: If the folder is missing or another one, or a class has no pictures.
            UnknownNameError: If ``classes`` names a class that is not there.
        """
        root = locate(
            user_path(self.path), self.folder, self.places, self._download if self.download else None
        )
        names = class_folders(root)
        if self.classes is not None:
            taken = known_classes(self.classes, {name: name for name in names})
        else:
            taken = tuple(name for name in names if self.background or name != self.clutter)
        return self.chosen(root, class_pictures(root, taken), range(len(taken)), taken)

    def _download(self) -> None:
        from torchvision import datasets  # noqa: PLC0415 - it takes seconds to import

        cls = getattr(datasets, type(self).__name__)
        fetch(self.name, self.page, lambda: cls(user_path(self.path), download=True))


class Caltech101(Caltech):
    """Caltech-101: 101 classes of 31 to 800 photographs, and a background class (Fei-Fei et al. 2004).

    Without the background class there are 8,677 photographs of 101 classes, with it 9,144 of 102. The order
    of classes and photographs is torchvision's.
    """

    name: ClassVar[str] = "caltech101"
    folder: ClassVar[str] = "101_ObjectCategories"
    places: ClassVar[tuple[str, ...]] = ("", "caltech101", "caltech-101")
    clutter: ClassVar[str] = "BACKGROUND_Google"
    page: ClassVar[str] = "https://data.caltech.edu/records/mzrjq-6wc02"


class Caltech256(Caltech):
    """Caltech-256: 256 classes of 80 to 827 photographs, and a clutter class (Griffin et al. 2007).

    Without the clutter class there are 29,780 photographs of 256 classes, with it 30,607 of 257. Files and
    folders that lie in class folders and are no photographs of it are passed over.
    """

    name: ClassVar[str] = "caltech256"
    folder: ClassVar[str] = "256_ObjectCategories"
    places: ClassVar[tuple[str, ...]] = ("", "caltech256")
    clutter: ClassVar[str] = "257.clutter"
    page: ClassVar[str] = "https://data.caltech.edu/records/nyy15-4j048"
