"""A gallery while it is built: the pages of every step, and which of them show the same side by side."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interpret.errors import InterpretError
from interpret.plugin import Page, PageContext, Sheet, page_input
from interpret.progress import track
from interpret.results import Result, rows_of, warnings_of
from interpret.run import OpenedRun, OpenedStep
from interpret_gallery.context import Context, Photos, relative_url
from interpret_gallery.names import anchor, file_name, run_names, sheet_file
from interpret_gallery.unshown import result_body, step_body

__all__ = ["Chapter", "Site", "fitting_page"]

logger = logging.getLogger(__name__)


@dataclass
class Chapter:
    """The pages of one step.

    Attributes:
        step: The step.
        name: What it is called in the site: of several runs with the run's name.
        folder: Where its pages are.
        sheets: Its pages; the first is called ``index.html``.
        summary: Its main numbers by name.
        warnings: What a person should read.
        notes: Why something is not shown.
    """

    step: OpenedStep
    name: str
    folder: Path
    sheets: list[Sheet] = field(default_factory=list)
    summary: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)

    def file(self, sheet: Sheet) -> Path:
        """Where a page of it goes."""
        return self.folder / sheet_file(sheet.name)

    @property
    def label(self) -> str:
        """The name of the step as a heading."""
        return self.name.replace("_", " ").capitalize()

    def anchor(self, sheet: Sheet) -> str:
        """Where it stands where all pages are one."""
        return anchor(self.folder.name, sheet.name)


@dataclass
class Site:
    """A gallery while it is built.

    Attributes:
        runs: What it shows.
        folder: Where it goes.
        title: What stands above every page.
        single: Whether all is one page.
        chapters: The pages of each step.
        names: The ids of the photographs that pages are about, by their places.
    """

    runs: Sequence[OpenedRun]
    folder: Path
    title: str
    single: bool = False
    chapters: list[Chapter] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.photos = Photos(self.folder / "photos")
        self.run_names = run_names([run.folder for run in self.runs])
        self.results: list[tuple[Chapter, Result, Context]] = []
        self.names: dict[int, str] = {}

    def compose(self) -> None:
        """The pages of all steps; what took a result of others first, so that nothing is shown twice."""
        steps = [(run, step) for run in self.runs for step in run.steps.values()]
        self.chapters = [self._chapter(run, step) for run, step in steps]
        for chapter in track(list(reversed(self.chapters))):
            self._fill(chapter)
        self.results.reverse()

    def _chapter(self, run: OpenedRun, step: OpenedStep) -> Chapter:
        index, several = self.runs.index(run), len(self.runs) > 1
        prefix = f"{self.run_names[index]}: " if several else ""
        place = f"{index + 1}-" if several else ""
        return Chapter(step, f"{prefix}{step.name}", self.folder / "steps" / f"{place}{file_name(step.name)}")

    def _fill(self, chapter: Chapter) -> None:
        step = chapter.step
        try:
            result = step.result() if step.complete else None
        except InterpretError as error:
            result, chapter.notes = None, [str(error)]
        if result is None:
            chapter.sheets = [Sheet(step.name, step_body(step, chapter.notes))]
            return
        chapter.summary, chapter.warnings = rows_of(result), warnings_of(result)
        context = Context(
            step,
            chapter.folder,
            self.folder if self.single else chapter.folder,
            self.photos,
            self._later(chapter),
            self.run_names[self.runs.index(step.run)],
        )
        chapter.sheets = self._composed(chapter, result, context)
        self.results.append((chapter, result, context))
        for image in {sheet.image for sheet in chapter.sheets if sheet.image is not None} - self.names.keys():
            self.names[image] = context.photo(image, result).name

    def _composed(self, chapter: Chapter, result: Result, context: Context) -> list[Sheet]:
        """What the page that fits best makes of a result; its main numbers and figures where none can."""
        found = fitting_page(chapter.step.run.registry.pages.values(), type(result))
        sheets: list[Sheet] = []
        try:
            sheets += [] if found is None else found.compose(result, context)
        except Exception as error:  # noqa: BLE001 - the code of a plugin fails in any way; the site goes on
            name = found and type(found).name
            logger.warning("The page %s failed for step %s: %s", name, context.step, error)
            reason = str(error) if isinstance(error, InterpretError) else f"{type(error).__name__}: {error}"
            chapter.notes.append(f"Its page cannot be shown: {reason}")
            sheets.clear()
        return sheets or [Sheet(chapter.step.name, result_body(chapter.step, result, context, chapter.notes))]

    def _later(self, chapter: Chapter) -> dict[str, str]:
        """The pages about layers of steps that took this one's result."""
        name, base = chapter.step.name, self.folder if self.single else chapter.folder
        return {
            sheet.layer: relative_url(other.file(sheet), base)
            for other in self.chapters
            if other.step.run is chapter.step.run and name in other.step.asked.inputs.values()
            for sheet in other.sheets
            if sheet.layer
        }

    def compared(self) -> list[Sheet]:
        """Pages that show results of the same type side by side."""
        found: list[Sheet] = []
        for cls in dict.fromkeys(cls for run in self.runs for cls in run.registry.pages.values()):
            mine = [(result, context) for _, result, context in self.results if _shows(cls, result)]
            if len(mine) > 1:
                found += self._side_by_side(cls(), mine)
        return found

    def _side_by_side(self, page: Page[Any], results: Sequence[tuple[Result, PageContext]]) -> list[Sheet]:
        try:
            return list(page.compare(results))
        except Exception as error:  # noqa: BLE001 - the code of a plugin fails in any way; the site goes on
            logger.warning("The page %s cannot compare steps: %s", type(page).name, error)
            return []


def fitting_page(pages: Iterable[type[Page[Any]]], result: type[Result]) -> Page[Any] | None:
    """The page for a type of result: of those for its bases the nearest, the first offered."""
    order = result.__mro__
    fitting = [(order.index(page_input(page)), page) for page in pages if page_input(page) in order]
    return min(fitting, key=lambda pair: pair[0])[1]() if fitting else None


def _shows(page: type[Page[Any]], result: Result) -> bool:
    found = fitting_page([page], type(result))
    return found is not None and page.compare is not Page.compare
