"""Distances of features and probabilities while images are transformed (Zeiler & Fergus 2014, Figure 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from interpret.arguments import require_count
from interpret.errors import DatasetError, InterpretError
from interpret.images import Images, as_images
from interpret.modules import has_probabilities
from interpret.network import Network, OnError, batches, takes_network
from interpret.progress import listening, track
from interpret.records import Record
from interpret.results import Result
from interpret.run import cached_pieces
from interpret.targets import Target, find_targets, tell, used_labels
from interpret_invariance.layers import first_and_last
from interpret_invariance.reference import ReferenceImage
from interpret_invariance.results import Curves, Invariances
from interpret_invariance.transforms import PAPER, STEPS, amounts_in, amounts_of, check_border
from interpret_invariance.warping import Border


@dataclass(frozen=True)
class CurveSettings:
    """Which curves are measured of every image.

    Attributes:
        layers: The layers that are compared.
        amounts: How much of each transformation.
        border: What is seen beyond the border of the image.
        target: The class whose probability is followed.
        batch_size: Transformed images in one forward pass.
    """

    layers: Sequence[str]
    amounts: Mapping[str, Float[Tensor, " step"]]
    border: Border
    target: Target
    batch_size: int


@dataclass(frozen=True)
class _Answer(Record):
    """What was found in one image under one transformation."""

    transform: str
    place: int
    id: str
    target: int
    origin: str
    classes: int
    norm: dict[str, float]
    distance: dict[str, Float[Tensor, " step"]]
    probability: Float[Tensor, " step"]


@dataclass(frozen=True)
class _Answers(Result):
    """What was found in some images, and the id of each that could not be read, with the reason."""

    found: tuple[_Answer, ...]
    skipped: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Asked:
    """An image that is asked about, and the class whose probability is followed."""

    place: int
    id: str
    reference: ReferenceImage
    target: int
    origin: str


@takes_network
def invariance(
    network: Network,
    images: Any,
    layers: Sequence[str] = (),
    *,
    transforms: Sequence[str] | Mapping[str, Sequence[float]] = PAPER,
    ranges: Mapping[str, tuple[float, float]] | None = None,
    steps: int = STEPS,
    border: Border = "mean",
    target: Target = None,
    batch_size: int = 32,
    on_error: OnError = "raise",
) -> Invariances:
    """How far features move, and what the network answers, while images are moved, scaled, turned and so on.

    What is transformed are the pixels the network sees: the photograph scaled and cropped, before it is
    normalised.

    Args:
        network: The network.
        images: What a dataset opens, or a sequence of paths, PIL images or preprocessed tensors (c, h, w).
        layers: Names or aliases of layers; default: see ``first_and_last``.
        transforms: Names of transformations; or for each name the very amounts, in its unit.
        ranges: Lowest and highest amount, by transformation; the others have their default range.
        steps: Amounts in a range.
        border: What is seen beyond the border of the image.
        target: The class whose probability is followed: index, category, ``label``, ``predicted``; None: the
            label where the network knows it, else what it answers to the untransformed image.
        batch_size: Transformed images in one forward pass.
        on_error: ``skip`` leaves out images that cannot be read and lists them.

    Raises:
        UnknownNameError: If there is no such layer, transformation or category.
        InterpretError: If a range is empty, an amount makes no sense, or there is no such class.
        ModelError: If the network does not answer with one value for each of several classes, or a layer does
            not give one array of numbers for each image.
        DatasetError: If an image cannot be read and ``on_error`` is ``raise``, or if none can.
    """
    images = as_images(images)
    check_border(border)
    require_count("batch_size", batch_size)
    names = list(dict.fromkeys([layers] if isinstance(layers, str) else layers)) or first_and_last(network)
    for name in names:
        network.layer(name)
    amounts = _amounts(transforms, ranges or {}, network.input.size, steps)
    settings = CurveSettings(names, amounts, border, target, batch_size)
    answers, skipped = _answers(network, images, settings, on_error)
    if not answers:
        raise DatasetError(f"None of the {len(images)} images can be read. The first: {skipped[0]}.")
    same = len(images.categories) == answers[0].classes
    categories = network.categories or (images.categories if same else ())
    matching = tell(used_labels(network, images, answers[0].classes, target))
    found = _together(network, settings, answers, categories, skipped)
    return replace(found, matching=matching)


def _amounts(
    transforms: Sequence[str] | Mapping[str, Sequence[float]],
    ranges: Mapping[str, tuple[float, float]],
    size: tuple[int, int],
    steps: int,
) -> dict[str, Float[Tensor, " step"]]:
    """How much of each transformation, as it is given or over its range."""
    kinds = [transforms] if isinstance(transforms, str) else list(transforms)
    if not kinds:
        raise InterpretError("There is no transformation: name at least one.")
    given = isinstance(transforms, Mapping)
    unused = [kind for kind in ranges if given or kind not in kinds]
    if unused:
        reason = "its amounts are given" if given and unused[0] in kinds else f"only {kinds} are asked for"
        raise InterpretError(f"The range of {unused[0]!r} would do nothing: {reason}.")
    if isinstance(transforms, Mapping):
        return {kind: amounts_of(kind, values) for kind, values in transforms.items()}
    return {kind: amounts_in(kind, size, ranges.get(kind), steps) for kind in kinds}


def _answers(
    network: Network, images: Images, settings: CurveSettings, on_error: OnError
) -> tuple[list[_Answer], tuple[tuple[str, str], ...]]:
    """Every image under every transformation, and the images that could not be read."""
    work = [(place, kind) for place in range(len(images)) for kind in settings.amounts]

    @lru_cache(maxsize=1)
    def look(place: int) -> _Asked | tuple[str, str]:
        return _look(network, images.subset([place]), settings, on_error)

    def some(piece: range) -> _Answers:
        found, skipped = list[_Answer](), list[tuple[str, str]]()
        for place, kind in track(work[piece.start : piece.stop]):
            image = look(place)
            if isinstance(image, _Asked):
                found.append(_ask(image, kind, settings))
            else:
                skipped.append(image)
        return _Answers(tuple(found), tuple(skipped))

    pieces = cached_pieces(some, range(len(work)), 1, kind=_Answers)
    skipped = dict.fromkeys(item for piece in pieces for item in piece.skipped)
    return [answer for piece in pieces for answer in piece.found], tuple(skipped)


def _look(
    network: Network, image: Images, settings: CurveSettings, on_error: OnError
) -> _Asked | tuple[str, str]:
    """One image and what is asked about it; its id and the reason if it cannot be read."""
    with listening(None):
        (batch,) = batches(network, image, 1, on_error=on_error)
    if batch.skipped:
        return batch.skipped[0]
    reference = ReferenceImage.of(network, settings.layers, batch.x)
    target, origin = _find_target(network, image, reference.logits, settings.target)
    return _Asked(image.indices[0], image.ids[0], reference, target, origin)


def _ask(asked: _Asked, kind: str, settings: CurveSettings) -> _Answer:
    """Transform one image in one way."""
    reference, amounts = asked.reference, settings.amounts[kind]
    distance, probability = reference.curves(
        kind, amounts, asked.target, settings.border, settings.batch_size
    )
    return _Answer(
        transform=kind,
        place=asked.place,
        id=asked.id,
        target=asked.target,
        origin=asked.origin,
        classes=reference.logits.shape[1],
        norm=reference.norm,
        distance=distance,
        probability=probability,
    )


def _find_target(
    network: Network, image: Images, logits: Float[Tensor, "1 classes"], target: Target
) -> tuple[int, str]:
    """The class that is followed, and where it comes from."""
    if target is not None:
        origin = str(target) if target in {"label", "predicted"} else "given"
        return int(find_targets(network, image, logits, target)), origin
    try:
        return int(find_targets(network, image, logits, "label")), "label"
    except InterpretError:  # it has none that the network knows
        return int(logits.argmax(1)), "predicted"


def _together(
    network: Network,
    settings: CurveSettings,
    answers: Sequence[_Answer],
    categories: tuple[str, ...],
    skipped: tuple[tuple[str, str], ...],
) -> Invariances:
    """The answers of all images."""
    layers = list(settings.layers)
    of = {kind: [answer for answer in answers if answer.transform == kind] for kind in settings.amounts}
    images = next(iter(of.values()))
    shares = has_probabilities(network.output_kind, network.class_count)
    return Invariances(
        asked="probability" if shares else "output",
        curves={
            kind: Curves(
                transform=kind,
                amounts=amounts,
                distance={
                    layer: torch.stack([answer.distance[layer] for answer in of[kind]]) for layer in layers
                },
                probability=torch.stack([answer.probability for answer in of[kind]]),
            )
            for kind, amounts in settings.amounts.items()
        },
        norm={
            layer: torch.tensor([answer.norm[layer] for answer in images], dtype=torch.float64)
            for layer in layers
        },
        image=torch.tensor([answer.place for answer in images]),
        ids={str(answer.place): answer.id for answer in images},
        target=torch.tensor([answer.target for answer in images]),
        target_from=tuple(answer.origin for answer in images),
        border=settings.border,
        input=network.input,
        categories=categories,
        skipped=skipped,
    )
