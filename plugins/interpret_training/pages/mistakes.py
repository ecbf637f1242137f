"""The surest mistakes of an evaluation, with their photographs."""

from __future__ import annotations

from dataclasses import dataclass

from interpret.errors import InterpretError
from interpret.plugin import PageContext, Photo
from interpret.results import Result
from interpret_figures.text import category, chance
from interpret_training.evaluation.probe import Evaluation

__all__ = ["Mistake", "mistakes", "surest"]

SHOWN = 10
"""Mistakes that are shown."""


@dataclass(frozen=True)
class Mistake:
    """An image whose label is not the first answer.

    Attributes:
        photo: The photograph; None where it cannot be found.
        id: The id of the image.
        answer: The first answer, with its probability.
        label: What it is.
    """

    photo: Photo | None
    id: str
    answer: str
    label: str


@dataclass(frozen=True)
class _Named(Result):
    """Images by their places in the dataset, as pages ask for photographs."""

    ids: dict[str, str]


def surest(result: Evaluation, most: int = SHOWN) -> list[int]:
    """The images with a wrong first answer, the most probable first."""
    chances, answers = result.probabilities.max(1)
    wrong = (answers != result.labels).nonzero()[:, 0]
    order = chances[wrong].argsort(descending=True, stable=True)
    found: list[int] = wrong[order][:most].tolist()
    return found


def mistakes(result: Evaluation, context: PageContext) -> list[Mistake]:
    """The surest mistakes; their photographs are written as far as they can be read."""
    rows = surest(result)
    photos = _photographs([result.ids[row] for row in rows], context)
    return [_mistake(result, row, photos.get(result.ids[row])) for row in rows]


def _mistake(result: Evaluation, row: int, photo: Photo | None) -> Mistake:
    value, answer = result.probabilities[row].max(0)
    told = f"{category(int(answer), result.categories)}, {chance(float(value))}"
    return Mistake(photo, result.ids[row], told, category(int(result.labels[row]), result.categories))


def _photographs(wanted: list[str], context: PageContext) -> dict[str, Photo]:
    """The photographs by their ids; none where the dataset or the network cannot be opened."""
    try:
        place = {name: index for index, name in enumerate(context.images.ids)}
        named = _Named({str(place[name]): name for name in wanted if name in place})
        found = {name: context.photo(place[name], named) for name in wanted if name in place}
    except (InterpretError, OSError):
        return {}
    return {name: photo for name, photo in found.items() if photo.url}
