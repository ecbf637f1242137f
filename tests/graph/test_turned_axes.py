"""Forwards that turn axes, mask images or stack branches: projections and fields beside autograd."""

from functools import cache

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import interpret
from interpret.graph import receptive_field
from interpret_deconv import Neuron, project

SIZE, CHANNELS = 8, 4
NEURONS = [Neuron(0, "1", 1, 2, 3), Neuron(1, "1", 3, 6, 0), Neuron(1, "2", 2, 4, 4), Neuron(0, "3", 0, 1, 1)]
LAYERS = ("1", "2", "3")


class RowsByRnn(nn.Module):
    """Rows as sequences, on images times rows: which axes are rows and columns is lost on the way."""

    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(CHANNELS, CHANNELS, batch_first=True)

    def forward(self, x):
        n, c, h, w = x.shape
        made, _ = self.rnn(x.permute(0, 2, 3, 1).reshape(n * h, w, c))
        return made.reshape(n, h, w, c).permute(0, 3, 1, 2)


class Windows(nn.Module):
    """Attention in windows, twice; a mask has its size from what is inside, as in torchvision's Swin."""

    def part(self, x):
        n, c, h, w = x.shape
        cut = x.view(n, c, h // 4, 4, w // 4, 4).permute(0, 2, 4, 3, 5, 1).reshape(-1, 16, c)
        weights = cut @ cut.mT / 4
        mask = weights.new_zeros((4, 16, 16))
        mask[1:, :8, 8:] = -1
        scaled = (weights.view(n, 4, 16, 16) + mask).view(-1, 16, 16).softmax(-1)
        made = (scaled @ cut).view(n, h // 4, w // 4, 4, 4, c)
        return x + made.permute(0, 5, 1, 3, 2, 4).reshape(n, c, h, w)

    def forward(self, x):
        return self.part(self.part(x).roll((2, 2), (2, 3)))


class Masked(nn.Module):
    """Attention under a mask for each image, as transformers makes it."""

    def forward(self, x):
        tokens = x.flatten(2).mT
        seen = torch.ones(len(x), 1, tokens.shape[1], dtype=torch.bool)
        made = F.scaled_dot_product_attention(tokens, tokens, tokens, attn_mask=seen)
        return x + made.mT.reshape(x.shape)


class InFront(nn.Module):
    """A transformer that takes tokens first."""

    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(CHANNELS, 2, 8, activation="gelu")

    def forward(self, x):
        return self.layer(x.flatten(2).permute(2, 0, 1)).permute(1, 2, 0).reshape(x.shape)


class Selected(nn.Module):
    """Selective kernels: branches are stacked and added up with weights."""

    def __init__(self):
        super().__init__()
        self.narrow = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)
        self.wide = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=2, dilation=2)

    def forward(self, x):
        return (
            torch.stack([self.narrow(x), self.wide(x)], -4) * torch.tensor([0.3, 0.7]).view(2, 1, 1, 1)
        ).sum(1)


@cache
def wrapped(inside):
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, CHANNELS, 3, padding=1), inside(), nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 3),
    )  # fmt: skip
    return interpret.wrap(module.double().eval(), input_size=SIZE)


def images():
    return torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def by_autograd(network, x, neuron):
    """The gradient of one neuron through the module itself."""
    leaf = x.clone().requires_grad_()
    value = network.module[: int(neuron.layer) + 1](leaf)
    value = (
        value[neuron.image, neuron.channel, neuron.y, neuron.x]
        if value.dim() == 4
        else value[neuron.image, neuron.channel]
    )
    return torch.autograd.grad(value, leaf)[0][neuron.image]


KINDS = (RowsByRnn, Windows, Masked, InFront, Selected)


@pytest.mark.parametrize("inside", KINDS)
@pytest.mark.parametrize("choice", [{"rule": "gradient"}, {"nonlinear": "gradient"}])
def test_projections_are_those_of_autograd(inside, choice):
    network, x = wrapped(inside), images()
    found = project(network, x, NEURONS, **choice)
    wanted = torch.stack([by_autograd(network, x, neuron) for neuron in NEURONS])
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-9)


@pytest.mark.parametrize("inside", KINDS)
def test_classes_too(inside):
    network, x = wrapped(inside), images()
    probe = interpret.load_probe("project", nonlinear="gradient")
    wanted = torch.stack([by_autograd(network, x, Neuron(image, "5", 2, 0, 0)) for image in range(2)])
    torch.testing.assert_close(probe.attribute(network, x, [2, 2]), wanted, rtol=0, atol=1e-9)


@pytest.mark.parametrize("inside", KINDS)
def test_fields_hold_all_that_has_a_gradient(inside):
    network, x = wrapped(inside), images()
    for neuron in NEURONS:
        top, left, bottom, right = receptive_field(network, neuron.layer).support(neuron.y, neuron.x)
        seen = by_autograd(network, x, neuron).abs().sum(0)
        seen[top:bottom, left:right] = 0
        assert not seen.any()


def test_stacked_branches_keep_their_places():
    network = wrapped(Selected)
    assert [receptive_field(network, layer).size for layer in LAYERS] == [(7, 7), (9, 9), (10, 10)]
    assert not receptive_field(network, "3").measured
