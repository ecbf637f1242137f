"""The page of an overlap: near-duplicates side by side, and all pairs as a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from interpret.plugin import Page, PageContext, Sheet
from interpret_datasets.overlap import Overlap
from interpret_datasets.renderers.overlap_pairs import details
from interpret_gallery import Cell, Picture, Quantity, Table, render, save_picture, strip, table

MOST = 1000
"""Pairs in the table: a browser lays out a thousand rows at once."""


class OverlapPage(Page[Overlap]):
    """Photographs of two data sets that are nearly the same, side by side."""

    name: ClassVar[str] = "overlap"

    def compose(self, result: Overlap, context: PageContext) -> Iterable[Sheet]:
        """One page: the most alike as pictures, then the list."""
        pairs = [_pair(result, place, context) for place in range(len(result.pictures))]
        listed = _listed(result)
        body = render(
            "interpret_datasets",
            "overlap.html",
            pairs=pairs,
            warnings=result.warnings(),
            table=table(listed),
            hidden=len(result.ids) - len(listed.rows),
            threshold=result.threshold,
        )
        first = result.pictures[0].numpy() if pairs else None
        yield Sheet(
            "Near-duplicates in two data sets",
            body,
            summary=details(result),
            cover="" if first is None else save_picture(context, "cover", strip(list(first))).url,
        )


def _pair(result: Overlap, place: int, context: PageContext) -> tuple[list[tuple[Picture, str]], str]:
    """Both photographs of a pair, with their names."""
    names = result.ids[place]
    pictures = [
        (save_picture(context, f"pair {place + 1} {side}", pixels.numpy()), f"Photograph {name}")
        for side, name, pixels in zip(("first", "second"), names, result.pictures[place], strict=True)
    ]
    mirrored = ", mirrored" if bool(result.mirrored[place]) else ""
    return pictures, f"{float(result.correlation[place]):.3f}{mirrored} · {names[0]} · {names[1]}"


def _listed(result: Overlap) -> Table:
    """The pairs, and which are mirrored where some are."""
    count, mirrored = min(len(result.ids), MOST), bool(result.mirrored.any())
    columns = ["photograph", "other photograph", "correlation", *(["mirrored"] if mirrored else [])]
    rows = [_row(result, place)[: len(columns)] for place in range(count)]
    return Table(columns, rows, "Pairs of photographs, the most alike first")


def _row(result: Overlap, place: int) -> list[Cell]:
    value = float(result.correlation[place])
    mirrored = "mirrored" if bool(result.mirrored[place]) else ""
    return [*result.ids[place], Quantity(value, f"{value:.3f}"), mirrored]
