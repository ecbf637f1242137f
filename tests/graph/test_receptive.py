"""Receptive fields against numbers from the paper and against the pixels that gradients really reach."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from interpret.errors import InterpretError, UnknownNameError
from interpret.graph import Graph, ReceptiveField, receptive_field, trace
from interpret.graph.receptive import Box

SLOW = pytest.mark.slow  # their operations are in the others; they take seconds each
NETWORKS = [
    "alexnet",
    "resnet18",
    "squeezenet1_0",
    "shufflenet_v2_x0_5",
    *(
        pytest.param(name, marks=SLOW)
        for name in (
            "googlenet",
            "vgg11_bn",
            "resnext50_32x4d",
            "densenet121",
            "inception_v3",
            "mnasnet0_5",
            "regnet_x_400mf",
        )
    ),
]
OPTIONS = {"aux_logits": False, "transform_input": True, "init_weights": False}


class Averages(TorchFunctionMode):
    """Max pools become average pools with the same windows, so that a gradient reaches all they read."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if func in (F.max_pool2d, torch.max_pool2d, F.boolean_dispatch):
            names = ("input", "kernel_size", "stride", "padding", "dilation", "ceil_mode")
            given = dict(zip(names, args, strict=False)) | kwargs
            return F.avg_pool2d(
                given["input"], given["kernel_size"], given.get("stride"), given.get("padding", 0),
                given.get("ceil_mode", False),
            )  # fmt: skip
        return func(*args, **kwargs)


def positive(module: nn.Module) -> nn.Module:
    """The same architecture with positive weights and no offsets: no gradient cancels or is cut by a ReLU."""
    for submodule in module.modules():
        for key, tensor in submodule.named_parameters(recurse=False):
            positive_value = torch.full_like(tensor, 1.0 if tensor.ndim == 1 else 1 / tensor[0].numel())
            tensor.data = positive_value if key == "weight" else torch.zeros_like(tensor)
    return module.double().eval()


@contextmanager
def outputs(module: nn.Module, names: list[str]) -> Iterator[dict[str, Tensor]]:
    kept: dict[str, Tensor] = {}
    handles = [
        module.get_submodule(name).register_forward_hook(
            lambda _m, _i, out, name=name: kept.update({name: out.clone()})
        )
        for name in names
    ]
    yield kept
    for handle in handles:
        handle.remove()


def reached(value: Tensor, x: Tensor, y: int, column: int) -> Box:
    """The box of pixels with a gradient: the oracle."""
    picked = value[0].sum(0)[y, column] if value.ndim == 4 else value[0].sum()
    (gradient,) = torch.autograd.grad(picked, x, retain_graph=True)
    if not gradient.any():
        return 0, 0, 0, 0
    rows, columns = (gradient[0].sum(0).sum(axis).nonzero()[:, 0] for axis in (1, 0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def cut(box: Box, size: tuple[int, int]) -> Box:
    top, left, bottom, right = box
    return max(top, 0), max(left, 0), min(bottom, size[0]), min(right, size[1])


def corners(field: ReceptiveField) -> list[tuple[int, int]]:
    rows, columns = field.extent
    return list(dict.fromkeys([(0, 0), (rows - 1, columns - 1), (0, columns - 1), (rows // 2, columns // 2)]))


def check(module: nn.Module, shape: tuple[int, int, int]) -> int:
    """Compare six layers with the oracle; how many boxes were cut short of the image's border."""
    graph = trace(module, shape)
    names = some_layers(graph)
    x = torch.ones(1, *shape, dtype=torch.float64, requires_grad=True)
    with outputs(module, names) as kept, Averages():
        module(x)
    short = 0
    for name in names:
        field = receptive_field(graph, name)
        for y, column in corners(field):
            probe = reached(kept[name], x, y, column)
            inside = cut(field.box(y, column), shape[1:])
            assert field.support(y, column) == probe, (name, y, column)
            assert inside[:2] == probe[:2]
            assert inside[2] >= probe[2]
            assert inside[3] >= probe[3]
            short += inside != probe
    return short


def some_layers(graph: Graph) -> list[str]:
    """Five layers with positions, spread over the depth, and the output of the last one."""
    layers = [name for name, node in graph.layers.items() if node.spatial and ":" not in name]
    return [layers[len(layers) * i // 5] for i in range(5)] + [layers[-1]]


@pytest.mark.parametrize("name", NETWORKS)
def test_torchvision_networks_at_corners(name: str) -> None:
    options = OPTIONS if name in {"googlenet", "inception_v3"} else {}
    module = positive(getattr(torchvision.models, name)(weights=None, **options))
    shape = (3, 83, 77) if name != "vgg11_bn" else (3, 64, 50)
    check(module, shape)


@pytest.mark.parametrize("name", ["alexnet", "resnet18"])
def test_where_windows_tile_the_image_the_cut_box_is_the_support(name: str) -> None:
    module = positive(getattr(torchvision.models, name)(weights=None))
    shape = (3, 224, 224) if name == "alexnet" else (3, 96, 64)
    assert check(module, shape) == 0


def test_resnet50_has_the_known_sizes_also_where_a_map_has_one_position() -> None:
    graph = trace(torchvision.models.resnet50(weights=None), (3, 32, 32))
    third, fourth = (receptive_field(graph, layer) for layer in ("layer3", "layer4"))
    assert (third.extent, third.size, third.stride) == ((2, 2), (267, 267), (16, 16))
    assert (fourth.extent, fourth.size, fourth.stride) == ((1, 1), (427, 427), (32, 32))


ZFNET = [(7, 2), (3, 2), (5, 2), (3, 2), (3, 1), (3, 1), (3, 1), (3, 2)]
ALEXNET = [(11, 4), (3, 2), (5, 1), (3, 2), (3, 1), (3, 1), (3, 1), (3, 2)]


@pytest.mark.parametrize(
    ("windows", "sizes", "strides"),
    [
        (ZFNET, [7, 11, 27, 43, 75, 107, 139, 171], [2, 4, 8, 16, 16, 16, 16, 32]),
        (ALEXNET, [11, 19, 51, 67, 99, 131, 163, 195], [4, 8, 8, 16, 16, 16, 16, 32]),
    ],
    ids=["zfnet", "alexnet"],
)
def test_the_sizes_of_the_paper(windows: list[tuple[int, int]], sizes: list[int], strides: list[int]) -> None:
    pools = (1, 3, 7)
    layers = [
        nn.MaxPool2d(k, s, ceil_mode=True) if i in pools else nn.Conv2d(1, 1, k, s, padding=k // 2)
        for i, (k, s) in enumerate(windows)
    ]
    graph = trace(nn.Sequential(*layers), (1, 224, 224))
    fields = [receptive_field(graph, str(i)) for i in range(8)]
    assert [field.size for field in fields] == [(size, size) for size in sizes]
    assert [field.stride for field in fields] == [(stride, stride) for stride in strides]


class Strange(nn.Module):
    """Asymmetric padding, cropping, dilation, branches with other strides' phases, gates, shuffles."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 4, (3, 5), stride=(2, 1), padding="valid")
        self.pool = nn.MaxPool2d(3, 2, padding=1, ceil_mode=True)
        self.wide = nn.Conv2d(4, 4, 3, padding=2, dilation=(2, 3), groups=2)
        self.even = nn.Conv2d(4, 4, (2, 4), padding="same")
        self.mix = nn.Conv2d(8, 4, 1, stride=2)
        self.adapt = nn.AdaptiveAvgPool2d((3, 4))
        self.reduced = nn.Identity()
        self.bands = nn.AdaptiveAvgPool2d((None, 1))
        self.grown = nn.Conv2d(4, 4, 3, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.stem(F.pad(x, (1, 0, 0, 3))))
        n, c, h, w = x.shape
        shuffled = x.view(n, 2, 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        moved = F.pad(shuffled[:, :, 1:, :-1], (1, 0, 0, 1))
        wide = F.pad(self.wide(x), (1, 1, 0, 0))[:, :, :h, :w]
        x = self.mix(torch.cat([self.even(moved), wide], 1))
        x = self.reduced(x + x.mean(1, keepdim=True))
        bands = self.bands(self.adapt(x))
        return self.grown(bands)


def test_strange_paddings_dilations_and_branches() -> None:
    names = ["stem", "pool", "wide", "even", "mix", "reduced", "adapt", "grown"]
    module = positive(Strange())
    graph = trace(module, (2, 29, 37))
    x = torch.ones(1, 2, 29, 37, dtype=torch.float64, requires_grad=True)
    with outputs(module, names) as kept, Averages():
        module(x)
    for name in names:
        field = receptive_field(graph, name)
        for y in range(field.extent[0]):
            for column in range(field.extent[1]):
                assert field.support(y, column) == reached(kept[name], x, y, column), (name, y, column)


def test_boxes_reach_outside_the_image_and_are_all_of_one_size() -> None:
    graph = trace(nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.MaxPool2d(3, 2, ceil_mode=True)), (1, 8, 6))
    field = receptive_field(graph, "1")
    assert (field.size, field.stride, field.offset, field.extent) == ((5, 5), (2, 2), (-1, -1), (4, 3))
    assert field.box(0, 0) == (-1, -1, 4, 4)
    assert field.box(3, 2) == (5, 3, 10, 8)
    assert field.support(3, 2) == (5, 3, 8, 6)


def test_layers_without_positions_see_the_whole_image() -> None:
    module = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 3)
    )
    graph = trace(module, (1, 8, 6))
    for name in ("1", "2", "3"):
        field = receptive_field(graph, name)
        assert (field.size, field.stride, field.box(0, 0)) == ((8, 6), (0, 0), (0, 0, 8, 6))


class Gated(nn.Module):
    """Squeeze and excitation: the gate sees the whole image, and so does what it multiplies."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, padding=1)
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(2, 2, 1), nn.Sigmoid())
        self.out = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return self.out(x * self.gate(x))


def test_a_gate_widens_the_field_to_the_image() -> None:
    graph = trace(Gated(), (1, 8, 6))
    assert receptive_field(graph, "conv").size == (3, 3)
    assert receptive_field(graph, "out").box(7, 5) == (0, 0, 8, 6)


def test_channels_last_blocks_keep_their_positions() -> None:
    graph = trace(torchvision.models.convnext_tiny(weights=None).features[:2], (3, 64, 64))
    assert receptive_field(graph, "0").size == (4, 4)
    assert receptive_field(graph, "1.0").size == (28, 28)
    assert receptive_field(graph, "1").stride == (4, 4)


def test_the_boxes_of_an_identity_on_the_image_are_its_pixels() -> None:
    graph = trace(nn.Sequential(nn.Identity(), nn.Conv2d(1, 1, 1)), (1, 4, 4))
    assert receptive_field(graph, "0").box(2, 3) == (2, 3, 3, 4)


def test_any_network_with_a_graph_and_aliases_will_do() -> None:
    class Network:
        graph = trace(nn.Sequential(nn.Conv2d(1, 1, 3)), (1, 8, 8))

        def layer(self, name: str) -> str:
            return {"layer1": "0"}.get(name, name)

    assert receptive_field(Network(), "layer1").size == (3, 3)
    with pytest.raises(UnknownNameError, match="no layer 'layer2'"):
        receptive_field(Network(), "layer2")


@pytest.mark.parametrize("position", [(-1, 0), (6, 0), (0, 6)])
def test_a_position_outside_the_map_is_refused(position: tuple[int, int]) -> None:
    field = receptive_field(trace(nn.Sequential(nn.Conv2d(1, 1, 3)), (1, 8, 8)), "0")
    with pytest.raises(InterpretError, match="the layer has 6 x 6 positions"):
        field.box(*position)
