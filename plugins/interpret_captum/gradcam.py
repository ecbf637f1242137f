"""Grad-CAM++, which Captum has not (Chattopadhay et al. 2018)."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from interpret.network import Call, watching
from interpret.targets import Targets
from interpret_captum.copies import ModuleCopy
from interpret_captum.layers import LayerMethod


class GradCamPlusPlus(LayerMethod):
    """Grad-CAM++: a layer's maps weighed by their positive gradients, each place by its own share.

    The weight of a map is the sum over its places of alpha times the positive gradient (eq. 5), alpha from
    eq. 19; the map is the positive part of the weighed maps (eq. 4). What is differentiated is exp(S) of
    the class's output S, as in the paper; its factor exp(S), the same at every place, is left out.
    """

    name: ClassVar[str] = "grad_cam_plus_plus"

    relu: bool = Field(True, description="Keep what speaks for the class only, as the paper does.")

    def answer(
        self, copy: ModuleCopy, x: Float[Tensor, "n c h w"], targets: Targets
    ) -> Float[Tensor, "n c h w"]:
        """The map for one class of each image."""
        maps, gradient = maps_and_gradient(copy, x, targets)
        return self.shown(weigh(maps, gradient, relu=self.relu), x)


def weigh(
    maps: Float[Tensor, "n k r s"], gradient: Float[Tensor, "n k r s"], *, relu: bool = True
) -> Float[Tensor, "n 1 r s"]:
    """The map of Grad-CAM++ from a layer's maps and their gradients (Chattopadhay et al. 2018).

    Args:
        maps: What the layer gives.
        gradient: The gradient of the class's output S with respect to it.
        relu: Keep what speaks for the class only.

    Returns:
        The map at the layer's resolution, but for the factor exp(S) of each image.

    Example:
        >>> weigh(torch.ones(1, 1, 1, 2), torch.tensor([[[[1.0, -1.0]]]])).tolist()
        [[[[0.5, 0.5]]]]
    """
    square = gradient**2
    below = 2 * square + maps.sum((2, 3), keepdim=True) * gradient**3
    alpha = torch.where(below == 0, 0, square / torch.where(below == 0, 1, below))
    weight = (alpha * gradient.relu()).sum((2, 3), keepdim=True)
    found = (weight * maps).sum(1, keepdim=True)
    return found.relu() if relu else found


def maps_and_gradient(
    copy: ModuleCopy, x: Float[Tensor, "n c h w"], targets: Targets
) -> tuple[Float[Tensor, "n k r s"], Float[Tensor, "n k r s"]]:
    """What the layer gives for each image, and the gradient of the image's class with respect to it."""
    seen: dict[Call, Tensor] = {}
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        with watching(copy.inside, lambda call, output: seen.update({call: output}), [copy.call.module]):
            score = targets.pick(copy.module(x)).sum()
        returned = seen[copy.call]
        (gradient,) = torch.autograd.grad(score, returned)
    return copy.view.of(returned.detach()), copy.view.of(gradient)
