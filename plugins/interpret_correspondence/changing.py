"""What masks change at some layers: the sign of the change of every value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Float, Int, Int8
from torch import Tensor

from interpret.errors import ModelError
from interpret.network import Network
from interpret.progress import track
from interpret.results import Result
from interpret.run import cached_pieces
from interpret_correspondence.distances import signs
from interpret_correspondence.masks import cover
from interpret_correspondence.placing import Boxes


@dataclass(frozen=True)
class _Signs(Result):
    """The signs of changes under some masks in some batches, one after the other, by layer."""

    layers: dict[str, Int8[Tensor, "change d"]]


def change_signs(
    network: Network,
    x: Float[Tensor, "image c h w"],
    boxes: Boxes,
    fill: Float[Tensor, "image c h w"],
    layers: Sequence[str],
    *,
    tolerance: float = 0.0,
    batch_size: int = 32,
) -> dict[str, Int8[Tensor, "image mask d"]]:
    """The signs of the features of images minus their features under each mask.

    An image has the same place in batches of the same size with and without a mask. Where a mask changes
    nothing, the same sums then run in the same order, and the difference is exactly zero.

    Args:
        network: The network.
        x: The images, preprocessed.
        boxes: What each mask covers in each image.
        fill: What is shown there.
        layers: Names or aliases.
        tolerance: Changes up to this part of an image's largest count as none.
        batch_size: Images in one forward pass.

    Raises:
        ModelError: If a layer gives no vector for each image, or values that are not finite.
    """
    places = [range(start, min(start + batch_size, len(x))) for start in range(0, len(x), batch_size)]
    work = [(batch, mask) for batch in places for mask in range(len(boxes))]

    @lru_cache(maxsize=1)
    def whole(batch: range) -> dict[str, Float[Tensor, "n d"]]:
        return features(network, x[batch.start : batch.stop], layers)

    def change(batch: range, mask: int) -> dict[str, Int8[Tensor, "n d"]]:
        before = whole(batch)
        covered = torch.stack([cover(x[i], boxes[mask][i], fill[i]) for i in batch])
        after = features(network, covered, layers)
        return {name: signs(before[name] - values, tolerance).cpu() for name, values in after.items()}

    def some(piece: range) -> _Signs:
        found = [change(batch, mask) for batch, mask in track(work[piece.start : piece.stop])]
        return _Signs({name: torch.cat([part[name] for part in found]) for name in found[0]})

    pieces = cached_pieces(some, range(len(work)), 1, kind=_Signs)
    rows = torch.tensor([(image, mask) for batch, mask in work for image in batch])
    return {name: _by_image([piece.layers[name] for piece in pieces], rows) for name in pieces[0].layers}


def _by_image(
    parts: Sequence[Int8[Tensor, "change d"]], rows: Int[Tensor, "change 2"]
) -> Int8[Tensor, "image mask d"]:
    """Changes, whose images and masks are in ``rows``, in the order of these."""
    images, masks = (rows.amax(0) + 1).tolist()
    found = torch.zeros(images, masks, parts[0].shape[1], dtype=torch.int8)
    for part, places in zip(parts, torch.split(rows, [len(part) for part in parts]), strict=True):
        found[places[:, 0], places[:, 1]] = part
    return found


def features(
    network: Network, x: Float[Tensor, "n c h w"], layers: Sequence[str]
) -> dict[str, Float[Tensor, "n d"]]:
    """The values of some layers as one vector for each image.

    Raises:
        ModelError: If a layer gives no vector for each image, or values that are not finite.
    """
    values: dict[str, Tensor] = network.record(x, layers)
    for name, value in values.items():
        if value.dim() < 2 or len(value) != len(x):
            raise ModelError(
                f"Layer {name!r} gives a tensor of shape {tuple(value.shape)} for {len(x)} images: it has no "
                "vector for each image. Name another layer."
            )
        if not bool(value.isfinite().all()):
            raise ModelError(
                f"Layer {name!r} has values that are not finite, so that their changes have no sign. "
                "Look at the weights and at the input specification."
            )
    return {name: value.flatten(1) for name, value in values.items()}
