"""How a training went: loss, error and rate over the epochs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil, isnan
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from interpret.plugin import Page, PageContext, Sheet
from interpret_gallery import Cell, Chart, Series, Table, chart, render, step_names, table, write_cover
from interpret_training.results import History, Scores, Training

__all__ = ["TrainingPage"]

POINTS = 200
"""Points of the curve over steps, at most: more would be drawn over each other."""


class TrainingPage(Page[Training]):
    """Loss and error of every epoch and step, the falls of the rate, and every choice of the recipe."""

    name: ClassVar[str] = "training"

    def compose(self, result: Training, context: PageContext) -> Iterable[Sheet]:
        """One page of charts, with the table of all epochs."""
        body = render(
            "interpret_training",
            "training.html",
            facts=_facts(result),
            warnings=result.warnings(),
            charts=[chart(_losses(result.history)), chart(_errors(result.history)), chart(_steps(result))],
            epochs=table(_epochs(result.history)),
            scores=table(_scores([(name, scores) for name, scores in result.scores.items()])),
            recipe={name: str(value) for name, value in result.recipe.items()},
        )
        cover = write_cover(context, _losses(result.history))
        yield Sheet(context.step, body, summary="How the network was trained, epoch by epoch.", cover=cover)

    def compare(self, results: Sequence[tuple[Training, PageContext]]) -> Iterable[Sheet]:
        """The losses and errors of several trainings in one chart each."""
        named = list(zip(step_names([context for _, context in results]), results, strict=True))
        histories = [(name, result.history) for name, (result, _) in named]
        checked = any(_known(history.validation_error) for _, history in histories)
        charts = [chart(one) for one in _side_by_side(histories, checked=checked)]
        scores = [
            (f"{name}: {kind}", one) for name, (result, _) in named for kind, one in result.scores.items()
        ]
        body = render("interpret_training", "trainings.html", charts=charts, scores=table(_scores(scores)))
        yield Sheet("Trainings", body, name="trainings", summary="Several trainings in the same charts.")


def listed(values: Float[Tensor, " n"], factor: float = 1.0) -> list[float | None]:
    """Numbers for a chart or a table; None where they are not known."""
    return [None if isnan(value) else factor * value for value in values.double().tolist()]


def _facts(result: Training) -> dict[str, str]:
    """How much was trained; what came of it is in the table."""
    told = result.summary()
    recipe = {name: str(result.recipe[name]) for name in ("batch", "rate", "seed") if name in result.recipe}
    return {name: told[name] for name in told if name not in result.scores} | recipe


def _known(values: Float[Tensor, " n"]) -> bool:
    return not bool(values.isnan().all())


def _epoch_chart(title: str, label: str, history: History, series: Sequence[Series]) -> Chart:
    """Curves over the epochs, with a line where the rate falls."""
    rate = history.rate.tolist()
    falls = [
        (epoch + 0.5, f"rate {rate[epoch]:g}")
        for epoch in range(1, len(rate))
        if rate[epoch] < rate[epoch - 1]
    ]
    epochs = list(range(1, len(rate) + 1))
    shown = [one for one in series if any(value is not None for value in one.values)]
    return Chart(title, epochs, shown, "epoch", label, low=0.0, events=falls)


def _losses(history: History) -> Chart:
    series = [
        Series("training", listed(history.loss)),
        Series("validation", listed(history.validation_loss)),
    ]
    return _epoch_chart("Loss", "cross-entropy", history, series)


def _errors(history: History) -> Chart:
    series = [
        Series("training", listed(history.error, 100)),
        Series("validation", listed(history.validation_error, 100)),
        Series("validation, top 5", listed(history.validation_error5, 100)),
    ]
    if not bool((history.validation_error5 > 0).any()):
        series.pop()  # of five categories or fewer the label is always among them
    return _epoch_chart("Error", "%", history, series)


def _steps(result: Training) -> Chart:
    """The loss of every step, or the means of some steps that follow each other where there are many."""
    many = max(ceil(len(result.losses) / POINTS), 1)
    parts = torch.split(result.losses, many)
    title = "Loss of every step" if many == 1 else f"Loss of every step, means of {many} steps"
    last = [min((place + 1) * many, len(result.losses)) for place in range(len(parts))]
    means = [float(part.double().mean()) for part in parts]
    return Chart(title, last, [Series("training", means)], "step", "cross-entropy", low=0.0)


def _epochs(history: History) -> Table:
    """A row for each epoch; columns of which nothing is known are left out."""
    columns: dict[str, Sequence[float | None]] = {
        "epoch": list(range(1, len(history.rate) + 1)),
        "rate": listed(history.rate),
        "loss": listed(history.loss),
        "error, %": listed(history.error, 100),
        "validation loss": listed(history.validation_loss),
        "validation error, %": listed(history.validation_error, 100),
        "top 5, %": listed(history.validation_error5, 100),
    }
    kept = {name: values for name, values in columns.items() if any(value is not None for value in values)}
    return Table(list(kept), list(zip(*kept.values(), strict=True)), "Every epoch")


def _scores(scores: Sequence[tuple[str, Scores]]) -> Table:
    """What the trained networks reach."""
    rows: list[list[Cell]] = [
        [name, one.images, 100 * one.error, 100 * one.error5, one.loss] for name, one in scores
    ]
    head = ["of", "images", "top-1 error, %", "top-5, %", "loss"]
    return Table(head, rows, "Errors of the trained network")


def _side_by_side(histories: Sequence[tuple[str, History]], *, checked: bool) -> list[Chart]:
    """Loss and error of several trainings: of validation images where there are some."""
    longest = max(len(history.rate) for _, history in histories)
    what = "validation" if checked else "training"

    def series(take: str, factor: float) -> list[Series]:
        found = []
        for name, history in histories:
            values = listed(getattr(history, f"validation_{take}" if checked else take), factor)
            found.append(Series(name, values + [None] * (longest - len(values))))
        return found

    epochs = list(range(1, longest + 1))
    return [
        Chart(f"Loss, {what} images", epochs, series("loss", 1), "epoch", "cross-entropy", low=0.0),
        Chart(f"Error, {what} images", epochs, series("error", 100), "epoch", "%", low=0.0),
    ]
