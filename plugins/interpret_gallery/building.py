"""From runs to a site, or to one page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from interpret.run import OpenedRun
from interpret_gallery.context import relative_url
from interpret_gallery.names import file_name, run_names
from interpret_gallery.networks import network_sheet
from interpret_gallery.site import Site
from interpret_gallery.writing import Writer

__all__ = ["build_page", "build_site"]


def build_site(runs: Sequence[OpenedRun], folder: Path, title: str = "") -> Path:
    """Write a site with a page for each thing; returns the first page."""
    site = Site(runs, folder, title or _title(runs))
    site.compose()
    comparisons = site.compared()
    networks = {
        (place, model): network_sheet(run, model, _about(site, run, model, folder / "networks"))
        for place, run in enumerate(site.runs)
        for model in run.pipeline.models
    }
    writer = Writer(site, comparisons, list(networks))
    for step in site.steps:
        for sheet in step.sheets:
            writer.page(step.file(sheet), sheet, step)
    for (place, model), sheet in networks.items():
        writer.page(writer.network_file(place, model), sheet)
    for sheet in comparisons:
        writer.page(folder / "compare" / f"{file_name(sheet.name or sheet.title)}.html", sheet)
    writer.shared()
    return writer.overview()


def build_page(runs: Sequence[OpenedRun], folder: Path, title: str = "") -> Path:
    """Write one page with everything, photograph by photograph; returns it."""
    site = Site(runs, folder, title or _title(runs), single=True)
    site.compose()
    writer = Writer(site, [], [])
    writer.shared()
    return writer.single()


def _title(runs: Sequence[OpenedRun]) -> str:
    return ", ".join(run_names([run.folder for run in runs]))


def _about(site: Site, run: OpenedRun, model: str, base: Path) -> dict[str, list[tuple[str, str]]]:
    """The pages about each layer of a model: what they are called, and their addresses."""
    found: dict[str, list[tuple[str, str]]] = {}
    for step in site.steps:
        if step.opened.run is run and step.opened.asked.model == model:
            for sheet in step.sheets:
                if sheet.layer:
                    url = relative_url(step.file(sheet), base)
                    found.setdefault(sheet.layer, []).append((step.opened.name, url))
    return found
