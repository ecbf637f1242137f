"""The paper's limit on filters: none may have a root mean square above a fixed radius (section 3)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from interpret.network import Network

PIXEL = 1 / 255
"""The deviation of the paper's inputs: pixels of -128 to 128, which are divided by nothing."""


def rms(weight: Float[Tensor, out * rest]) -> Float[Tensor, " out"]:
    """Root mean square of each filter, over its input channels and positions."""
    return weight.flatten(1).square().mean(1).sqrt()


def clip_filters(
    weight: Float[Tensor, "out in kh kw"], radius: float, scale: Float[Tensor, " in"] | None = None
) -> None:
    """Scale every filter above the radius back to it, in place; the others stay as they are, to the bit.

    Args:
        weight: The filters of one convolution.
        radius: Largest root mean square.
        scale: What divides the weights of each input channel first, to compare them at the paper's scale.
    """
    with torch.no_grad():
        compared = weight if scale is None else weight / scale[:, None, None]
        size = rms(compared)
        over = size > radius
        if over.any():
            weight[over] *= (radius / size[over])[:, None, None, None]


def input_scale(std: Sequence[float]) -> Float[Tensor, " channel"]:
    """How many times larger first-layer weights are than they would be at the paper's input scale.

    An input divided by ``std`` (in pixel units) instead of 1/255 is smaller by 255 std, so that the same
    response takes weights that are larger by it.
    """
    return torch.tensor(std) / PIXEL


def first_convolution(network: Network) -> nn.Conv2d | None:
    """The convolution that reads the image: the first in execution order that takes its channels."""
    modules = dict(network.module.named_modules())
    called = (modules[call.module] for call in network.calls.values())
    channels = len(network.input.mean)
    found = (part for part in called if isinstance(part, nn.Conv2d) and part.weight.shape[1] == channels)
    return next(found, None)
