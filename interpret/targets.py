"""Who is asked about in each image: a class or a neuron, by name, by index, or the strongest one."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from pydantic import StrictInt
from torch import Tensor

from interpret.describing import cleaned
from interpret.errors import DatasetError, InterpretError, ModelError, UnknownNameError
from interpret.images.dataset import Images
from interpret.images.labels import LabelMap, find_output, match_labels
from interpret.network.network import Network
from interpret.wording import as_text, listed

Target = StrictInt | str | None
"""A class: its index, its category, ``label``, ``predicted``, or None: the label where there is one."""

Unit = int | Literal["strongest"]
"""A channel of a layer, or the one with the largest activation in the image."""


@dataclass(frozen=True, repr=False)
class Targets:
    """One class or one neuron of each image of a batch.

    Attributes:
        layer: The layer of the neurons; empty: the network's output.
        unit: The unit of each neuron, or the class.
        position: Where it stands in the layer's map, (y, x); (0, 0) in vectors.
    """

    layer: str
    unit: Int[Tensor, " n"]
    position: Int[Tensor, "n 2"]

    def __post_init__(self) -> None:
        """Refuse what says no neuron of each image.

        Raises:
            InterpretError: If units are no whole numbers, or there is not one position for each.
        """
        whole = not any(item.is_floating_point() or item.is_complex() for item in (self.unit, self.position))
        if not whole or self.unit.dim() != 1 or self.position.shape != (len(self.unit), 2):
            shapes = f"{tuple(self.unit.shape)} of {self.unit.dtype}, {tuple(self.position.shape)}"
            raise InterpretError(
                "Targets have one unit (n) and one position (n, 2) for each image, in whole numbers. "
                f"Got unit and position {shapes} of {self.position.dtype}."
            )

    @classmethod
    def of_classes(cls, classes: Int[Tensor, " n"]) -> Targets:
        """One class of each image, by its index."""
        return cls("", classes, torch.zeros(len(classes), 2, dtype=torch.int64))

    def __len__(self) -> int:
        return len(self.unit)

    def __repr__(self) -> str:
        """Whose they are, a line for each."""
        rows = {"images": f"{len(self):,}"} | ({"layer": self.layer} if self.layer else {})
        rows["units" if self.layer else "classes"] = listed(self.unit.tolist())
        return as_text("Targets", cleaned(rows))

    def __getitem__(self, images: slice) -> Targets:
        """Those of some images."""
        return Targets(self.layer, self.unit[images], self.position[images])

    def repeat(self, count: int) -> Targets:
        """The targets of the same batch so many times over."""
        return Targets(self.layer, self.unit.repeat(count), self.position.repeat(count, 1))

    def pick(self, output: Float[Tensor, "m ..."]) -> Float[Tensor, " m"]:
        """The values of these neurons in what their layer gives for the batch, or for it several times over.

        Perturbations and integration paths repeat the batch: row i belongs to image i modulo n.

        Raises:
            InterpretError: If the layer has no such neuron.
        """
        self._require_in(output)
        rows = torch.arange(len(output), device=output.device)
        unit, position = (item.to(output.device) for item in (self.unit, self.position))
        image = rows % len(unit)
        y, x = position[image].unbind(1)
        return output[rows, unit[image]] if output.dim() == 2 else output[rows, unit[image], y, x]

    def _require_in(self, output: Tensor) -> None:
        places = (self.unit, *self.position.unbind(1))
        axes = zip(
            ("unit", "row", "column"), places, output.shape[1:], strict=False
        )  # vectors have units only
        for axis, indices, size in axes if self.layer else ():
            for index in dict.fromkeys(indices.tolist()):
                _one(self.layer, axis, index, size)


def as_targets(targets: Targets | Tensor | Sequence[int] | int, count: int) -> Targets:
    """Targets for so many images, from one class for all of them, or one for each.

    Raises:
        InterpretError: If there are more or fewer targets than images, or they are no whole numbers.
    """
    if not isinstance(targets, Targets):
        targets = Targets.of_classes(_classes(targets))
    if len(targets) == 1:
        targets = targets.repeat(count)
    if len(targets) != count:
        raise InterpretError(
            f"There are {len(targets)} targets for {count} images. Give one for each, or one for all."
        )
    return targets


def _classes(given: Tensor | Sequence[int] | int) -> Int[Tensor, " n"]:
    try:
        found = torch.as_tensor(given)
    except (TypeError, ValueError, RuntimeError):
        found = torch.empty(0)
    whole = not (found.is_floating_point() or found.is_complex() or found.dtype == torch.bool)
    if not whole or found.dim() > 1:
        raise InterpretError(
            f"targets must be the index of one class of each image, or Targets. Got {given!r}."
        )
    return found.reshape(-1).to("cpu", torch.int64)


def find_targets(
    network: Network, images: Images, logits: Float[Tensor, "image classes"], target: Target = None
) -> Int[Tensor, " image"]:
    """The class that is asked about in each image.

    Args:
        network: Says what its outputs mean.
        images: The images, in the order of ``logits``; their labels are used.
        logits: What the network answers to them.
        target: An index; a category; ``predicted``: the most probable class; ``label``: the true class; None:
            the true class where the image has a label that is one of the network's categories, else
            ``predicted``.

    Raises:
        ModelError: If the network does not answer with one value for each of several classes.
        UnknownNameError: If no output has this category.
        InterpretError: If the index is out of range, or an image has no label that the network knows.
    """
    check_classes(logits, least=1)
    predicted = logits.argmax(1).cpu()
    if target == "predicted":
        return predicted
    if target is None or target == "label":
        matched = match(network, images, logits.shape[1])
        known = [matched.output(label) for label in images.labels]
        if target == "label" and None in known:
            raise InterpretError(_unknown(images, known.index(None), matched))
        found = [
            int(guess) if label is None else label for label, guess in zip(known, predicted, strict=True)
        ]
        return torch.tensor(found)
    return torch.full_like(predicted, find_class(network, logits.shape[1], target))


def match(network: Network, images: Images, classes: int) -> LabelMap:
    """Which output stands for each category of the images; see `interpret.images.labels.match_labels`."""
    return match_labels(images.categories, network.categories, classes)


def used_labels(network: Network, images: Images, classes: int, target: Target = None) -> LabelMap | None:
    """How labels are matched where they decide what is asked about; None where no label does."""
    by_label = target is None or target == "label"
    if not by_label or all(label is None for label in images.labels):
        return None
    return match(network, images, classes)


def tell(matched: LabelMap | None) -> str:
    """The report of ``matched``, logged once for all images; empty where no label was used."""
    return "" if matched is None else matched.tell().report


def find_class(network: Network, classes: int, target: int | str) -> int:
    """The index of a class, from its index or its category.

    Raises:
        UnknownNameError: If no output has this category.
        ModelError: If several outputs have it.
        InterpretError: If the index is out of range, or no whole number.
    """
    if isinstance(target, str):
        found = find_output(target, network.categories)
        if found is None:
            raise UnknownNameError(
                "category",
                target,
                network.categories,
                f"A class can also be given by its index, 0 to {classes - 1}.",
            )
        return found
    try:
        index = operator.index(target)
    except TypeError:
        raise InterpretError(
            f"A class is asked about by its index or its category. Got {target!r} ({type(target).__name__})."
        ) from None
    if not 0 <= index < classes:
        raise InterpretError(f"There is no class {index}: the network has {classes}, 0 to {classes - 1}.")
    return index


def check_classes(logits: Tensor, least: int = 2) -> None:
    """Refuse outputs that are not one value for each class.

    Args:
        logits: What a network answers.
        least: As few classes will do: one where values are compared, two where probabilities are.

    Raises:
        ModelError: If they are of another shape.
    """
    if not logits.is_floating_point():
        raise ModelError(
            f"The network's output holds {logits.dtype}; classes can be asked about only where each has a "
            "real number. Say what gives it: interpret.wrap(module, output=…), or wrap a module that "
            "returns logits."
        )
    if logits.dim() != 2 or logits.shape[1] < least:
        shape = tuple(logits.shape[1:])
        number = "each class" if least == 1 else "each of two or more classes"
        cure = "Wrap a module that returns logits (n, classes)"
        if len(shape) == 3:
            cure = (
                "Make it so: interpret.wrap(module, output=interpret.modules.MeanOverImage()), with of=… if "
                "the module returns more than this map. A function ends in .mean((2, 3)) instead"
            )
        if not shape:
            cure = "Give it an axis: interpret.wrap(module, output=lambda y: y[:, None])"
        raise ModelError(
            f"The network's output for one image has shape {shape}; classes can be asked about only where it "
            f"is one value for {number}. {cure}."
        )


def find_neurons(
    output: Float[Tensor, "n ..."],
    layer: str,
    unit: Unit = "strongest",
    position: tuple[int, int] | None = None,
) -> Targets:
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
    return Targets(layer, place[0].cpu(), torch.stack(place[1:], 1).cpu())


def _unknown(images: Images, index: int, matched: LabelMap) -> str:
    """Why an image's label cannot be asked about."""
    try:
        matched.required([images.labels[index]], [images.ids[index]])
    except DatasetError as error:
        return f"{error} Or give the target as a category or an index, or ask about what is predicted."
    return ""


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
