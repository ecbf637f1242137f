"""The strongest units of each layer in one image: what drives each, beside the patch in which it found it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import UInt8
from pydantic import Field

from interpret.images import Images
from interpret.plugin import Renderer
from interpret_deconv import LayerProjections
from interpret_deconv.beyond import captions
from interpret_explain.cells import fit, layer_cells
from interpret_explain.results import StrongestUnits
from interpret_figures import display
from interpret_figures.grid import Grid, Heading, put
from interpret_figures.page import INK, TIMES, Format, Label, Page, save_page
from interpret_figures.photographs import Photographs
from interpret_figures.text import fitted, number

SIDE, TILE = 96, 0.55
"""Pixels of a tile's side, and its length on paper in inches."""


class StrongestGrid(Renderer[StrongestUnits]):
    """A page for each image: a row for each layer, in it the strongest units and where each found its own.

    The photograph at the left shows where they stand. Zero is mid-grey, and each projection has its own
    scale.
    """

    name: ClassVar[str] = "strongest_grid"

    percentile: float = Field(
        99.5,
        gt=0,
        le=100,
        description="Percentile of a projection's magnitudes that gets full colour; 100: its maximum.",
    )
    formats: tuple[Format, ...] = Field(("png",), min_length=1, description="Kinds of files: png, svg, pdf.")

    def render(self, result: StrongestUnits, images: Images, folder: Path) -> Sequence[Path]:
        """Write the pages, named ``strongest-1.png`` and so on, in the order of the images.

        Raises:
            DatasetError: If a photograph is missing or has changed.
        """
        folder.mkdir(parents=True, exist_ok=True)
        photographs = Photographs(images, result.ids, result.input)
        files: list[Path] = []
        for count, place in enumerate(sorted(map(int, result.ids)), start=1):
            page = self._page(result, place, photographs)
            files += save_page(page, folder / f"strongest-{count}", self.formats)
        return files

    def _page(self, result: StrongestUnits, place: int, photographs: Photographs) -> Page:
        rows = [
            self._row(result, name, layer.of_images([place]), photographs, place)
            for name, layer in result.layers.items()
        ]
        dpi, columns = round(SIDE / TILE), max(len(row.cells) for row in rows)
        width = max(cell.shape[1] for row in rows for cell in (row.cells or [row.photograph]))
        heading = Heading(result.ids[str(place)], (_legend(result),))
        grid = Grid(
            heading, (SIDE, width), (round(0.42 * dpi), round(0.09 * dpi)), (len(rows), columns + 1), dpi
        )
        canvas, labels = grid.paper(), grid.labels()
        for index, row in enumerate(rows):
            first, *others = [grid.corner(index * (columns + 1) + cell) for cell in range(columns + 1)]
            corners = [first, *((y, x - (width - SIDE)) for y, x in others)]  # a photograph is one tile wide
            labels += row.draw(canvas, corners, dpi, width)
        return Page(canvas[:, : max(canvas.shape[1] - (width - SIDE), 1)], tuple(labels), dpi)

    def _row(
        self,
        result: StrongestUnits,
        name: str,
        layer: LayerProjections,
        photographs: Photographs,
        place: int,
    ) -> _Row:
        channels = display.shown_channels(result.input, len(result.input.mean))
        photograph = _outlined(photographs.read(place, channels), layer)
        cells = layer_cells(
            layer,
            result.input,
            photographs,
            side=SIDE,
            projected=name not in result.notes,
            percentile=self.percentile,
        )
        names = [
            f"{unit}  \N{MIDDLE DOT}  {number(value)}"
            for unit, value in zip(layer.unit.tolist(), layer.value.tolist(), strict=True)
        ]
        return _Row(_facts(name, layer, result), photograph, cells, names)


@dataclass(frozen=True)
class _Row:
    """One layer: what it is, where its units stand, and each of them."""

    title: str
    photograph: UInt8[np.ndarray, "h w 3"]
    cells: list[UInt8[np.ndarray, "h w 3"]]
    names: list[str]

    def draw(
        self, canvas: UInt8[np.ndarray, "h w 3"], corners: list[tuple[int, int]], dpi: int, width: int
    ) -> list[Label]:
        y, x = corners[0]
        put(canvas, self.photograph[None], corners[:1])
        room = len(corners) * width / dpi
        labels = [Label(x, y - 0.19 * dpi, fitted(self.title, room, 7), 7, INK)]
        for cell, name, corner in zip(self.cells, self.names, corners[1:], strict=False):
            put(canvas, cell[None], [corner])
            labels.append(Label(corner[1], corner[0] - 0.05 * dpi, fitted(name, width / dpi, 6), 6))
        return labels


def _outlined(
    photograph: UInt8[torch.Tensor, "h w 3"], layer: LayerProjections
) -> UInt8[np.ndarray, "side side 3"]:
    """The photograph in a tile, with the boxes of the neurons that see a part of it."""
    height, width = photograph.shape[:2]
    tile: UInt8[np.ndarray, "1 h w 3"] = display.resize(
        photograph.numpy()[None], fit(height, width, SIDE), smooth=True
    )
    whole = torch.tensor([[0, 0, height, width]])
    for box in layer.box:
        if (box != whole[0]).any():
            tile = display.outlined(tile, box[None], whole)
    shown: UInt8[np.ndarray, "h w 3"] = tile[0]
    return shown


def _facts(name: str, layer: LayerProjections, result: StrongestUnits) -> str:
    """The layer, and what its neurons see."""
    if not len(layer.box):
        return f"{name}  \N{MIDDLE DOT}  no unit is positive in this image"
    rows, columns = (layer.box[0, 2:] - layer.box[0, :2]).tolist()
    whole = (rows, columns) == result.input.size
    seen = "sees the whole image" if whole else f"sees {rows} {TIMES} {columns} pixels"
    note = result.notes.get(name, "")
    return f"{name}  \N{MIDDLE DOT}  {seen}{'  ·  not projected: ' if note else ''}{note}"


def _legend(result: StrongestUnits) -> str:
    """How to read the page."""
    beyond = captions({name: found for name, found in result.nonlinearities.items() if found})
    channels = display.channel_note(result.input, len(result.input.mean))
    return (
        "The units with the largest activations in this image, strongest first, each with its number and "
        f"activation. Left: its {result.rule} projection, zero is mid-grey, each at its own scale. Right: "
        f"the part of the image that it sees.{channels} {beyond}"
    ).rstrip()
