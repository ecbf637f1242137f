"""What is tried on every network. Each trial returns what a row of the table says, or fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from oracles import activations, as_maps, gradient, touched
from torch import Tensor

from interpret.errors import InterpretError
from interpret.graph import receptive_field
from interpret.network import Network
from interpret_deconv import Neuron, project
from interpret_occlusion import sweep
from interpret_topk import mine

TOLERANCE = 1e-9
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
    shapes = network.layer_shapes(network.layers)
    sizes = {shape[1:]: Stage(name, shape) for name, shape in shapes.items() if len(shape) == 3}
    found = sorted(sizes.values(), key=lambda stage: list(shapes).index(stage.layer))
    found = [stage for stage in found if max(stage.shape[1:]) > 1] or found
    return found[:: -(-len(found) // STAGES)] if len(found) > STAGES else found


def same(found: Tensor, right: Tensor) -> None:
    """Two results are the same but for rounding."""
    assert torch.isfinite(found).all()
    scale = max(float(right.abs().max()), 1e-300)
    assert found.shape == right.shape
    assert float((found - right).abs().max()) <= TOLERANCE * scale, float((found - right).abs().max()) / scale


def tried(trial: Callable[[], str]) -> str:
    """What a trial says, or the error with which it was refused."""
    try:
        return trial()
    except InterpretError as error:
        return f"refused: {error}"


def mining(network: Network, layers: Sequence[Stage]) -> str:
    """The strongest neurons are those that hooks find."""
    x = images(network, 3)
    found = mine(network, list(x), [stage.layer for stage in layers], k=2, batch_size=3)
    for stage in layers:
        with torch.no_grad():
            maps = as_maps(activations(network.module, stage.layer, x), stage.shape).flatten(2)
        values, places = maps.max(2)
        order = values.argsort(dim=0, descending=True)[:2]
        same(found[stage.layer].values, values.gather(0, order).T)
        clear = values.gather(0, order)[0] > values.gather(0, order)[1]
        mined = found[stage.layer].position
        position = mined[..., 0] * stage.shape[2] + mined[..., 1]
        assert torch.equal(found[stage.layer].image[clear, 0], order[0][clear])
        right = (
            maps.gather(2, position.T[..., None].expand(-1, -1, 1)) if False else places.gather(0, order).T
        )
        assert torch.equal(position[clear, 0], right[clear, 0])
    return f"{len(layers)} stages"


def fields(network: Network, layers: Sequence[Stage]) -> str:
    """No pixel outside of a neuron's support has a gradient in it; says how the fields are known."""
    x, kinds = images(network, 2), []
    for stage in layers:
        field = receptive_field(network, stage.layer)
        for y, column in {(0, 0), stage.middle}:
            top, left, bottom, right = field.support(y, column)
            seen = touched(network.module, stage.layer, x, stage.shape, y, column)
            outside = seen.clone()
            outside[top:bottom, left:right] = False
            assert not outside.any(), f"{stage.layer} ({y}, {column}): {(top, left, bottom, right)}"
        whole = all(size >= side for size, side in zip(field.size, network.input.size, strict=True))
        kinds.append("measured" if field.measured else "image" if whole else "exact")
    return ", ".join(f"{kind} {kinds.count(kind)}" for kind in dict.fromkeys(kinds))


def projections(network: Network, layers: Sequence[Stage]) -> str:
    """One neuron of each stage: finite by the deconvnet, autograd's by the gradient rule."""
    x = images(network, 1)
    for stage in layers:
        neuron = Neuron(0, stage.layer, 0, *stage.middle)
        weights = torch.zeros(stage.shape, dtype=torch.float64)
        weights[(0, *stage.middle)[: len(stage.shape)]] = 1
        found = project(network, x, [neuron], rule="gradient")
        same(found, gradient(network.module, stage.layer, x, weights))
    said = []
    for stage in layers:
        neuron = Neuron(0, stage.layer, 0, *stage.middle)

        def deconvnet(neuron: Neuron = neuron) -> str:
            assert torch.isfinite(project(network, x, [neuron])).all()
            assert torch.isfinite(project(network, x, [neuron], rule="guided")).all()
            return "exact"

        said.append(tried(deconvnet))
    return ", ".join(dict.fromkeys(said))


def sweeps(network: Network, _layers: Sequence[Stage]) -> str:
    """The engine that is chosen, and the incremental one where there is one, answer as full passes do."""
    x, side = images(network, 1)[0], network.input.size[0]
    options = {"window": side // 4, "stride": side // 4}
    full = sweep(network, x, engine="full", **options)
    auto = sweep(network, x, **options)
    same(auto.logits, full.logits)
    same(sweep(network, x, engine="incremental", **options).logits, full.logits)
    return str(auto.engine)


TRIALS = {"mining": mining, "field": fields, "projection": projections, "occlusion": sweeps}
