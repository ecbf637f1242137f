"""Masks the same part in several images, and compares what that changes at some layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import torch

from interpret.errors import DatasetError, InterpretError
from interpret.images import Fill, as_images, filled
from interpret.network import Network, OnError, takes_network
from interpret_correspondence.changing import change_signs
from interpret_correspondence.judging import judge
from interpret_correspondence.masks import Size
from interpret_correspondence.parts import AnnotatedImage, Position, find, read
from interpret_correspondence.placing import Draws, RandomRule, part_boxes
from interpret_correspondence.results import Correspondence

SHARE = 6
"""A mask is this part of the input's shorter side; the paper does not say how large its masks are."""


@takes_network
def correspondence(
    network: Network,
    images: Any,
    parts: Sequence[str],
    layers: Sequence[str] = (),
    *,
    window: int | tuple[int, int] | None = None,
    fill: Fill = 0.5,
    random: int = 10,
    random_rule: RandomRule = "each",
    avoid: bool = False,
    tolerance: float = 0.0,
    permutations: int = 1000,
    seed: int = 0,
    batch_size: int = 32,
    on_error: OnError = "raise",
) -> Correspondence:
    """Mask the same part in several images and compare the signs of what changes (section 4.4, Table 1).

    With x the features of an image and x~ those of the image with the part masked, the Hamming distance of
    sign(x_i - x~_i) and sign(x_j - x~_j) is taken for every pair of images, and divided by the length of x.
    Lower means that the part matters alike in all images. The paper's formula is a sum over ordered pairs;
    its numbers can only be the mean, which is what is given here.

    Args:
        network: The network.
        images: What a dataset with parts opens, such as ``animal_pose`` or ``scenes``.
        parts: Names of the dataset's; ``eye`` masks all eyes, ``eye:2`` the second one.
        layers: Names or aliases; default: see ``default_layers``.
        window: Height and width of a mask in pixels of the network's input, or one number for both; default:
            a sixth of the shorter side. It is centred on the part and cut off at the borders.
        fill: What a mask shows, in pixels from 0 to 1: a grey, a colour, ``mean``, ``blur`` or ``noise``.
        random: Random masks in each image, wholly inside of it.
        random_rule: ``each`` draws positions for every image, ``shared`` the same ones for all of them.
        avoid: Whether random masks keep off the masks on parts.
        tolerance: Changes up to this part of an image's largest count as none; 0: only exact zeros do.
        permutations: Of the test that says whether a part is below random; 0: no test. See ``permutation``.
        seed: Of the random positions, the permutations and the noise.
        batch_size: Images in one forward pass.
        on_error: ``skip`` leaves out images that cannot be read and lists them.

    Raises:
        DatasetError: If no image has parts, fewer than two images show one, or an image cannot be read.
        UnknownNameError: If there is no such part or layer.
        InterpretError: If a mask does not fit into the image, or a choice makes no sense.
    """
    names = list(dict.fromkeys(layers)) or default_layers(network)
    for name in names:
        network.layer(name)
    size = mask_size(network, window)
    draws = Draws(random, random_rule, avoid, seed)
    _check(parts, draws, tolerance, permutations, batch_size)
    read_ones, skipped = read(network, as_images(images), on_error)
    found = {part: find(part, read_ones) for part in parts}
    annotated, found, missing = _with_parts(read_ones, found)
    x, indices = torch.stack([image.x for image in annotated]), [image.index for image in annotated]
    boxes = part_boxes(found, size, network.input.size)
    boxes += draws.boxes(indices, boxes, size, network.input.size)
    shown = torch.stack([filled(network.input, one, fill, size, seed) for one in x])
    changes = change_signs(network, x, boxes, shown, names, tolerance=tolerance, batch_size=batch_size)
    covered = torch.tensor([[bool(image) for image in mask] for mask in boxes])
    return Correspondence(
        parts=tuple(found),
        layers={name: judge(changes.pop(name), covered, draws, permutations) for name in names},
        image=torch.tensor(indices),
        ids={str(image.index): image.id for image in annotated},
        covered=covered,
        boxes=tuple(map(tuple, boxes)),
        missing=missing,
        skipped=skipped,
        input=network.input,
        window=size,
        fill=fill,
        random_rule=random_rule,
        avoid=avoid,
        tolerance=tolerance,
        permutations=permutations,
        seed=seed,
    )


@takes_network
def default_layers(network: Network) -> list[str]:
    """The paper's layers 5 and 7 where the network has them, else the middle and the last of its ReLUs.

    Raises:
        ModelError: If it has neither ReLUs nor convolutions.
    """
    return network.default_layers("late")


def mask_size(network: Network, window: int | tuple[int, int] | None = None) -> Size:
    """Height and width of a mask in pixels of the network's input.

    Raises:
        InterpretError: If it does not fit into the image.
    """
    if window is None:
        window = max(min(network.input.size) // SHARE, 1)
    height, width = (window, window) if isinstance(window, int) else window
    rows, columns = network.input.size
    if not (1 <= height <= rows and 1 <= width <= columns):
        raise InterpretError(
            f"A mask of {height} x {width} pixels does not fit into an image of {rows} x {columns}. Give a "
            f"window from 1 to {min(rows, columns)}."
        )
    return height, width


def _check(parts: Sequence[str], draws: Draws, tolerance: float, permutations: int, batch_size: int) -> None:
    """Refuse what makes no sense before any image is read."""
    if isinstance(parts, str) or not parts:
        raise InterpretError(f"parts must be a list of names, such as ['nose']. Got {parts!r}.")
    if draws.rule not in get_args(RandomRule):
        raise InterpretError(f"random_rule must be 'each' or 'shared'. Got {draws.rule!r}.")
    least = {"random": (draws.count, 0), "permutations": (permutations, 0), "batch_size": (batch_size, 1)}
    for name, (value, lowest) in {**least, "tolerance": (tolerance, 0)}.items():
        if value < lowest:
            raise InterpretError(f"{name} must be at least {lowest}. Got {value}.")


def _with_parts(
    annotated: Sequence[AnnotatedImage], found: Mapping[str, list[list[Position] | str]]
) -> tuple[list[AnnotatedImage], dict[str, list[list[Position] | str]], tuple[tuple[str, str, str], ...]]:
    """The images that show any of the parts, the parts in them, and what is missing in all that were read.

    Raises:
        DatasetError: If fewer than two images show a part.
    """
    missing = tuple(
        (part, image.id, places)
        for part, images in found.items()
        for image, places in zip(annotated, images, strict=True)
        if isinstance(places, str)
    )
    for part, images in found.items():
        count = sum(not isinstance(places, str) for places in images)
        if count < 2:
            reasons = [f"{name}: {reason}" for lacking, name, reason in missing if lacking == part]
            raise DatasetError(
                f"Pairs of images are compared, but {count} of {len(images)} can have {part!r} masked. "
                + "; ".join(reasons[:3])
                + (f"; and {len(reasons) - 3} more." if len(reasons) > 3 else ".")
            )
    kept = [
        place
        for place in range(len(annotated))
        if any(not isinstance(images[place], str) for images in found.values())
    ]
    shown = {part: [images[place] for place in kept] for part, images in found.items()}
    return [annotated[place] for place in kept], shown, missing
