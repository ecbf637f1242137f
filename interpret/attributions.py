"""Attributions: how much each input value counts for a class or a neuron, by whatever method."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from pydantic import StrictInt
from torch import Tensor

from interpret.errors import InterpretError, ModelError, UnknownNameError
from interpret.images import Images, InputSpec
from interpret.network import Network
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
    check_classes(logits)
    predicted = logits.argmax(1).cpu()
    if target == "predicted":
        return predicted
    if target is None or target == "label":
        known = _labels(network, images, logits.shape[1])
        if target == "label" and None in known:
            name = images.ids[known.index(None)]
            raise InterpretError(
                f"Image {name!r} has no label that is one of the network's categories. "
                "Give the target as a category or an index, or ask about what is predicted."
            )
        found = [
            int(guess) if label is None else label for label, guess in zip(known, predicted, strict=True)
        ]
        return torch.tensor(found)
    return torch.full_like(predicted, find_class(network, logits.shape[1], target))


def find_class(network: Network, classes: int, target: int | str) -> int:
    """The index of a class, from its index or its category.

    Raises:
        UnknownNameError: If no output has this category.
        InterpretError: If the index is out of range.
    """
    if isinstance(target, str):
        if target not in network.categories:
            raise UnknownNameError("category", target, network.categories)
        return network.categories.index(target)
    if not 0 <= target < classes:
        raise InterpretError(f"There is no class {target}: the network has {classes}, 0 to {classes - 1}.")
    return target


def check_classes(logits: Tensor) -> None:
    """Refuse outputs that are not one value for each of several classes.

    Raises:
        ModelError: If they are of another shape.
    """
    if logits.dim() != 2 or logits.shape[1] < 2:
        shape = tuple(logits.shape[1:])
        raise ModelError(
            f"The network's output for one image has shape {shape}; classes can be asked about only where it "
            "is one value for each of two or more classes. Wrap a module that returns logits (n, classes)."
        )


def _labels(network: Network, images: Images, classes: int) -> list[int | None]:
    """Each image's label as an index of the network's outputs, None where it has none there."""
    if images.categories and network.categories:
        index = {name: place for place, name in enumerate(network.categories)}
        names = images.categories
        return [None if label is None else index.get(names[label]) for label in images.labels]
    same = len(images.categories) in {0, classes}
    return [label if same and label is not None and label < classes else None for label in images.labels]
