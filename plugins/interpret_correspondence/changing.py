"""What masks change at some layers: the sign of the change of every value."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int8
from torch import Tensor

from interpret.errors import ModelError
from interpret.network import Network
from interpret.progress import track
from interpret_correspondence.distances import signs
from interpret_correspondence.masks import cover
from interpret_correspondence.placing import Boxes


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
    found: dict[str, Int8[Tensor, "image mask d"]] = {}
    starts = range(0, len(x), batch_size)
    for start, mask in track([(start, mask) for start in starts for mask in range(len(boxes))]):
        batch = range(start, min(start + batch_size, len(x)))
        if mask == 0:
            whole = features(network, x[batch.start : batch.stop], layers)
        covered = torch.stack([cover(x[i], boxes[mask][i], fill[i]) for i in batch])
        for name, values in features(network, covered, layers).items():
            if name not in found:
                found[name] = torch.zeros(len(x), len(boxes), values.shape[1], dtype=torch.int8)
            found[name][batch.start : batch.stop, mask] = signs(whole[name] - values, tolerance).cpu()
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
