"""The pages of predictions: each image beside its most probable categories, and all of them as a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from interpret.plugin import Page, PageContext, Sheet
from interpret_explain.results import Predictions
from interpret_explain.words import score_text
from interpret_gallery import Link, Table, render, table

ALONE = 24
"""So many images have a page each; of more there is the table alone."""

LINES = 2_000
"""So many images are in the table."""


class PredictionPage(Page[Predictions]):
    """Each image beside its most probable categories, and where its label stands."""

    name: ClassVar[str] = "predictions"

    def compose(self, result: Predictions, context: PageContext) -> Iterable[Sheet]:
        """A page for each of a few images, and a table of all where there are several."""
        places = result.image.tolist()
        shown = places if len(places) <= ALONE else []
        if len(places) > 1 and not (context.one_page and shown):
            urls = {place: context.sheet_url(_name(place)) for place in shown}
            yield Sheet("Predictions", _table(result, urls), summary=_summary(result))
        for place in shown:
            yield _sheet(result, place, context, alone=len(places) == 1)


def _name(place: int) -> str:
    """What the page of an image is called."""
    return f"image {place}"


def _sheet(result: Predictions, place: int, context: PageContext, *, alone: bool) -> Sheet:
    """The page of one image."""
    photo, numbers = context.photo(place, result), result.image_numbers(place)
    body = render(
        "interpret_explain",
        "prediction.html",
        photo=photo,
        score=_score_name(result),
        predictions=list(_lines(numbers["predictions"], result)),
        label=next(_lines([numbers["label"]], result), None) if "label" in numbers else None,
        rank=numbers.get("label", {}).get("rank", 0) + 1,
        classes=result.class_count,
    )
    first = numbers["predictions"][0]
    said = f"{first['category']}, {score_text(first[_score_name(result)], _score_name(result))}"
    title = "Prediction" if alone or context.one_page else photo.name
    return Sheet(title, body, "" if alone else _name(place), said, image=place, cover=photo.url)


def _lines(found: Iterable[dict[str, Any]], result: Predictions) -> Iterator[dict[str, Any]]:
    """Categories, what is said of each, and how long its bar is; values have none."""
    for item in found:
        value = item[_score_name(result)]
        share = value if result.has_probability and 0 <= value <= 1 else None
        yield {"name": item["category"], "told": score_text(value, _score_name(result)), "share": share}


def _score_name(result: Predictions) -> str:
    return "probability" if result.has_probability else "value"


def _table(result: Predictions, urls: Mapping[int, str]) -> str:
    """The first category of every image, and its label where it has one; links to those that have a page."""
    labelled = bool((result.label >= 0).any())
    of_labels = ["label", "place of the label"] if labelled else []
    rows = []
    for place in result.image.tolist()[:LINES]:
        numbers = result.image_numbers(place)
        first, label = numbers["predictions"][0], numbers.get("label", {})
        beside = [label.get("category"), label["rank"] + 1 if label else None] if labelled else []
        name = result.ids[str(place)]
        image = Link(name, urls[place]) if place in urls else name
        rows.append([image, first["category"], first[_score_name(result)], *beside])
    columns = ["image", "prediction", _score_name(result), *of_labels]
    return table(Table(columns, rows, "The most probable category of each image"))


def _summary(result: Predictions) -> str:
    count = len(result)
    shown = f" The first {LINES:,} are in the table." if count > LINES else ""
    known = result.label >= 0
    if not known.any():
        return f"The most probable categories of {count:,} images.{shown}"
    right = int((result.label_rank[known] == 0).sum())
    return f"{right:,} of {int(known.sum()):,} labelled images are predicted as their label says.{shown}"
