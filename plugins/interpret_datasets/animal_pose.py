"""Animals with the positions of their parts: the Animal-Pose data set (Cao et al. 2019, arXiv:1908.05806)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import BaseModel, Field, FiniteFloat, ValidationError, model_validator

from interpret.errors import DatasetError, UnknownNameError
from interpret.files import content_hashes, digest, read_file, user_path
from interpret.images import Images, Sample, open_turned, require_unique
from interpret.plugin import Dataset
from interpret_datasets.annotated import (
    Box,
    Position,
    require_box_inside,
    require_inside,
    require_pictures,
    require_position_inside,
)
from interpret_datasets.cropping import cropped, square_around

MAX_JSON_BYTES = 2**27
"""Bytes of a label file that are read; the official one has 4 million."""


class AnimalPose(Dataset):
    """Animals with boxes and the positions of 20 parts, such as left eye, right eye and nose.

    The folder has the official layout: ``keypoints.json`` and the pictures in ``images``. Every animal is one
    image of the dataset, so a picture that shows two comes twice. Parts that are not visible are left out of
    ``Sample.parts``.
    """

    name: ClassVar[str] = "animal_pose"

    path: Path = Field(description="The folder that holds keypoints.json and images; ~ is the home folder.")
    animals: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        description="Only these categories, such as dog; their order gives the labels. Left out: all.",
    )
    parts: tuple[str, ...] = Field(
        (), description="Only animals on which all of these parts are visible, such as left eye."
    )
    crop: FiniteFloat | None = Field(
        None,
        gt=0,
        le=1000,
        description="Show squares around these parts, so many times as wide as the largest distance between "
        "two of them (3 around eyes and nose: a head), black beyond the photograph; left out: photographs.",
    )
    broken: Literal["raise", "keep"] = Field(
        "raise",
        description="A picture that is missing is an error at once (raise), or when it is read (keep), where "
        "a step with on_error: skip passes over it and lists it.",
    )

    @model_validator(mode="after")
    def _has_what_to_crop_to(self) -> AnimalPose:
        if self.crop is not None and len(self.parts) < 2:
            raise ValueError("'crop' is about the distances between 'parts': it needs two or more of them")
        return self

    def open(self) -> AnimalImages:
        """The animals of the label file; no picture is read.

        Raises:
            DatasetError: If a file is missing, the label file is not of this form, or no animal is left.
            UnknownNameError: If the label file has no such animal or part.
        """
        root = user_path(self.path)
        animals = read_animals(root / "keypoints.json")
        categories = tuple(dict.fromkeys(animal.category for animal in animals))
        _require_known("animal", self.animals or (), categories)
        _require_known("part", self.parts, {part for animal in animals for part in animal.names})
        categories = self.animals or categories
        chosen = [
            animal
            for animal in animals
            if animal.category in categories and animal.parts.keys() >= set(self.parts)
        ]
        if not chosen:
            raise DatasetError(
                f"No animal in {root} has all of these parts visible: {', '.join(self.parts)}."
            )
        if self.broken == "raise":
            require_pictures(root / "images", [animal.file for animal in chosen], "keypoints.json")
        return AnimalImages(root, chosen, categories, self.parts, self.crop)


@dataclass(frozen=True)
class Animal:
    """One animal of the label file.

    Attributes:
        id: The file, and from its second animal on a number: ``cats.jpg#2``.
        file: Name of the picture.
        category: What animal it is.
        box: (left, top, right, bottom) in pixels, half-open.
        names: Every part that its category can have.
        parts: Positions (x, y) in pixels of those that are visible.
    """

    id: str
    file: str
    category: str
    box: Box
    names: tuple[str, ...]
    parts: Mapping[str, Position]


class AnimalImages(Images):
    """Animals of a label file; safe to read from several threads, cheap to pickle.

    Args:
        root: The folder that holds ``images``.
        animals: In the order of the dataset.
        categories: Names of the animals.
        around: The parts that a crop is around.
        crop: How large it is, see `square_around`; None: whole photographs.
    """

    def __init__(
        self,
        root: Path,
        animals: Sequence[Animal],
        categories: tuple[str, ...],
        around: tuple[str, ...] = (),
        crop: float | None = None,
    ) -> None:
        self.root, self.animals, self.categories = root, animals, categories
        self.around, self.crop = around, crop
        self._ids = [animal.id for animal in animals]
        self._labels = [categories.index(animal.category) for animal in animals]
        require_unique(self._ids)

    @property
    def ids(self) -> Sequence[str]:
        """Names of the files, with a number from the second animal of a picture on."""
        return self._ids

    @property
    def labels(self) -> Sequence[int | None]:
        """The place of each animal among the categories."""
        return self._labels

    def __getitem__(self, index: int) -> Sample:
        """Read one animal; raises DatasetError where its box or a part lies outside of the picture.

        The label file counts stored pixels: box and parts turn with the picture.
        """
        animal = self.animals[index]
        picture, turn = open_turned(self.root / "images" / animal.file)
        require_box_inside(animal.box, turn.stored, animal.id)
        for part, position in animal.parts.items():
            require_position_inside(position, turn.stored, f"{part} of {animal.id}")
        parts = {part: (position,) for part, position in animal.parts.items()}
        sample = Sample(animal.id, picture, self._labels[index], animal.box, parts=parts).turned(turn)
        if self.crop is None:
            return sample
        return cropped(sample, picture, self._square(sample, self.crop))

    def _square(self, sample: Sample, times: float) -> Box:
        try:
            return square_around([sample.parts[part][0] for part in self.around], times)
        except DatasetError as error:
            raise DatasetError(f"{sample.id} cannot be cropped. {error}") from None

    def fingerprint(self) -> str:
        """A hash of everything the label file says, and of every picture's content."""
        hashes = content_hashes(self.root / "images" / animal.file for animal in self.animals)
        seen = () if self.crop is None else (self.crop, *self.around)
        return digest("animal_pose", *self.categories, *self.animals, *hashes, *seen)


class _Category(BaseModel):
    id: int
    name: str
    keypoints: tuple[str, ...]


class _AnimalAnnotation(BaseModel):
    image_id: int
    category_id: int
    bbox: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]
    keypoints: list[tuple[FiniteFloat, FiniteFloat, FiniteFloat]]


class _LabelFile(BaseModel):
    """The part of keypoints.json that is used; ``images`` gives the file of each image_id."""

    categories: list[_Category]
    images: dict[int, str]
    annotations: list[_AnimalAnnotation] = Field(min_length=1)


def read_animals(path: Path) -> list[Animal]:
    """The animals of a label file, in its order.

    Raises:
        DatasetError: If it is missing, no JSON, or of another form; it names the entry.
    """
    try:
        labels = _LabelFile.model_validate_json(read_file(path, MAX_JSON_BYTES))
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}. Check dataset option 'path'.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise DatasetError(f"{path} is no label file of Animal-Pose: {where}: {first['msg']}.") from None
    return list(_animals(path, labels))


def _animals(path: Path, labels: _LabelFile) -> Iterator[Animal]:
    categories = {category.id: category for category in labels.categories}
    count: Counter[str] = Counter()
    for index, entry in enumerate(labels.annotations):
        file, category = labels.images.get(entry.image_id), categories.get(entry.category_id)
        where = f"{path}: annotations.{index}"
        if file is None or category is None:
            raise DatasetError(
                f"{where} has image_id {entry.image_id} and category_id {entry.category_id}, but "
                f"'{'images' if file is None else 'categories'}' has no such entry."
            )
        if len(entry.keypoints) != len(category.keypoints):
            raise DatasetError(
                f"{where} has {len(entry.keypoints)} keypoints, but a {category.name} has "
                f"{len(category.keypoints)}."
            )
        require_inside(file, str(path))
        count[file] += 1
        yield _animal(file if count[file] == 1 else f"{file}#{count[file]}", file, category, entry)


def _animal(name: str, file: str, category: _Category, entry: _AnimalAnnotation) -> Animal:
    names = tuple(part.replace("_", " ") for part in category.keypoints)
    left, top, right, bottom = map(round, entry.bbox)
    parts = {
        part: (x, y) for part, (x, y, visible) in zip(names, entry.keypoints, strict=True) if visible > 0
    }
    return Animal(name, file, category.name, (left, top, right, bottom), names, parts)


def _require_known(kind: str, names: Sequence[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            raise UnknownNameError(kind, name, sorted(known))
    if len(set(names)) < len(names):
        raise DatasetError(f"Dataset option '{kind}s' names one twice: {', '.join(names)}.")
