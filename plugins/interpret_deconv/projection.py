"""Projection of neurons back to pixels (Zeiler & Fergus 2014, section 2.1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from interpret.errors import InterpretError, ModelError
from interpret.graph.program import Graph, Node
from interpret.graph.receptive import ReceptiveField, receptive_field
from interpret.graph.window_sweep import window_top_down
from interpret.graph.windows import Plan, Seeds, plan_windows
from interpret.network import Network
from interpret_deconv.neurons import Neuron, as_seeds
from interpret_deconv.rules import Choices, Engine, Nonlinear, Norm, Rule, Unpool
from interpret_deconv.whole import project_whole


WHOLE_MEMORY = 512 * 2**20
"""Bytes that the maps of one batch of whole images may take together."""


def project(
    network: Network,
    x: Float[Tensor, "n c h w"],
    neurons: Sequence[Neuron],
    rule: Rule = "deconvnet",
    *,
    seed: float | Literal["activation"] = 1.0,
    unpool: Unpool = "sum",
    lrn: Norm = "identity",
    engine: Engine = "auto",
    nonlinear: Nonlinear = "refuse",
) -> Float[Tensor, "k c h w"]:
    """The pixels that excite each neuron, in the units of the network's input.

    The deconvnet of Zeiler & Fergus 2014, section 2.1: transposed filters, unpooling by the switches of each
    neuron's own image, ReLUs on the signal; no biases, response norms pass the signal, batch norm is its
    linear part, and nothing follows the last filter. ``gradient`` and ``guided`` change the ReLUs only (and
    take the true gradient of response norms).

    Args:
        network: The network; it is left as it is.
        x: Preprocessed images, of any size that the network takes.
        neurons: Neurons of any layers; ``image`` is an index into ``x``.
        rule: ``deconvnet``, ``gradient`` or ``guided``.
        seed: The signal that starts at each neuron, or ``activation``: the neuron's own value.
        unpool: Where pooling windows share a maximum their signals add (``sum``), or the last stays.
        lrn: ``scale`` makes the deconvnet's response norms divide as they did on the way up.
        engine: ``full`` goes through whole maps, ``windows`` only through what the neurons see, ``auto``
            takes the cheaper one. All give the same result to rounding.
        nonlinear: ``gradient`` takes the gradient of nonlinearities that have no rule, instead of refusing.

    Returns:
        One signed projection for each neuron, in the order given.

    Raises:
        InterpretError: If a neuron, a layer or a choice does not exist.
        ModelError: If the network cannot be traced, or has a nonlinearity without a rule.
    """
    choices = Choices(rule, unpool, lrn, nonlinear, engine)
    images = network.place(_checked(x, network))
    graph = network.graph_for(images.shape[1:])
    projections = images.new_zeros(len(neurons), *images.shape[1:])
    for name in dict.fromkeys(neuron.layer for neuron in neurons):
        mine = [i for i, neuron in enumerate(neurons) if neuron.layer == name]
        layer = LayerProjector.of(graph, network.layer(name), choices)
        seeds = as_seeds(graph, layer.node, images, [neurons[i] for i in mine], seed)
        canvases = projections if len(mine) == len(neurons) else projections[mine]
        layer.paint(images, seeds, canvases, torch.zeros(len(mine), 2, dtype=torch.int64))
        if canvases is not projections:
            projections[mine] = canvases
    return projections


def _checked(x: Tensor, network: Network) -> Tensor:
    channels = network.input.shape[0]
    if x.dim() != 4 or x.shape[1] != channels or not x.is_floating_point():
        raise InterpretError(
            f"Images must be a float tensor (n, {channels}, height, width), preprocessed. "
            f"Got {x.dtype} of shape {tuple(x.shape)}."
        )
    return x


@dataclass(frozen=True)
class LayerProjector:
    """Projects neurons of one layer.

    Attributes:
        graph: The network.
        layer: The name of the layer in it.
        choices: The rules.
        plan: The windows, if they are used.
        field: The receptive field of the layer.
    """

    graph: Graph
    layer: str
    choices: Choices
    plan: Plan | None
    field: ReceptiveField

    @classmethod
    def of(cls, graph: Graph, layer: str, choices: Choices) -> LayerProjector:
        """The projector of a layer, by the engine that is asked for or else the cheaper one.

        Raises:
            ModelError: If the path to the layer has an operation without a rule, or without windows where
                only windows may be used.
        """
        node = graph.layer(layer)
        choices.check_path(graph, node)
        plan = None
        if choices.engine != "full" and choices.unpool == "sum":
            plan = plan_windows(graph, node, choices.rule, choices.lrn)
        if plan is None and choices.engine == "windows":
            raise ModelError(
                f"Layer {layer!r} has no windows: some operation under it reads whole maps. Use engine='auto'."
            )
        if plan is not None and choices.engine == "auto" and not plan.pays:
            plan = None
        return cls(graph, layer, choices, plan, receptive_field(graph, layer))

    @property
    def node(self) -> Node:
        """The node of the layer."""
        return self.graph.layer(self.layer)

    @property
    def engine(self) -> str:
        """The engine that is used: ``windows`` or ``full``."""
        return "full" if self.plan is None else "windows"

    @property
    def sees_all(self) -> bool:
        """Whether the receptive field is larger than the image, so that projections are not cropped."""
        sizes = zip(self.field.size, self.graph.input.extent, strict=True)
        return 0 in self.field.stride or any(mine > whole for mine, whole in sizes)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of a box."""
        return self.graph.input.extent if self.sees_all else self.field.size

    def boxes(self, seeds: Seeds) -> Int[Tensor, "k 4"]:
        """The receptive field of each neuron, not cut at the borders; or the whole image."""
        if self.sees_all:
            return torch.tensor([[0, 0, *self.graph.input.extent]]).repeat(len(seeds.image), 1)
        positions = zip(seeds.y.tolist(), seeds.x.tolist(), strict=True)
        return torch.tensor([self.field.box(y, x) for y, x in positions])

    def patches(
        self, x: Float[Tensor, "n c h w"], seeds: Seeds
    ) -> tuple[Float[Tensor, "k c height width"], Int[Tensor, "k 4"]]:
        """Projections cropped to their boxes, zero outside the image, and the boxes."""
        boxes = self.boxes(seeds)
        patches = x.new_zeros(len(boxes), x.shape[1], *self.size)
        self.paint(x, seeds, patches, boxes[:, :2])
        return patches, boxes

    def paint(
        self,
        x: Float[Tensor, "n c h w"],
        seeds: Seeds,
        canvases: Float[Tensor, "k c height width"],
        corners: Int[Tensor, "k 2"],
    ) -> None:
        """Project and write onto canvases whose top left pixels are ``corners`` of the image."""
        for part in self._parts(seeds):
            mine = seeds.take(part)
            if self.plan is None:
                found = project_whole(self.graph, self.node, x, mine, self.choices)
                starts = torch.zeros(len(part), 2, dtype=torch.int64)
            else:
                found = window_top_down(self.plan, x, mine, self.choices.rule, self.choices.lrn)
                starts = torch.stack(self.plan.window.starts(mine), 1)
            shifts = starts - corners[part]
            if found.shape[1:] == canvases.shape[1:] and not shifts.any():
                canvases[part.to(x.device)] = found
            else:
                _paste(found, canvases, part.tolist(), shifts.tolist())

    def _parts(self, seeds: Seeds) -> Iterator[Tensor]:
        """Places in ``seeds`` in parts that fit into the memory, ordered by image."""
        if self.plan is not None:
            yield from self.plan.batches(seeds)
            return
        values = sum(prod(node.shape) for node in self.graph.path(self.node))
        count = max(1, WHOLE_MEMORY // (4 * values))
        for images in torch.split(torch.unique(seeds.image), count):
            yield torch.isin(seeds.image, images).nonzero()[:, 0]


def _paste(pieces: Tensor, canvases: Tensor, places: Sequence[int], shifts: Sequence[Sequence[int]]) -> None:
    """Write the i-th piece onto canvas ``places[i]``, moved by ``shifts[i]`` and cut at the canvas."""
    height, width = canvases.shape[2:]
    for piece, place, (down, right) in zip(pieces, places, shifts, strict=True):
        part = piece[:, max(0, -down) : max(0, height - down), max(0, -right) : max(0, width - right)]
        top, left = max(0, down), max(0, right)
        canvases[place, :, top : top + part.shape[1], left : left + part.shape[2]] = part
