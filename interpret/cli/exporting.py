"""Make a gallery of runs for the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from interpret.cli import show
from interpret.cli.progress import Bars
from interpret.cli.remarks import remarks
from interpret.files.reading import printable
from interpret.files.remote import local_folder, readable_folder
from interpret.plugin.discovery import Registry
from interpret.plugin.pages import Exporter
from interpret.plugin.parameters import configure
from interpret.progress import StepListener, listening
from interpret.run.exporting import Exported, export_runs

__all__ = ["export", "export_and_tell", "tell"]


def export(
    runs: Sequence[str | Path],
    registry: Registry,
    out: str | None = None,
    *,
    force: bool = False,
    **parameters: Any,
) -> Exported:
    """Make a gallery with a bar on a terminal; what is there of the same runs is kept."""
    exporter = cast(Exporter, configure(registry.lookup("exporter", "gallery"), "exporter", parameters))
    with Bars() as bars, remarks(bars.console), listening(StepListener(bars, "gallery")):
        bars.started("gallery", 0)
        return export_runs(
            [*map(readable_folder, runs)], exporter, None if out is None else local_folder(out), anew=force
        )


def export_and_tell(runs: Sequence[str | Path], registry: Registry, *, as_json: bool, **options: Any) -> None:
    """Make a gallery and say where it is."""
    made = export(runs, registry, **options)
    if as_json:
        show.json({"folder": made.folder, "first": made.first, "kept": made.kept})
    else:
        tell(made)


def tell(made: Exported) -> None:
    """Say where a gallery is."""
    kept = ", as it was: nothing has changed" if made.kept else ""
    show.console().print(printable(f"The gallery is {made.first}{kept}"), soft_wrap=True)
