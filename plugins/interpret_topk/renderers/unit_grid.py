"""What the figures that show units have in common: their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from pydantic import Field

from interpret.plugin import Renderer
from interpret.results import Result
from interpret_figures.page import Format
from interpret_topk.renderers.units import Units

__all__ = ["NAMES", "ROWS", "UnitGrid"]

ROWS: Any = Field(6, ge=1, le=100, description="Units one below the other on a page.")
NAMES: Any = Field(True, description="Write category and activation under each patch, on pages of few units.")


R = TypeVar("R", bound=Result)


class UnitGrid(Renderer[R]):
    """Draws some units of every layer."""

    first_look: ClassVar[Mapping[str, Any]] = {"units": 24}

    units: Units = Field(
        "all", description='Units to show: "all", a number (at random), a list, or a list for each layer.'
    )
    seed: int = Field(0, ge=0, description="Seed of the random choice of units.")
    smooth: bool = Field(False, description="Enlarge small patches smoothly, not pixel by pixel.")
    formats: tuple[Format, ...] = Field(("png",), min_length=1, description="Kinds of files: png, svg, pdf.")
