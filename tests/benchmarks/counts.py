"""How many multiply-adds a piece of work has, and how many a second a matrix product reaches here."""

from collections.abc import Sequence

import torch
from table import seconds

from interpret.graph import Node, Plan, Rules, Seeds, multiply_adds
from interpret.network import Network
from interpret_deconv import LayerProjections
from interpret_deconv.projection import LayerProjector

SIDE, TRIES = 2048, 3


def matrix_rate() -> float:
    """Multiply-adds a second of a large product of float32 matrices, with as many threads as all else has."""
    one, other = torch.randn(2, SIDE, SIDE)
    made = torch.empty(SIDE, SIDE)
    return SIDE**3 / min(seconds(lambda: torch.mm(one, other, out=made)) for _ in range(TRIES))


def forward(network: Network, layers: Sequence[str] = ()) -> int:
    """Of a forward pass of one image, as far as some layers need it; default: of the whole network."""
    graph = network.graph
    wanted = [graph.layer(network.layer(name)) for name in layers] or [graph.output]
    return _sum(graph.needed(wanted))


def projections(network: Network, layer: str, found: LayerProjections, batch_size: int) -> tuple[int, int]:
    """Of projecting neurons as the engine does it; and of a full pass up, and one down, for each of them.

    Args:
        network: The network.
        layer: The layer of the neurons.
        found: The neurons.
        batch_size: Images that the engine has at once.
    """
    graph, node = network.graph, network.graph.layer(network.layer(layer))
    plan = LayerProjector.of(network, graph, network.layer(layer), Rules(), "auto").plan
    if plan is None:
        raise SystemExit(f"{layer} is projected through whole maps: there is nothing to count.")
    used = torch.unique(found.image)
    ours = sum(_batch(plan, found, images) for images in used.split(batch_size))
    return ours, len(found.image) * (forward(network) + _sum(graph.path(node)))


def _batch(plan: Plan, found: LayerProjections, images: torch.Tensor) -> int:
    """Of the neurons of some images: up through windows or whole maps, whichever costs less, and down."""
    mine = torch.isin(found.image, images).nonzero()[:, 0]
    (y, x), unit = found.position[mine].unbind(1), found.unit[mine]
    seeds = Seeds(found.image[mine], unit, y, x, torch.ones(len(mine)))
    total = 0
    for part in plan.batches(seeds):
        used = len(torch.unique(seeds.image[part]))
        whole = plan.from_maps(used, len(part))
        total += used * _sum(plan.forward) if whole else len(part) * sum(map(plan.cost, plan.forward))
        total += len(part) * _down(plan)
    return total


def _down(plan: Plan) -> int:
    """Of one neuron's way down: in its layer it is alone, so that one filter goes down."""
    below = [node for node in plan.path if node is not plan.layer]
    return sum(map(plan.cost, below)) + plan.cost(plan.layer) // plan.layer.shape[0]


def _sum(nodes: Sequence[Node]) -> int:
    return sum(map(multiply_adds, nodes))
