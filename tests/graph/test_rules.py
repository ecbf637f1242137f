"""The rules one by one: by hand on 4x4 maps, as adjoints, against PyTorch's unpooling; what is refused."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from interpret.errors import InterpretError, ModelError
from interpret.graph import Graph, Rules, save_forward, seed_signals, top_down, trace
from interpret.graph.operations.conv import transposed_convolution
from interpret.graph.operations.pool import unpool, unpool_by_offsets


def project(graph: Graph, layer: str, x: Tensor, signal: Tensor, rules: Rules | None = None) -> Tensor:
    node = graph.layer(layer)
    return top_down(save_forward(graph, x, [node], rules), node, signal, range(len(x)))


class Hand(nn.Module):
    """conv 1x1 (two maps: x and -x) -> ReLU -> max pool 3/2, whose windows overlap in a row and a column."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 1)
        self.act = nn.ReLU()
        self.pool = nn.MaxPool2d(3, 1)
        self.conv.weight.data = torch.tensor([2.0, -1.0]).view(2, 1, 1, 1)
        self.conv.bias.data = torch.tensor([100.0, 100.0])

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.act(self.conv(x)))


IMAGE = torch.tensor(
    [
        [1.0, 2.0, 3.0, 4.0],
        [5.0, 9.0, 6.0, 7.0],
        [0.0, 8.0, -1.0, 2.0],
        [3.0, 1.0, -2.0, 5.0],
    ]
).view(1, 1, 4, 4)


@pytest.mark.parametrize(
    ("channel", "window", "row", "column", "value"),
    [
        (
            0,
            (0, 0),
            1,
            1,
            2.0,
        ),  # the 9 is the maximum of the upper windows; the weight is 2, the bias has no part
        (0, (1, 1), 1, 1, 2.0),
        (0, (0, 1), 1, 1, 2.0),
        (1, (0, 0), 2, 2, -1.0),  # the smallest value of the image under the window, by the negative weight
        (1, (1, 1), 3, 2, -1.0),
    ],
)
def test_one_neuron_by_hand(
    channel: int, window: tuple[int, int], row: int, column: int, value: float
) -> None:
    graph = trace(Hand(), (1, 4, 4))
    one = torch.tensor([channel]), torch.tensor([window[0]]), torch.tensor([window[1]])
    signal = seed_signals(graph.layer("pool"), *one, torch.ones(1))
    expected = torch.zeros(1, 1, 4, 4)
    expected[0, 0, row, column] = value
    torch.testing.assert_close(project(graph, "pool", IMAGE, signal), expected)


def test_shared_switches_add_or_overwrite() -> None:
    graph = trace(Hand(), (1, 4, 4))
    signal = torch.zeros(1, 2, 2, 2)
    signal[0, 0] = torch.tensor([[1.0, 2.0], [4.0, 8.0]])
    added = project(graph, "pool", IMAGE, signal)
    last = project(graph, "pool", IMAGE, signal, Rules(unpool="overwrite"))
    assert (added[0, 0, 1, 1], last[0, 0, 1, 1]) == (30.0, 16.0)
    assert added.count_nonzero() == last.count_nonzero() == 1


def test_the_signal_is_rectified_and_not_the_map() -> None:
    graph = trace(nn.Sequential(nn.Conv2d(1, 1, 1), nn.ReLU()), (1, 1, 2))
    graph.module[0].weight.data.fill_(3.0)  # type: ignore[index, union-attr]
    graph.module[0].bias.data.fill_(0.0)  # type: ignore[index, union-attr]
    x, signal = torch.tensor([[[[-1.0, 1.0]]]]), torch.tensor([[[[2.0, -2.0]]]])
    assert project(graph, "1", x, signal).tolist() == [[[[6.0, 0.0]]]]
    assert project(graph, "1", x, signal, Rules("gradient")).tolist() == [[[[0.0, -6.0]]]]
    assert project(graph, "1", x, signal, Rules("guided")).tolist() == [[[[0.0, 0.0]]]]
    assert project(graph, "0", x, signal).tolist() == [[[[6.0, -6.0]]]]


def linear_networks() -> list[nn.Module]:
    torch.manual_seed(0)
    strided = nn.Sequential(
        nn.Conv2d(3, 6, (3, 2), stride=(3, 2), padding=(2, 1), dilation=(2, 3), groups=3, bias=False),
        nn.AvgPool2d(3, 2, padding=1, ceil_mode=True, count_include_pad=False),
        nn.Conv2d(6, 4, 2, padding="same", bias=False),
    )
    headed = nn.Sequential(
        nn.Conv2d(3, 4, 11, stride=4, padding=2, bias=False), nn.AdaptiveAvgPool2d((2, 3)),
        nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(24, 5, bias=False),
    )  # fmt: skip
    headed[2].running_var.uniform_(0.5, 2.0)
    return [strided.double().eval(), headed.double().eval()]


@pytest.mark.parametrize("module", linear_networks(), ids=["strided", "headed"])
def test_without_relus_it_is_the_adjoint(module: nn.Module) -> None:
    """<Ax, y> = <x, A^T y> for the linear part of the network."""
    graph = trace(module, (3, 25, 31))
    x, offset = torch.randn(4, 3, 25, 31, dtype=torch.float64), torch.zeros(4, 3, 25, 31, dtype=torch.float64)
    y = torch.randn(4, *graph.output.shape, dtype=torch.float64)
    last = list(graph.layers)[-1]
    with torch.no_grad():
        forward = ((module(x) - module(offset)) * y).flatten(1).sum(1)
    backward = (x * project(graph, last, x, y)).flatten(1).sum(1)
    torch.testing.assert_close(forward, backward, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("stride", [(4, 4), (2, 2), (3, 1), (1, 1)])
@pytest.mark.parametrize(("kernel", "padding"), [(11, 2), (7, 3), (2, 0), (3, 4)])
@pytest.mark.parametrize("channels", [3, 9])
def test_transposed_convolutions(stride: tuple[int, int], kernel: int, padding: int, channels: int) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, channels, 23, 30, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(4, channels, kernel, kernel, dtype=torch.float64)
    made = F.conv2d(x, weight, stride=stride, padding=padding)
    signal = torch.randn_like(made)
    (expected,) = torch.autograd.grad(made, x, signal)
    given = {"stride": stride, "padding": (padding, padding), "dilation": (1, 1), "groups": 1}
    torch.testing.assert_close(transposed_convolution(signal, weight, (23, 30), **given), expected)


POOLS = [
    {"kernel_size": (3, 3), "stride": (2, 2), "padding": (0, 0), "dilation": (1, 1), "ceil_mode": True},
    {"kernel_size": (3, 2), "stride": (1, 2), "padding": (1, 1), "dilation": (1, 1), "ceil_mode": False},
    {"kernel_size": (2, 3), "stride": (3, 1), "padding": (1, 1), "dilation": (2, 1), "ceil_mode": True},
    {"kernel_size": (2, 2), "stride": (3, 3), "padding": (0, 0), "dilation": (1, 1), "ceil_mode": False},
]


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("size", [(11, 14), (4, 5)])
def test_unpooling_in_every_way(pool: dict[str, tuple[int, int]], size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, *size, dtype=torch.float64, requires_grad=True)
    value, switches = F.max_pool2d(x, **pool, return_indices=True)  # type: ignore[arg-type]
    signal = torch.randn_like(value)
    (added,) = torch.autograd.grad(value, x, signal)
    torch.testing.assert_close(unpool(signal, switches, size, pool), added)
    torch.testing.assert_close(unpool_by_offsets(signal, switches, size, pool, overwrite=False), added)
    last = torch.ops.aten.max_unpool2d(signal, switches, list(size))
    torch.testing.assert_close(unpool(signal, switches, size, pool, overwrite=True), last)


def test_many_signals_go_down_by_the_switches_of_their_own_image() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(4, 5, 3)).eval()
    graph = trace(module, (2, 17, 17))
    node, x = graph.layer("3"), torch.randn(3, 2, 17, 17)
    images = torch.tensor([2, 0, 0, 1, 2])
    signal = torch.randn(5, *node.shape)
    together = top_down(save_forward(graph, x, [node]), node, signal, images)
    for index, image in enumerate(images.tolist()):
        alone = project(graph, "3", x[image : image + 1], signal[index : index + 1])
        torch.testing.assert_close(together[index : index + 1], alone)
    shared = top_down(save_forward(graph, x, [node]), node, signal, [1] * 5)
    torch.testing.assert_close(shared[3], together[3])


def test_one_way_up_serves_several_layers() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten()
    ).eval()
    graph = trace(module, (1, 10, 10))
    x, nodes = torch.randn(2, 1, 10, 10), [graph.layer(name) for name in ("0", "1", "4")]
    cache = save_forward(graph, x, nodes)
    for name, node in zip(("0", "1", "4"), nodes, strict=True):
        signal = torch.randn(2, *node.shape)
        assert torch.equal(top_down(cache, node, signal, [0, 1]), project(graph, name, x, signal))
        with torch.no_grad():
            assert torch.equal(cache.activations[node], module[: int(name) + 1](x))


def test_twice_the_same_question_gives_the_same_bits() -> None:
    torch.manual_seed(0)
    graph = trace(nn.Sequential(nn.Conv2d(3, 8, 5), nn.MaxPool2d(3, 2), nn.Conv2d(8, 8, 3)), (3, 40, 40))
    x, signal = torch.randn(4, 3, 40, 40), torch.randn(4, *graph.layer("2").shape)
    first = project(graph, "2", x, signal)
    assert all(torch.equal(first, project(graph, "2", x, signal)) for _ in range(5))


def test_the_way_down_leaves_the_module_and_its_gradients_alone() -> None:
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.GELU(), nn.ReLU(), nn.LocalResponseNorm(3)).train()
    before = copy.deepcopy(module.state_dict())
    graph = trace(module, (1, 8, 8))
    x = torch.randn(1, 1, 8, 8)
    project(graph, "3", x, torch.ones(1, *graph.layer("3").shape), Rules(nonlinear="gradient"))
    project(graph, "3", x, torch.ones(1, *graph.layer("3").shape))
    with pytest.raises(ModelError):
        project(graph, "3", x, torch.ones(1, *graph.layer("3").shape), Rules(nonlinear="refuse"))
    assert all(parameter.grad is None for parameter in module.parameters())
    assert all(submodule.training and not submodule._forward_hooks for submodule in module.modules())
    assert all(torch.equal(value, module.state_dict()[key]) for key, value in before.items())


# --- what is refused ---------------------------------------------------------------------------------------


class Late(nn.Module):
    """A ReLU network with one smooth operation near its end."""

    def __init__(self, smooth: nn.Module) -> None:
        super().__init__()
        self.early = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())
        self.block = nn.Sequential(nn.Conv2d(2, 2, 3), smooth)

    def forward(self, x: Tensor) -> Tensor:
        return self.block(self.early(x))


SMOOTH = [
    (nn.ReLU6(), r"block\.1: hardtanh \(nn\.ReLU6\) has no deconvnet rule"),
    (nn.GELU(), r"block\.1: gelu \(nn\.GELU\) has no deconvnet rule"),
    (nn.SiLU(), r"block\.1: silu \(nn\.SiLU\) has no deconvnet rule"),
    (nn.Hardswish(), r"block\.1: hardswish \(nn\.Hardswish\) has no deconvnet rule"),
    (nn.Sigmoid(), r"block\.1: sigmoid \(nn\.Sigmoid\) has no deconvnet rule"),
    (nn.LeakyReLU(), r"block\.1: leaky_relu \(nn\.LeakyReLU\) has no deconvnet rule"),
    (nn.Softmax(1), r"block\.1: softmax \(nn\.Softmax\) has no deconvnet rule"),
    (nn.GroupNorm(1, 2), r"block\.1: group_norm \(nn\.GroupNorm\) has no deconvnet rule"),
]


@pytest.mark.parametrize(("smooth", "message"), SMOOTH, ids=[type(row[0]).__name__ for row in SMOOTH])
def test_an_operation_without_rule_may_be_refused_by_name(smooth: nn.Module, message: str) -> None:
    graph = trace(Late(smooth).eval(), (1, 8, 8))
    x = torch.randn(1, 1, 8, 8)
    with pytest.raises(ModelError, match=message):
        save_forward(graph, x, [graph.layer("block")], Rules(nonlinear="refuse"))
    with pytest.raises(ModelError, match="has no guided rule"):
        save_forward(graph, x, [graph.layer("block")], Rules("guided", nonlinear="refuse"))
    save_forward(graph, x, [graph.layer("block")])
    save_forward(graph, x, [graph.layer("block")], Rules("gradient"))
    save_forward(graph, x, [graph.layer("block")], Rules(nonlinear="gradient"))
    save_forward(graph, x, [graph.layer("early")])
    save_forward(graph, x, [graph.layer("block.0")])


def test_a_product_of_two_maps_may_be_refused() -> None:
    class Gate(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * x.mean((2, 3), keepdim=True)

    graph = trace(nn.Sequential(nn.Conv2d(1, 2, 3), Gate()), (1, 8, 8))
    with pytest.raises(ModelError, match=r"1: mul \(Gate\) has no deconvnet rule"):
        save_forward(graph, torch.zeros(1, 1, 8, 8), [graph.layer("1")], Rules(nonlinear="refuse"))


def test_a_layer_that_mixes_images_is_refused() -> None:
    class Mixing(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.flatten(0, 1).flatten(1)

    graph = trace(nn.Sequential(nn.Conv2d(1, 2, 3), Mixing()), (1, 8, 8))
    with pytest.raises(ModelError, match=r"1: reshape \(Mixing\) has no image axis in front"):
        save_forward(graph, torch.zeros(1, 1, 8, 8), [graph.layer("1")])


def test_wrong_signals_images_and_neurons_say_what_was_expected() -> None:
    graph = trace(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()), (1, 8, 8))
    first, last = graph.layer("0"), graph.layer("1")
    cache = save_forward(graph, torch.zeros(2, 1, 8, 8), [last])
    with pytest.raises(InterpretError, match="Nothing was saved for <conv2d"):
        top_down(cache, first, torch.zeros(1, 2, 6, 6), [0])
    with pytest.raises(InterpretError, match=r"must be \(2, 6, 6\) each; got \(2, 8, 8\)"):
        top_down(cache, last, torch.zeros(1, 2, 8, 8), [0])
    for images in ([2], [-1], [0, 1]):
        with pytest.raises(InterpretError, match="needs an image below 2"):
            top_down(cache, last, torch.zeros(1, 2, 6, 6), images)
    for neuron in ([2, 0, 0], [0, 6, 0], [0, 0, -1]):
        with pytest.raises(InterpretError, match=r"no neuron .* in a layer of 2 x 6 x 6"):
            seed_signals(last, *torch.tensor(neuron)[:, None], torch.ones(1))


def test_seeds_of_layers_with_and_without_positions() -> None:
    graph = trace(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 3)), (1, 8, 8))
    channel, zero = torch.tensor([1, 2]), torch.tensor([0, 0])
    value = torch.tensor([0.5, 2.0], dtype=torch.float64)
    signal = seed_signals(graph.layer("2"), channel, zero, zero, value)
    assert torch.equal(signal, torch.tensor([[0.0, 0.5, 0.0], [0.0, 0.0, 2.0]], dtype=torch.float64))
    maps = seed_signals(graph.layer("0"), channel - 1, channel, channel + 2, value)
    assert maps.nonzero().tolist() == [[0, 0, 1, 3], [1, 1, 2, 4]]
