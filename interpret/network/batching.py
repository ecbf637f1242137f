"""Preprocessed batches of a dataset, read a little ahead of the network by a few threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from interpret.arguments import require_count
from interpret.errors import DatasetError, InterpretError
from interpret.images.dataset import Images
from interpret.interrupts import check_interrupt
from interpret.network.network import Network
from interpret.network.readers import Preprocessed, reading
from interpret.progress import track

OnError = Literal["raise", "skip"]
"""Whether an image that cannot be read ends the work or is left out and listed."""

AHEAD = 2
"""Batches that are read while the network works on an earlier one; what bounds the memory."""


@dataclass(frozen=True)
class Batch:
    """Some images as the network takes them, on its device.

    Attributes:
        x: The images that could be read; of length 0 where none could.
        indices: The place of each in the whole dataset (see ``Images.indices``).
        skipped: The id of each image that could not be read, and the reason.
        labels: The category of each image, where the dataset knows it.
    """

    x: Float[Tensor, "n c h w"]
    indices: tuple[int, ...]
    skipped: tuple[tuple[str, str], ...] = ()
    labels: tuple[int | None, ...] = ()


def batches(
    network: Network, images: Images, batch_size: int, *, on_error: OnError = "raise"
) -> Iterator[Batch]:
    """All images in order, cut every ``batch_size`` images whether or not they can be read.

    Reading overlaps the network's work: the next batches are read while the caller uses this one. Users see
    how far it is (see `interpret.progress.track`), and Ctrl-C ends it between two batches.

    Args:
        network: Says how to preprocess, and where the batches go.
        images: The images.
        batch_size: Images in one batch; the last one may be shorter.
        on_error: ``skip`` leaves out what cannot be read and lists it in ``Batch.skipped``.

    Raises:
        DatasetError: If an image cannot be read and ``on_error`` is ``raise``; it names the image.
        InterpretError: If ``batch_size`` or ``on_error`` makes no sense.
    """
    require_count("batch_size", batch_size)
    if on_error not in {"raise", "skip"}:
        raise InterpretError(f"on_error must be 'raise' or 'skip'. Got {on_error!r}.")
    ids, indices = images.ids, images.indices
    for _, (places, pictures) in zip(
        track(range(0, len(images), batch_size)), _read_ahead(network, images, batch_size), strict=True
    ):
        yield _batch(network, [ids[i] for i in places], [indices[i] for i in places], pictures, on_error)


def _read_ahead(
    network: Network, images: Images, batch_size: int
) -> Iterator[tuple[range, list[Preprocessed]]]:
    """The places of every batch and what was read there, in order."""
    waiting: deque[tuple[range, list[Future[list[Preprocessed]]]]] = deque()
    with reading(images, network.input, network.device) as ask:
        try:
            for start in range(0, len(images), batch_size):
                places = range(start, min(start + batch_size, len(images)))
                waiting.append((places, ask(places)))
                if len(waiting) > AHEAD:
                    yield _collect(*waiting.popleft())
            while waiting:
                yield _collect(*waiting.popleft())
        finally:
            for _, futures in waiting:
                for future in futures:
                    future.cancel()


def _collect(
    places: range, futures: Sequence[Future[list[Preprocessed]]]
) -> tuple[range, list[Preprocessed]]:
    """Wait for what was asked for.

    Raises:
        InterpretError: If a process that reads has died.
    """
    check_interrupt()
    try:
        return places, [picture for future in futures for picture in future.result()]
    except BrokenProcessPool as error:
        raise InterpretError(
            "A process that reads photographs has died; where memory was short, ask for fewer readers."
        ) from error


def _batch(
    network: Network,
    ids: Sequence[str],
    indices: Sequence[int],
    pictures: Sequence[Preprocessed],
    on_error: OnError,
) -> Batch:
    """Put together what could be read; the rest is fatal or listed."""
    bad = tuple(
        (name, str(picture))
        for name, picture in zip(ids, pictures, strict=True)
        if isinstance(picture, DatasetError)
    )
    if bad and on_error == "raise":
        raise DatasetError(
            f"Image {bad[0][0]!r} cannot be used. {bad[0][1]} "
            "To leave out such images and list them, use on_error: skip."
        )
    good = [
        (index, *found)
        for index, found in zip(indices, pictures, strict=True)
        if not isinstance(found, DatasetError)
    ]
    kept, x, labels = zip(*good, strict=True) if good else ((), (), ())
    return Batch(_stacked(network, x), kept, bad, labels)


def _stacked(network: Network, pictures: Sequence[Tensor]) -> Float[Tensor, "n c h w"]:
    """One batch on the network's device, wherever its images are."""
    if not pictures:
        return network.to_device(torch.empty(0, *network.input.shape))
    if len({x.device for x in pictures}) > 1:
        pictures = [network.to_device(x) for x in pictures]
    return network.to_device(torch.stack(list(pictures)))
