"""A new operation: opaque without a row and still right; with one row every engine is exact with it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from interpret.errors import ModelError
from interpret.graph import Incremental, Node, Rules, Slices, Wanted, receptive_field
from interpret.graph.delta.changes import Change, PlaceBatch, laid_out
from interpret.graph.operations import table
from interpret.graph.operations.geometry import Geometry
from interpret.graph.operations.operation import DeltaRules, Operation, WindowedRules
from interpret.graph.topdown.neuron_windows import NeuronWindows
from interpret.graph.topdown.whole_maps import WholeMaps
from interpret.network import Network, wrap
from interpret_deconv import Neuron, project
from interpret_occlusion import sweep

# The operation: what somebody brings along.


@torch.library.custom_op(
    "interpret_tests::blur", mutates_args=(), schema="(Tensor self, Tensor weight, int stride) -> Tensor"
)
def blur(self: Tensor, weight: Tensor, stride: int) -> Tensor:
    """Every channel blurred by the same 3 x 3 filter, as in anti-aliased networks."""
    return F.conv2d(self, every_channel(weight, self), None, stride, 1, groups=self.shape[1])


def every_channel(weight: Tensor, maps: Tensor) -> Tensor:
    return weight.expand(maps.shape[1], 1, 3, 3)


@blur.register_fake
def _(self: Tensor, weight: Tensor, stride: int) -> Tensor:
    return F.conv2d(self, every_channel(weight, self), None, stride, 1, groups=self.shape[1])


def save_shape(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.shape, ctx.weight, ctx.stride = inputs[0].shape, *inputs[1:]


def backward(ctx: Any, signal: Tensor) -> tuple[Tensor, None, None]:
    filters = ctx.weight.expand(ctx.shape[1], 1, 3, 3)
    back = torch.nn.grad.conv2d_input(ctx.shape, filters, signal, ctx.stride, 1, groups=ctx.shape[1])
    return back, None, None


blur.register_autograd(backward, setup_context=save_shape)

# The file that a contributor writes: every engine's rule of it, and the row.


def geometry(node: Node) -> Geometry:
    return Geometry((3, 3), (node.arguments["stride"],) * 2, (1, 1))


def spread(signal: Tensor, weight: Tensor, stride: int) -> Tensor:
    return F.conv_transpose2d(signal, every_channel(weight, signal), None, stride, groups=signal.shape[1])


def top_down(maps: WholeMaps, node: Node, signal: Tensor) -> list[tuple[Node, Tensor]]:
    operand, given = node.operands[0], node.arguments
    whole, (rows, columns) = spread(signal, maps.fixed[given["weight"]], given["stride"]), operand.extent
    padded = F.pad(whole, (0, 1, 0, 1))  # what no window of a long stride reads
    return [(operand, padded[:, :, 1 : rows + 1, 1 : columns + 1])]


def windowed_down(windows: NeuronWindows, node: Node, signal: Tensor) -> list[tuple[Node, Tensor]]:
    given = node.arguments
    return [(node.operands[0], spread(signal, windows.tensor(given["weight"]), given["stride"]))]


def windowed_forward(windows: NeuronWindows, node: Node, values: dict[Node, Tensor]) -> Tensor:
    read, given = windows.read(node, values, 0.0), node.arguments
    weight = every_channel(windows.tensor(given["weight"]), read)
    return F.conv2d(read, weight, None, given["stride"], groups=read.shape[1])


def change(batch: PlaceBatch, node: Node) -> Change:
    given = node.arguments
    delta = batch.read(node.operands[0], batch.windows_read(node, geometry(node)))
    weight = every_channel(batch.reference.constant(given["weight"]), delta)
    made = F.conv2d(delta, weight, None, given["stride"], groups=delta.shape[1])
    return Change(laid_out(made), batch.windows(node))


BLUR = Operation(
    "blur",
    ("blur",),
    linear="first",
    weights=True,
    maps=True,
    geometry=geometry,
    top_down=top_down,
    windowed=WindowedRules(windowed_down, windowed_forward),
    delta=DeltaRules(change, fresh=True),
)

# What holds.


class Blur(nn.Module):
    """The operation as a layer."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        line = torch.tensor([1.0, 2.0, 1.0])
        self.register_buffer("weight", (line[:, None] * line / 16)[None, None])
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return blur(x, self.weight, self.stride)


def networked() -> Network:
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.ReLU(), Blur(2), nn.Conv2d(4, 5, 3, padding=1), nn.ReLU(), Blur(1),
        nn.MaxPool2d(2), nn.Conv2d(5, 3, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
    )  # fmt: skip
    return wrap(module.double().eval(), input_size=(21, 18), mean=(0.0, 0.0), std=(1.0, 1.0))


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    """The row in the table, as long as a test runs."""
    monkeypatch.setattr(table, "TABLE", dict(table.TABLE))
    monkeypatch.setattr(table, "FORMS", dict(table.FORMS))
    table.add(BLUR)


@pytest.fixture
def network(request: pytest.FixtureRequest) -> Network:
    """The network, with the row in the table or without."""
    if request.param == "a row":
        request.getfixturevalue("added")
    return networked()


both = pytest.mark.parametrize("network", ["a row", "opaque"], indirect=True)
ruled = pytest.mark.parametrize("network", ["a row"], indirect=True)
opaque = pytest.mark.parametrize("network", ["opaque"], indirect=True)

IMAGES = torch.randn(2, 2, 21, 18, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
NEURONS = [Neuron(0, "7", 1, 0, 0), Neuron(1, "7", 2, 3, 1), Neuron(0, "5", 4, 5, 7), Neuron(1, "2", 0, 9, 7)]


def by_hand(network: Network, rule: str, by_autograd: Any) -> Tensor:
    """Neuron by neuron, by autograd with the rule's ReLU."""
    found = []
    for neuron in NEURONS:
        signal = torch.zeros(1, *network.graph.layer(neuron.layer).shape, dtype=torch.float64)
        signal[0, neuron.channel, neuron.y, neuron.x] = 1
        image = IMAGES[neuron.image, None]
        found.append(by_autograd(network.module, neuron.layer, image, signal, Rules(rule))[0])
    return torch.stack(found)


@ruled
@pytest.mark.parametrize("engine", ["full", "windows"])
@pytest.mark.parametrize("rule", ["deconvnet", "gradient", "guided"])
def test_with_a_row_projections_are_exact(network: Network, engine: str, rule: str, by_autograd: Any) -> None:
    found = project(network, IMAGES, NEURONS, rule, engine=engine)  # type: ignore[arg-type]
    torch.testing.assert_close(found, by_hand(network, rule, by_autograd), rtol=1e-10, atol=1e-12)


@opaque
@pytest.mark.parametrize("engine", ["full", "auto"])
def test_without_a_row_gradients_are_exact(network: Network, engine: str, by_autograd: Any) -> None:
    found = project(network, IMAGES, NEURONS, "gradient", engine=engine)  # type: ignore[arg-type]
    torch.testing.assert_close(found, by_hand(network, "gradient", by_autograd), rtol=1e-10, atol=1e-12)
    allowed = project(network, IMAGES, NEURONS, nonlinear="gradient", engine=engine)  # type: ignore[arg-type]
    torch.testing.assert_close(allowed, by_hand(network, "deconvnet", by_autograd), rtol=1e-10, atol=1e-12)


@opaque
def test_without_a_row_nothing_is_made_up(network: Network) -> None:
    assert network.graph.layer("2").op == "opaque"
    with pytest.raises(ModelError, match=r"2: interpret_tests::blur|2: blur"):
        project(network, IMAGES, NEURONS, nonlinear="refuse")
    with pytest.raises(ModelError, match="Use engine='auto'"):
        project(network, IMAGES, NEURONS, "gradient", engine="windows")


@both
def test_receptive_fields_hold_what_neurons_see(network: Network, request: pytest.FixtureRequest) -> None:
    field = receptive_field(network, "7")
    leaf = IMAGES[:1].clone().requires_grad_()
    with torch.enable_grad():
        maps = network.graph.run(leaf, [network.graph.layer("7")])[network.graph.layer("7")]
        seen = torch.autograd.grad(maps[0, :, 2, 1].sum(), leaf)[0][0].abs().sum(0)
    top, left, bottom, right = field.box(2, 1)
    rows, columns = (seen.sum(axis).nonzero()[:, 0].tolist() for axis in (1, 0))
    assert top <= rows[0] < rows[-1] < bottom
    assert left <= columns[0] < columns[-1] < right
    opaque = "opaque" in request.node.callspec.id
    assert (field.size, field.measured) == ((19, 19), opaque)
    proven = receptive_field(network, "7", measure=False)
    assert (proven.size, proven.measured) == ((21, 18) if opaque else (19, 19), False)


@both
@pytest.mark.parametrize("engine", ["incremental", "auto", "full"])
def test_sweeps_are_exact(network: Network, engine: str) -> None:
    maps = sweep(network, IMAGES[0], 5, 3, engine=engine, layers=())  # type: ignore[arg-type]
    for row, (top, left) in [((0, 0), (0, 0)), ((2, 3), (6, 9)), ((-1, -1), (16, 13))]:
        covered = IMAGES[0].clone()
        covered[:, top : top + 5, left : left + 5] = 0.5
        with torch.no_grad():
            expected = network.module(covered[None])[0]
        torch.testing.assert_close(maps.logits[row], expected, rtol=1e-10, atol=1e-12)


@both
def test_changes_go_through_it_in_windows_only_by_a_row(
    network: Network, request: pytest.FixtureRequest
) -> None:
    graph = network.graph
    engine = Incremental(graph, IMAGES[0], [Wanted(graph.output)])
    carried = [name for name in ("1", "2", "3", "5", "7", "8") if graph.layers[name] in engine.rules]
    with_row = "opaque" not in request.node.callspec.id
    assert carried == (["1", "2", "3", "5", "7", "8"] if with_row else ["1"])
    spent, full = engine.multiply_adds(Slices((0, 9), 4), Slices((0, 9), 4))
    assert spent < full
