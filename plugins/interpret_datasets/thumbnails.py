"""Small grey pictures of equal size, of zero mean and unit length: their products are correlations."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from interpret.errors import DatasetError, clause
from interpret.images import Images, Picture, upright
from interpret.network import READERS, OnError
from interpret.progress import track
from interpret.results import Result
from interpret.run import cached_pieces

CHUNK = 64
"""Pictures that are read at once."""

GREY_LEVELS = 255


@dataclass(frozen=True)
class Thumbnails(Result):
    """The thumbnails of the images that could be read.

    Attributes:
        x: One unit vector for each; zero for a picture of one tone, which correlates with nothing.
        places: The index of each among the images.
        skipped: The id of each image that could not be read, and the reason.
    """

    x: Float[Tensor, "n pixels"]
    places: tuple[int, ...]
    skipped: tuple[tuple[str, str], ...]


def read_thumbnails(images: Images, size: int, *, on_error: OnError = "raise", name: str = "") -> Thumbnails:
    """The thumbnails of all images, ``size`` x ``size`` pixels each, read by a few threads.

    A step that was stopped goes on where it was.

    Args:
        images: The images.
        size: Height and width of a thumbnail in pixels.
        on_error: What to do with images that cannot be read: raise, or skip and list them.
        name: What tells them from other images of the step.

    Raises:
        DatasetError: If an image cannot be read and ``on_error`` is ``raise``; it names the image.
    """

    def some(piece: range) -> Thumbnails:
        return _thumbnails(images, piece, size, on_error)

    parts = cached_pieces(some, range(len(images)), CHUNK, "thumbnails", name, kind=Thumbnails)
    places = tuple(index for part in parts for index in part.places)
    skipped = tuple(item for part in parts for item in part.skipped)
    return Thumbnails(torch.cat([part.x for part in parts]), places, skipped)


def thumbnail(picture: Picture, size: int) -> Float[Tensor, "size size"]:
    """The whole picture squeezed into a square, in shades of grey; each pixel is the mean of its part."""
    if isinstance(picture, Tensor):
        return F.adaptive_avg_pool2d(picture.float().mean(0, keepdim=True), size)[0]
    grey = upright(picture).convert("L").convert("F").resize((size, size), Image.Resampling.BOX)
    return torch.from_numpy(np.array(grey))


def unit(thumbnail: Float[Tensor, "size size"]) -> Float[Tensor, " pixels"]:
    """The pixels minus their mean, divided by their length; zero where they vary by less than a grey level.

    Without that bound the noise of a blank page would correlate with other noise.
    """
    x = thumbnail.flatten().double()
    deviation = x.std(correction=0)
    if deviation * GREY_LEVELS <= x.abs().max():
        return torch.zeros_like(x, dtype=torch.float32)
    return ((x - x.mean()) / (deviation * math.sqrt(len(x)))).float()


def _thumbnails(images: Images, places: range, size: int, on_error: OnError) -> Thumbnails:
    """The thumbnails of some images."""
    ids, x = images.ids, torch.zeros(len(places), size * size)
    bad: dict[int, str] = {}
    for index, item in zip(places, _read_all(images, places, size), strict=True):
        if isinstance(item, Tensor):
            x[index - places.start] = item
        elif on_error == "skip":
            bad[index] = str(item)
        else:
            raise DatasetError(
                f"Image {ids[index]!r} cannot be used. {item} "
                "To leave out such images and list them, use on_error: skip."
            )
    good = [index for index in places if index not in bad]
    skipped = tuple((ids[index], reason) for index, reason in bad.items())
    return Thumbnails(x[[index - places.start for index in good]] if bad else x, tuple(good), skipped)


def _read_all(images: Images, places: range, size: int) -> Iterator[Tensor | DatasetError]:
    with ThreadPoolExecutor(READERS, thread_name_prefix="interpret-reader") as pool:
        for start in track(range(places.start, places.stop, CHUNK)):
            yield from pool.map(partial(_read, images, size), range(start, min(start + CHUNK, places.stop)))


def _read(images: Images, size: int, index: int) -> Tensor | DatasetError:
    try:
        return unit(thumbnail(images[index].image, size))
    except DatasetError as error:
        return error
    except OSError as error:  # of a data set that opens its pictures itself
        return DatasetError(f"It cannot be read: {clause(error)}.")
