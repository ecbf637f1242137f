"""Attributions: how much each input value counts for a class or a neuron, by whatever method."""

from __future__ import annotations

import operator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from pydantic import StrictInt
from torch import Tensor

from interpret.errors import DatasetError, InterpretError, ModelError, UnknownNameError
from interpret.images.dataset import Images
from interpret.images.inputs import InputSpec
from interpret.images.labels import LabelMap, find_output, match_labels
from interpret.network.network import Network
from interpret.results import Result

Target = StrictInt | str | None
"""A class: its index, its category, ``label``, ``predicted``, or None: the label where there is one."""


@dataclass(frozen=True)
class Attributions(Result):
    """Signed attributions of some images by one method; any probe that attributes returns this.

    Attributes:
        maps: What each input value counts, in the method's own scale.
        image: The place of each image in the dataset.
        ids: The id of every image, by its place in the dataset as text.
        target: The class asked about, or the unit if ``layer`` is given.
        layer: The layer of the neurons asked about; empty: the network's output.
        position: Where in the layer's map each neuron stands, (y, x); (0, 0) in vectors.
        score: The value of what was asked about in each image.
        method: The name of the method, such as ``captum.saliency``.
        input: What the network takes.
        categories: The names of the network's outputs.
        matching: How the images' labels were matched to outputs; empty where no label was used.
    """

    maps: Float[Tensor, "image channel height width"]
    image: Int[Tensor, " image"]
    ids: dict[str, str]
    target: Int[Tensor, " image"]
    layer: str
    position: Int[Tensor, "image 2"]
    score: Float[Tensor, " image"]
    method: str
    input: InputSpec
    categories: tuple[str, ...] = ()
    matching: str = ""

    def attributions(self) -> Attributions:
        """Itself: a result of any probe that can be compared has this method."""
        return self


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
    """Which output stands for each category of the images; see `interpret.images.match_labels`."""
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
        if not shape:
            cure = "Give it an axis: interpret.wrap(module, output=lambda y: y[:, None])"
        raise ModelError(
            f"The network's output for one image has shape {shape}; classes can be asked about only where it "
            f"is one value for {number}. {cure}."
        )


def _unknown(images: Images, place: int, matched: LabelMap) -> str:
    """Why an image's label cannot be asked about."""
    try:
        matched.required([images.labels[place]], [images.ids[place]])
    except DatasetError as error:
        return f"{error} Or give the target as a category or an index, or ask about what is predicted."
    return ""
