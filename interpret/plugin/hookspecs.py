"""The hooks a plugin can implement, marked with ``@interpret.hookimpl``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from interpret.plugin.interfaces import Dataset, Executor, Model, Probe, Renderer
    from interpret.plugin.pages import Exporter, Page
    from interpret.results import Result

hookspec = pluggy.HookspecMarker("interpret")
hookimpl = pluggy.HookimplMarker("interpret")


@hookspec
def register_models() -> list[type[Model]]:  # type: ignore[empty-body]
    """Return the models this plugin offers."""


@hookspec
def register_datasets() -> list[type[Dataset]]:  # type: ignore[empty-body]
    """Return the datasets this plugin offers."""


@hookspec
def register_probes() -> list[type[Probe]]:  # type: ignore[empty-body]
    """Return the probes this plugin offers."""


@hookspec
def register_renderers() -> list[type[Renderer[Any]]]:  # type: ignore[empty-body]
    """Return the renderers this plugin offers."""


@hookspec
def register_pages() -> list[type[Page[Any]]]:  # type: ignore[empty-body]
    """Return the pages of a gallery that this plugin offers, for results of its own or of others."""


@hookspec
def register_exporters() -> list[type[Exporter]]:  # type: ignore[empty-body]
    """Return the exporters this plugin offers: what makes files for others of a run, such as a gallery."""


@hookspec
def register_executors() -> list[type[Executor]]:  # type: ignore[empty-body]
    """Return the executors this plugin offers."""


@hookspec
def before_step(step: str, folder: Path) -> None:
    """Called before a step computes anything; not called for a step that is kept from an earlier run."""


@hookspec
def after_step(step: str, folder: Path, result: Result) -> None:
    """Called when a step's result and figures are written."""


@hookspec
def on_step_error(step: str, folder: Path, error: BaseException) -> None:
    """Called when a step failed, before the error reaches the user."""
