"""Single images explained: what the network answers, and which of its units are strongest."""

from typing import Any

from interpret.plugin import Page, Probe, Renderer, hookimpl
from interpret_explain.predicting import predict
from interpret_explain.probe import Predict, Strongest
from interpret_explain.results import Predictions, StrongestUnits
from interpret_explain.strongest import strongest_units

__all__ = ["Predict", "Predictions", "Strongest", "StrongestUnits", "predict", "strongest_units"]


@hookimpl
def register_probes() -> list[type[Probe]]:
    """The probes ``predict`` and ``strongest``."""
    return [Predict, Strongest]


@hookimpl
def register_renderers() -> list[type[Renderer[Any]]]:
    """What draws the results of ``predict`` and ``strongest``."""
    from interpret_explain.renderers import PredictionTable, StrongestGrid  # noqa: PLC0415 - matplotlib takes time

    return [PredictionTable, StrongestGrid]


@hookimpl
def register_pages() -> list[type[Page[Any]]]:
    """What shows the results of ``predict`` and ``strongest`` in a gallery."""
    from interpret_explain.pages import PredictionPage, StrongestPage  # noqa: PLC0415 - takes time

    return [PredictionPage, StrongestPage]
