"""Projection of neurons back to pixels (Zeiler & Fergus 2014, section 2.1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from interpret.errors import InterpretError, ModelError
from interpret.graph import (
    Graph,
    Node,
    Plan,
    ReceptiveField,
    Rules,
    Seeds,
    moves_images,
    nonlinearities,
    plan_windows,
    receptive_field,
    require_rules,
    save_forward,
    seed_signals,
    signal_path,
    top_down,
    window_top_down,
)
from interpret.network import Network, takes_network
from interpret.targets import Targets
from interpret_deconv.choices import Engine, Nonlinear, Norm, Rule, Unpool, as_rules, check_engine, check_seed
from interpret_deconv.derivatives import Gradient, whole_gradient
from interpret_deconv.neurons import Neuron, as_neurons, as_seeds, neurons_of

__all__ = ["LayerProjector"]

MEMORY = 512 * 2**20
"""Bytes that the maps of one batch of whole images may take together."""


@takes_network
def project(
    network: Network,
    x: Float[Tensor, "n c h w"],
    neurons: Sequence[Neuron],
    rule: Rule = "deconvnet",
    *,
    seed: float | Literal["activation"] = 1.0,
    unpool: Unpool = "sum",
    lrn: Norm | None = None,
    engine: Engine = "auto",
    nonlinear: Nonlinear = "rectify",
) -> Float[Tensor, "k c h w"]:
    """The pixels that excite each neuron, in the units of the network's input.

    The deconvnet of Zeiler & Fergus 2014, section 2.1: transposed filters, unpooling by the switches of each
    neuron's own image, ReLUs on the signal; no biases, response norms pass the signal, batch norm is its
    linear part, and nothing follows the last filter. ``gradient`` and ``guided`` change the ReLUs only (and
    by default take the gradient of response norms).

    Args:
        network: The network; it is left as it is.
        x: Preprocessed images, of any size that the network takes.
        neurons: Neurons of any layers; ``image`` is an index into ``x``.
        rule: ``deconvnet``, ``gradient`` or ``guided``.
        seed: The signal that starts at each neuron, or ``activation``: the neuron's own value.
        unpool: Where pooling windows share a maximum their signals add (``sum``), or the last stays.
        lrn: Response norms pass the signal (``identity``), divide as they did on the way up (``scale``), or
            pass their ``gradient``. Default: identity for the deconvnet, gradient for the other rules.
        engine: ``full`` goes through whole maps, ``windows`` only through what the neurons see, ``auto``
            takes the cheaper one. All give the same result to rounding.
        nonlinear: What other nonlinearities than ReLUs do. ``rectify``: those of one signal (GELU, SiLU,
            ReLU6, ``x * sigmoid(x)``, ...) treat it as a ReLU does, gates scale it by what they were on the
            way up, and the rest (normalisations, attention) passes its gradient. ``gradient``: all pass their
            gradient. ``refuse``: none is allowed. ``interpret_deconv.nonlinearities`` names them.

    Returns:
        One signed projection for each neuron, in the order given.

    Raises:
        InterpretError: If a neuron, a layer or a choice does not exist.
        ModelError: If the network cannot be traced, or has a nonlinearity that is refused.
    """
    rules, engine = as_rules(rule, unpool, lrn, nonlinear), check_engine(engine)
    neurons = as_neurons(neurons)
    check_seed(seed)
    images = network.to_device(_checked(x, network))
    channels, height, width = images.shape[1:]
    graph = network.graph_for((channels, height, width))
    projections = images.new_zeros(len(neurons), *images.shape[1:])
    for name in dict.fromkeys(neuron.layer for neuron in neurons):
        mine = [i for i, neuron in enumerate(neurons) if neuron.layer == name]
        layer = LayerProjector.of(network, graph, network.layer(name), rules, engine)
        seeds = as_seeds(layer.graph, layer.node, images, [neurons[i] for i in mine], seed)
        canvases = projections if len(mine) == len(neurons) else projections[mine]
        layer.paint(images, seeds, canvases, torch.zeros(len(mine), 2, dtype=torch.int64))
        if canvases is not projections:
            projections[mine] = canvases
    return projections


@takes_network
def project_cropped(
    network: Network,
    x: Float[Tensor, "k c h w"],
    targets: Targets,
    rule: Rule = "deconvnet",
    *,
    unpool: Unpool = "sum",
    lrn: Norm | None = None,
    engine: Engine = "auto",
    nonlinear: Nonlinear = "rectify",
) -> tuple[Float[Tensor, "k c height width"], Int[Tensor, "k 4"]]:
    """One neuron of each image as `project` has it, cropped to what it sees.

    Args:
        network: The network; it is left as it is.
        x: Preprocessed images.
        targets: One neuron in each of them, of a layer by name or alias.
        rule: As in `project`, and so are the other choices.
        unpool: Where pooling windows share a maximum.
        lrn: What response norms do.
        engine: How it is computed.
        nonlinear: What other nonlinearities than ReLUs do.

    Returns:
        The projections, and the receptive fields (top, left, bottom, right) that they are cropped to.

    Raises:
        InterpretError: If a neuron, a layer or a choice does not exist.
        ModelError: If the network cannot be traced, or has a nonlinearity that is refused.
    """
    rules, engine = as_rules(rule, unpool, lrn, nonlinear), check_engine(engine)
    images = network.to_device(_checked(x, network))
    channels, height, width = images.shape[1:]
    graph = network.graph_for((channels, height, width))
    layer = LayerProjector.of(network, graph, network.layer(targets.layer), rules, engine)
    seeds = as_seeds(layer.graph, layer.node, images, neurons_of(targets), 1.0)
    return layer.patches(images, seeds)


def _checked(x: Tensor, network: Network) -> Tensor:
    channels = network.input.shape[0]
    wanted = f"Images must be a float tensor (n, {channels}, height, width), preprocessed."
    if not isinstance(x, Tensor):
        raise InterpretError(f"{wanted} Got {type(x).__name__}; network.preprocess(picture)[None] makes one.")
    if x.dim() == 3 and x.shape[0] == channels and x.is_floating_point():
        raise InterpretError(f"{wanted} Got one image {tuple(x.shape)}; write x[None].")
    if x.dim() != 4 or x.shape[1] != channels or not x.is_floating_point():
        raise InterpretError(f"{wanted} Got {x.dtype} of shape {tuple(x.shape)}.")
    return x


@dataclass(frozen=True)
class LayerProjector:
    """Projects neurons of one layer.

    Attributes:
        graph: The network.
        layer: The name of the layer in it.
        rules: What is done on the way down.
        plan: The windows, if they are used.
        field: The receptive field of the layer.
        gradient: Autograd through the whole network at once, where that is needed.
    """

    graph: Graph
    layer: str
    rules: Rules
    plan: Plan | None
    field: ReceptiveField
    gradient: Gradient | None = None

    @classmethod
    def of(cls, network: Network, graph: Graph, layer: str, rules: Rules, engine: Engine) -> LayerProjector:
        """The projector of a layer, by the engine that is asked for or else the cheaper one.

        Raises:
            ModelError: If the path to the layer has an operation without a rule, or one that needs whole maps
                where only windows may be used.
        """
        gradient = whole_gradient(network, graph, layer, rules)
        node = graph.layer(layer)
        if not gradient:
            require_rules(graph, node, rules)
        plan = None if engine == "full" or gradient else plan_windows(graph, node, rules)
        if plan is None and engine == "windows":
            raise ModelError(
                f"Layer {layer!r} has no windows: unpool='overwrite', or an operation under it, reads whole "
                "maps. Use engine='auto'."
            )
        if plan is not None and engine == "auto" and not plan.pays:
            plan = None
        field = receptive_field(graph, layer, measure=False)  # a projection is cropped to it
        return cls(graph, layer, rules, plan, field, gradient)

    @property
    def node(self) -> Node:
        """The node of the layer."""
        return self.graph.layer(self.layer)

    @property
    def nonlinearities(self) -> dict[str, tuple[str, ...]]:
        """What is done at other nonlinearities than ReLUs."""
        return nonlinearities(self.graph, self.node, self.rules)

    @property
    def engine(self) -> str:
        """The engine that is used: ``windows`` or ``full``."""
        return "full" if self.plan is None else "windows"

    @property
    def sees_all(self) -> bool:
        """Whether receptive fields are larger than the image, so that projections are not cropped.

        Where boxes differ in size, they are if one of them is as large as the image: of a network whose
        padding wraps around, those at the borders are.
        """
        allowed = 0 if self.field.regular else 1
        sizes = zip(self.field.largest, self.graph.input.extent, strict=True)
        return 0 in self.field.stride or any(mine + allowed > whole for mine, whole in sizes)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of a crop: every neuron's box fits into them."""
        return self.graph.input.extent if self.sees_all else self.field.largest

    def boxes(self, seeds: Seeds) -> Int[Tensor, "k 4"]:
        """The receptive field of each neuron, not cut at the borders; or the whole image.

        Where fields differ in size, all are made as large as the largest, around their middles, so that crops
        are of one size.
        """
        if self.sees_all:
            return torch.tensor([[0, 0, *self.graph.input.extent]]).repeat(len(seeds.image), 1)
        positions = zip(seeds.y.tolist(), seeds.x.tolist(), strict=True)
        boxes = torch.tensor([self.field.box(y, x) for y, x in positions], dtype=torch.int64).reshape(-1, 4)
        size = torch.tensor(self.size)
        spare = size - (boxes[:, 2:] - boxes[:, :2])
        corners = boxes[:, :2] - spare // 2
        return torch.cat([corners, corners + size], 1)

    def patches(
        self, x: Float[Tensor, "n c h w"], seeds: Seeds
    ) -> tuple[Float[Tensor, "k c height width"], Int[Tensor, "k 4"]]:
        """Projections cropped to their boxes, zero outside the image, and the boxes."""
        boxes = self.boxes(seeds)
        patches = x.new_zeros(len(boxes), x.shape[1], *self.size)
        self.paint(x, seeds, patches, boxes[:, :2])
        return patches, boxes

    def pieces(
        self, x: Float[Tensor, "n c h w"], seeds: Seeds
    ) -> Iterator[tuple[Int[Tensor, " m"], Float[Tensor, "m c height width"], Int[Tensor, "m 4"]]]:
        """The same of a few neurons at a time, with their places in ``seeds``: all may not fit the memory."""
        for part, found in self._projected(x, seeds):
            boxes = self.boxes(seeds.take(part))
            if self.plan is None and self.sees_all:
                yield part, found, boxes
                continue
            patches = x.new_zeros(len(boxes), x.shape[1], *self.size)
            shifts = self._starts(seeds.take(part)) - boxes[:, :2]
            _paste(found, patches, range(len(part)), shifts.tolist())
            yield part, patches, boxes

    def paint(
        self,
        x: Float[Tensor, "n c h w"],
        seeds: Seeds,
        canvases: Float[Tensor, "k c height width"],
        corners: Int[Tensor, "k 2"],
    ) -> None:
        """Project and write onto canvases whose top left pixels are ``corners`` of the image."""
        for part, found in self._projected(x, seeds):
            shifts = self._starts(seeds.take(part)) - corners[part]
            if found.shape[1:] == canvases.shape[1:] and not shifts.any():
                canvases[part.to(x.device)] = found
            else:
                _paste(found, canvases, part.tolist(), shifts.tolist())

    def _starts(self, seeds: Seeds) -> Int[Tensor, "k 2"]:
        """Top and left of what is projected at once: of windows, or of the whole image."""
        if self.plan is None:
            return torch.zeros(len(seeds.image), 2, dtype=torch.int64)
        return torch.stack(self.plan.window.starts(seeds), 1)

    def _projected(self, x: Tensor, seeds: Seeds) -> Iterator[tuple[Tensor, Tensor]]:
        """Places in ``seeds`` and their projections, in parts that fit into the memory."""
        if self.plan is None:
            yield from self._by_maps(x, seeds)
            return
        for part in self.plan.batches(seeds):
            yield part, window_top_down(self.plan, x, seeds.take(part))

    def _by_maps(self, x: Tensor, seeds: Seeds) -> Iterator[tuple[Tensor, Tensor]]:
        """Whole projections, by a forward pass over the images and a top-down pass for the neurons."""
        values = sum(node.numel for node in self.graph.path(self.node))
        count = max(1, MEMORY // (4 * values))
        if self.gradient or any(map(moves_images, signal_path(self.graph, [self.node], self.rules))):
            yield from self._one_by_one(x, seeds, count)
            return
        for images in torch.split(torch.unique(seeds.image), count):
            cache = save_forward(self.graph, x[images.to(x.device)], [self.node], self.rules)
            for part in torch.split(torch.isin(seeds.image, images).nonzero()[:, 0], count):
                index = torch.searchsorted(images, seeds.image[part]).to(x.device)
                yield part, top_down(cache, self.node, self._signal(seeds.take(part), x), index)

    def _one_by_one(self, x: Tensor, seeds: Seeds, count: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The same with a forward pass for each neuron."""
        for part in torch.split(torch.argsort(seeds.image, stable=True), count):
            mine, image = seeds.take(part), seeds.image[part].to(x.device)
            signal = self._signal(mine, x)
            if self.gradient:
                yield part, self.gradient(x, signal, image)
                continue
            cache = save_forward(self.graph, x[image], [self.node], self.rules)
            yield part, top_down(cache, self.node, signal, range(len(image)))

    def _signal(self, seeds: Seeds, x: Tensor) -> Tensor:
        return seed_signals(self.node, seeds.channel, seeds.y, seeds.x, seeds.value).to(x.device)


def _paste(pieces: Tensor, canvases: Tensor, indices: Sequence[int], shifts: Sequence[Sequence[int]]) -> None:
    """Write the i-th piece onto canvas ``places[i]``, moved by ``shifts[i]`` and cut at the canvas."""
    height, width = canvases.shape[2:]
    for piece, index, (down, right) in zip(pieces, indices, shifts, strict=True):
        part = piece[:, max(0, -down) : max(0, height - down), max(0, -right) : max(0, width - right)]
        top, left = max(0, down), max(0, right)
        canvases[index, :, top : top + part.shape[1], left : left + part.shape[2]] = part
