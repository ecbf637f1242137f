"""What `project` is asked by: wrong questions are explained, and the cures work."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from interpret.errors import InterpretError, ModelError
from interpret.network import Network, wrap
from interpret_deconv import Neuron, project


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 3)).double()
    return wrap(module, input_size=8)


@pytest.fixture(scope="module")
def x() -> Tensor:
    return torch.randn(2, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"neurons": Neuron(0, "2", 1)}, r"neurons must be a list. Got one neuron; write \[Neuron\("),
    ({"neurons": "2"}, r"neurons must be a list of Neuron\(image, layer, channel, y, x\). Got '2'"),
    ({"neurons": 3}, "neurons must be a list of Neuron"),
    (
        {"neurons": [(0, "2", 1)]},
        r"neurons must hold Neuron\(image, layer, channel, y, x\). Got \(0, '2', 1\)",
    ),
    ({"neurons": [Neuron(0, 2, 1)]}, "layer must be a name. Got 2"),  # type: ignore[arg-type]
    ({"neurons": [Neuron(0, "2", 1.5)]}, "channel must be a whole number. Got 1.5"),  # type: ignore[arg-type]
    ({"neurons": [Neuron(0, "2", 1, "0")]}, "y must be a whole number. Got '0'"),  # type: ignore[arg-type]
    ({"seed": "activations"}, "seed is 'activations'; it must be a number or 'activation'"),
    ({"seed": float("nan")}, "seed is nan"),
    ({"seed": None}, "seed is None"),
    ({"x": [1, 2]}, r"Got list; network.preprocess\(picture\)\[None\] makes one"),
    ({"x": torch.zeros(3, 8, 8)}, r"Got one image \(3, 8, 8\); write x\[None\]"),
    ({"x": torch.zeros(2, 3, 8, 8, dtype=torch.uint8)}, "Got torch.uint8 of shape"),
    ({"rule": ["gradient"]}, r"rule is \['gradient'\]"),
]


@pytest.mark.parametrize(("given", "message"), WRONG, ids=[message for _, message in WRONG])
def test_wrong_questions_are_explained(
    network: Network, x: Tensor, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(InterpretError, match=message):
        project(network, **{"x": x, "neurons": [Neuron(0, "2", 1)], **given})


def test_the_cures_of_one_neuron_and_one_image_work(network: Network, x: Tensor) -> None:
    assert project(network, x[0][None], [Neuron(image=0, layer="2", channel=1)]).shape == (1, 3, 8, 8)


def test_numbers_of_other_libraries_are_numbers(network: Network, x: Tensor) -> None:
    zero, one = torch.tensor([0, 1]).numpy()
    found = project(network, x, (Neuron(one, "2", one, zero, zero) for _ in range(1)))  # type: ignore[arg-type]
    torch.testing.assert_close(found, project(network, x, [Neuron(1, "2", 1)]))


class Masked(nn.Module):
    """A ReLU that its author wrote as a product with a mask, or as a choice by one."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind, self.conv = kind, nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        if self.kind == "mul":
            return x * (x > 0)
        return torch.where(x > 0, x, 0.0) if self.kind == "where" else x.masked_fill(x < 0, 0)


@pytest.mark.parametrize("kind", ["mul", "where", "masked_fill"])
def test_a_mask_may_be_refused_by_name_and_the_cures_work(x: Tensor, kind: str) -> None:
    torch.manual_seed(0)
    network = wrap(nn.Sequential(Masked(kind), nn.Conv2d(4, 2, 3)).double(), input_size=8)
    neuron = [Neuron(1, "1", 1, 2, 3)]
    with pytest.raises(ModelError, match=rf"0: {kind} \(Masked\) has no deconvnet rule") as refused:
        project(network, x, neuron, nonlinear="refuse")
    leaf = x[1:].clone().requires_grad_()
    (expected,) = torch.autograd.grad(network.module(leaf)[0, 1, 2, 3], leaf)
    for cure in ({"rule": "gradient"}, {"nonlinear": "gradient"}):
        ((name, value),) = cure.items()
        assert f'{name}="{value}"' in str(refused.value)
        torch.testing.assert_close(project(network, x, neuron, **cure), expected, rtol=0, atol=1e-12)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["mul", "where", "masked_fill"])
def test_a_relu_that_is_written_by_a_mask_is_one(x: Tensor, kind: str) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(Masked(kind), nn.Conv2d(4, 2, 3)).double()
    plain = nn.Sequential(nn.Sequential(module[0].conv, nn.ReLU()), module[1])
    for rule in ("deconvnet", "guided", "gradient"):
        found, expected = (
            project(wrap(each, input_size=8), x, [Neuron(1, "1", 1, 2, 3)], rule) for each in (module, plain)
        )
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_what_only_decides_a_mask_is_not_refused(x: Tensor) -> None:
    """No signal goes through a comparison, so a GELU below one matters to no rule."""

    class Decided(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.gelu = nn.Conv2d(3, 4, 3), nn.GELU()

        def forward(self, x: Tensor) -> Tensor:
            y = self.conv(x)
            return y + (self.gelu(y) > 0)

    torch.manual_seed(0)
    network = wrap(nn.Sequential(Decided(), nn.Conv2d(4, 2, 3)).double(), input_size=8)
    deconvnet = project(network, x, [Neuron(0, "1", 0)])
    torch.testing.assert_close(deconvnet, project(network, x, [Neuron(0, "1", 0)], "gradient"))


def test_images_folded_into_channels_stay_beside_their_signals(x: Tensor) -> None:
    class Folded(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.flatten(0, 1).unsqueeze(1).relu().view(x.shape)

    torch.manual_seed(0)
    network = wrap(nn.Sequential(nn.Conv2d(3, 4, 3), Folded(), nn.Conv2d(4, 2, 3)).double(), input_size=8)
    neurons = [Neuron(1, "2", 1, 2, 3), Neuron(0, "2", 0, 1, 1), Neuron(1, "2", 0)]
    plain = wrap(nn.Sequential(network.module[0], nn.ReLU(), network.module[2]), input_size=8)
    for rule in ("deconvnet", "guided"):
        torch.testing.assert_close(project(network, x, neurons, rule), project(plain, x, neurons, rule))
    leaf = x.clone().requires_grad_()
    maps = network.module(leaf)
    expected = [
        torch.autograd.grad(maps[n.image, n.channel, n.y, n.x], leaf, retain_graph=True)[0][n.image]
        for n in neurons
    ]
    torch.testing.assert_close(project(network, x, neurons, "gradient"), torch.stack(expected))
