"""The files of a gallery: its pages with their frame, the first page, and what all pages share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import copyfile
from typing import Any, TypeAlias

from interpret.plugin import Sheet
from interpret_gallery.context import relative_url
from interpret_gallery.data import script_text
from interpret_gallery.names import file_name, photograph_titles
from interpret_gallery.overview import overview_body, recipe
from interpret_gallery.site import Site, StepPages
from interpret_gallery.templates import ASSETS, render

__all__ = ["Writer"]


Entry: TypeAlias = tuple[StepPages, Sheet]


@dataclass
class Writer:
    """Writes the pages of a site."""

    site: Site
    comparisons: Sequence[Sheet]
    networks: Sequence[tuple[int, str]]

    def network_file(self, place: int, model: str) -> Path:
        """Where the page of a model of one of the runs goes."""
        prefix = f"{place + 1}-" if len(self.site.runs) > 1 else ""
        return self.site.folder / "networks" / f"{prefix}{file_name(model)}.html"

    def page(self, path: Path, sheet: Sheet, step: StepPages | None = None) -> Path:
        """Write one page."""
        html = render(
            "interpret_gallery",
            "page.html",
            root=relative_url(self.site.folder, path.parent),
            site=self.site,
            sheet=sheet,
            step=step,
            navigation=[] if self.site.single else self._navigation(path),
            front=path == self.site.folder / "index.html",
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        # a name of a file whose bytes are no text has halves of letters, which UTF-8 cannot write
        path.write_text(html, encoding="utf-8", errors="replace", newline="\n")
        return path

    def _navigation(self, path: Path) -> list[tuple[str, list[dict[str, Any]]]]:
        """The groups of pages at the side, each page with its name, address and whether it is this one."""
        groups: list[tuple[str, list[dict[str, Any]]]] = []
        networks = [
            (
                model if len(self.site.runs) == 1 else f"{self.site.run_names[place]}: {model}",
                self.network_file(place, model),
            )
            for place, model in self.networks
        ]
        compared = [
            (sheet.title, self.site.folder / "compare" / f"{file_name(sheet.name or sheet.title)}.html")
            for sheet in self.comparisons
        ]
        steps = [(step.name, step.file(step.sheets[0])) for step in self.site.steps]
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
        cards = [self._card(step) for step in self.site.steps]
        body = overview_body(self.site.runs, self.site.run_names, cards, self.site.photos.refused)
        return self.page(self.site.folder / "index.html", Sheet(self.site.title, body))

    def _card(self, step: StepPages) -> dict[str, Any]:
        base = self.site.folder
        cover = next((sheet.cover for sheet in step.sheets if sheet.cover), "")
        return {
            "step": step,
            "url": relative_url(step.file(step.sheets[0]), base),
            "cover": relative_url(step.folder / cover, base) if cover else "",
            "sheets": [(sheet.title, relative_url(step.file(sheet), base)) for sheet in step.sheets[1:]],
        }

    def single(self) -> Path:
        """Write everything on one page: what is about a photograph below it, the rest at the end."""
        about: dict[tuple[int, str], list[Entry]] = {}
        rest: list[Entry] = []
        for step in self.site.steps:
            for sheet in step.sheets:
                photograph = None if sheet.image is None else (sheet.image, step.photographs[sheet.image])
                (rest if photograph is None else about.setdefault(photograph, [])).append((step, sheet))
        titles = photograph_titles([name for _, name in sorted(about)])
        body = render(
            "interpret_gallery",
            "single.html",
            photographs=list(zip(titles, (_told_apart(about[key]) for key in sorted(about)), strict=True)),
            rest=_told_apart(rest),
            unreadable=self.site.photos.refused,
            recipes=list(map(recipe, self.site.runs, self.site.run_names)),
        )
        scripts = tuple(
            dict.fromkeys(name for step in self.site.steps for s in step.sheets for name in s.scripts)
        )
        return self.page(self.site.folder / "index.html", Sheet(self.site.title, body, scripts=scripts))

    def shared(self) -> None:
        """Copy what all pages use, and write the list of pages by what they are about."""
        assets = self.site.folder / "assets"
        assets.mkdir(parents=True, exist_ok=True)
        for file in sorted(ASSETS.iterdir()):
            copyfile(file, assets / file.name)
        index = [
            {
                "title": sheet.title,
                "step": step.name,
                "model": step.opened.asked.model,
                "url": relative_url(step.file(sheet), self.site.folder),
                "layer": sheet.layer,
                "units": list(sheet.units),
                "image": sheet.image,
            }
            for step in self.site.steps
            for sheet in step.sheets
        ]
        (assets / "pages.js").write_text(script_text("pages", index), encoding="ascii", newline="\n")


def _told_apart(entries: Sequence[Entry]) -> list[Entry]:
    """The same pages, those of one title with the names of their steps."""
    titles = [sheet.title for _, sheet in entries]
    return [
        (
            step,
            replace(sheet, title=f"{sheet.title} ({step.name})") if titles.count(sheet.title) > 1 else sheet,
        )
        for step, sheet in entries
    ]
