"""Where a module declares another derivative than its operations have, a gradient is the module's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from interpret.errors import ModelError
from interpret.images import as_images
from interpret.network import wrap
from interpret_deconv import Neuron, Project, project


class StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.sign()

    @staticmethod
    def backward(ctx: Any, signal: Tensor) -> Tensor:
        return signal


class Reversed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, signal: Tensor) -> Tensor:
        return -signal


def detached(x: Tensor) -> Tensor:
    x.detach().sub_(0.3)
    return x


def held(x: Tensor) -> Tensor:
    with torch.no_grad():
        gate = x.sigmoid()
    return x * gate


class Between(nn.Module):
    """A function between two convolutions."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.head = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Linear(4, 5)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.head(self.second(self.function(self.first(x))).mean((2, 3)))
        return found


DECLARED = [StraightThrough.apply, Reversed.apply, detached, held]
X = torch.rand(2, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def network(function: Callable[[Tensor], Tensor], **options: bool) -> Any:
    return wrap(Between(function).double().eval(), input_size=8, **options)


@pytest.mark.parametrize("function", DECLARED)
def test_the_gradient_is_autograds(function: Callable[[Tensor], Tensor]) -> None:
    """Of a neuron, by every engine, and of a class."""
    subject = network(function)
    module, leaf = subject.module, X.clone().requires_grad_()
    (neuron,) = torch.autograd.grad(module.second(function(module.first(leaf)))[1, 2, 3, 1], leaf)
    for engine in ("auto", "full"):
        found = project(subject, X, [Neuron(1, "second", 2, 3, 1)], "gradient", engine=engine)
        torch.testing.assert_close(found[0], neuron[1], rtol=1e-9, atol=1e-12)
    leaf = X.clone().requires_grad_()
    (of_class,) = torch.autograd.grad(module(leaf)[:, 3].sum(), leaf)
    maps = Project(rule="gradient", target=3).run(subject, as_images(X)).maps
    torch.testing.assert_close(maps, of_class, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("function", [StraightThrough.apply, detached, held])
def test_no_other_signal_goes_down_through_operations_that_say_otherwise(
    function: Callable[[Tensor], Tensor],
) -> None:
    subject, neurons = network(function), [Neuron(0, "second", 0, 0, 0)]
    with pytest.raises(ModelError, match="second: autograd finds another derivative in Between") as refusal:
        project(subject, X, neurons, nonlinear="gradient")
    assert 'rule="gradient"' in str(refusal.value)
    assert project(subject, X, neurons, rule="gradient").abs().sum() > 0  # the cure
    project(subject, X, [Neuron(0, "first", 0, 0, 0)], nonlinear="gradient")  # below it all is well


def test_a_reversed_gradient_is_no_matter_for_the_deconvnet() -> None:
    """It goes down by filters: what is declared of derivatives is not asked."""
    plain, other = network(lambda x: x), network(Reversed.apply)
    neurons = [Neuron(0, "second", 1, 2, 2)]
    torch.testing.assert_close(project(other, X, neurons), project(plain, X, neurons), rtol=0, atol=0)


def test_who_answers_for_the_network_gets_the_derivative_of_its_operations() -> None:
    subject = network(Reversed.apply, check=False)
    tested = project(network(Reversed.apply), X, [Neuron(0, "second", 1, 2, 2)], "gradient")
    found = project(subject, X, [Neuron(0, "second", 1, 2, 2)], "gradient")
    torch.testing.assert_close(found, -tested, rtol=1e-9, atol=1e-12)


def test_weights_that_were_zero_are_tested_again() -> None:
    """A branch that starts with a weight of zero hides what it declares."""
    subject, neurons = network(Reversed.apply), [Neuron(0, "second", 1, 2, 2)]
    weights = subject.module.first.weight.detach().clone()
    with torch.no_grad():
        subject.module.first.weight.zero_()
    assert not project(subject, X, neurons, "gradient").any()
    with torch.no_grad():
        subject.module.first.weight.copy_(weights)
    expected = project(network(Reversed.apply), X, neurons, "gradient")
    torch.testing.assert_close(project(subject, X, neurons, "gradient"), expected, rtol=0, atol=0)
