"""How well networks classify: errors by category, what is taken for what, and the surest mistakes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from interpret.plugin import Page, PageContext, Sheet
from interpret_figures.text import category
from interpret_gallery import Cell, Chart, Series, Table, chart, render, step_names, table, write_cover
from interpret_training.evaluation.probe import Evaluation
from interpret_training.pages.mistakes import mistakes
from interpret_training.pages.training import listed

__all__ = ["EvaluationPage"]

SMALL = 24
"""Categories whose whole table of confusions is shown."""

PAIRS = 40
"""Pairs of categories that are listed."""

CHARTED = 40
"""Categories whose errors are drawn as bars: the worst of more."""


class EvaluationPage(Page[Evaluation]):
    """The errors of every category, which category is taken for which, and how sure the mistakes are."""

    name: ClassVar[str] = "evaluation"

    def compose(self, result: Evaluation, context: PageContext) -> Iterable[Sheet]:
        """One page."""
        counts = confusions(result)
        pairs = _pairs(result, counts)
        body = render(
            "interpret_training",
            "evaluation.html",
            facts=result.summary(),
            warnings=result.warnings(),
            matching=result.matching,
            chart=chart(_bars(result)),
            categories=table(_categories(result, counts)),
            pairs=table(pairs) if pairs.rows else "",
            confusion=_grid(result, counts),
            mistakes=mistakes(result, context),
        )
        summary = "How well the network classifies, category by category."
        yield Sheet(context.step, body, summary=summary, cover=write_cover(context, _bars(result)))

    def compare(self, results: Sequence[tuple[Evaluation, PageContext]]) -> Iterable[Sheet]:
        """The errors of several steps beside each other."""
        names = step_names([context for _, context in results])
        rows: list[list[Cell]] = [
            [name, 100 * one.scores.error, 100 * one.scores.error5, one.scores.loss, one.scores.images]
            for name, (one, _) in zip(names, results, strict=True)
        ]
        shown = Table(["step", "top-1 error, %", "top-5 error, %", "loss", "images"], rows, "Errors")
        series = [
            Series("top-1 error", [100 * one.scores.error for one, _ in results]),
            Series("top-5 error", [100 * one.scores.error5 for one, _ in results]),
        ]
        drawn = chart(Chart("Errors", names, series, y_label="%", kind="bar", low=0.0))
        body = render("interpret_training", "evaluations.html", chart=drawn, table=table(shown))
        yield Sheet("Evaluations", body, name="evaluations", summary="Errors of several steps.")


def confusions(result: Evaluation) -> Int[Tensor, "category category"]:
    """How many images of each category (row) get each category (column) as the first answer."""
    classes = result.probabilities.shape[1]
    place = result.labels * classes + result.probabilities.argmax(1)
    return torch.bincount(place, minlength=classes * classes).reshape(classes, classes)


def _names(result: Evaluation) -> list[str]:
    return [category(place, result.categories) for place in range(result.probabilities.shape[1])]


def _present(result: Evaluation) -> list[int]:
    """The categories that have images."""
    return sorted(set(result.labels.tolist()))


def _bars(result: Evaluation) -> Chart:
    """The error of each category, the worst first."""
    names, errors = _names(result), listed(result.category_errors(), 100)
    order = sorted(_present(result), key=lambda place: (-(errors[place] or 0.0), place))
    shown = order[:CHARTED]
    title = "Error of each category" if len(shown) == len(order) else f"The {CHARTED} worst categories"
    series = [Series("top-1 error", [errors[place] for place in shown])]
    return Chart(title, [names[place] for place in shown], series, y_label="top-1 error, %", kind="bar")


def _categories(result: Evaluation, counts: Int[Tensor, "category category"]) -> Table:
    """A row for each category with images."""
    names, errors = _names(result), listed(result.category_errors(), 100)
    own = result.probabilities.gather(1, result.labels[:, None])[:, 0].double()
    rows: list[list[Cell]] = []
    for place in _present(result):
        others = counts[place].clone()
        others[place] = 0
        most = int(others.argmax())
        taken = f"{names[most]} ({int(others[most])})" if int(others[most]) else ""
        sure = float(own[result.labels == place].mean())
        rows.append([names[place], int(counts[place].sum()), errors[place], sure, taken])
    head = ["category", "images", "error, %", "probability", "taken for"]
    return Table(head, rows, "Every category")


def _pairs(result: Evaluation, counts: Int[Tensor, "category category"]) -> Table:
    """The pairs of categories that are confused most often."""
    names, classes = _names(result), counts.shape[0]
    wrong = counts.clone().fill_diagonal_(0).flatten()
    order = wrong.argsort(descending=True, stable=True)[:PAIRS].tolist()
    rows = [
        [names[place // classes], names[place % classes], int(wrong[place]),
         100 * float(wrong[place]) / float(counts[place // classes].sum())]
        for place in order if wrong[place]
    ]  # fmt: skip
    return Table(["category", "taken for", "images", "of its images, %"], rows, "Confusions")


@dataclass(frozen=True)
class Confusion:
    """One row of the table of confusions.

    Attributes:
        name: The category.
        cells: What is answered: how many images, how deep the cell's shade is (0 to 9), whether it is right.
    """

    name: str
    cells: list[tuple[int, int, bool]]


def _grid(result: Evaluation, counts: Int[Tensor, "category category"]) -> list[Confusion]:
    """The whole table of few categories; nothing of many."""
    if counts.shape[0] > SMALL:
        return []
    names, rows = _names(result), []
    for place in range(counts.shape[0]):
        total = max(int(counts[place].sum()), 1)
        cells = [
            (int(n), round(9 * int(n) / total), at == place) for at, n in enumerate(counts[place].tolist())
        ]
        rows.append(Confusion(names[place], cells))
    return rows
