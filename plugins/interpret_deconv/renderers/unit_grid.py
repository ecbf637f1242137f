"""What the figures that show projections of units have in common: their parameters."""

from __future__ import annotations

from typing import TypeVar

from pydantic import Field

from interpret.plugin import Renderer
from interpret.results import Result
from interpret_deconv.renderers.units import Units
from interpret_figures.page import Format

__all__ = ["UnitGrid"]


R = TypeVar("R", bound=Result)


class UnitGrid(Renderer[R]):
    """Draws projections of some units of every layer."""

    units: Units = Field(
        "all", description='Units to show: "all", a number (at random), a list, or a list for each layer.'
    )
    seed: int = Field(0, ge=0, description="Seed of the random choice of units.")
    percentile: float = Field(
        99.5,  # deep projections have a few sharp peaks: under their maximum the rest is lost in grey
        gt=0,
        le=100,
        description="Percentile of a projection's magnitudes that gets full colour; 100: its maximum.",
    )
    zoom: bool = Field(
        True,
        description="Show the part around each signal where the receptive field is larger than the image.",
    )
    smooth: bool = Field(False, description="Enlarge small patches smoothly, not pixel by pixel.")
    formats: tuple[Format, ...] = Field(("png",), min_length=1, description="Kinds of files: png, svg, pdf.")
