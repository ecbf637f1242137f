"""What is tried on every network. Each trial returns what a row of the table says, or fails."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from oracles import activations, as_maps, gradient, touched
from page import Row
from rectified import Deconvnet
from specimens import Specimen
from torch import Tensor

from interpret.graph import Incremental, Slices, Wanted, receptive_field
from interpret.network import Network
from interpret_deconv import Neuron, nonlinearities, project
from interpret_occlusion import sweep
from interpret_occlusion.engines import WORTH
from interpret_topk import mine

TOLERANCE = 1e-9
NARROW = 1e-6
STAGES = 5


@dataclass(frozen=True)
class Stage:
    """A layer that is tried, with the shape of its maps (c, h, w), or (c,) of its vectors."""

    layer: str
    shape: tuple[int, ...]

    @property
    def middle(self) -> tuple[int, int]:
        """The position in the middle."""
        return (self.shape[1] // 2, self.shape[2] // 2) if len(self.shape) == 3 else (0, 0)


def images(network: Network, count: int) -> Tensor:
    """Preprocessed noise."""
    draw = torch.Generator().manual_seed(3)
    return torch.randn(count, *network.input.shape, generator=draw, dtype=torch.float64)


def stages(network: Network) -> list[Stage]:
    """The last layer at each size of maps, at most so many."""
    shapes = network.layer_shapes([name for name in network.layers if network.view(name).layout])
    sizes = {shape[1:]: Stage(name, shape) for name, shape in shapes.items() if len(shape) == 3}
    found = sorted(sizes.values(), key=lambda stage: list(shapes).index(stage.layer))
    found = [stage for stage in found if max(stage.shape[1:]) > 1] or found
    return found[:: -(-len(found) // STAGES)] if len(found) > STAGES else found


def tolerance(network: Network) -> float:
    """How far results may be apart: some networks take their attention in 32 bits whatever they are given."""
    dtypes = {node.dtype for node in network.graph.path(network.graph.output)}
    return TOLERANCE if dtypes.isdisjoint({torch.float32, torch.float16, torch.bfloat16}) else NARROW


def same(found: Tensor, right: Tensor, what: str = "", bound: float = TOLERANCE) -> None:
    """Two results are the same but for rounding."""
    assert torch.isfinite(found).all()
    scale = max(float(right.abs().max()), 1e-300)
    assert found.shape == right.shape
    assert float((found - right).abs().max()) <= bound * scale, what


def mining(network: Network, layers: Sequence[Stage]) -> str:
    """The strongest neurons are those that hooks find."""
    x = images(network, 3)
    found = mine(network, list(x), [stage.layer for stage in layers], k=2, batch_size=3)
    with torch.no_grad():
        hooked = activations(network.module, [stage.layer for stage in layers], x)
    for stage in layers:
        values, places = as_maps(hooked[stage.layer], stage.shape).flatten(2).max(2)
        order = values.argsort(dim=0, descending=True, stable=True)[:2]
        mined, right = found[stage.layer], values.gather(0, order)
        same(mined.values, right.T)
        clear = right[0] > right[1]
        position = mined.position[:, 0, 0] * stage.shape[2] + mined.position[:, 0, 1]
        assert torch.equal(mined.image[clear, 0], order[0, clear])
        assert torch.equal(position[clear], places.gather(0, order)[0, clear])
    return f"{len(layers)} stages"


def fields(network: Network, layers: Sequence[Stage]) -> str:
    """No pixel outside of a neuron's support has a gradient in it; says how the fields are known."""
    kinds, x = [], images(network, 1).requires_grad_()
    hooked = activations(network.module, [stage.layer for stage in layers], x.clone())
    for stage in layers:
        field = receptive_field(network, stage.layer)
        maps = as_maps(hooked[stage.layer], stage.shape)
        for y, column in {(0, 0), stage.middle}:
            top, left, bottom, right = field.support(y, column)
            seen = touched(maps, x, y, column)
            seen[top:bottom, left:right] = False
            assert not seen.any(), (
                f"{stage.layer} ({y}, {column}) sees more than {(top, left, bottom, right)}"
            )
        whole = field.size == network.input.size and not any(field.stride)
        kinds.append("image" if whole else "measured" if field.measured else "exact")
    return ", ".join(f"{kind} {kinds.count(kind)}" for kind in dict.fromkeys(kinds))


def projections(network: Network, layers: Sequence[Stage]) -> str:
    """One neuron of each stage, by autograd: the gradient, and with the deconvnet's rules in its place."""
    x, ways = images(network, 1), {"gradient": nullcontext, "deconvnet": Deconvnet}
    twice = x.repeat(
        2, 1, 1, 1
    )  # of one image alone PyTorch 2.14 finds wrong gradients at a batch norm of tokens
    neurons = [Neuron(0, stage.layer, 0, *stage.middle) for stage in layers]
    for rule, way in ways.items():
        leaf = twice.clone().requires_grad_()
        with way():
            hooked = activations(network.module, [stage.layer for stage in layers], leaf.clone())
        for stage, neuron in zip(layers, neurons, strict=True):
            value = as_maps(hooked[stage.layer], stage.shape)[0, 0, neuron.y, neuron.x]
            found = project(network, x, [neuron], rule=rule)
            same(found, gradient(value, leaf)[:1], f"{rule} {stage}", tolerance(network))
    assert torch.isfinite(project(network, x, neurons, rule="guided")).all()
    return "+".join(nonlinearities(network, layers[-1].layer)) or "exact"


def sweeps(network: Network) -> None:
    """The engine that is chosen, and the incremental one, answer as full passes do."""
    x, side = images(network, 1)[0], network.input.size[0]
    options = {"window": side // 4, "stride": side // 2}
    full = sweep(network, x, engine="full", **options)
    auto = sweep(network, x, **options)
    same(auto.logits, full.logits)
    if auto.engine == "full":
        same(sweep(network, x, engine="incremental", **options).logits, full.logits)


def engine(specimen: Specimen) -> str:
    """The engine that a sweep chooses for images of its own size, and how many times less it computes."""
    network = specimen.of_own_size()
    grey = torch.zeros(network.input.shape)
    changes = Incremental(network.graph, grey, [Wanted(network.graph.output)])
    places = Slices(tuple(range(0, specimen.own - 15, 8)), 16)
    ours, full = changes.multiply_adds(places, places)
    return f"incremental, {full / ours:.1f}" if full > WORTH * ours else "full"


def attempt(specimen: Specimen) -> Row:
    """Everything that is tried on one network."""
    network = specimen.network()
    layers = stages(network)
    sweeps(network)
    return Row(
        f"`{specimen.arch}`",
        str(specimen.size),
        mining(network, layers),
        fields(network, layers),
        projections(network, layers),
        engine(specimen),
    )
