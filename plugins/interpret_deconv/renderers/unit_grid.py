"""What the figures that show projections of units have in common: their parameters."""

from __future__ import annotations

from typing import TypeVar

from pydantic import Field

from interpret.results import Result
from interpret_topk.renderers.unit_grid import UnitGrid

__all__ = ["ProjectionGrid"]


R = TypeVar("R", bound=Result)


class ProjectionGrid(UnitGrid[R]):
    """Draws projections of some units of every layer."""

    percentile: float = Field(
        99.5,  # deep projections have a few sharp peaks: under their maximum the rest is lost in grey
        gt=0,
        le=100,
        description="Percentile of a projection's magnitudes that gets full colour; 100: its maximum.",
    )
    zoom: bool = Field(
        True,
        description="Show the part around each signal where the receptive field nearly fills the image.",
    )
