"""Data sets of Hugging Face: from a folder, from parquet files, or by name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
from pydantic import Field, field_validator

from interpret.errors import DatasetError, InterpretError, PluginError, UnknownNameError, clause
from interpret.files import (
    content_hashes,
    digest,
    is_url,
    parse_json,
    printable,
    read_sealed,
    read_text,
    user_path,
    write_sealed,
)
from interpret.images import Columns, Images, Sample, open_bytes, open_image
from interpret.plugin import Dataset
from interpret.run import cache_dir, follows
from interpret_datasets.folder import spread
from interpret_datasets.shards.copies import local_copy
from interpret_datasets.shards.places import as_texts

SAVED, SAVED_SPLITS = "state.json", "dataset_dict.json"
"""What ``save_to_disk`` writes into the folder of one split, and of several."""

LARGEST = 2**24
"""Bytes of a list of files that are read."""


class HuggingFaceDataset(Dataset):
    """One split of a data set of Hugging Face, such as ``path: uoft-cs/cifar10`` or a folder of your own.

    The folder is what ``save_to_disk`` wrote, or holds parquet or arrow files, or pictures in folders of
    classes; one behind a URL (``s3://…``) is copied first. A name is looked up in the cache, then downloaded.
    The pictures are the first column of images and the labels the first column of classes, whose names are
    the categories. Scripts that come with a data set are never run.
    """

    name: ClassVar[str] = "huggingface"

    path: str = Field(
        description="The folder, its URL, or a name on the Hugging Face Hub: OWNER/NAME.", min_length=1
    )
    split: str | None = Field(None, description="Such as train; none: the only one.")
    subset: str | None = Field(None, description="The configuration, where the data set has several.")
    revision: str | None = Field(None, description="Branch, tag or commit on the Hub.")
    image: str = Field("", description="The column of pictures; empty: the first whose feature is an image.")
    label: str = Field("", description="The column of labels; empty: the first whose feature is a class.")
    limit: int | None = Field(
        None, ge=1, le=1_000_000_000, description="At most so many, taken at equal distances."
    )

    _paths = field_validator("path", mode="before")(as_texts)

    def open(self) -> HuggingFaceImages:
        """The rows of the split; no picture is read.

        Raises:
            DatasetError: If it cannot be read or downloaded, or has no column of pictures.
            UnknownNameError: If it has no such split.
        """
        folder = local_copy(self.path) if is_url(self.path) else user_path(self.path)
        found = self._read(folder if folder.is_dir() else None)
        split, rows = self._chosen(found)
        raw, columns = _raw(rows, self.image, self.label, self.path)
        places = spread(range(len(rows)), self.limit)
        roots = [folder.absolute()] if folder.is_dir() else [Path(library().config.HF_CACHE_HOME).absolute()]
        return HuggingFaceImages(raw, columns, places, split, roots)

    def _read(self, folder: Path | None) -> Any:
        """What datasets finds: one split, or several by name."""
        datasets = library()
        if folder is None and (self.path.startswith((".", "/", "~")) or self.path.count("/") > 1):
            raise DatasetError(f"There is no folder {self.path}. Check dataset option 'path'.")
        with _understood(self.path), _quiet(datasets):
            if folder is None:
                return datasets.load_dataset(self.path, self.subset, revision=self.revision)
            if (folder / SAVED).is_file() or (folder / SAVED_SPLITS).is_file():
                _require_inside(folder.absolute())
                return datasets.load_from_disk(str(folder))
            return datasets.load_dataset(_builder(folder), data_dir=str(folder.absolute()))

    def _chosen(self, found: Any) -> tuple[str, Any]:
        """The split that is meant, with its name."""
        if not isinstance(found, Mapping):
            name = str(found.split or "all")
            if self.split not in {None, name}:
                raise UnknownNameError("split", str(self.split), [name])
            return name, found
        if self.split is None and len(found) > 1:
            raise DatasetError(
                f"{self.path} has the splits {', '.join(found)}. Say which: dataset option 'split'."
            )
        name = self.split or next(iter(found))
        if name not in found:
            raise UnknownNameError("split", name, list(found))
        return name, found[name]


class Hf(HuggingFaceDataset):
    """The same as ``huggingface``, under its short name."""

    name: ClassVar[str] = "hf"


class HuggingFaceImages(Images):
    """Rows of a split; safe to read from several threads.

    Args:
        rows: The data set, with pictures as files: ``{"bytes": …, "path": …}``.
        columns: Which column is what.
        places: The rows that are taken.
        split: The name of the split; ids are it and the row: ``train/17``.
        roots: Folders that pictures may lie in which the data set has by their path.
    """

    def __init__(
        self, rows: Any, columns: Columns, places: Sequence[int], split: str, roots: Sequence[Path]
    ) -> None:
        self.rows, self.columns, self.places, self.roots = rows, columns, places, roots
        self.categories = tuple(map(printable, columns.categories))
        self._split, self._ids = split, [f"{printable(split)}/{place}" for place in places]
        labels = columns.labels(len(rows))
        self._labels = [_whole(labels[place], place, columns) for place in places]

    @property
    def ids(self) -> Sequence[str]:
        """The split and the row."""
        return self._ids

    @property
    def labels(self) -> Sequence[int | None]:
        """The label of each row; no picture is read for them."""
        return self._labels

    def __getitem__(self, index: int) -> Sample:
        """Read one picture."""
        content, path = self._file(index)
        name = self._ids[index] + (f" ({path})" if path else "")
        if content is not None:
            return Sample(self._ids[index], open_bytes(content, name), self._labels[index])
        return Sample(self._ids[index], open_image(self._inside(path, name)), self._labels[index])

    def fingerprint(self) -> str:
        """A hash of every row's id, label and the file of its picture.

        A run remembers it by what the files of the data set hold, unless pictures lie outside of these.
        """
        found = content_hashes(str(file["filename"]) for file in self.rows.cache_files)
        if not found or None in found:
            return self._fingerprint()[0]
        taken = hashlib.sha256(np.asarray(self.places, np.int64).tobytes()).hexdigest()
        about = digest(*found, self.columns.picture, self.columns.label, *self.categories, self._split, taken)
        stored = cache_dir("fingerprints", HuggingFaceImages) / f"{about}.json"
        with suppress(InterpretError):
            if isinstance(known := read_sealed(stored).get("fingerprint"), str):
                return known
        fingerprint, whole = self._fingerprint()
        if whole and not follows():
            with suppress(InterpretError, OSError):  # where it cannot be stored, it is made again
                write_sealed(stored, {"fingerprint": fingerprint})
        return fingerprint

    def _fingerprint(self) -> tuple[str, bool]:
        """The hash, and whether all it is made of lies in the rows."""
        hashes = [self._hash(index) for index in range(len(self))]
        parts = zip(self._ids, self._labels, (found for found, _ in hashes), strict=True)
        return digest("huggingface", *self.categories, *parts), all(inside for _, inside in hashes)

    def _hash(self, index: int) -> tuple[str, bool]:
        """The hash of a picture, and whether its file lies in the row."""
        try:
            content, path = self._file(index)
            if content is not None:
                return hashlib.sha256(content).hexdigest(), True
            return content_hashes([self._inside(path, path)])[0] or digest(path), False
        except DatasetError as error:  # it says so when it is asked for
            return digest(error), False

    def _file(self, index: int) -> tuple[bytes | None, str]:
        """The bytes of a picture's file, or its path."""
        with _understood(self._ids[index]):
            item = self.rows[self.places[index]][self.columns.picture]
        if not isinstance(item, Mapping):
            raise DatasetError(f"{self._ids[index]} has no picture: it is {item!r:.40}. Leave the row out.")
        return item.get("bytes"), str(item.get("path") or "")

    def _inside(self, path: str, name: str) -> Path:
        """A path that the data set says, if it leads to where the data set lies."""
        found = Path(os.path.normpath(path))
        if not found.is_absolute() or not any(found.is_relative_to(root) for root in self.roots):
            raise DatasetError(
                f"{name} lies outside of {', '.join(map(str, self.roots))}. Save the data set with its "
                "pictures in it: save_to_disk does, or to_parquet."
            )
        return found


def library() -> ModuleType:
    """``datasets``; only its users should wait for its import.

    Raises:
        PluginError: If it is not installed.
    """
    try:
        return import_module("datasets")
    except ImportError as error:
        raise PluginError(
            f"The dataset huggingface needs the package datasets, which cannot be imported: {clause(error)}. "
            "Install it: pip install 'interpret-cnn[huggingface]'."
        ) from error


def _require_inside(folder: Path) -> None:
    """Refuse what ``save_to_disk`` wrote, if its lists of splits and files lead out of the folder."""
    splits = _json(folder / SAVED_SPLITS).get("splits", ())
    parts = [folder, *(folder / split for split in splits)]
    files = [part / item["filename"] for part in parts for item in _json(part / SAVED).get("_data_files", ())]
    for path in (*parts, *files):
        if not Path(os.path.normpath(path)).is_relative_to(os.path.normpath(folder)):
            raise DatasetError(f"{folder} takes rows from {path}, which lies outside of it. Save it anew.")


def _json(path: Path) -> Mapping[str, Any]:
    """The mapping in a file; empty where there is none."""
    content = parse_json(read_text(path, LARGEST).encode()) if path.is_file() else {}
    return content if isinstance(content, Mapping) else {}


def _builder(folder: Path) -> str:
    """How a folder is read: by the files that lie in it, none of which is run."""
    for suffix, builder in ((".parquet", "parquet"), (".arrow", "arrow")):
        if next(folder.rglob(f"*{suffix}"), None):
            return builder
    return "imagefolder"


def _raw(rows: Any, image: str, label: str, path: str) -> tuple[Any, Columns]:
    """The rows with the files of their pictures instead of pictures, and their columns."""
    features, kind = rows.features, library().Image
    columns = Columns.of(rows, image, label)
    if columns is None or not isinstance(features[columns.picture], kind):
        fit = [key for key, feature in features.items() if isinstance(feature, kind)]
        raise DatasetError(
            f"{path} has the columns {', '.join(features)}: {columns.picture if columns else ''!r} holds no "
            f"pictures, {' and '.join(fit) or 'none'} does. "
            "Cast it: dataset.cast_column(name, datasets.Image()), and save it anew."
        )
    plain = rows.with_format(None).cast_column(columns.picture, kind(decode=False))
    return plain, Columns(plain, columns.picture, columns.label, columns.categories)


def _whole(value: Any, place: int, columns: Columns) -> int | None:
    if value is None or (isinstance(value, int) and value >= 0):
        return value
    raise DatasetError(
        f"Row {place} has {value!r:.60} in the column {columns.label!r}; a label is the index of its "
        "category. Choose the column with dataset option 'label', or cast it: "
        "dataset.class_encode_column(name)."
    )


@contextmanager
def _understood(what: str) -> Iterator[None]:
    """What datasets raises, as an error of the data set."""
    try:
        yield
    except InterpretError:
        raise
    except Exception as error:
        line = " ".join(str(error).split())
        raise DatasetError(
            f"datasets cannot read {what}: {type(error).__name__}: {clause(line):.400}. Without a network "
            "connection only folders and what is in its cache can be read."
        ) from error


@contextmanager
def _quiet(datasets: ModuleType) -> Iterator[None]:
    """No bars: whose terminal it is draws its own."""
    shown = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()
