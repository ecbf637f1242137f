"""The table of an ablation, as the paper's Table 3: Markdown for people, CSV for programs, and LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from interpret.images import Images
from interpret.plugin import Renderer
from interpret_figures.escaping import MISSING, PLUS_MINUS
from interpret_figures.tables import Document, Paragraph, Table, TableFormat, digits, drop_empty_columns
from interpret_training.ablation.results import MEASURES, Ablation, Measure

TITLES: dict[Measure, str] = {"train": "train top-1", "validation": "val top-1", "validation5": "val top-5"}
ABLATION_COLUMNS = (
    "row", "seed", "train", "validation", "validation5", "epochs", "diverged", "parameters", "multiply_adds",
    "seconds_per_1000", "paper_train", "paper_validation", "paper_validation5",
)  # fmt: skip


class AblationTable(Renderer[Ablation]):
    """Errors of every row with their spread over the seeds, beside the paper's, and what each row costs."""

    name: ClassVar[str] = "ablation_table"

    formats: tuple[TableFormat, ...] = Field(
        ("markdown", "csv", "latex"), min_length=1, description="Kinds of files: markdown, csv, latex."
    )

    def render(self, result: Ablation, images: Images, folder: Path) -> Sequence[Path]:  # noqa: ARG002
        """Write ``ablation.md``, ``ablation.csv`` and ``ablation.tex``; no image is read."""
        return document(result).save(folder / "ablation", self.formats)


def document(result: Ablation) -> Document:
    """The table, and under it at what scale it was made; a line of bare numbers for each training."""
    texts = (caption(result), *failures(result))
    return Document([as_table(result), *map(Paragraph, texts)], ABLATION_COLUMNS, _records(result))


def as_table(result: Ablation) -> Table:
    """The table as people read it; columns that say nothing are left out."""
    columns = [("model", list(result.labels))]
    for measure in MEASURES:
        columns.append((TITLES[measure], _errors(result, measure)))
        columns.append(("paper", [percent(value) for value in result.reported(measure).tolist()]))
    columns.append(("epochs", _epochs(result)))
    columns.append(("parameters, M", [million(value) for value in result.parameters.tolist()]))
    columns.append(("multiply-adds, M", [million(value) for value in result.multiply_adds.tolist()]))
    columns.append(("s per 1000 images", [f"{value:.3g}" for value in result.speed().tolist()]))
    return drop_empty_columns(columns)


def percent(value: float) -> str:
    """A share in percent, as the paper prints it."""
    return MISSING if isnan(value) else f"{100 * value:.1f}"


def million(value: float) -> str:
    """A count in millions, with three digits; a negative one is not known."""
    if value < 0:
        return MISSING
    return f"{value / 1e6:.0f}" if value >= 999.5e6 else f"{value / 1e6:#.3g}".rstrip(".")


def diverged(result: Ablation, row: int) -> str:
    """How many trainings of a row diverged, in words; nothing where none did."""
    count, seeds = int(result.diverged[row].sum()), len(result.seeds)
    return "" if not count else "diverged" if count == seeds else f"{count} of {seeds} diverged"


def scale(result: Ablation) -> str:
    """What the numbers are, and at what scale they were made."""
    seeds, crops = len(result.seeds), "ten crops" if result.crops == 10 else "centre crops"
    spread = (
        f"mean {PLUS_MINUS} sample standard deviation over {seeds} seeds"
        if seeds > 1
        else f"one seed ({result.seeds[0]}), so that no spread is known"
    )
    checked = f", {result.validated} to validate ({crops})" if result.validated else ""
    return (
        f"Errors in %: {spread}. {result.images} images of {result.classes} categories to train on{checked}; "
        f"at most {result.recipe['epochs']} epochs, rate {result.recipe['rate']:g}."
    )


def caption(result: Ablation) -> str:
    """The scale, and how to read the further columns."""
    return (
        f"{scale(result)} Guessing has an error of {chance(result):.1f} (top-1). Multiply-adds are of one "
        "image forward, seconds of training steps on this machine."
    )


def chance(result: Ablation, first: int = 1) -> float:
    """The error of guessing among equally frequent categories, in percent."""
    return 100 * (1 - min(first, result.classes) / result.classes)


def _records(result: Ablation) -> list[list[object]]:
    """Every training with all its digits, errors as shares from 0 to 1; empty where there is no number."""
    rows: list[list[object]] = []
    for row, label in enumerate(result.labels):
        counts = (int(result.parameters[row]), int(result.multiply_adds[row]))
        cost = [value if value >= 0 else "" for value in counts]
        paper = [digits(round(value, 6)) for value in result.paper[row].tolist()]
        for column, seed in enumerate(result.seeds):
            errors = [digits(float(getattr(result, measure)[row, column])) for measure in MEASURES]
            ended = [int(result.epochs[row, column]), int(result.diverged[row, column])]
            seconds = digits(float(result.seconds[row, column]))
            rows.append([label, seed, *errors, *ended, *cost, seconds, *paper])
    return rows


def _errors(result: Ablation, measure: Measure) -> list[str]:
    """Mean and spread of one error, row by row."""
    texts = []
    for row, (mean, spread) in enumerate(
        zip(result.mean(measure).tolist(), result.spread(measure).tolist(), strict=True)
    ):
        text = percent(mean) + ("" if isnan(spread) else f" {PLUS_MINUS} {percent(spread)}")
        failed = diverged(result, row) if measure == "train" else ""
        texts.append(f"{text} ({failed})" if failed not in {"", "diverged"} else failed or text)
    return texts


def _epochs(result: Ablation) -> list[str]:
    """Epochs that were trained, where some training that did not diverge ended before the last one."""
    if bool(((result.epochs == result.recipe["epochs"]) | result.diverged).all()):
        return [""] * len(result.labels)
    return [", ".join(str(epochs) if epochs else MISSING for epochs in row) for row in result.epochs.tolist()]


def failures(result: Ablation) -> list[str]:
    """Why trainings diverged, each in a sentence."""
    return [
        f"{label}, seed {seed}: {result.ended[row][column]}"
        for row, label in enumerate(result.labels)
        for column, seed in enumerate(result.seeds)
        if result.diverged[row, column]
    ]
