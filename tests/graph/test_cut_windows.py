"""Patches cut by `Tensor.unfold` or `F.unfold`, beside each other or overlapping: fields and projections."""

from functools import cache

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import interpret
from interpret.graph import own_field, receptive_field
from interpret_deconv import Neuron, project
from interpret_topk import mine

SIZE, WIDTH = (16, 24), 8


def axis_by_axis(x, kernel, stride):
    return x.unfold(2, kernel, stride).unfold(-2, kernel, stride)


def patches_together(x, kernel, stride):
    return axis_by_axis(x, kernel, stride).permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)


def patches_of_channels(x, kernel, stride):
    cut = axis_by_axis(x, kernel, stride).contiguous().view(len(x), x.shape[1], -1, kernel, kernel)
    return cut.permute(0, 2, 1, 3, 4).reshape(len(x), -1, x.shape[1] * kernel * kernel)


def columns_first(x, kernel, stride):
    cut = x.unfold(3, kernel, stride).unfold(2, kernel, stride)
    return cut.permute(0, 2, 3, 1, 5, 4).flatten(3).flatten(1, 2)


CUTS = {
    "columns": (lambda x: F.unfold(x, 4, stride=4).mT, 48),
    "overlapping columns": (lambda x: F.unfold(x, 7, stride=4, padding=2).mT, 147),
    "dilated columns": (lambda x: F.unfold(x, (2, 3), (2, 1), (1, 1), (3, 2)).mT, 18),
    "columns with gaps": (lambda x: nn.Unfold(2, stride=5)(x).mT, 12),
    "by axes": (lambda x: patches_together(x, 4, 4), 48),
    "by axes, columns first": (lambda x: columns_first(x, 4, 4), 48),
    "overlapping by axes": (lambda x: patches_together(x, 8, 4), 192),
    "channels in front": (lambda x: patches_of_channels(x, 4, 4), 48),
    "of convolutions": (lambda x: F.unfold(F.conv2d(x, torch.ones(4, 3, 3, 3).to(x)), 3, stride=2).mT, 36),
}  # fmt: skip


class FromScratch(nn.Module):
    """A vision transformer as courses write it."""

    def __init__(self, cut, size):
        super().__init__()
        self.cut = cut
        self.embed = nn.Linear(size, WIDTH)
        self.cls_token = nn.Parameter(torch.randn(1, 1, WIDTH))
        self.block = nn.TransformerEncoderLayer(WIDTH, 2, 16, activation="gelu", batch_first=True)
        self.head = nn.Linear(WIDTH, 3)

    def forward(self, x):
        tokens = self.embed(self.cut(x))
        tokens = torch.cat([self.cls_token.expand(len(x), -1, -1), tokens], 1)
        return self.head(self.block(tokens)[:, 0])


class Twice(nn.Module):
    """Tokens to tokens (Yuan et al. 2021): tokens are laid out as a map, and cut again with overlap."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(147, WIDTH), nn.Linear(WIDTH * 9, WIDTH)

    def forward(self, x):
        tokens = self.first(F.unfold(x, 7, stride=4, padding=2).mT)
        laid_out = tokens.mT.reshape(len(x), WIDTH, 4, 6)
        return self.second(F.unfold(laid_out, 3, stride=2, padding=1).mT).mean(1)


@cache
def wrapped(name):
    torch.manual_seed(0)
    module = FromScratch(*CUTS[name]) if name in CUTS else Twice()
    return interpret.wrap(module.double().eval(), input_size=SIZE)


def images():
    return torch.randn(2, 3, *SIZE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def by_autograd(network, layer, x, index):
    """The gradient of one number of what a layer returns."""
    seen, leaf = [], x.clone().requires_grad_()
    handle = network.module.get_submodule(layer).register_forward_hook(lambda *given: seen.append(given[2]))
    network.module(leaf)
    handle.remove()
    return torch.autograd.grad(seen[0][index], leaf)[0]


def reached(gradient):
    """The box of the pixels with a gradient."""
    rows, columns = gradient.abs().sum(0).nonzero().unbind(1)
    return int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1


@pytest.mark.parametrize(("name", "layer"), [*((name, "embed") for name in CUTS), ("twice", "second")])
def test_a_token_before_attention_has_the_pixels_with_a_gradient(name, layer):
    network, x = wrapped(name), images()
    field = receptive_field(network, layer)
    rows, columns = field.extent
    assert not field.measured
    assert network.record(x, [layer])[layer].shape == (2, WIDTH, rows, columns)
    for y in range(rows):
        for column in range(columns):
            gradient = by_autograd(network, layer, x, (0, y * columns + column, 0))[0]
            assert field.support(y, column) == reached(gradient), (y, column)


@pytest.mark.parametrize("name", CUTS)
def test_projections_are_those_of_autograd(name):
    network, x = wrapped(name), images()
    layout = network.view("block").layout
    assert (layout.names, layout.grid) == (("class",), receptive_field(network, "embed").extent)
    neurons = [Neuron(1, "block", 3, 1, 2), Neuron(0, "embed", 2, 0, 1)]
    wanted = []
    for neuron, before in zip(neurons, (1, 0), strict=True):
        token = before + neuron.y * layout.grid[1] + neuron.x
        found = by_autograd(network, neuron.layer, x, (neuron.image, token, neuron.channel))
        wanted.append(found[neuron.image])
    for choice in ({"rule": "gradient"}, {"nonlinear": "gradient"}):
        found = project(network, x, neurons, **choice)
        torch.testing.assert_close(found, torch.stack(wanted), rtol=0, atol=1e-9)


def test_above_attention_a_token_stands_for_its_patch():
    network = wrapped("by axes")
    assert receptive_field(network, "block").size == SIZE
    own = own_field(network, "block")
    assert (own.size, own.stride, own.box(1, 2)) == ((4, 4), (4, 4), (4, 8, 8, 12))


def test_tokens_are_mined():
    found = mine(wrapped("overlapping columns"), list(images()), ["block", "block@class"], k=1)
    assert found.layers["block"].values.shape[0] == WIDTH
