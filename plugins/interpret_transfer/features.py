"""Features of layers on disk: one pass over the images for all layers, in chunks that outlive a kill."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from time import perf_counter
from typing import Any, Literal, NamedTuple

import torch
from jaxtyping import Float
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from interpret.code import classes_of
from interpret.errors import DatasetError
from interpret.files import is_intact, write_checked
from interpret.images import Images, as_images
from interpret.network import Network, OnError, batches, takes_network
from interpret.plugin import shard_grid
from interpret.run import cache_dir, share_out
from interpret_training.crops import cut, ten_views
from interpret_training.loading import Preparation

Crops = Literal[1, 10]

CHUNK = 64
"""Images whose features are written at once: a few seconds of work on a processor."""

COLUMNS = 2048
"""Dimensions that are read at a time where all images are wanted at once."""


@dataclass(frozen=True)
class Features:
    """The features of one layer in some images, on disk.

    Attributes:
        files: One for each chunk of images, in order.
        dimension: Numbers of each image.
        places: The place of each row among the images that were given.
        skipped: The id of each image that could not be read, and the reason.
        key: A hash of what they depend on: weights, layer, images, code.
        seconds: How long the passes took that made them.
    """

    files: tuple[Path, ...]
    dimension: int
    places: tuple[int, ...]
    skipped: tuple[tuple[str, str], ...] = ()
    key: str = ""
    seconds: float = 0.0

    def __len__(self) -> int:
        return len(self.places)

    def columns(self, start: int, stop: int) -> Float[Tensor, "image dimension"]:
        """Some dimensions of all images."""
        some, row = torch.empty(len(self), min(stop, self.dimension) - start), 0
        for file in self.files:
            with safe_open(file, "pt") as found:
                part = found.get_slice("features")[:, start:stop]  # a view of the file: copied, and let go
                some[row : row + len(part)] = part
            row += len(part)
        return some


@takes_network
def extract(
    network: Network,
    images: Any,
    layers: Sequence[str],
    *,
    crops: Crops = 1,
    batch_size: int = 32,
    on_error: OnError = "raise",
) -> dict[str, Features]:
    """The features of several layers in all images, each layer's output as one vector (paper section 5.2).

    One pass gives all layers that are not there yet. Chunks are kept by content (weights, layer, images): a
    pass that was killed goes on, and a layer that is asked for later is all that is computed then.

    Args:
        network: The network.
        images: What a dataset opens, or a sequence of paths, PIL images or preprocessed tensors (c, h, w).
        layers: Names or aliases.
        crops: 1: the centre; 10: the mean of the features over the paper's ten views.
        batch_size: Images in one forward pass. Equal sizes give equal bits on one kind of processor.
        on_error: What to do with an image that cannot be read.

    Raises:
        UnknownNameError: If there is no such layer.
        DatasetError: If an image cannot be read and ``on_error`` is ``raise``, or if none can.
    """
    images, names = as_images(images), list(dict.fromkeys(layers))
    weights, content = network.fingerprint(), images.fingerprint()
    how = _How(crops, batch_size, on_error)
    code = (torch.__version__, Features, *classes_of(network.module))
    key = (weights, network.device.type, content, *how, *code)
    rooms = {name: cache_dir("features", network.layer(name), *key) for name in names}
    grid = shard_grid(len(images), batch_size, CHUNK)

    def missing(shard: range) -> list[str]:
        return [name for name in names if not is_intact(_file(rooms[name], shard))]

    for shard in share_out(grid, lambda shard: not missing(shard), *rooms.values()):
        found = _read(network, images.subset(shard), missing(shard), how)
        for name in missing(shard):
            found.write(name, _file(rooms[name], shard))
    return {name: _stored([_file(rooms[name], shard) for shard in grid], images) for name in names}


def joined(one: Features, other: Features) -> Features:
    """The features of two groups of images as one; the second's places come after the first's rows."""
    later = tuple(len(one) + row for row in range(len(other)))
    rows = (*range(len(one)), *later)
    return Features(
        (*one.files, *other.files), one.dimension, rows, one.skipped + other.skipped,
        one.key + other.key, one.seconds + other.seconds,
    )  # fmt: skip


def flat(output: Float[Tensor, "n ..."]) -> Float[Tensor, "n dimension"]:
    """What a layer gives, as one vector for each image, on the CPU in 32 bits."""
    return output.detach().flatten(1).to("cpu", torch.float32, copy=True)  # a ReLU in place may follow


class _How(NamedTuple):
    """How images are read and shown."""

    crops: Crops
    batch_size: int
    on_error: OnError


@dataclass
class _Chunk:
    """The features of some images while they are read: every layer once, and no copy of it."""

    layers: dict[str, Float[Tensor, "image dimension"]] = field(default_factory=dict)
    places: list[int] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    started: float = field(default_factory=perf_counter)
    seconds: float = 0.0

    def add(self, name: str, features: Float[Tensor, "n dimension"], cache_dir: int) -> None:
        """The next images of a layer, of ``cache_dir`` in all; before their places are added."""
        if name not in self.layers:
            self.layers[name] = torch.empty(cache_dir, features.shape[1])
        self.layers[name][len(self.places) :][: len(features)] = features

    def write(self, name: str, file: Path) -> None:
        """Write one layer, whole or not at all, and forget it."""
        features = self.layers.pop(name, torch.empty(0, 0))[: len(self.places)]
        tensors = {"features": features, "places": torch.tensor(self.places, dtype=torch.int64)}
        told = {"skipped": json.dumps(self.skipped), "seconds": repr(self.seconds)}
        write_checked(file, lambda part: save_file(tensors, part, told))


def _read(network: Network, images: Images, layers: Sequence[str], how: _How) -> _Chunk:
    """The features of one part of the images."""
    chunk = _Chunk()
    for views, indices, skipped in _views(network, images, how):
        chunk.skipped += skipped
        if indices:
            for name, features in _averaged(network, views, layers).items():
                chunk.add(name, features, len(images))
            chunk.places += indices
    chunk.seconds = perf_counter() - chunk.started
    return chunk


def _averaged(
    network: Network, views: Sequence[Float[Tensor, "n c h w"]], layers: Sequence[str]
) -> dict[str, Float[Tensor, "n dimension"]]:
    """The mean of each layer's features over the views."""
    total = network.record(views[0], layers, flat)
    for view in views[1:]:
        for name, features in network.record(view, layers, flat).items():
            total[name] += features
    return {name: features / len(views) for name, features in total.items()}


def _views(
    network: Network, images: Images, how: _How
) -> Iterator[tuple[list[Tensor], tuple[int, ...], tuple[tuple[str, str], ...]]]:
    """The views of every batch as the network takes them, the places of its images, and who was left out."""
    if how.crops == 1:
        for batch in batches(network, images, how.batch_size, on_error=how.on_error):
            yield [batch.x], batch.indices, batch.skipped
        return
    spec = network.input
    wide = network.of(network.module, spec.uncropped)
    fixed, prepare = ten_views(spec.whole, spec.size), Preparation.of(network)
    for batch in batches(wide, images, how.batch_size, on_error=how.on_error):
        each = [fixed.rows(slice(at, at + 1)).expand(len(batch.x)) for at in range(10)]
        yield (
            [prepare.seen(cut(batch.x, view, spec.size), view) for view in each],
            batch.indices,
            batch.skipped,
        )


def _file(folder: Path, shard: range) -> Path:
    return folder / f"{shard.start:08d}-{shard.stop:08d}.safetensors"


def _stored(files: Sequence[Path], images: Images) -> Features:
    """What the chunks hold together; those without any image are left out.

    Raises:
        DatasetError: If no image could be read.
    """
    row = {index: place for place, index in enumerate(images.indices)}
    kept, indices, skipped, dimension, seconds = list[Path](), list[int](), list[tuple[str, str]](), 0, 0.0
    for file in files:
        with safe_open(file, "pt") as found:
            skipped += [(name, reason) for name, reason in json.loads(found.metadata()["skipped"])]
            seconds += float(found.metadata()["seconds"])
            own = found.get_tensor("places").tolist()
            if own:
                kept.append(file)
                dimension = prod(found.get_slice("features").get_shape()[1:])
        indices += [row[index] for index in own]
    if not indices:
        raise DatasetError(f"None of the {len(images)} images can be read. The first: {skipped[0][1]}")
    key = files[0].parent.name
    return Features(tuple(kept), dimension, tuple(indices), tuple(skipped), key, seconds)
