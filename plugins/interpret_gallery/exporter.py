"""The exporter ``gallery``: runs as a site that opens from the file system."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from interpret.plugin import Exporter, registry
from interpret.run import open_run
from interpret_gallery.building import build_page, build_site
from interpret_gallery.templates import ASSETS, OWN

__all__ = ["Gallery"]


class Gallery(Exporter):
    """A site that opens from the file system: layers, units, photographs, maps and charts of runs."""

    name: ClassVar[str] = "gallery"

    layout: Literal["site", "page"] = Field(
        "site",
        description="A site with a page for each thing, or all of it on one page, photograph by photograph.",
    )
    title: str = Field("", description="What stands above; empty: the name of the run folder.")
    allow: tuple[str, ...] = Field(
        (), description="Packages whose functions the pipeline may name as target."
    )

    def content(self) -> str:
        """A hash of the templates and of what pages share: with others the site is another one."""
        packages = {cls.__module__.partition(".")[0] for cls in registry().pages.values()}
        folders = [folder for name in sorted(packages) for folder in _templates_of(name)] + [OWN, ASSETS]
        found = [file for folder in folders for file in sorted(folder.glob("*.*")) if file.suffix != ".py"]
        return sha256(b"".join(sha256(file.read_bytes()).digest() for file in found)).hexdigest()

    def export(self, runs: Sequence[Path], folder: Path) -> Path:
        """Write the site into a folder; returns its first page."""
        opened = [open_run(path, allow=self.allow) for path in runs]
        build = build_site if self.layout == "site" else build_page
        return build(opened, folder, self.title)


def _templates_of(module: str) -> list[Path]:
    """Where the templates of a package lie; a plugin that is a single file has none."""
    return [Path(place) / "pages" for place in getattr(sys.modules.get(module), "__path__", ())]
