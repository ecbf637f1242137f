"""One item of a sequence of images: its picture, its label, its id, and a hash of its content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from interpret.errors import DatasetError
from interpret.files.contents import content_hash, digest
from interpret.files.reading import printable
from interpret.images.arrays import as_picture
from interpret.images.pictures import upright


def split(item: Any) -> tuple[Any, Any]:
    """The picture of an item, and its label; None where it has none.

    Raises:
        DatasetError: If it is neither a picture nor a pair.
    """
    if isinstance(item, Mapping):
        keys = ", ".join(map(repr, item))
        raise DatasetError(
            f"An item is a {type(item).__name__} with {keys}. Give pairs, such as "
            "[(item['image'], item['label']) for item in items]."
        )
    if not isinstance(item, tuple | list):
        return item, None
    if len(item) not in {1, 2}:
        raise DatasetError(f"An item has {len(item)} parts. Give an image, or a pair of image and label.")
    return item[0], item[1] if len(item) == 2 else None


def item_id(item: Any, index: int) -> str:
    """The path of an item as one line of text; its place where it has none."""
    picture = item[0] if isinstance(item, tuple | list) and item else item
    return printable(Path(picture).as_posix()) if isinstance(picture, str | Path) else str(index)


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
