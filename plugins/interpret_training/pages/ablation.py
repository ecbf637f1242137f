"""Variants of a model, trained alike: their errors beside the paper's, and what each costs (Table 3)."""

from __future__ import annotations

from collections.abc import Iterable
from math import isnan
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from interpret.plugin import Page, PageContext, Sheet
from interpret_gallery import Chart, Series, chart, from_file, render, table, write_cover
from interpret_training.ablation.renderers.figure import PANELS
from interpret_training.ablation.renderers.table import as_table, caption, chance, failures
from interpret_training.ablation.results import MEASURES, Ablation, Measure
from interpret_training.results import History

__all__ = ["AblationPage"]

CURVES = 7
"""Variants that one chart can tell apart."""


class AblationPage(Page[Ablation]):
    """Errors of every variant with their spread over the seeds, the paper's beside them, and the curves."""

    name: ClassVar[str] = "ablation"

    def compose(self, result: Ablation, context: PageContext) -> Iterable[Sheet]:
        """One page."""
        known = [measure for measure in MEASURES if not bool(result.mean(measure).isnan().all())]
        body = render(
            "interpret_training",
            "ablation.html",
            warnings=result.warnings(),
            caption=caption(result),
            charts=[chart(_bars(result, measure)) for measure in known],
            table=table(from_file(as_table(result), "Errors and costs of every variant")),
            failures=failures(result),
            curves=chart(_curves(result)) if len(result.labels) <= CURVES else "",
            models=[(label, _told(model)) for label, model in zip(result.labels, result.models, strict=True)],
            recipe=_told(result.recipe),
        )
        summary = f"{len(result.labels)} variants of a model, trained alike."
        cover = write_cover(context, _bars(result, known[min(1, len(known) - 1)])) if known else ""
        yield Sheet(context.step, body, summary=summary, cover=cover)


def _told(choices: dict[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in choices.items()}


def _percents(values: Float[Tensor, " row"]) -> list[float | None]:
    return [None if isnan(value) else 100 * value for value in values.double().tolist()]


def _bars(result: Ablation, measure: Measure) -> Chart:
    """One error of every variant, with the paper's where it gives one."""
    here = Series("here", _percents(result.mean(measure)), _percents(result.spread(measure)))
    paper = Series("paper", _percents(result.reported(measure)))
    series = [here, *([paper] if any(value is not None for value in paper.values) else [])]
    guess = chance(result, 5 if measure == "validation5" else 1)
    title = f"Error on {PANELS[measure].replace(', ', ' images, ')}"
    limits = [(guess, "guessing")] if 0 < guess <= 100 else []
    return Chart(title, result.labels, series, y_label="error, %", kind="bar", limits=limits)


def _curves(result: Ablation) -> Chart:
    """The error of every variant over the epochs, the mean over its seeds."""
    field = "validation_error" if result.validated else "error"
    longest = max((len(one.rate) for row in result.histories for one in row), default=0)
    series = [
        Series(label, _percents(_mean(row, field, longest)))
        for label, row in zip(result.labels, result.histories, strict=True)
    ]
    what = "validation" if result.validated else "training"
    title = f"Error on {what} images while training, mean over the seeds"
    return Chart(title, list(range(1, longest + 1)), series, "epoch", "error, %", low=0.0)


def _mean(histories: tuple[History, ...], field: str, longest: int) -> Float[Tensor, " epoch"]:
    """The mean over the trainings that have an epoch; NaN where none has it."""
    lines = torch.full((max(len(histories), 1), longest), torch.nan, dtype=torch.float64)
    for line, history in zip(lines, histories, strict=False):
        line[: len(history.rate)] = getattr(history, field)
    return lines.nanmean(0)
