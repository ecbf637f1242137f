"""One item of a sequence of images: its picture, its label, its id, and a hash of its content."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from interpret.errors import DatasetError
from interpret.files.contents import content_hash, digest
from interpret.images.arrays import as_picture
from interpret.images.paths import path_ids
from interpret.images.pictures import upright

PICTURE_KEYS = ("image", "img", "pixel_values")
"""Where a mapping has its picture, as data sets and processors of Hugging Face write it."""

LABEL_KEYS = ("label", "labels")
"""Where it has its label."""


def split(item: Any) -> tuple[Any, Any]:
    """The picture of an item, and its label; None where it has none.

    Raises:
        DatasetError: If it is neither a picture nor a pair, nor a mapping with a picture under a usual key.
    """
    if isinstance(item, Mapping):
        return item[picture_key(item)], item.get(label_key(item) or "")
    if not isinstance(item, tuple | list):
        return item, None
    if len(item) not in {1, 2}:
        raise DatasetError(f"An item has {len(item)} parts. Give an image, or a pair of image and label.")
    return item[0], item[1] if len(item) == 2 else None


def picture_key(keys: Iterable[str]) -> str:
    """Under which of the keys the picture lies.

    Raises:
        DatasetError: If none of them is a usual one.
    """
    found = next((key for key in PICTURE_KEYS if key in keys), None)
    if found is None:
        raise DatasetError(
            f"An item has {', '.join(map(repr, keys)) or 'nothing'}, and its picture is looked for under "
            f"{', '.join(PICTURE_KEYS)}. Rename the key, or give pairs, such as "
            "[(item['photo'], item['class']) for item in items]."
        )
    return found


def label_key(keys: Iterable[str]) -> str | None:
    """Under which of the keys the label lies; None if under none."""
    return next((key for key in LABEL_KEYS if key in keys), None)


def item_ids(items: Sequence[Any]) -> list[str]:
    """The path of each item as one line of text; its place where it has none.

    A picture that Pillow has opened has the path of its file, unless another item has that too.
    """
    paths = [path_of(item) for item in items]
    known = {at: path for at, path in enumerate(paths) if path is not None}
    ids = dict(zip(known, path_ids([*known.values()]), strict=True))
    often = Counter(ids.values())
    return [
        str(at) if path is None or (often[ids[at]] > 1 and not _is_path(items[at])) else ids[at]
        for at, path in enumerate(paths)
    ]


def path_of(item: Any) -> str | Path | None:
    """The file that an item is read from, as the user wrote it; None where it is not known."""
    try:
        picture, _ = split(item)
    except DatasetError:  # it is no image, and says so when it is asked for
        return None
    if not isinstance(picture, str | Path):
        picture = getattr(picture, "filename", None) if isinstance(picture, Image.Image) else None
    return picture if isinstance(picture, str | Path) and str(picture) else None


def _is_path(item: Any) -> bool:
    return isinstance(split(item)[0], str | Path)


def item_hash(item: Any) -> str:
    """A hash of a picture and its label; of a path, what the file holds, wherever it lies."""
    try:
        picture, label = split(item)
        return digest(_picture_hash(picture), label)
    except DatasetError as error:  # it is no image, and said so when it is asked for
        return digest(error)


def _picture_hash(picture: Any) -> str:
    if isinstance(picture, str | Path):
        return content_hash(picture) or digest(picture)
    known = as_picture(picture)
    if isinstance(known, Image.Image):
        seen = upright(known)
        return digest(seen.size, seen.mode, hashlib.sha256(seen.tobytes()).hexdigest())
    content = known.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    return digest(known.shape, known.dtype, hashlib.sha256(content).hexdigest())
