"""ImageNet 2012, the data set the paper's networks are trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from interpret.errors import DatasetError
from interpret.files import user_path
from interpret_datasets.benchmark import (
    Benchmark,
    class_folders,
    class_pictures,
    known_classes,
    locate,
    pictures_in,
)
from interpret_datasets.folder import FolderImages
from interpret_datasets.synsets import labelled, read_names

CLASSES = 1000
"""What the networks trained on it tell apart."""

_KAGGLE = "ILSVRC/Data/CLS-LOC"


class Synsets(Benchmark):
    """Photographs of WordNet synsets, in the folders ``train`` and ``val``."""

    classes: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        description="Only these classes, by name or WordNet id; where labels are 'own', their order gives "
        "the labels. Left out: all.",
    )
    split: Literal["train", "val"] = Field("train", description="The training or the validation pictures.")

    def taken(self, wnids: Sequence[str], names: Mapping[str, str]) -> tuple[str, ...]:
        """The WordNet ids that ``classes`` names, in its order; all that are there where it is left out."""
        if self.classes is None:
            return tuple(wnids)
        by_name = {names.get(wnid, wnid): wnid for wnid in wnids}
        return known_classes(self.classes, by_name | {wnid: wnid for wnid in wnids})


class Imagenet(Synsets):
    """ImageNet's classification challenge of 2012: 1000 classes (Russakovsky et al. 2015).

    The pictures lie in class folders, ``train/WNID`` and ``val/WNID``. Those of ``val`` can lie in one
    folder, if the devkit or Kaggle's ``LOC_val_solution.csv`` lies beside it. The classes have readable names
    where such a file gives them, else WordNet ids.
    """

    name: ClassVar[str] = "imagenet"

    labels: Literal["imagenet", "own"] | None = Field(
        None,
        description="imagenet: places among all 1000 classes in order of their WordNet ids, as in networks; "
        "own: places among the classes taken. Left out: imagenet if all are known, else own.",
    )

    def open(self) -> FolderImages:
        """The list of files; no picture is read.

        Raises:
            DatasetError: If a folder or a file of labels is missing, or the two do not fit.
            UnknownNameError: If ``classes`` names a class that is not there.
        """
        root = locate(user_path(self.path), self.split, ("", _KAGGLE))
        home = _home(root)
        names = read_names(home)
        folders = class_folders(root)
        flat = {} if folders or self.split == "train" else _by_class(root, home)
        present = folders or sorted(flat)
        _require_known(root, present, names)
        taken = self.taken(present, names)
        found = [flat[wnid] for wnid in taken] if flat else class_pictures(root, taken)
        order = self._order(home, taken, list(names) or (present if len(present) == CLASSES else []))
        labels = [order.index(wnid) for wnid in taken]
        return self.chosen(root, found, labels, tuple(names.get(wnid, wnid) for wnid in order))

    def _order(self, home: Path, taken: Sequence[str], every: Sequence[str]) -> Sequence[str]:
        """The WordNet ids in the order of labels."""
        if self.labels == "imagenet" and not every:
            raise DatasetError(
                f"labels: imagenet needs the list of all {CLASSES} classes, and {home} has none. Put the "
                "devkit, LOC_synset_mapping.txt or classes.json there, or use labels: own."
            )
        return every if every and self.labels != "own" else taken


def _home(root: Path) -> Path:
    """The folder that the files of names and labels lie in: the one above, or Kaggle's top folder."""
    above = root.absolute().parent
    return above.parents[2] if above.as_posix().endswith(f"/{_KAGGLE}") else above


def _by_class(root: Path, home: Path) -> dict[str, list[str]]:
    """The pictures of one folder by the WordNet id that a file of labels gives them."""
    files = pictures_in(root)
    if not files:
        raise DatasetError(f"{root} holds neither pictures nor class folders. Unpack the data set again.")
    found: dict[str, list[str]] = {}
    for file, wnid in zip(files, labelled(files, home), strict=True):
        found.setdefault(wnid, []).append(file)
    return found


def _require_known(root: Path, wnids: Sequence[str], names: Mapping[str, str]) -> None:
    """Raise DatasetError if a file names the classes and one of them is not among these."""
    unknown = [wnid for wnid in wnids if names and wnid not in names]
    if unknown:
        raise DatasetError(
            f"{unknown[0]} in {root} is none of the {len(names)} classes that are named beside it. "
            "Remove it, or the file of names if that belongs to another data set."
        )
