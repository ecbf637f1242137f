"""The summary of a network says what hooks, counting and the engines themselves say."""

import json
from itertools import pairwise

import pytest
import torch
from torch import nn
from torchvision.models.swin_transformer import SwinTransformer

import interpret
from interpret.cli.shell import call
from interpret.errors import InterpretError
from interpret.graph import Incremental, Wanted, receptive_field
from interpret_deconv import Neuron, nonlinearities, project

SIZE = 16


class Branches(nn.Module):
    """A module that is called twice, a gate, an activation, a norm over positions, linear layers."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU())
        self.again = nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=2, bias=False)
        self.activation = nn.Hardswish()
        self.norm = nn.GroupNorm(2, 8)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))

    def forward(self, x):
        x = self.again(self.again(self.stem(x)))
        return self.head(self.norm(self.activation(x)))


class Loops(nn.Module):
    """It cannot be traced: what it computes depends on values."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.head = nn.Linear(4, 5)

    def forward(self, x):
        maps = self.conv(x)
        return self.head(maps.mean((2, 3)) if float(x.sum().detach()) < 1e9 else maps.amax((2, 3)))


def swin():
    torch.manual_seed(0)
    return SwinTransformer([4, 4], 8, [2], [1], [4, 4], num_classes=5).eval()


def wrapped(module=None, **given):
    torch.manual_seed(0)
    return interpret.wrap((module or Branches()).eval(), input_size=SIZE, **given)


def hooked(network):
    """Of every call in order: its module, the shape of an image's output, its multiply-adds."""
    seen, work = [], []

    def see(name, part):
        def hook(_part, given, output):
            weighted = isinstance(part, nn.Conv2d | nn.Linear)
            work.append(output[0].numel() * part.weight[0].numel() if weighted else 0)
            seen.append((name, tuple(output.shape[1:]), len(work)))

        return hook

    parts = [(name, part) for name, part in network.module.named_modules() if name]
    handles = [part.register_forward_hook(see(name, part)) for name, part in parts]
    network.module(torch.zeros(1, 3, SIZE, SIZE))
    [handle.remove() for handle in handles]
    return seen, work


def test_layers_shapes_and_parameters_are_those_of_hooks():
    network = wrapped()
    seen, _ = hooked(network)
    rows = network.summary().layers
    assert [row.name for row in rows] == list(network.layers)
    assert [(row.name.partition(":")[0], row.shape) for row in rows] == [call[:2] for call in seen]
    parts = dict(network.module.named_modules())
    for row in rows:
        part = parts[row.name.partition(":")[0]]
        assert row.kind == type(part).__name__
        assert row.parameters == sum(item.numel() for item in part.parameters())


def test_multiply_adds_are_counted_for_each_call_and_for_what_a_layer_is_made_of():
    network = wrapped()
    summary = network.summary()
    _, work = hooked(network)
    found = {row.name: row.multiply_adds for row in summary.layers}
    assert found["stem.0"] == found["stem"] == SIZE * SIZE * 8 * 27
    assert (found["again:1"], found["again:2"]) == (8 * 8 * 8 * 36, 4 * 4 * 8 * 36)
    assert found["head"] == found["head.2"] == 40
    assert summary.multiply_adds == sum(work)


def test_multiply_adds_of_windows_are_those_of_one_image():
    network = interpret.wrap(swin(), input_size=32)
    found = {row.name: row.multiply_adds for row in network.summary(0).layers}
    assert found["features.0.0"] == 8 * 8 * 8 * 48
    assert found["features.1.0.attn"] == 8 * 8 * (8 * 24 + 8 * 8)
    assert network.summary().multiply_adds == found["features"] + found["head"]


def test_projections_are_refused_where_it_says_so_and_nowhere_else():
    network, x = interpret.wrap(swin(), input_size=32), torch.randn(1, 3, 32, 32)
    rows = network.summary(0).layers
    for row in rows:
        asked = [Neuron(0, row.name, 0)]
        if row.projection.kind == "refused" or not row.mines:
            with pytest.raises(InterpretError):
                project(network, x, asked)
        else:
            assert torch.isfinite(project(network, x, asked)).all()
    kinds = {row.name: row.projection.kind for row in rows}
    assert kinds["features.0.0"] == "exact"
    assert kinds["features.1.0"] == kinds["features.1.1"] == kinds["head"] == "rectified+gradient"


def test_fields_are_receptive_fields():
    network = wrapped()
    for row in network.summary(measure=True).layers:
        node = network.graph.layers[row.name]
        if row.field is None:
            assert node.spatial is None
            continue
        field = receptive_field(network, row.name)
        assert (row.field.size, row.field.stride) == (field.size, field.stride)
        assert row.field.whole == (row.name in {"norm", "head.0"})


def test_projections_are_said_to_be_what_the_deconvnet_does():
    network = wrapped()
    rows = {row.name: row.projection for row in network.summary().layers}
    for name, working in rows.items():
        found = nonlinearities(network, name)
        assert working.reasons == found
        assert working.kind == ("+".join(found) or "exact")
    assert rows["again:2"].kind == "exact"
    assert rows["activation"].reasons == {"rectified": ("Hardswish",)}
    assert rows["head"].kind == "rectified+gradient"


def test_changes_are_incremental_where_the_engine_needs_no_whole_maps_with_places():
    network = wrapped()
    for row in network.summary().layers:
        node = network.graph.layers[row.name]
        outer = Incremental(network.graph, torch.randn(3, SIZE, SIZE), [Wanted(node)]).outer
        whole = any(max(operand.extent) > 1 for below in outer for operand in below.varying_operands)
        assert row.occlusion.kind == ("full" if whole else "incremental")
    assert row.occlusion.reasons == {"full": ("group_norm (norm)",)}


def test_what_cannot_be_traced_is_said_and_the_rest_is_known():
    network = wrapped(Loops())
    summary = network.summary()
    assert "cannot be traced" in str(summary)
    assert summary.refusal
    assert [(row.name, row.shape, row.field) for row in summary.layers] == [
        ("conv", (4, 14, 14), None),
        ("head", (5,), None),
    ]
    assert {row.projection.kind for row in summary.layers} == {""}


def test_aliases_stand_beside_the_names():
    network = wrapped(aliases={"first": "stem", "start": "stem"})
    rows = {row.name: row.aliases for row in network.summary().layers}
    assert rows["stem"] == ("first", "start")
    assert rows["again:1"] == ()
    assert "first, start" in str(network.summary())


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_it_fits_and_keeps_what_is_asked_for_most(width):
    lines = wrapped().summary().text(width).splitlines()
    assert max(map(len, lines)) <= width or width == 40
    assert any("layer" in line and "project" in line and "occlude" in line for line in lines)
    assert any(line.startswith("head.2") for line in lines)


def test_a_large_network_shows_as_deep_as_a_screen_and_more_if_asked():
    deep = nn.Sequential(*(nn.Sequential(*(nn.Conv2d(3, 3, 1) for _ in range(8))) for _ in range(6)))
    network = wrapped(deep)
    assert [row.name for row in network.summary().layers] == ["0", "1", "2", "3", "4", "5"]
    assert [row.name for row in network.summary(0).layers] == list(network.layers)
    assert network.summary(2) == network.summary(0)
    assert "54 layers (6 are shown" in str(network.summary())
    assert "are shown" not in str(network.summary(depth=0))


def test_more_layers_than_a_screen_at_the_first_depth_are_all_shown():
    flat = nn.Sequential(*(nn.Conv2d(3, 3, 1) for _ in range(50)))
    assert len(wrapped(flat).summary().layers) == 50


def test_it_is_read_top_down_like_the_network():
    sizes = [
        row.field.size[0]
        for row in wrapped(nn.Sequential(*(nn.Conv2d(3, 3, 3) for _ in range(4)))).summary().layers
    ]
    assert sizes == [3, 5, 7, 9]
    assert all(before < after for before, after in pairwise(sizes))


def test_typed_it_prints_the_table(capsys):
    assert (
        call(["layers", "--model", "torchvision:squeezenet1_1", "--input-size", "64x96", "--depth", "1"]) == 0
    )
    said = capsys.readouterr().out
    assert "images 3 x 64 x 96" in said
    assert "features" in said
    assert "features.0" not in said


@pytest.mark.parametrize("asked", [["--all"], ["--depth", "0"], ["--all", "--depth", "0"]])
def test_typed_all_of_them_are_shown(asked, capsys):
    given = ["layers", "--model", "torchvision:squeezenet1_1", "--input-size", "64", "--json", *asked]
    assert call(given) == 0
    found = json.loads(capsys.readouterr().out)["layers"]
    assert [row["name"] for row in found] == list(
        interpret.load_model("torchvision:squeezenet1_1", input_size=64).layers
    )
    assert call(["layers", "--model", "torchvision:squeezenet1_1", "--all", "--depth", "2"]) == 2
    assert "--all and --depth 2" in capsys.readouterr().err


def test_typed_it_writes_json(capsys):
    assert call(["layers", "--model", "torchvision:squeezenet1_1", "--input-size", "64", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    first = found["layers"][0]
    assert (first["name"], first["kind"], first["shape"]) == ("features.0", "Conv2d", [64, 31, 31])
    assert first["field"] == {"size": [3, 3], "stride": [2, 2], "whole": False, "measured": False}
    assert first["projection"] == {"kind": "exact", "reasons": {}}


@pytest.mark.parametrize("size", ["large", "3x4x5", "-3", ""])
def test_a_size_that_is_none_says_how_it_is_written(size, capsys):
    assert call(["layers", "--model", "zfnet", "--input-size", size]) == 2
    assert "Write 224" in capsys.readouterr().err
