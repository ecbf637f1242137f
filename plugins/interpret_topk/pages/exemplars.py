"""The pages of the probe ``topk``: patches alone, where no later step shows more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from interpret.plugin import Page, PageContext, Sheet
from interpret_figures import display
from interpret_figures.photographs import Photographs
from interpret_gallery import UnitTile, photographs, save_picture, tile_size
from interpret_topk.maxima import maxima_edges
from interpret_topk.pages.beside import StepUnits, units_beside
from interpret_topk.pages.layers import LayerPage, layer_sheet, layers_sheet
from interpret_topk.results import Exemplars, LayerExemplars

__all__ = ["ExemplarPages", "unit_tiles"]


COVER = 32
"""Units on the picture that stands for the step."""


class ExemplarPages(Page[Exemplars]):
    """Every unit of every layer, with the patches that drive it most."""

    name: ClassVar[str] = "exemplars"

    def compose(self, result: Exemplars, context: PageContext) -> Iterable[Sheet]:
        """A list of the layers, and a page for each that no later step shows with more beside it."""
        size = (result.input or context.network.input).size
        units = {name: unit_tiles(layer, boxes_of(layer, size)) for name, layer in result.layers.items()}
        own = [
            layer_sheet(context, result, _page(name, found, units[name], result, context), size)
            for name, found in result.layers.items()
            if not context.later_page(name)
        ]
        urls = {sheet.layer: context.sheet_url(sheet.name) for sheet in own}
        pages = {
            name: (found, "never positive", urls.get(name) or context.later_page(name))
            for name, found in units.items()
        }
        cover = own[len(own) // 2].cover if own else _cover(result, units, context)
        return [layers_sheet(result, pages, result.labels, title=context.step, cover=cover), *own]

    def compare(self, results: Sequence[tuple[Exemplars, PageContext]]) -> Iterable[Sheet]:
        """The layers of several steps beside each other, those that have pages here."""
        steps = [
            StepUnits(context, _own_units(result, context), result.labels) for result, context in results
        ]
        shown = [step for step in steps if step.units]
        return [units_beside("Patches side by side", shown)] if len(shown) > 1 else []


def _own_units(result: Exemplars, context: PageContext) -> dict[str, list[UnitTile]]:
    size = (result.input or context.network.input).size
    own = {name: layer for name, layer in result.layers.items() if not context.later_page(name)}
    return {name: unit_tiles(layer, boxes_of(layer, size)) for name, layer in own.items()}


def _cover(result: Exemplars, units: Mapping[str, Sequence[UnitTile]], context: PageContext) -> str:
    """The strongest patch of each of the first units of the middle layer; a picture that stands for all."""
    found = [unit for unit in list(units.values())[len(units) // 2] if unit.boxes][:COVER]
    if not found:
        return ""
    read = photographs(context, result)
    size = found[0].boxes[0][2] - found[0].boxes[0][0], found[0].boxes[0][3] - found[0].boxes[0][1]
    tiles = np.concatenate([patches(unit, read, tile_size(*size))[:1] for unit in found])
    return save_picture(context, "cover", beside(tiles, max(round((len(tiles) / 2) ** 0.5), 1))).url


def beside(tiles: UInt8[np.ndarray, "n h w 3"], rows: int) -> UInt8[np.ndarray, "H W 3"]:
    """Tiles in rows of equal length; those that fill no row are left out."""
    columns = len(tiles) // rows
    return np.concatenate([np.concatenate(tiles[i * columns : (i + 1) * columns], 1) for i in range(rows)])


def boxes_of(layer: LayerExemplars, size: tuple[int, int]) -> Int[Tensor, "unit rank 4"]:
    """What each exemplar sees; the whole image where that is not known."""
    field = layer.own or layer.field
    if field is not None:
        return field.boxes(layer.position)
    return torch.tensor([0, 0, *size]).expand(*layer.image.shape, 4)


def unit_tiles(layer: LayerExemplars, boxes: Int[Tensor, "unit rank 4"]) -> list[UnitTile]:
    """What is known of each unit of a layer; nothing but a number of one that is never positive."""
    maxima = [[]] * len(layer.values) if layer.maxima is None else layer.maxima.tolist()
    found = []
    for unit, values in enumerate(layer.values.tolist()):
        count = 0 if values[0] <= 0 else int((layer.image[unit] >= 0).sum())
        images, seen = layer.image[unit, :count].tolist(), boxes[unit, :count].tolist()
        found.append(UnitTile(unit, values[:count], images, [tuple(box) for box in seen], maxima[unit]))
    return found


def _page(
    name: str, layer: LayerExemplars, units: Sequence[UnitTile], result: Exemplars, context: PageContext
) -> LayerPage:
    read = photographs(context, result)
    first = next((unit.boxes[0] for unit in units if unit.boxes), (0, 0, *read.spec.size))
    tile = tile_size(first[2] - first[0], first[3] - first[1])
    return LayerPage(
        name,
        units,
        lambda unit: [patches(unit, read, tile)],
        ["patches"],
        tile,
        told=["Each tile is what a neuron sees of one photograph, strongest first. Pale: outside the image."],
        quiet="never positive",
        edges=[] if layer.maxima is None else maxima_edges().tolist(),
    )


def patches(unit: UnitTile, read: Photographs, tile: tuple[int, int]) -> UInt8[np.ndarray, "k h w 3"]:
    """The parts of the photographs that the exemplars of a unit see, as tiles."""
    boxes = torch.tensor(unit.boxes)
    size = int(boxes[0, 2] - boxes[0, 0]), int(boxes[0, 3] - boxes[0, 1])
    shown = zip(unit.images, unit.boxes, strict=True)
    crops = torch.stack([display.crop(read.read(index, read.spec.displayed), box) for index, box in shown])
    marked = display.mark(crops, display.outside(boxes, size, read.spec.size))
    return display.resize(marked.numpy(), tile)
