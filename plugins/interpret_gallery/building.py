"""From runs to a site: the pages of every step, what leads from one to another, and the files they share."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copyfile
from typing import Any

from interpret.errors import InterpretError
from interpret.plugin import Page, PageContext, Sheet, page_input
from interpret.progress import track
from interpret.results import Result
from interpret.run import OpenedRun, OpenedStep
from interpret_gallery.context import Context, Photos, relative_url
from interpret_gallery.data import script_text
from interpret_gallery.names import file_name
from interpret_gallery.networks import network_sheet
from interpret_gallery.overview import overview_body, recipe
from interpret_gallery.templates import render
from interpret_gallery.unshown import result_body, step_body

__all__ = ["build_page", "build_site"]

ASSETS = Path(__file__).parent / "assets"
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
        return self.folder / f"{file_name(sheet.name, ('index',)) if sheet.name else 'index'}.html"


@dataclass
class Site:
    """A gallery while it is built.

    Attributes:
        runs: What it shows.
        folder: Where it goes.
        title: What stands above every page.
    """

    runs: Sequence[OpenedRun]
    folder: Path
    title: str
    single: bool = False
    chapters: list[Chapter] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.photos = Photos(self.folder / "photos")
        self.results: list[tuple[Chapter, Result, Context]] = []

    def compose(self) -> None:
        """The pages of all steps; what took a result of others first, so that nothing is shown twice."""
        steps = [(run, step) for run in self.runs for step in run.steps.values()]
        self.chapters = [self._chapter(run, step) for run, step in steps]
        for chapter in track(list(reversed(self.chapters))):
            self._fill(chapter)
        self.results.reverse()

    def _chapter(self, run: OpenedRun, step: OpenedStep) -> Chapter:
        prefix = f"{run.folder.name}: " if len(self.runs) > 1 else ""
        place = f"{self.runs.index(run) + 1}-" if len(self.runs) > 1 else ""
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
        chapter.summary, chapter.warnings = result.summary(), result.warnings()
        context = Context(
            step,
            chapter.folder,
            self.folder if self.single else chapter.folder,
            self.photos,
            self._later(chapter),
        )
        chapter.sheets = self._composed(chapter, result, context)
        self.results.append((chapter, result, context))

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


def build_site(runs: Sequence[OpenedRun], folder: Path, title: str = "") -> Path:
    """Write a site with a page for each thing; returns the first page."""
    site = Site(runs, folder, title or ", ".join(run.folder.resolve().name for run in runs))
    site.compose()
    comparisons = site.compared()
    networks = {
        (place, model): network_sheet(run, model, _about(site, run, model, folder / "networks"))
        for place, run in enumerate(site.runs)
        for model in run.pipeline.models
    }
    writer = _Writer(site, comparisons, list(networks))
    for chapter in site.chapters:
        for sheet in chapter.sheets:
            writer.page(chapter.file(sheet), sheet, chapter)
    for (place, model), sheet in networks.items():
        writer.page(writer.network_file(place, model), sheet)
    for sheet in comparisons:
        writer.page(folder / "compare" / f"{file_name(sheet.name or sheet.title)}.html", sheet)
    writer.shared()
    return writer.overview()


def build_page(runs: Sequence[OpenedRun], folder: Path, title: str = "") -> Path:
    """Write one page with everything, photograph by photograph; returns it."""
    site = Site(runs, folder, title or ", ".join(run.folder.resolve().name for run in runs), single=True)
    site.compose()
    writer = _Writer(site, [], [])
    writer.shared()
    return writer.single()


def _about(site: Site, run: OpenedRun, model: str, base: Path) -> dict[str, list[tuple[str, str]]]:
    """The pages about each layer of a model: what they are called, and their addresses."""
    found: dict[str, list[tuple[str, str]]] = {}
    for chapter in site.chapters:
        if chapter.step.run is run and chapter.step.asked.model == model:
            for sheet in chapter.sheets:
                if sheet.layer:
                    url = relative_url(chapter.file(sheet), base)
                    found.setdefault(sheet.layer, []).append((chapter.step.name, url))
    return found


@dataclass
class _Writer:
    """Writes the pages of a site."""

    site: Site
    comparisons: Sequence[Sheet]
    networks: Sequence[tuple[int, str]]

    def network_file(self, place: int, model: str) -> Path:
        prefix = f"{place + 1}-" if len(self.site.runs) > 1 else ""
        return self.site.folder / "networks" / f"{prefix}{file_name(model)}.html"

    def page(self, path: Path, sheet: Sheet, chapter: Chapter | None = None) -> Path:
        """Write one page."""
        html = render(
            "interpret_gallery",
            "page.html",
            root=relative_url(self.site.folder, path.parent),
            site=self.site,
            sheet=sheet,
            chapter=chapter,
            navigation=self._navigation(path),
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(html, encoding="utf-8", newline="\n")
        return path

    def _navigation(self, path: Path) -> list[tuple[str, list[dict[str, Any]]]]:
        """The groups of pages at the side, each page with its name, address and whether it is this one."""
        groups: list[tuple[str, list[dict[str, Any]]]] = []
        networks = [
            (
                model if len(self.site.runs) == 1 else f"{self.site.runs[place].folder.name}: {model}",
                self.network_file(place, model),
            )
            for place, model in self.networks
        ]
        compared = [
            (sheet.title, self.site.folder / "compare" / f"{file_name(sheet.name or sheet.title)}.html")
            for sheet in self.comparisons
        ]
        steps = [(chapter.name, chapter.file(chapter.sheets[0])) for chapter in self.site.chapters]
        for title, entries in (("Network", networks), ("Steps", steps), ("Side by side", compared)):
            if entries:
                groups.append((title, [self._entry(name, file, path) for name, file in entries]))
        return groups

    def _entry(self, name: str, file: Path, path: Path) -> dict[str, Any]:
        return {
            "name": name,
            "url": relative_url(file, path.parent),
            "here": file == path,
            "within": file.parent == path.parent and file.name == "index.html" and file != path,
        }

    def overview(self) -> Path:
        """Write the first page."""
        cards = [self._card(chapter) for chapter in self.site.chapters]
        body = overview_body(self.site, cards)
        return self.page(self.site.folder / "index.html", Sheet(self.site.title, body))

    def _card(self, chapter: Chapter) -> dict[str, Any]:
        base = self.site.folder
        cover = next((sheet.cover for sheet in chapter.sheets if sheet.cover), "")
        return {
            "chapter": chapter,
            "url": relative_url(chapter.file(chapter.sheets[0]), base),
            "cover": relative_url(chapter.folder / cover, base) if cover else "",
            "sheets": [
                (sheet.title, relative_url(chapter.file(sheet), base)) for sheet in chapter.sheets[1:]
            ],
        }

    def single(self) -> Path:
        """Write everything on one page: what is about a photograph below it, the rest at the end."""
        about: dict[int | None, list[tuple[Chapter, Sheet]]] = {}
        for chapter in self.site.chapters:
            for sheet in chapter.sheets:
                about.setdefault(sheet.image, []).append((chapter, sheet))
        rest = about.pop(None, [])
        body = render(
            "interpret_gallery",
            "single.html",
            site=self.site,
            photographs=sorted(about.items()),
            rest=rest,
            recipes=[recipe(run) for run in self.site.runs],
        )
        scripts = tuple(name for chapter in self.site.chapters for s in chapter.sheets for name in s.scripts)
        return self.page(
            self.site.folder / "index.html",
            Sheet(self.site.title, body, scripts=tuple(dict.fromkeys(scripts))),
        )

    def shared(self) -> None:
        """Copy what all pages use, and write the list of pages by what they are about."""
        assets = self.site.folder / "assets"
        assets.mkdir(parents=True, exist_ok=True)
        for file in sorted(ASSETS.iterdir()):
            copyfile(file, assets / file.name)
        index = [
            {
                "title": sheet.title,
                "step": chapter.name,
                "model": chapter.step.asked.model,
                "url": relative_url(chapter.file(sheet), self.site.folder),
                "layer": sheet.layer,
                "units": list(sheet.units),
                "image": sheet.image,
            }
            for chapter in self.site.chapters
            for sheet in chapter.sheets
        ]
        (assets / "pages.js").write_text(script_text("pages", index), encoding="ascii", newline="\n")
