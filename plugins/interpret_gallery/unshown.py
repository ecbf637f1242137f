"""Pages of last resort: of steps without a result, and of results that no page is for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shutil import copyfile

from markupsafe import Markup

from interpret.plugin import PageContext
from interpret.results import Result, rows_of, warnings_of
from interpret.run import OpenedStep
from interpret_gallery.names import file_name
from interpret_gallery.templates import render

__all__ = ["result_body", "step_body"]

SHOWN = (".png", ".svg", ".webp", ".jpg", ".jpeg")

MEANING = {
    "failed": "This step failed.",
    "blocked": "This step did not run: a step that it needs failed.",
    "waiting": "This step waits for the results of others.",
    "sharded": "Only shares of this step are computed: merge them with --merge.",
    "interrupted": "This step was stopped before it was done.",
    "running": "This step is running, or was killed while it ran.",
    "missing": "This step has not run.",
}


def step_body(step: OpenedStep, notes: Sequence[str]) -> Markup:
    """What is said of a step without a result."""
    said = MEANING.get(step.status, "The result of this step is not whole any more.")
    return render("interpret_gallery", "step.html", said=said, error=step.error, notes=notes)


def result_body(step: OpenedStep, result: Result, context: PageContext, notes: Sequence[str]) -> Markup:
    """The main numbers of a result, and what the step's renderers drew."""
    drawn = [(file.name, context.url(_copied(file, step, context))) for file in step.figures]
    pictures = [(name, url) for name, url in drawn if Path(name).suffix.lower() in SHOWN]
    others = [(name, url) for name, url in drawn if Path(name).suffix.lower() not in SHOWN]
    return render(
        "interpret_gallery",
        "result.html",
        kind=type(result).__name__,
        summary=rows_of(result),
        warnings=warnings_of(result),
        notes=notes,
        pictures=pictures,
        others=others,
    )


def _copied(file: Path, step: OpenedStep, context: PageContext) -> Path:
    """A figure of the step, brought into the site."""
    stem = file_name(file.relative_to(step.folder).with_suffix("").as_posix())
    target = context.folder / "figures" / f"{stem}{file.suffix.lower()}"
    target.parent.mkdir(parents=True, exist_ok=True)
    copyfile(file, target)
    return target
