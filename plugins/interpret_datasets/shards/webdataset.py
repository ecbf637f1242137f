"""Pictures in tar shards, as webdataset writes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from jaxtyping import Int
from pydantic import Field, field_validator

from interpret.errors import DatasetError
from interpret.files import digest, shown
from interpret.images import Images, Sample, open_bytes, require_unique
from interpret.plugin import Dataset
from interpret_datasets.folder import spread
from interpret_datasets.shards.content import State, hashes, read_range
from interpret_datasets.shards.indexes import Shard, read_indexes
from interpret_datasets.shards.labels import as_labels, known_categories
from interpret_datasets.shards.places import as_texts, find_files, names_of
from interpret_datasets.shards.tar_index import SUFFIXES, Wanted
from interpret_datasets.shards.texts import KeyIds, Texts
from interpret_datasets.walking import tell

TAR = (".tar",)

NOTED = 3
"""Shards of which it is said what was passed over."""


class WebDataset(Dataset):
    """Pictures in tar shards, as webdataset writes them: ``path: shards/train-{000..012}.tar``.

    Members whose names are equal up to the first dot are one sample: the picture, and its label in a member
    ``.cls`` or under a field of ``.json``. Each picture is read alone, in any order. Where it lies is found
    once for each shard, and remembered in the run folder. Nothing is unpacked and nothing but pictures,
    numbers, names and JSON is decoded.
    """

    name: ClassVar[str] = "webdataset"

    path: str | list[str] = Field(
        min_length=1,
        description="Shards or folders of them, as paths or URLs (s3://, https://), with {000..012} and *.",
    )
    image: str = Field(
        "",
        description="The ending of pictures, such as input.png; empty: the usual ones. png;jpg: the first.",
    )
    label: str = Field("", description="The ending of labels: cls, json, txt, …; empty: cls, else json.")
    field: str = Field("label", description="Where a JSON object has the label; a dot leads into objects.")
    categories: list[str] | str | None = Field(
        None, description="What labels mean: names in order, or a text file with one a line."
    )
    limit: int | None = Field(
        None, ge=1, le=1_000_000_000, description="At most so many, taken at equal distances."
    )

    _paths = field_validator("path", "categories", mode="before")(as_texts)

    def open(self) -> WebDatasetImages:
        """Where every picture lies; none is read.

        Raises:
            DatasetError: If there is no shard, none can be read, or none has a picture.
        """
        files = find_files(self.path, TAR)
        endings = tuple(part.strip().lstrip(".").lower() for part in self.image.split(";") if part.strip())
        wanted = Wanted(endings or SUFFIXES, self.label.lstrip(".").lower(), self.field)
        given = known_categories(self.categories)
        shards = read_indexes(files, wanted)
        _require_pictures(shards, wanted)
        if self.label or "field" in self.model_fields_set:
            _require_labels(shards, self.label or "cls and json", self.field)
        return WebDatasetImages.of(shards, names_of(files, TAR), wanted, given, self.limit)


class WebDatasetImages(Images):
    """Members of tar shards; safe to read from several threads and processes, cheap to pickle.

    Args:
        shards: The path or URL of each shard, and how it was when it was gone through.
        ids: The id of every picture: ``SHARD/KEY``.
        labels: Their labels.
        categories: What these mean.
        places: Offset and size of each picture in its shard.
        broken: Why some cannot be read, by their index.
        asked: What else the content of the pictures hangs on.
    """

    def __init__(
        self,
        shards: Sequence[tuple[str, State]],
        *,
        ids: KeyIds,
        labels: Sequence[int | None],
        categories: tuple[str, ...],
        places: Int[np.ndarray, "n 2"],
        broken: Mapping[int, str],
        asked: Sequence[object],
    ) -> None:
        self.shards, self._ids, self._labels, self.categories = shards, ids, labels, categories
        self.positions, self.broken, self.asked = places, broken, asked

    @classmethod
    def of(
        cls,
        shards: Sequence[Shard],
        names: Sequence[str],
        wanted: Wanted,
        given: tuple[str, ...],
        limit: int | None,
    ) -> WebDatasetImages:
        """The pictures of some shards, or ``limit`` of them at equal distances."""
        require_unique(names)
        said = [one for shard in shards for one in shard.said]
        labels, categories, wrong = as_labels(said, given)
        counts = np.array([len(shard.keys) for shard in shards])
        starts = np.cumsum(counts) - counts
        for start, shard in zip(starts.tolist(), shards, strict=True):
            wrong |= {start + place: why for place, why in shard.broken.items()}
        chosen = np.asarray(spread(range(len(said)), limit))
        file = np.repeat(np.arange(len(shards)), counts)[chosen]
        keys = (shards[at].keys[place - starts[at]] for at, place in zip(file, chosen, strict=True))
        return cls(
            [(shard.path, shard.state) for shard in shards],
            ids=KeyIds(names, file, Texts(keys)),
            labels=[labels[at] for at in chosen],
            categories=categories,
            places=np.concatenate([shard.positions for shard in shards])[chosen],
            broken={index: wrong[at] for index, at in enumerate(chosen.tolist()) if at in wrong},
            asked=(wanted, given, limit),
        )

    @property
    def ids(self) -> Sequence[str]:
        """The shard and the key."""
        return self._ids

    @property
    def labels(self) -> Sequence[int | None]:
        """The label of each picture, as its shard says."""
        return self._labels

    def __getitem__(self, index: int) -> Sample:
        """Read one picture: the bytes of its member, and no others."""
        name = self._ids[index]
        return Sample(name, open_bytes(self.read(index), name), self._labels[index])

    def read(self, index: int) -> bytes:
        """The file of a picture, as it stands in its shard.

        Raises:
            DatasetError: If it is broken, or the shard has changed.
        """
        index = range(len(self))[index]
        if index in self.broken:
            raise DatasetError(f"{self._ids[index]} cannot be used. {self.broken[index]}")
        path, state = self.shards[self._ids.file[index]]
        start, size = map(int, self.positions[index])
        return read_range(path, start, start + size, state)

    def fingerprint(self) -> str:
        """A hash of what every shard holds, of its name, and of what is taken from it as what."""
        content = hashes([path for path, _ in self.shards])
        return digest(
            "webdataset", *self.asked, *self.categories, *zip(self._ids.names, content, strict=True)
        )


def _tell_notes(shards: Sequence[Shard]) -> None:
    """Say what was found besides pictures: of the first shards one by one, of others how many they are."""
    noted = [shard for shard in shards if shard.notes]
    for shard in noted[:NOTED]:
        tell(f"{shown(shard.path)}: {' '.join(shard.notes)}")
    if len(noted) > NOTED:
        tell(
            f"{len(noted) - NOTED:,} further shards are like that, {shown(noted[-1].path)} the last of them."
        )


def _require_labels(shards: Sequence[Shard], where: str, field: str) -> None:
    if not any(one is not None for shard in shards for one in shard.said):
        raise DatasetError(
            f"No sample of {shown(shards[0].path)} says a label: looked in {where}, in JSON under {field!r}. "
            "Choose another: dataset options 'label' and 'field'."
        )


def _require_pictures(shards: Sequence[Shard], wanted: Wanted) -> None:
    """Tell what was passed over, and refuse shards of which no sample has a picture, or none a label."""
    _tell_notes(shards)
    endings = Counter[str]()
    for shard in shards:
        endings.update(shard.suffixes)
    most = sorted(endings, key=lambda ending: (-endings[ending], ending))[:12]
    there = ", ".join(most) or "nothing"
    if not any(ending in endings for ending in wanted.image):
        raise DatasetError(
            f"No member of {shown(shards[0].path)} ends in {', '.join(wanted.image)}. Its members end in "
            f"{there}. Say which are the pictures: dataset option 'image'."
        )
    if wanted.label and wanted.label not in endings:
        raise DatasetError(
            f"No member of {shown(shards[0].path)} ends in {wanted.label}. Its members end in {there}. Say "
            "which are the labels: dataset option 'label'."
        )
