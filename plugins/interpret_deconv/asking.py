"""What a probe that attributes asks about each image: one class, or one neuron."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from pydantic import Field, model_validator
from torch import Tensor

from interpret.attributions import Attributions, Target, find_targets, tell, used_labels
from interpret.errors import InterpretError
from interpret.images import Images, LabelMap, as_images
from interpret.network import Network, batches
from interpret.plugin import Probe
from interpret.run import cached_pieces

__all__ = ["Explain"]

Unit = int | Literal["strongest"]


@dataclass(frozen=True)
class Asked:
    """One class or one neuron of each image of a batch.

    Attributes:
        layer: The layer of the neurons; empty: the network's output.
        unit: The unit of each neuron, or the class.
        position: Where it stands in the layer's map, (y, x); (0, 0) in vectors.
        value: Its activation, or the logit.
        matched: How labels were matched to classes; None where no label was used.
    """

    layer: str
    unit: Int[Tensor, " n"]
    position: Int[Tensor, "n 2"]
    value: Float[Tensor, " n"]
    matched: LabelMap | None = None

    def pick(self, output: Float[Tensor, "m ..."]) -> Float[Tensor, " m"]:
        """The values of these neurons in what their layer gives for the batch, or for it several times over.

        Perturbations and integration paths repeat the batch: row i belongs to image i modulo n.
        """
        rows = torch.arange(len(output), device=output.device)
        unit, position = (item.to(output.device) for item in (self.unit, self.position))
        image = rows % len(unit)
        y, x = position[image].unbind(1)
        return output[rows, unit[image]] if output.dim() == 2 else output[rows, unit[image], y, x]


Explain = Callable[[Tensor, Asked], Tensor]
"""Attributions (n, c, h, w) of what is asked about in a batch of images (n, c, h, w)."""


def find_neurons(
    output: Float[Tensor, "n ..."],
    layer: str,
    unit: Unit = "strongest",
    position: tuple[int, int] | None = None,
) -> Asked:
    """The neuron of a layer that is asked about in each image.

    Of equally strong neurons it is the first, by unit and then in reading order; NaN are never the strongest.

    Args:
        output: What the layer gives: maps (n, c, h, w) or vectors (n, c).
        layer: Its name.
        unit: The unit, or ``strongest``: the one with the largest activation in the image.
        position: Row and column in the map; None: where the unit is strongest in the image.

    Raises:
        InterpretError: If the layer gives neither maps nor vectors, or has no such unit or position.
    """
    maps = _as_maps(output, layer)
    units, rows, columns = maps.shape[1:]
    channel = slice(0, units) if unit == "strongest" else _one(layer, "unit", unit, units)
    y = slice(0, rows) if position is None else _one(layer, "row", position[0], rows)
    x = slice(0, columns) if position is None else _one(layer, "column", position[1], columns)
    among = maps[:, channel, y, x]
    best = among.masked_fill(among.isnan(), -torch.inf).flatten(1).argmax(1)
    found = torch.unravel_index(best, among.shape[1:])
    place = [index + part.start for index, part in zip(found, (channel, y, x), strict=True)]
    value = maps[torch.arange(len(maps), device=maps.device), place[0], place[1], place[2]]
    return Asked(layer, place[0].cpu(), torch.stack(place[1:], 1).cpu(), value.cpu())


def find_classes(network: Network, x: Float[Tensor, "n c h w"], images: Images, target: Target) -> Asked:
    """The class that is asked about in each image; see `interpret.attributions.find_targets`."""
    logits = network(x).cpu()
    classes = find_targets(network, images, logits, target)
    matched = used_labels(network, images, logits.shape[1], target)
    nowhere = torch.zeros(len(classes), 2, dtype=torch.int64)
    return Asked("", classes, nowhere, logits.gather(1, classes[:, None])[:, 0], matched)


def attribute(
    network: Network,
    images: Images,
    ask: Callable[[Tensor, Images], Asked],
    explain: Explain,
    *,
    method: str,
    batch_size: int,
) -> Attributions:
    """The attributions of all images, batch by batch; a step that was stopped goes on where it was.

    Args:
        network: The network.
        images: The images, at least one.
        ask: What is asked about in a batch: gets its tensor and its images.
        explain: The method: gets a batch and what is asked about.
        method: Its name, for the result.
        batch_size: Images in one batch.
    """

    def some(piece: range) -> Attributions:
        asked, maps, start = [], [], piece.start
        for batch in batches(network, images.subset(piece), batch_size):
            part = images.subset(range(start, start + len(batch.x)))
            asked.append(ask(batch.x.clone(), part))  # a network may work in place on its very input
            maps.append(explain(batch.x, asked[-1]).detach().to("cpu", network.dtype))
            start += len(batch.x)
        places = images.indices[piece.start : piece.stop]
        return Attributions(
            maps=torch.cat(maps),
            image=torch.tensor(places),
            ids={str(place): images.ids[at] for place, at in zip(places, piece, strict=True)},
            target=torch.cat([item.unit for item in asked]),
            layer=asked[0].layer,
            position=torch.cat([item.position for item in asked]),
            score=torch.cat([item.value for item in asked]),
            method=method,
            input=network.input,
            categories=network.categories,
            matching="" if piece.start else tell(asked[0].matched),  # of all images, and told once
        )

    return _joined(cached_pieces(some, range(len(images)), batch_size, method, kind=Attributions))


def _joined(pieces: Sequence[Attributions]) -> Attributions:
    """The attributions of all images from those of consecutive pieces of them."""
    if len(pieces) == 1:
        return pieces[0]
    joined: dict[str, Any] = {
        name: torch.cat([getattr(piece, name) for piece in pieces])
        for name in ("maps", "image", "target", "position", "score")
    }
    ids = {place: name for piece in pieces for place, name in piece.ids.items()}
    return replace(pieces[0], **joined, ids=ids)


class AsksClass(Probe):
    """A probe that attributes a class of each image to its pixels."""

    target: Target = Field(
        None,
        description="The class: an index, a category, label, or predicted; none: the label where the image "
        "has one that the network knows, else what is predicted.",
    )
    batch_size: int = Field(16, ge=1, le=4096, description="Images that are attributed at once.")

    def run(self, network: Network, images: Images) -> Attributions:
        """Attribute what is asked about in each image.

        Raises:
            InterpretError: If a class, a layer or a neuron does not exist.
        """
        return attribute(
            network,
            as_images(images),
            partial(self.ask, network),
            self.explainer(network),
            method=self.name,
            batch_size=self.batch_size,
        )

    @abstractmethod
    def explainer(self, network: Network) -> Explain:
        """The method, ready for this network."""

    def ask(self, network: Network, x: Tensor, images: Images) -> Asked:
        """What is asked about in each image of a batch."""
        return find_classes(network, x, images, self.target)


class AsksNeuron(AsksClass):
    """A probe that attributes a class, or one neuron, of each image to its pixels."""

    layer: str | None = Field(
        None, description="The layer of the neuron, by name or alias; none: a class is asked about."
    )
    unit: Unit = Field(
        "strongest", description="The neuron's unit, or strongest: the one with the image's largest value."
    )
    position: tuple[int, int] | None = Field(
        None, description="The neuron's row and column; none: where its unit is strongest in the image."
    )

    @model_validator(mode="after")
    def _one_question(self) -> AsksNeuron:
        if self.layer is None and (self.unit != "strongest" or self.position is not None):
            raise ValueError("'unit' and 'position' say which neuron of a layer: give 'layer' as well")
        if self.layer is not None and self.target is not None:
            raise ValueError("'target' asks about a class and 'layer' about a neuron: give one of them")
        return self

    def ask(self, network: Network, x: Tensor, images: Images) -> Asked:
        """What is asked about in each image of a batch."""
        if self.layer is None:
            return super().ask(network, x, images)
        name = network.layer(self.layer)
        return find_neurons(network.record(x, [name])[name], name, self.unit, self.position)


def _as_maps(output: Tensor, layer: str) -> Float[Tensor, "n c h w"]:
    if output.dim() == 2:
        return output[:, :, None, None]
    if output.dim() == 4:
        return output
    raise InterpretError(
        f"Layer {layer!r} gives values of shape {tuple(output.shape[1:])}; neurons are asked about in maps "
        "(channels, rows, columns) and in vectors (channels,)."
    )


def _one(layer: str, axis: str, index: int, size: int) -> slice:
    """The part of an axis that holds one index."""
    if 0 <= index < size:
        return slice(index, index + 1)
    raise InterpretError(f"Layer {layer!r} has no {axis} {index}: it has {size}, 0 to {size - 1}.")
