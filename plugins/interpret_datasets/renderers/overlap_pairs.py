"""Near-duplicate photographs side by side, to judge by eye what a threshold lets in; and a list of all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from interpret.files import write_atomically
from interpret.images import Images
from interpret.plugin import Renderer
from interpret_datasets.overlap import Overlap
from interpret_figures import display
from interpret_figures.grid import Heading
from interpret_figures.page import TIMES, Format, save_page
from interpret_figures.pairs import Pair, pair_page, picture_size
from interpret_figures.tables import csv_text

COLUMNS = ("image", "id", "other", "other_id", "correlation", "mirrored")


class OverlapPairs(Renderer[Overlap]):
    """Photographs of two data sets that are nearly the same, side by side, and all of them as a list."""

    name: ClassVar[str] = "overlap_pairs"

    columns: int = Field(3, ge=1, le=100, description="Pairs side by side.")
    formats: tuple[Format, ...] = Field(("png",), min_length=1, description="Kinds of files: png, svg, pdf.")

    def render(self, result: Overlap, images: Images, folder: Path) -> Sequence[Path]:  # noqa: ARG002
        """Write ``overlap.csv``, and ``overlap.png`` where there are pairs; no image is read."""
        folder.mkdir(parents=True, exist_ok=True)
        table = folder / "overlap.csv"
        write_atomically(table, comma_separated(result).encode())
        pairs = [_pair(result, index) for index in range(len(result.pictures))]
        if not pairs:
            return [table]
        heading = Heading("Near-duplicates in two data sets", (details(result),))
        page = pair_page(pairs, min(self.columns, len(pairs)), heading)
        return [table, *save_page(page, folder / "overlap", self.formats)]


def _pair(result: Overlap, index: int) -> Pair:
    """The two photographs of one pair, their ids and how alike they are."""
    first, second = result.pictures[index].numpy()
    tile = picture_size(*first.shape[:2])
    name, other = result.ids[index]
    mirrored = ", mirrored" if bool(result.mirrored[index]) else ""
    return Pair(
        name,
        f"{float(result.correlation[index]):.3f}{mirrored}  ·  {other}",
        *(display.resize(picture[None], tile, smooth=True)[0] for picture in (first, second)),
    )


def details(result: Overlap) -> str:
    """How many pairs there are of how many photographs, and what was compared."""
    total, shown = len(result.ids), len(result.pictures)
    these = "" if shown == total else f"; the {shown} most alike are shown"
    first, second = result.compared
    return (
        f"{total} pair{'s' if total > 1 else ''} of {first:,} and {second:,} photographs correlate by "
        f"{result.threshold:g} or more{these}. Grey thumbnails of {result.size} {TIMES} {result.size} pixels."
    )


def comma_separated(result: Overlap) -> str:
    """A line for each pair, the most alike first, with their places in the two data sets."""
    indices = zip(result.images.tolist(), result.others.tolist(), strict=True)
    values = zip(result.correlation.tolist(), result.mirrored.tolist(), strict=True)
    rows = [
        [image, name, other, other_name, f"{value:.6f}", mirrored]
        for (image, other), (name, other_name), (value, mirrored) in zip(
            indices, result.ids, values, strict=True
        )
    ]
    return csv_text(COLUMNS, rows)
