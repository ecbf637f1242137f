"""The pages of the probe ``deconv``: projections beside the patches they come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

import torch

from interpret.plugin import Page, PageContext, Sheet
from interpret_deconv.beyond import caption
from interpret_deconv.cutting import cut_caption
from interpret_deconv.own_patches import own_patches_caption
from interpret_deconv.renderers.tiles import Tiles
from interpret_deconv.renderers.zoom import shown_part, zoomed
from interpret_deconv.results import LayerProjections, Projections
from interpret_figures import display
from interpret_gallery import UnitTile, photographs, tile_size
from interpret_topk import Exemplars, maxima_edges
from interpret_topk.pages import LayerPage, StepUnits, layer_sheet, layers_sheet, units_beside
from interpret_topk.renderers.patches import Patches
from interpret_topk.renderers.unit_pages import by_unit

__all__ = ["ProjectionPages"]

PERCENTILE = 99.5
"""Of a projection's magnitudes, that gets full colour: deep ones have a few sharp peaks."""


class ProjectionPages(Page[Projections]):
    """Every unit of every layer: what drives it most, projected to pixels, beside the patches."""

    name: ClassVar[str] = "projections"

    def compose(self, result: Projections, context: PageContext) -> Iterable[Sheet]:
        """A list of the layers, and a page for each."""
        mined = _mined(context)
        units = {name: unit_tiles(layer, name, result, mined) for name, layer in result.layers.items()}
        sheets = [
            layer_sheet(context, result, _page(name, units[name], result, context, mined), result.input.size)
            for name in result.layers
        ]
        pages = {
            sheet.layer: (units[sheet.layer], _quiet(result, sheet.layer), context.sheet_url(sheet.name))
            for sheet in sheets
        }
        cover = sheets[len(sheets) // 2].cover if sheets else ""
        labels = mined.labels if mined else {}
        return [layers_sheet(result, pages, labels, title=context.step, cover=cover), *sheets]

    def compare(self, results: Sequence[tuple[Projections, PageContext]]) -> Iterable[Sheet]:
        """The layers of several steps beside each other."""
        steps = []
        for result, context in results:
            mined = _mined(context)
            units = {name: unit_tiles(layer, name, result, mined) for name, layer in result.layers.items()}
            steps.append(StepUnits(context, units, mined.labels if mined else {}))
        return [units_beside("Projections side by side", steps)]


def _mined(context: PageContext) -> Exemplars | None:
    """What was mined before, if a step of the run did."""
    return next((found for found in context.inputs.values() if isinstance(found, Exemplars)), None)


def _quiet(result: Projections, layer: str) -> str:
    """What units are called that were left out."""
    return "never positive" if layer in result.signed else "dead"


def unit_tiles(
    layer: LayerProjections, name: str, result: Projections, mined: Exemplars | None
) -> list[UnitTile]:
    """What is known of each unit that was projected, or left out because it is never positive."""
    neurons = by_unit(layer)
    dead = torch.nonzero(result.dead.get(name, torch.zeros(0))).flatten().tolist()
    known = mined.layers.get(name) if mined else None
    maxima: Mapping[int, Sequence[int]] = (
        {} if known is None or known.maxima is None else dict(enumerate(known.maxima.tolist()))
    )
    return [
        _tile(unit, layer, neurons.get(unit, []), maxima.get(unit, ())) for unit in sorted({*neurons, *dead})
    ]


def _tile(unit: int, layer: LayerProjections, neurons: list[int], maxima: Sequence[int]) -> UnitTile:
    boxes = layer.seen if layer.own is None else layer.own
    return UnitTile(
        unit,
        layer.value[neurons].tolist(),
        layer.image[neurons].tolist(),
        [(box[0], box[1], box[2], box[3]) for box in boxes[neurons].tolist()],
        maxima,
    )


def _page(
    name: str, units: Sequence[UnitTile], result: Projections, context: PageContext, mined: Exemplars | None
) -> LayerPage:
    layer = zoomed(result.layers[name], result.input.size)
    neurons = by_unit(layer)
    tile = tile_size(*layer.patches.shape[-2:])
    channels = display.shown_channels(result.input, layer.patches.shape[1])
    patches = Patches(layer, photographs(context, result), channels, tile, smooth=False)
    tiles = Tiles(layer, patches, PERCENTILE)
    known = mined.layers.get(name) if mined else None
    return LayerPage(
        name,
        units,
        lambda unit: [tiles.projections(neurons[unit.number]), patches.patches(neurons[unit.number])],
        ["projections", "patches"],
        tile,
        told=_told(name, layer, result),
        quiet=_quiet(result, name),
        edges=[] if known is None or known.maxima is None else maxima_edges().tolist(),
    )


def _told(name: str, shown: LayerProjections, result: Projections) -> list[str]:
    """How to read the tiles, and what was done at other nonlinearities than ReLUs."""
    layer = result.layers[name]
    told = (
        f"Projections: {result.rule}, zero is mid-grey, each at its own scale. Patches: the same pixels of "
        f"the photographs, {shown_part(layer, shown, result.input.size)}. Pale: outside the image.",
        display.channel_note(result.input, layer.patches.shape[1]).strip(),
        cut_caption(layer),
        own_patches_caption(layer),
        caption(result.nonlinearities.get(name, {})),
    )
    return [text for text in told if text]
