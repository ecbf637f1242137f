"""Which neurons are projected: their names, checked, as the engines take them."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from interpret.errors import InterpretError
from interpret.graph import Graph, Node, Seeds
from interpret.network import undecided
from interpret.targets import Targets

IMAGES_AT_ONCE = 16


@dataclass(frozen=True)
class Neuron:
    """One position of one unit in one image.

    Attributes:
        image: Index of the image in the batch.
        layer: Name or alias of the layer.
        channel: The unit.
        y: Row in the layer's map; 0 in a layer of vectors.
        x: Column in the layer's map; 0 in a layer of vectors.
    """

    image: int
    layer: str
    channel: int
    y: int = 0
    x: int = 0


def neurons_of(targets: Targets) -> list[Neuron]:
    """The neurons that are asked about in the images of a batch, one in each."""
    found = zip(targets.unit.tolist(), targets.position.tolist(), strict=True)
    return [Neuron(image, targets.layer, unit, y, x) for image, (unit, (y, x)) in enumerate(found)]


def as_seeds(
    graph: Graph,
    node: Node,
    x: Float[Tensor, "n c h w"],
    neurons: Sequence[Neuron],
    seed: float | Literal["activation"],
) -> Seeds:
    """Neurons of one layer with the signals that start at them.

    Args:
        graph: The network.
        node: The node of the layer.
        x: The images.
        neurons: Neurons of this layer.
        seed: The signal, or ``activation``: each neuron's own value.

    Raises:
        InterpretError: If a neuron does not exist.
    """
    shape = map_shape(node, neurons[0].layer if neurons else "")
    for neuron in neurons:
        _check(neuron, len(x), shape)
    names = ("image", "channel", "y", "x")
    numbers = [[_whole(neuron, name) for name in names] for neuron in neurons]
    image, channel, row, column = torch.tensor(numbers, dtype=torch.int64).reshape(-1, 4).unbind(1)
    seeds = Seeds(image, channel, row, column, torch.ones(len(neurons), dtype=x.dtype))
    if seed == "activation":
        return seeds._replace(value=_activations(graph, node, x, seeds))
    return seeds._replace(value=seeds.value * seed)


def map_shape(node: Node, layer: str) -> tuple[int, int, int]:
    """Channels, rows and columns of a layer; a vector is a map of one position.

    Raises:
        InterpretError: If the layer has neither maps nor vectors.
    """
    if len(node.shape) == 3 and node.spatial == (2, 3):
        return node.shape[0], node.shape[1], node.shape[2]
    if len(node.shape) == 1:
        return node.shape[0], 1, 1
    raise InterpretError(
        f"Layer {layer!r} has values of shape {node.shape}; neurons are projected from maps (channels, rows, "
        f"columns) and from vectors (channels,). {undecided(layer, node.traced)}"
    )


def as_neurons(neurons: Sequence[Neuron]) -> list[Neuron]:
    """Neurons as a list, each with names and whole numbers where they belong.

    Raises:
        InterpretError: If they are no list of neurons.
    """
    if isinstance(neurons, Neuron):
        raise InterpretError(f"neurons must be a list. Got one neuron; write [{neurons}].")
    if isinstance(neurons, str) or not isinstance(neurons, Iterable):
        raise InterpretError(
            f"neurons must be a list of Neuron(image, layer, channel, y, x). Got {neurons!r}."
        )
    found = list(neurons)
    for neuron in found:
        if not isinstance(neuron, Neuron):
            raise InterpretError(f"neurons must hold Neuron(image, layer, channel, y, x). Got {neuron!r}.")
        if not isinstance(neuron.layer, str):
            raise InterpretError(f"{neuron}: layer must be a name. Got {neuron.layer!r}.")
        for name in ("image", "channel", "y", "x"):
            _whole(neuron, name)
    return found


def _whole(neuron: Neuron, name: str) -> int:
    """A number of a neuron as Python has it; NumPy's and tensors of one number are fine."""
    value = getattr(neuron, name)
    try:
        if not isinstance(value, bool):
            return operator.index(value)
    except TypeError:
        pass
    raise InterpretError(f"{neuron}: {name} must be a whole number. Got {value!r}.")


def _check(neuron: Neuron, images: int, shape: tuple[int, int, int]) -> None:
    limits = {"image": images, "channel": shape[0], "y": shape[1], "x": shape[2]}
    for name, limit in limits.items():
        if not 0 <= _whole(neuron, name) < limit:
            described = (
                f"{images} images" if name == "image" else f"the layer is {' x '.join(map(str, shape))}"
            )
            raise InterpretError(
                f"{neuron} does not exist: {name} must be from 0 to {limit - 1} ({described})."
            )


def _activations(graph: Graph, node: Node, x: Tensor, seeds: Seeds) -> Tensor:
    """The values of the neurons, from a forward pass over their images."""
    values = torch.empty(len(seeds.image), dtype=x.dtype)
    for images in torch.split(torch.unique(seeds.image), IMAGES_AT_ONCE):
        with torch.no_grad():
            maps = graph.run(x[images.to(x.device)], [node])[node].cpu()
        chosen = torch.isin(seeds.image, images).nonzero()[:, 0]
        part = seeds.take(chosen)
        index = torch.searchsorted(images, part.image)
        values[chosen] = (
            maps[index, part.channel] if maps.dim() == 2 else maps[index, part.channel, part.y, part.x]
        )
    return values
