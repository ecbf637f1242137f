"""Features under transformations: a chart for each layer, and the pictures behind it (Figure 5)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite
from typing import ClassVar

import torch
from jaxtyping import Float
from markupsafe import Markup
from torch import Tensor

from interpret.plugin import Page, PageContext, Sheet
from interpret_figures import tables as files
from interpret_gallery import Chart, Series, Table, chart, from_file, render, table
from interpret_invariance.pages.strip import pictures
from interpret_invariance.renderers.table import Row, cells, heads, median_of, notes, rows, span
from interpret_invariance.renderers.text import AXES, caption, names
from interpret_invariance.results import Invariances

__all__ = ["InvariancePage"]

LINES = 7
"""Images that a chart can tell apart; of more it shows the median and the quartiles."""


class InvariancePage(Page[Invariances]):
    """How features and the answer change with each transformation, layer by layer, with the pictures."""

    name: ClassVar[str] = "invariance"

    def compose(self, result: Invariances, context: PageContext) -> Iterable[Sheet]:
        """One page, with a part for each transformation."""
        found, high = rows(result), _largest(result)
        shown = [pictures(result, transform, LINES, context) for transform in result.curves]
        parts = [
            {
                "title": transform.replace("_", " ").capitalize(),
                "unit": AXES[transform],
                "span": span(result, transform),
                "strip": strip,
                "panels": _panels(
                    result, transform, high, [row for row in found if row.transform == transform]
                ),
            }
            for transform, strip in zip(result.curves, shown, strict=True)
        ]
        body = render(
            "interpret_invariance",
            "invariance.html",
            facts=result.summary(),
            warnings=result.warnings(),
            caption=caption(result, relative=True),
            spread="" if len(result) <= LINES else f"Of {len(result)} images the median and the quartiles.",
            parts_of=parts,
            notes=notes(result),
        )
        kinds = ", ".join(transform.replace("_", " ") for transform in result.curves)
        cover = next((strip.rows[0][1][0].picture.url for strip in shown if strip.rows), "")
        yield Sheet(context.step, body, summary=f"What happens under {kinds}.", cover=cover)


def _panels(
    result: Invariances, transform: str, high: float, found: Sequence[Row]
) -> list[tuple[str, Markup]]:
    """Chart and numbers of every layer, distances all under one scale, and of the answer at the end."""
    shares = (0.0, 1.0) if result.asked == "probability" else None
    distances = [
        (layer, f"{layer}: relative distance", result.relative(transform, layer), (0.0, high))
        for layer in result.layers
    ]
    curves = [
        *distances,
        (result.asked, f"{result.asked} of the target", result[transform].probability, shares),
    ]
    return [
        # the rows are those of the first image, of each the layers and then the answer, then of the next one
        (
            name,
            chart(_chart(result, transform, what, values, ends))
            + table(_numbers(result, name, found[place :: len(curves)])),
        )
        for place, (name, what, values, ends) in enumerate(curves)
    ]


def _chart(
    result: Invariances,
    transform: str,
    what: str,
    values: Float[Tensor, "image step"],
    ends: tuple[float, float] | None,
) -> Chart:
    curves = result[transform]
    low, high = ends or (None, None)
    start = float(curves.amounts[curves.identity])
    return Chart(
        f"{what}, by {transform.replace('_', ' ')}",
        [round(float(amount), 6) for amount in curves.amounts],
        _series(result, values),
        AXES[transform],
        what.rpartition(": ")[2],
        low=low,
        high=high,
        events=[(start, "untransformed")],
    )


def _series(result: Invariances, values: Float[Tensor, "image step"]) -> list[Series]:
    """A line for each image; of many the median, with the quartiles as an area."""
    if len(result) <= LINES:
        return [
            Series(name, _known(line.tolist()))
            for name, line in zip(names(result, tuple(range(len(result)))), values.double(), strict=True)
        ]
    levels = torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)
    low, middle, high = values.double().nanquantile(levels, dim=0).tolist()
    return [Series("median over the images", _known(middle), band=list(zip(low, high, strict=True)))]


def _known(values: Sequence[float]) -> list[float | None]:
    return [value if isfinite(value) else None for value in values]


def _largest(result: Invariances) -> float:
    """The largest relative distance of all layers and transformations."""
    every = [
        result.relative(transform, layer).flatten() for transform in result.curves for layer in result.layers
    ]
    values = torch.cat(every) if every else torch.zeros(0)
    known = values[values.isfinite()]
    return float(known.max()) if len(known) and float(known.max()) > 0 else 1.0


def _numbers(result: Invariances, curve: str, own: Sequence[Row]) -> Table:
    """A row for each image, and the medians over them."""
    lines = [[row.target, *cells(row)] for row in own]
    if len(own) > 1:
        lines.append(["median", *cells(median_of(own))])
    return from_file(files.Table(["image", *heads(result, curve)], lines), f"Numbers of {curve}")
