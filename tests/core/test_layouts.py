"""Layers that are not (n, c, h, w) are maps too: compared with what hooks see, position by position."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from layout_networks import CASES
from torch import nn

import interpret
from interpret.errors import InterpretError, ModelError, UnknownNameError
from interpret.graph import receptive_field
from interpret.network import Layout, as_maps, raw_index, undecided
from interpret_topk import mine

ALIKE = {"timm vit", "timm wide vit", "timm deit", "timm clip", "torchvision vit", "hugging face registers"}
"""As others are: these take their time."""

NAMES = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in ALIKE)) for name in CASES]
)


def returned(network, layer, x):
    """What a module returns, by a hook on it."""
    seen = []
    handle = network.module.get_submodule(layer).register_forward_hook(lambda *call: seen.append(call[2]))
    with torch.no_grad():
        network.module(x)
    handle.remove()
    return seen[-1]


def maps_of(raw, case):
    """The same as maps and tokens, number by number."""
    rows, columns = case.grid
    maps = np.zeros((len(raw), raw.shape[-1], rows, columns))
    first = 0 if case.names == ("class",) and case.layer == "block" else len(case.names)
    for image, channel, y, x in itertools.product(*map(range, maps.shape)):
        place = (y, x) if case.kind == "nhwc" else (first + y * columns + x,)
        maps[image, channel, y, x] = raw[(image, *place, channel)]
    return torch.from_numpy(maps)


@NAMES
def test_layers_are_maps(name):
    case = CASES[name]
    network, x = case.network(), case.images(2)
    raw, layout = returned(network, case.layer, x), network.view(case.layer).layout
    assert (layout.kind, layout.names) == (case.kind, case.names)
    found = network.record(x, [case.layer])[case.layer]
    assert torch.equal(found, maps_of(raw, case))
    assert found.is_contiguous()
    assert network.layer_shapes([case.layer]) == {case.layer: tuple(found.shape[1:])}
    assert torch.equal(network.record(x, [case.layer], raw=True)[case.layer], raw)
    assert all(raw[0][raw_index(layout, 1, y, 1)] == found[0, 1, y, 1] for y in range(found.shape[2]))


@NAMES
def test_the_graph_gives_the_same_maps_and_tokens(name):
    case = CASES[name]
    network, x = case.network(), case.images(2)
    names = [case.layer, *(f"{case.layer}@{token}" for token in case.names)]
    nodes = [network.graph.layer(network.layer(each)) for each in names]
    found, values = network.record(x, names), network.graph.run(x, nodes)
    for each, node in zip(names, nodes, strict=True):
        assert node.shape == tuple(found[each].shape[1:])
        torch.testing.assert_close(values[node], found[each], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["timm registers", "timm deit", "patches cut by reshapes"])
def test_tokens_without_a_place_are_layers_of_their_own(name):
    case = CASES[name]
    network, x = case.network(), case.images(2)
    raw = returned(network, case.layer, x)
    for index, token in enumerate(case.names):
        place = -1 if case.layer == "block" else index
        found = network.record(x, [f"{case.layer}@{token}"])
        assert torch.equal(found[f"{case.layer}@{token}"], raw[:, place])
    assert not any("@" in layer for layer in network.layers)
    with pytest.raises(UnknownNameError, match="class"):
        network.record(x, [f"{case.layer}@clas"])


@pytest.mark.parametrize("name", ["timm vit", "torchvision swin", "hugging face swin"])
def test_mining_agrees_with_a_search_through_what_modules_return(name):
    case = CASES[name]
    network, x = case.network(), case.images(5)
    found = mine(network, list(x), [case.layer, *(f"{case.layer}@{token}" for token in case.names)], k=3)
    maps = maps_of(returned(network, case.layer, x), case).flatten(2)
    best = maps.amax(2).T.sort(descending=True)
    torch.testing.assert_close(found[case.layer].values, best.values[:, :3], rtol=1e-9, atol=1e-9)
    assert torch.equal(found[case.layer].image, best.indices[:, :3])
    where = maps.argmax(2).T.gather(1, best.indices)[:, :3]
    columns = case.grid[1]
    assert torch.equal(found[case.layer].position, torch.stack([where // columns, where % columns], -1))
    for token in case.names:
        units = returned(network, case.layer, x)[:, 0].T.sort(descending=True)
        assert torch.equal(found[f"{case.layer}@{token}"].image, units.indices[:, :3])


def test_defaults_are_blocks_where_convolutions_only_cut_patches():
    for name, layers in {
        "timm vit": ["blocks.0", "blocks.1"],
        "timm swin": ["layers.0", "layers.1"],
        "hugging face vit": ["vit.layers.0", "vit.layers.1"],
        "hugging face clip": ["encoder.layers.0", "encoder.layers.1"],
    }.items():
        network = CASES[name].network()
        assert network.default_layers() == network.default_layers("convolutions") == layers
        assert network.default_layers("maps") == layers
    convnext = CASES["torchvision convnext"].network()
    assert "features.3.0.block.0" in convnext.default_layers("convolutions")


def test_a_token_straight_after_the_patch_embedding_sees_its_patch():
    for name, layer, patch in [
        ("timm wide vit", "blocks.0.attn.qkv", 16),
        ("hugging face swin", "swin.embeddings.norm", 4),
        ("patches cut by reshapes", "embed", 4),
    ]:
        network = CASES[name].network()
        field = receptive_field(network, layer)
        assert (field.size, field.stride, field.measured) == ((patch, patch), (patch, patch), False)
        x = CASES[name].images(1).requires_grad_()
        with network.running() as module:
            seen = []
            module.get_submodule(layer).register_forward_hook(lambda *call, seen=seen: seen.append(call[2]))
            module(x)
        maps = as_maps(seen[-1], network.view(layer).layout)
        (gradient,) = torch.autograd.grad(maps[0, :, 1, 1].square().sum(), x)
        read = gradient[0].abs().sum(0).nonzero()
        top, left, bottom, right = field.box(1, 1)
        assert [*read.amin(0).tolist(), *(read.amax(0) + 1).tolist()] == [top, left, bottom, right]


def test_above_attention_the_field_is_the_image():
    field = receptive_field(CASES["timm vit"].network(), "blocks.0")
    assert (field.extent, field.box(0, 1)) == ((2, 2), (0, 0, 32, 32))


class Untraceable(nn.Module):
    """A vision transformer whose control flow depends on values, after which no graph comes."""

    def __init__(self, patches: int = 4) -> None:
        super().__init__()
        self.cut = nn.Conv2d(3, 6, patches, patches)
        self.token, self.add = nn.Parameter(torch.randn(1, 1, 6)), nn.Identity()
        self.block, self.last = nn.Linear(6, 6), nn.Linear(6, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From images to classes."""
        tokens = self.cut(x).flatten(2).mT
        tokens = self.add(torch.cat([self.token.expand(len(x), -1, -1), tokens], 1))
        if float(tokens.sum()) > 1e9:
            tokens = tokens + 1
        return self.last(self.block(tokens)[:, 0])


def test_without_a_graph_shapes_tell():
    network = interpret.wrap(Untraceable().eval(), input_size=(16, 24))
    with pytest.raises(ModelError, match="cannot be traced"):
        network.graph  # noqa: B018 - it is made there
    assert network.view("block").layout == Layout("tokens", grid=(4, 6), before=1)
    x = torch.randn(2, 3, 16, 24)
    raw = returned(network, "block", x)
    found = network.record(x, ["block"])["block"]
    assert torch.equal(found, raw[:, 1:].mT.reshape(2, 6, 4, 6))


class Windows(nn.Module):
    """Values of one axis whose order nothing tells."""

    def __init__(self) -> None:
        super().__init__()
        self.mix, self.head = nn.Linear(48, 8), nn.Linear(8, 3)
        self.order = nn.Parameter(torch.randn(13, 16))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From images to classes."""
        x = nn.functional.unfold(x, 4, stride=4)
        return self.head(self.mix((x @ self.order.T).mT).mean(1))


def test_what_nothing_tells_is_refused_with_a_cure_that_works():
    network = interpret.wrap(Windows().eval(), input_size=16)
    x = torch.randn(2, 3, 16, 16)
    assert network.view("mix").layout is None
    assert network.record(x, ["mix"])["mix"].shape == (2, 13, 8)
    with pytest.raises(ModelError, match=r"'mix'.*\(2, 13, 8\).*layouts=") as caught:
        mine(network, list(x), ["mix"])
    cure = str(caught.value).partition("wrap(module, layouts=")[2].partition(").")[0]
    given = eval(cure, {"Layout": Layout})
    cured = interpret.wrap(network.module, input_size=16, layouts=given)
    assert cured.record(x, ["mix"])["mix"].shape == (2, 8, *given["mix"].grid)
    assert mine(cured, list(x), ["mix"]).layers["mix"].values.shape[0] == 8


def test_layouts_are_said_by_words_attributes_and_none():
    case = CASES["timm vit"]
    plain = {"kind": "tokens", "grid": [1, 4], "before": 1}
    network = case.network(layouts={"blocks.0": plain, "blocks.1": None, "norm": "tokens"})
    x = case.images(1)
    shapes = {
        name: tuple(found.shape[1:])
        for name, found in network.record(x, ["blocks.0", "blocks.1", "norm"]).items()
    }
    assert shapes == {"blocks.0": (12, 1, 4), "blocks.1": (5, 12), "norm": (12, 2, 2)}
    assert network.of(network.module).view("blocks.0").layout == Layout("tokens", grid=(1, 4), before=1)


@pytest.mark.parametrize(
    ("layouts", "match"),
    [
        ({"blocks.0": "nwhc"}, "nhwc"),
        ({"blocks.0": {"grid": [2, 2]}}, "kind"),
        ({"blocks.0": {"kind": "tokens"}}, "grid"),
        ({"blocks.0": 3}, "blocks.0"),
        (["blocks.0"], "layouts by layer"),
    ],
)
def test_what_is_no_layout_is_named(layouts, match):
    with pytest.raises(InterpretError, match=match):
        interpret.wrap(nn.Linear(2, 2), layouts=layouts)


def test_a_layout_that_does_not_fit_is_refused():
    case = CASES["timm vit"]
    x = case.images(1)
    with pytest.raises(InterpretError, match=r"blocks.0.*10 tokens.*\(n, 5, 12\)"):
        case.network(layouts={"blocks.0": Layout("tokens", grid=(3, 3), before=1)}).record(x, ["blocks.0"])
    with pytest.raises(UnknownNameError, match="block"):
        case.network(layouts={"block.0": "nhwc"}).record(x, ["blocks.0"])


def test_other_sizes_of_images_have_other_grids():
    case = CASES["torchvision swin"]
    network = case.network()
    x = torch.randn(1, 3, 48, 32, dtype=torch.float64)
    assert network.record(x, ["features.1"])["features.1"].shape == (1, 8, 12, 8)
    assert network.graph_for((3, 48, 32)).layer("features.1").shape == (8, 12, 8)


def test_plain_networks_are_not_traced_for_it():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(4 * 49, 2))
    network = interpret.wrap(module.eval(), input_size=16)
    network.record(torch.randn(1, 3, 16, 16), network.layers)
    assert not network._known()._graphs


def test_undecided_says_what_can_be_said():
    assert "'nhwc'" in undecided("a", (1, 2, 3, 4))
    assert "grid=(2, 2), before=1" in undecided("a", (1, 5, 3))
    assert undecided("a", (1, 2, 3, 4, 5)) == "Choose another layer."
