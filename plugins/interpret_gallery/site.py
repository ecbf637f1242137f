"""A gallery while it is built: the pages of every step, and which of them show the same side by side."""

from __future__ import annotations

import logging
from collections import Counter
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

__all__ = ["Site", "StepPages", "fitting_page"]

logger = logging.getLogger(__name__)


@dataclass
class StepPages:
    """The pages of one step.

    Attributes:
        opened: The step.
        name: What it is called in the site: of several runs with the run's name.
        folder: Where its pages are.
        sheets: Its pages; the first is called ``index.html``.
        summary: Its main numbers by name.
        photographs: The names of the photographs that its pages are about, by their places.
        warnings: What a person should read.
        notes: Why something is not shown.
    """

    opened: OpenedStep
    name: str
    folder: Path
    sheets: list[Sheet] = field(default_factory=list)
    summary: Mapping[str, str] = field(default_factory=dict)
    photographs: Mapping[int, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)

    def file(self, sheet: Sheet) -> Path:
        """Where a page of it goes."""
        return self.folder / sheet_file(sheet.name)

    @property
    def front(self) -> str:
        """The address of its first page, seen from its other ones."""
        return sheet_file(self.sheets[0].name)

    @property
    def home(self) -> str:
        """The address of its folder, seen from the first page of the site."""
        return relative_url(self.folder, self.folder.parent.parent) + "/"

    def anchor(self, sheet: Sheet) -> str:
        """Where a page of it stands where all pages are one."""
        return anchor(self.folder.name, sheet.name)


@dataclass
class Site:
    """A gallery while it is built.

    Attributes:
        runs: What it shows.
        folder: Where it goes.
        title: What stands above every page.
        single: Whether all is one page.
        steps: The pages of each step.
    """

    runs: Sequence[OpenedRun]
    folder: Path
    title: str
    single: bool = False
    steps: list[StepPages] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.photos = Photos(self.folder / "photos")
        self.run_names = run_names([run.folder for run in self.runs])
        self.results: list[tuple[Result, Context]] = []

    def compose(self) -> None:
        """The pages of all steps; what took a result of others first, so that nothing is shown twice."""
        self.steps = [self._pages_of(run, opened) for run in self.runs for opened in run.steps.values()]
        for step in track(list(reversed(self.steps))):
            self._fill(step)
        self.results.reverse()

    def _pages_of(self, run: OpenedRun, opened: OpenedStep) -> StepPages:
        index, several = self.runs.index(run), len(self.runs) > 1
        prefix = f"{self.run_names[index]}: " if several else ""
        place = f"{index + 1}-" if several else ""
        folder = self.folder / "steps" / f"{place}{file_name(opened.name)}"
        return StepPages(opened, f"{prefix}{opened.name}", folder)

    def _fill(self, step: StepPages) -> None:
        opened = step.opened
        try:
            result = opened.result() if opened.complete else None
        except InterpretError as error:
            result, step.notes = None, [str(error)]
        if result is None:
            step.sheets = [Sheet(opened.name, step_body(opened, step.notes))]
            return
        step.summary, step.warnings = rows_of(result), warnings_of(result)
        context = Context(
            opened,
            step.folder,
            self.folder if self.single else step.folder,
            self.photos,
            self._later(step),
            self.run_names[self.runs.index(opened.run)],
        )
        step.sheets = self._composed(step, result, context)
        about = {sheet.image for sheet in step.sheets if sheet.image is not None}
        step.photographs = {image: context.photo(image, result).name for image in sorted(about)}
        self.results.append((result, context))

    def _composed(self, step: StepPages, result: Result, context: Context) -> list[Sheet]:
        """What the page that fits best makes of a result; its main numbers and figures where none can."""
        found = fitting_page(step.opened.run.registry.pages.values(), type(result))
        sheets: list[Sheet] = []
        try:
            sheets += [] if found is None else found.compose(result, context)
            _check_names(sheets)
        except Exception as error:  # noqa: BLE001 - the code of a plugin fails in any way; the site goes on
            name = found and type(found).name
            logger.warning("The page %s failed for step %s: %s", name, context.step, error)
            reason = str(error) if isinstance(error, InterpretError) else f"{type(error).__name__}: {error}"
            step.notes.append(f"Its page cannot be shown: {reason}")
            sheets.clear()
        return sheets or [Sheet(step.opened.name, result_body(step.opened, result, context, step.notes))]

    def _later(self, step: StepPages) -> dict[str, str]:
        """The pages about layers of steps that took this one's result."""
        name = step.opened.name
        return {
            sheet.layer: f"#{other.anchor(sheet)}"
            if self.single
            else relative_url(other.file(sheet), step.folder)
            for other in self.steps
            if other.opened.run is step.opened.run and name in other.opened.asked.inputs.values()
            for sheet in other.sheets
            if sheet.layer
        }

    def compared(self) -> list[Sheet]:
        """Pages that show results of the same type side by side."""
        found: list[Sheet] = []
        for cls in dict.fromkeys(cls for run in self.runs for cls in run.registry.pages.values()):
            mine = [(result, context) for result, context in self.results if _shows(cls, result)]
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


def _check_names(sheets: Sequence[Sheet]) -> None:
    """Each page of a step is a file of its own."""
    (name, count), *_ = Counter(sheet.name for sheet in sheets).most_common(1) or [("", 0)]
    if count > 1:
        raise InterpretError(f"{count} of its sheets have the name {name!r}. Give each a name of its own.")
