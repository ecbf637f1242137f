"""Of one image PyTorch 2.14 finds a wrong gradient at a batch norm in eval mode whose maps become tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from interpret.images import as_images
from interpret.network import wrap
from interpret.plugin import Probe
from interpret_captum import Saliency
from interpret_deconv import Neuron, Project, project

X = torch.rand(1, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


class Turned(nn.Module):
    """A head on tokens that are the maps of a batch norm."""

    def __init__(self, declared: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norm, self.mlp, self.head = (
            nn.Conv2d(3, 4, 3),
            nn.BatchNorm2d(4),
            nn.Linear(4, 6),
            nn.Linear(6, 5),
        )
        self.norm.running_var.uniform_(0.5, 1.5)
        self.declared = declared

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x))
        if self.declared:  # the gradient is the module's own, not that of its operations
            x = Halved.apply(x)
        made: Tensor = self.head(self.mlp(F.layer_norm(x.flatten(2).transpose(1, 2), (4,))).mean(1))
        return made


class Halved(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, signal: Tensor) -> Tensor:
        return signal / 2


def truth(module: Callable[[Tensor], Tensor], x: Tensor, index: int) -> Tensor:
    """By two images, where PyTorch is right."""
    leaf = x.repeat(2, 1, 1, 1).requires_grad_()
    (found,) = torch.autograd.grad(module(leaf)[:, index].sum(), leaf)
    return found[:1]


@pytest.mark.parametrize("declared", [False, True])
@pytest.mark.parametrize("probe", [Project(rule="gradient", target=3), Saliency(target=3, abs=False)])
def test_a_gradient_of_one_image_is_that_of_two(probe: Probe[Any], declared: bool) -> None:
    subject = wrap(Turned(declared).double().eval(), input_size=8)
    maps, right = probe.run(subject, as_images(X)).maps, truth(subject.module, X, 3)
    torch.testing.assert_close(maps.to(right), right, rtol=1e-6, atol=1e-9)


def test_a_neuron_of_one_image_is_that_of_two() -> None:
    subject = wrap(Turned(declared=True).double().eval(), input_size=8)
    below = nn.Sequential(subject.module.conv, subject.module.norm)

    def token(x: Tensor) -> Tensor:  # the one in row 3, column 1 of 6 x 6, by all units of the layer
        found: Tensor = subject.module.mlp(
            F.layer_norm(Halved.apply(below(x)).flatten(2).transpose(1, 2), (4,))
        )[:, 19]
        return found

    found = project(subject, X, [Neuron(0, "mlp", 2, 3, 1)], "gradient")
    torch.testing.assert_close(found, truth(token, X, 2), rtol=1e-9, atol=1e-12)
