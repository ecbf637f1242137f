"""PASCAL VOC (Everingham et al. 2010): photographs that show several categories, with boxes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal, TypeAlias

from pydantic import Field

from interpret.errors import DatasetError
from interpret.files import content_hashes, digest, user_path
from interpret.images import Images, Object, Sample, open_turned, require_unique
from interpret.plugin import Dataset
from interpret_datasets.annotated import read_lines, require_box_inside, require_inside, require_pictures
from interpret_datasets.benchmark import fetch, locate
from interpret_datasets.folder import spread
from interpret_datasets.voc_xml import CATEGORIES, Annotation, read_annotation

Single: TypeAlias = Literal["largest", "first", "none"]
_VocAnnotation: TypeAlias = Annotation | DatasetError


class Voc(Dataset):
    """What the years have in common: ``ImageSets/Main``, ``Annotations`` and ``JPEGImages``."""

    year: ClassVar[str]

    path: Path = Field(
        description="The folder that holds VOCdevkit, VOCdevkit, or the folder of the year in it; ~ is the "
        "home folder."
    )
    split: Literal["train", "val", "trainval", "test"] = Field(
        "val", description="Which list of ImageSets/Main; test has public labels in 2007 only."
    )
    single: Single = Field(
        "largest",
        description="The one label and box of an image where one is needed: of its largest object, of the "
        "first in its annotation, or none. Difficult objects never count.",
    )
    limit: int | None = Field(
        None, ge=1, le=1_000_000_000, description="At most so many images, taken at equal distances."
    )
    broken: Literal["raise", "keep"] = Field(
        "raise",
        description="A picture that is missing, or an annotation that is missing, cannot be read or has no "
        "object, is an error at once (raise), or when the image is read (keep), where a step with on_error: "
        "skip passes over it and lists it.",
    )
    download: bool = Field(
        False, description="Fetch it with torchvision into 'path' if it is not there, and check its hash."
    )

    def open(self) -> VocImages:
        """The images of the split with their annotations; no picture is read.

        Raises:
            DatasetError: If a file is missing, or an annotation is not as VOC's are.
        """
        download = self._download if self.download else None
        root = locate(user_path(self.path), f"VOC{self.year}", ("", "VOCdevkit"), download)
        lists = root / "ImageSets" / "Main"
        if self.download and not (lists / f"{self.split}.txt").is_file():
            self._download()  # the test set of 2007 is an archive of its own
        ids = spread(read_split(lists, self.split), self.limit)
        annotations = [_annotation(root / "Annotations" / f"{name}.xml") for name in ids]
        if self.broken == "raise":
            require_pictures(root / "JPEGImages", [f"{name}.jpg" for name in ids], f"{self.split}.txt")
            _require_readable(annotations)
        return VocImages(root / "JPEGImages", ids, annotations, self.single)

    def _download(self) -> None:
        from torchvision.datasets import VOCDetection  # noqa: PLC0415 - it takes seconds to import

        root, page = user_path(self.path), f"http://host.robots.ox.ac.uk/pascal/VOC/voc{self.year}/"
        fetch(self.name, page, lambda: VOCDetection(root, self.year, self.split, download=True))


class Voc2012(Voc):
    """PASCAL VOC 2012: 5,717 photographs to train and 5,823 to validate, 20 categories, several in one image.

    The labels of its test images are not public: training on train and testing on val stands for the paper's
    Table 6.
    """

    name: ClassVar[str] = "voc2012"
    year: ClassVar[str] = "2012"


class Voc2007(Voc):
    """PASCAL VOC 2007: 2,501 photographs to train, 2,510 to validate and 4,952 to test, 20 categories."""

    name: ClassVar[str] = "voc2007"
    year: ClassVar[str] = "2007"


class VocImages(Images):
    """Images with several categories; safe to read from several threads, cheap to pickle.

    Args:
        folder: Where the pictures lie.
        ids: Names of the pictures without their ending.
        annotations: That of each, or what is wrong with its annotation.
        single: Which object gives an image its one label and box.
    """

    categories = CATEGORIES

    def __init__(
        self, folder: Path, ids: Sequence[str], annotations: Sequence[_VocAnnotation], single: Single
    ) -> None:
        self.folder, self._ids, self.annotations = folder, ids, annotations
        self.objects = [() if isinstance(known, DatasetError) else known.objects for known in annotations]
        self.main = [main_object(objects, single) for objects in self.objects]
        require_unique(ids)

    @property
    def ids(self) -> Sequence[str]:
        """Names of the pictures without their ending, as the lists of VOC have them."""
        return self._ids

    @cached_property
    def labels(self) -> Sequence[int | None]:
        """The category of each image's one object that counts, by the rule ``single``."""
        return [None if main is None else main.label for main in self.main]

    @cached_property
    def present(self) -> Sequence[tuple[int, ...]]:
        """Categories of which an image has an object that is not difficult."""
        return [tuple(sorted(_sure(objects))) for objects in self.objects]

    @cached_property
    def unsure(self) -> Sequence[tuple[int, ...]]:
        """Categories of which an image has difficult objects only; VOC leaves it out of their evaluation."""
        return [tuple(sorted({one.label for one in objects} - _sure(objects))) for objects in self.objects]

    def __getitem__(self, index: int) -> Sample:
        """Read one image; raises DatasetError where its annotation is broken or a box lies outside.

        Boxes turn with the picture, unless the size that the annotation states is that of the turned one.
        """
        name, known, main = self._ids[index], self.annotations[index], self.main[index]
        if isinstance(known, DatasetError):
            raise DatasetError(str(known))  # a new one each time: several threads may read
        picture, turned = open_turned(self.folder / f"{name}.jpg")
        turn = turned.undone_for(known.size)
        for shown in known.objects:
            require_box_inside(shown.box, turn.stored, f"a {CATEGORIES[shown.label]} in {name}.xml")
        label, box = (None, None) if main is None else (main.label, main.box)
        return Sample(name, picture, label, box, objects=known.objects).turned(turn)

    def fingerprint(self) -> str:
        """A hash of every annotation, the rule for labels, and every picture's content."""
        hashes = content_hashes(self.folder / f"{name}.jpg" for name in self._ids)
        return digest("voc", *zip(self._ids, self.annotations, self.main, hashes, strict=True))


def main_object(objects: Sequence[Object], rule: Single) -> Object | None:
    """The object that gives an image its one label; the first of several that are equally large.

    The paper trains an exclusive softmax on these images and does not say how (section 5.2 there).
    """
    sure = [shown for shown in objects if not shown.difficult]
    if rule == "none" or not sure:
        return None
    return sure[0] if rule == "first" else max(sure, key=_area)


def read_split(folder: Path, split: str) -> list[str]:
    """The ids that ``ImageSets/Main`` lists for a split.

    Raises:
        DatasetError: If there is no such list, or it is empty.
    """
    path = folder / f"{split}.txt"
    if not path.is_file():
        there = sorted(file.stem for file in folder.glob("*.txt") if "_" not in file.stem)
        raise DatasetError(f"There is no {path}. Splits that are there: {', '.join(there) or 'none'}.")
    ids = read_lines(path).split()
    if not ids:
        raise DatasetError(f"{path} lists no image.")
    for name in ids:
        require_inside(name, str(path))
    return ids


def _annotation(path: Path) -> _VocAnnotation:
    try:
        return read_annotation(path)
    except DatasetError as error:
        return error


def _require_readable(annotations: Sequence[_VocAnnotation]) -> None:
    wrong = [known for known in annotations if isinstance(known, DatasetError)]
    if wrong:
        raise DatasetError(
            f"{len(wrong)} of {len(annotations)} annotations cannot be used. The first: {wrong[0]} Correct "
            "them, take them out of the list, or set dataset option broken: keep and on_error: skip in the "
            "steps."
        )


def _sure(objects: Sequence[Object]) -> set[int]:
    return {shown.label for shown in objects if not shown.difficult}


def _area(shown: Object) -> int:
    left, top, right, bottom = shown.box
    return (right - left) * (bottom - top)
