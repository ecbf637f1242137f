"""The paper's limit on filters: none may have a root mean square above a fixed radius (section 3)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from interpret.network import Network


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


def first_convolution(network: Network) -> nn.Conv2d | None:
    """The convolution that reads the image: the first in execution order that takes its channels.

    Its weights depend on the input's scale: with pixels divided by d, the same response takes weights d times
    as large as the paper's.
    """
    channels = len(network.input.mean)
    found = network.modules_of(nn.Conv2d).values()
    return next((part for part in found if part.weight.shape[1] == channels), None)
