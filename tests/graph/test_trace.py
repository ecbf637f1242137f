"""A traced graph computes what the module computes, names every call, and leaves the module alone."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from interpret.errors import InterpretError, ModelError, UnknownNameError
from interpret.graph import Graph, multiply_adds, trace
from interpret.network import wrap

REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "reference" / "bvlc_googlenet.py"
AUX = {"transform_input": True, "aux_logits": True, "init_weights": False}

TORCHVISION = [
    ("alexnet", (3, 64, 80), {}),
    pytest.param("vgg11", (3, 32, 48), {}, marks=pytest.mark.slow),
    ("vgg11_bn", (3, 32, 48), {}),
    ("resnet18", (3, 64, 48), {}),
    pytest.param("resnext50_32x4d", (3, 32, 32), {}, marks=pytest.mark.slow),
    pytest.param("wide_resnet50_2", (3, 32, 32), {}, marks=pytest.mark.slow),
    pytest.param("squeezenet1_0", (3, 64, 80), {}, marks=pytest.mark.slow),
    ("squeezenet1_1", (3, 64, 80), {}),
    pytest.param("densenet121", (3, 64, 64), {}, marks=pytest.mark.slow),
    pytest.param("googlenet", (3, 64, 64), AUX, marks=pytest.mark.slow),
    ("inception_v3", (3, 96, 80), AUX),
    pytest.param("shufflenet_v2_x0_5", (3, 64, 64), {}, marks=pytest.mark.slow),
    pytest.param("mnasnet0_5", (3, 64, 64), {}, marks=pytest.mark.slow),
    pytest.param("regnet_x_400mf", (3, 64, 64), {}, marks=pytest.mark.slow),
    pytest.param("mobilenet_v2", (3, 64, 64), {}, marks=pytest.mark.slow),
    ("efficientnet_b0", (3, 64, 64), {}),
    pytest.param("convnext_tiny", (3, 64, 64), {}, marks=pytest.mark.slow),
]


def built(name: str, options: dict[str, bool] | None = None) -> nn.Module:
    torch.manual_seed(0)
    return getattr(torchvision.models, name)(weights=None, **(options or {})).eval()


def same(module: nn.Module, graph: Graph, count: int = 3) -> None:
    dtype = next((p.dtype for p in module.parameters()), torch.float32)
    x = torch.randn(count, *graph.input.shape, dtype=dtype)
    with torch.no_grad():
        torch.testing.assert_close(graph.run(x)[graph.output], module(x), rtol=0, atol=0)


@pytest.mark.parametrize(("name", "shape", "options"), TORCHVISION)
def test_torchvision_networks_run_alike(
    name: str, shape: tuple[int, int, int], options: dict[str, bool]
) -> None:
    module = built(name, options)
    same(module, trace(module, shape))


@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference network is not beside the repository")
def test_the_reference_googlenet_runs_alike() -> None:
    spec = importlib.util.spec_from_file_location("bvlc_googlenet", REFERENCE)
    assert spec is not None
    assert spec.loader is not None
    source = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(source)
    module = source.googlenet()
    graph = trace(module, (3, 64, 64))
    same(module, graph)
    assert graph.layer("norm1").op == "local_response_norm"


class Odd(nn.Module):
    """In-place ReLU, a module used twice, functional calls, dropout, identity, splits, constants."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding="same", padding_mode="zeros")
        self.even = nn.Conv2d(4, 4, (2, 4), padding="same")
        self.act = nn.ReLU(inplace=True)
        self.gone = nn.Sequential(nn.Dropout(), nn.Identity())
        self.norm = nn.LocalResponseNorm(3)
        self.pool = nn.MaxPool2d(3, 2, return_indices=True)
        self.register_buffer("shift", torch.tensor([1.0, 2.0, 3.0, 4.0]), persistent=False)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.act(self.even(self.act(self.conv(x))))
        x = self.gone(self.norm(self.act(self.conv(x))))
        x, _ = self.pool(F.local_response_norm(x, 3))
        first, second = x.chunk(2, 1)
        x = torch.cat([second, first], 1) + self.shift.view(1, -1, 1, 1) + torch.zeros(x.shape[0], 1, 1, 1)
        x = x[:, :, 1:, ::2].clamp(min=0).mul(torch.tensor([0.5]))
        return {"aux": x.mean(), "out": x.reshape(x.size(0), -1)}


def test_odd_spellings_become_few_words() -> None:
    torch.manual_seed(0)
    module = Odd().eval()
    graph = trace(module, (4, 17, 12), output="out")
    x = torch.randn(5, 4, 17, 12)
    with torch.no_grad():
        torch.testing.assert_close(graph.run(x)[graph.output], module(x)["out"], rtol=0, atol=0)
    assert list(graph.layers) == [
        "conv:1", "act:1", "even", "act:2", "conv:2", "act:3", "norm", "gone.0", "gone.1", "gone",
        "pool",
    ]  # fmt: skip
    assert {node.op for node in graph.path(graph.output)} == {
        "input", "conv2d", "pad", "relu", "local_response_norm", "max_pool2d",
        "slice", "cat", "add", "mul", "reshape",
    }  # fmt: skip


def test_a_layer_is_its_own_call_before_later_in_place_operations() -> None:
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(inplace=True)).eval()
    graph = trace(module, (1, 6, 7))
    x = torch.randn(2, 1, 6, 7)
    values = graph.run(x, [graph.layer("0"), graph.layer("1")])
    torch.testing.assert_close(values[graph.layer("0")], module[0](x))
    torch.testing.assert_close(values[graph.layer("1")], module(x))
    assert (values[graph.layer("0")] < 0).any()


def test_the_bare_name_of_a_reused_module_is_its_last_call() -> None:
    graph = trace(Odd(), (4, 17, 12))
    assert graph.layer("conv") is graph.layer("conv:2")
    assert graph.layer("conv:1") is not graph.layer("conv:2")
    with pytest.raises(UnknownNameError, match="'conv:1' or"):
        graph.layer("conv:3")


def test_containers_and_identities_name_the_node_they_end_in() -> None:
    graph = trace(Odd(), (4, 17, 12))
    assert graph.layer("gone") is graph.layer("gone.0") is graph.layer("norm")


def test_layers_stand_in_execution_order_and_equal_what_hooks_see() -> None:
    module = built("squeezenet1_1")
    graph = trace(module, (3, 64, 64))
    seen: list[str] = []
    outputs: dict[str, Tensor] = {}

    def hook(name: str) -> Callable[..., None]:
        return lambda _m, _i, out: (seen.append(name), outputs.update({name: out.clone()}), None)[2]

    for name, submodule in module.named_modules():
        if name:
            submodule.register_forward_hook(hook(name))
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        module(x)
        values = graph.run(x, list(graph.layers.values()))
    assert seen == list(graph.layers)
    for name, node in graph.layers.items():
        assert torch.equal(values[node], outputs[name]), name
        assert node.shape == outputs[name].shape[1:], name


class Failing(nn.Module):
    """Branches on the values of a tensor, which no export can follow."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.seen: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        self.seen = self.norm(x)
        return x if x.sum() > 0 else -x


def state(module: nn.Module) -> list[object]:
    listed: list[object] = []
    for submodule in module.modules():
        listed += [submodule.training, len(submodule._forward_hooks), sorted(vars(submodule))]
        listed += [id(tensor) for tensor in (*submodule._parameters.values(), *submodule._buffers.values())]
    return listed


@pytest.mark.parametrize("module", [Odd(), Failing(), built("resnet18")], ids=["odd", "failing", "resnet18"])
def test_the_module_is_left_as_it_was(module: nn.Module) -> None:
    module.train()
    next(iter(module.children())).eval()
    before, values = state(module), {key: value.clone() for key, value in module.state_dict().items()}
    try:
        trace(module, (4, 17, 12) if isinstance(module, Odd) else (3, 64, 64))
    except ModelError:
        assert isinstance(module, Failing)
        assert module.seen is None
    assert state(module) == before
    assert all(torch.equal(value, values[key]) for key, value in module.state_dict().items())


def test_what_cannot_be_exported_says_why(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(
        ModelError, match=r"Failing cannot be traced on an image of 3 x 8 x 8: .*data-dependent"
    ):
        trace(Failing(), (3, 8, 8))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("forward", "reason"),
    [
        (lambda x: x * x.max().item(), "a number is computed from the image"),
        (lambda x: torch.cond(x.sum() > 0, torch.neg, torch.abs, (x,)), "holds cond, which is control flow"),
    ],
    ids=["item", "cond"],
)
def test_numbers_and_control_flow_are_no_operations(forward: Callable[[Tensor], Tensor], reason: str) -> None:
    class Other(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return forward(x)

    with pytest.raises(ModelError, match=reason):
        trace(Other(), (3, 8, 8))


def test_a_wrong_input_size_says_why() -> None:
    with pytest.raises(ModelError, match=r"Sequential cannot be traced on an image of 3 x 8 x 8: .*channels"):
        trace(nn.Sequential(nn.Conv2d(4, 2, 3)), (3, 8, 8))


def test_a_graph_without_an_output_has_layers_and_says_what_was_returned() -> None:
    graph = trace(Odd(), (4, 17, 12))
    assert graph.run(torch.zeros(2, 4, 17, 12), [graph.layer("norm")])
    with pytest.raises(
        ModelError, match=r"returns dict \('aux': tensor \(\), 'out': tensor \(67, 84\)\).*output='out'"
    ):
        _ = graph.output


def test_running_on_another_size_says_what_was_expected() -> None:
    graph = trace(nn.Sequential(nn.Conv2d(3, 2, 3)), (3, 8, 8))
    with pytest.raises(InterpretError, match="images of 3 x 8 x 8, but got 3 x 9 x 8"):
        graph.run(torch.zeros(1, 3, 9, 8))


@pytest.mark.parametrize("channels", [1, 5])
def test_any_channels_dtype_and_batch(channels: int) -> None:
    torch.manual_seed(0)
    body = nn.Sequential(
        nn.Conv2d(channels, 6, 3, groups=1), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten()
    )
    module = nn.Sequential(body, nn.Linear(24, 3)).double().eval()
    graph = trace(module, (channels, 9, 14))
    for count in (1, 2, 67):
        same(module, graph, count)


def test_new_weights_and_another_dtype_are_seen() -> None:
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU()).eval()
    graph = trace(module, (1, 6, 6))
    module.load_state_dict(
        {key: torch.rand_like(value, dtype=torch.float32) for key, value in module.state_dict().items()}
    )
    same(module.double(), graph)


def test_a_parametrised_weight_is_computed_at_every_run() -> None:
    module = nn.Sequential(torch.nn.utils.parametrizations.weight_norm(nn.Conv2d(1, 2, 3))).eval()
    graph = trace(module, (1, 6, 6))
    nn.init.constant_(module[0].parametrizations.weight.original0, 3.0)
    same(module, graph)


def test_one_weight_shared_by_two_modules() -> None:
    module = nn.Sequential(nn.Conv2d(2, 2, 3), nn.ReLU(), nn.Conv2d(2, 2, 3)).eval()
    module[2].weight = module[0].weight
    same(module, trace(module, (2, 8, 8)))


def test_running_stops_at_the_last_needed_node() -> None:
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Conv2d(2, 2, 3)).eval()
    graph = trace(module, (1, 6, 6))
    done: list[str] = []

    def noted(node, arguments):
        done.append(node.op)
        return node.target(**arguments)

    graph.run(torch.zeros(1, 1, 6, 6), [graph.layer("1")], noted)
    assert done == ["conv2d", "relu"]


def test_multiply_adds_of_alexnet_by_hand() -> None:
    graph = trace(built("alexnet"), (3, 224, 224))
    counted = [multiply_adds(node) for node in graph.nodes if multiply_adds(node)]
    convolutions = [
        55**2 * 64 * 363,
        27**2 * 192 * 1600,
        13**2 * 384 * 1728,
        13**2 * 256 * 3456,
        13**2 * 256 * 2304,
    ]
    assert counted == [*convolutions, 9216 * 4096, 4096 * 4096, 4096 * 1000]


def test_channels_last_images_run_too() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 36, 2)).eval()
    graph = trace(module, (3, 8, 8))
    x = torch.randn(2, 3, 8, 8).to(memory_format=torch.channels_last)
    torch.testing.assert_close(graph.run(x)[graph.output], module(x))


class OneByOne(nn.Module):
    """Goes through the images of a batch in a loop."""

    def __init__(self, images: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.convolution, self.images = nn.Conv2d(3, 4, 3), images

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.convolution(image.view(1, 3, 8, 8)).mean((2, 3)) for image in self.images(x)])


@pytest.mark.parametrize("images", [list, torch.unbind, lambda x: x.split(1), lambda x: x.chunk(len(x))])
def test_a_loop_over_images_has_no_graph_and_is_named(images: Callable[[Tensor], Any]) -> None:
    """No program has it for any number of images; what needs no graph works."""
    module = OneByOne(images).eval()
    with pytest.raises(ModelError, match=r"OneByOne.* takes single images out of the batch\. Compute on the"):
        trace(module, (3, 8, 8))
    network, x = wrap(module, input_size=8), torch.rand(3, 3, 8, 8)
    torch.testing.assert_close(network(x), torch.cat([network(image[None]) for image in x]))


class Biased(nn.Module):
    """Adds what a layer makes of numbers that are no image's, as relative positions are embedded."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.positions = nn.Conv2d(3, 4, 3), nn.Linear(2, 4)

    def forward(self, x: Tensor) -> Tensor:
        bias: Tensor = self.positions(torch.ones(2))
        return self.convolution(x) + bias[:, None, None]


def test_a_layer_that_no_image_reaches_is_named_as_such() -> None:
    network = wrap(Biased(), input_size=8)
    assert network.layers == ("positions", "convolution")
    assert list(network.graph.layers) == ["convolution"]
    with pytest.raises(ModelError, match="'positions' is the same for every image"):
        network.graph.layer("positions")
