"""Features under transformations: the paper's Figure 5, a row for each transformation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from interpret.images import Images
from interpret.plugin import Renderer
from interpret_figures.charts import save_chart
from interpret_figures.page import Format
from interpret_figures.photographs import Photographs
from interpret_invariance.renderers.page import COLOURS, Sheet
from interpret_invariance.results import Invariances


class InvariancePanels(Renderer[Invariances]):
    """The paper's Figure 5: transformed images, and how features and the answer change, by transformation.

    A panel for each layer and one for the probability of the target; a line for each image.
    """

    name: ClassVar[str] = "invariance_panels"

    distance: Literal["relative", "raw"] = Field(
        "relative",
        description="Distances over the length of the untransformed image's features, all panels under one "
        "scale; or as they are, a scale for each layer.",
    )
    images: int = Field(
        5, ge=1, le=len(COLOURS), description="Images on one page; further ones are on further pages."
    )
    formats: tuple[Format, ...] = Field(("png",), min_length=1, description="Kinds of files: png, svg, pdf.")

    def render(self, result: Invariances, images: Images, folder: Path) -> Sequence[Path]:
        """Write ``invariance-1.png`` and so on; each shown photograph is read once."""
        photographs = Photographs(images, result.ids, result.input)
        files: list[Path] = []
        for page, first in enumerate(range(0, len(result), self.images), start=1):
            rows = range(first, min(first + self.images, len(result)))
            sheet = Sheet(result, tuple(rows), self.distance == "relative", photographs)
            files += save_chart(sheet.draw, folder / f"invariance-{page}", self.formats)
        return files
