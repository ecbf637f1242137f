"""The paper's Figure 2: what drives each unit, beside the image patches in which it found it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from interpret.images import Images
from interpret_deconv.beyond import caption
from interpret_deconv.cutting import cut_caption
from interpret_deconv.own_patches import own_patches_caption
from interpret_deconv.renderers.tiles import Tiles
from interpret_deconv.renderers.unit_grid import ProjectionGrid
from interpret_deconv.renderers.zoom import shown_part, zoomed
from interpret_deconv.results import LayerProjections, Projections
from interpret_figures import display
from interpret_figures.page import Page, file_name, save_pages
from interpret_figures.photographs import Photographs
from interpret_topk.renderers.patch_table import save_patch_table, table_name
from interpret_topk.renderers.patches import Names, Patches
from interpret_topk.renderers.unit_grid import NAMES, ROWS
from interpret_topk.renderers.unit_pages import UnitPages, cell_for, columns_for, counted, shown_units
from interpret_topk.renderers.units import check_layers, choose_units


class FeatureGrid(ProjectionGrid[Projections]):
    """Projections of the strongest neurons beside their image patches (Zeiler & Fergus 2014, Figure 2).

    Every patch is the neuron's receptive field; where that nearly fills the image, the part around the
    signal. A token's own patch is outlined.
    Zero is mid-grey, and each projection has its own scale.
    """

    name: ClassVar[str] = "feature_grid"

    columns: int | None = Field(
        None, ge=1, le=100, description="Units side by side on a page; none: 4, or 3 where patches are named."
    )
    rows: int = ROWS
    names: bool = NAMES

    def render(self, result: Projections, images: Images, folder: Path) -> Sequence[Path]:
        """Write the pages of every layer, ``layer1-1.png`` and so on, and a table, ``layer1-patches.csv``.

        Raises:
            DatasetError: If a photograph is missing or has changed.
            StepError: If a unit or layer that is asked for is not in the result.
        """
        check_layers(self.units, list(result.layers))
        folder.mkdir(parents=True, exist_ok=True)
        photographs = Photographs(images, result.ids, result.input)
        files: list[Path] = []
        for layer in result.layers:
            shown, units = self._shown(result, layer), self._units(result, layer)
            pages = enumerate(self._pages(result, layer, photographs), start=1)
            named = ((file_name(layer, number), page) for number, page in pages)
            files += save_pages(named, folder, self.formats)
            if units:
                files.append(save_patch_table(layer, shown, units, _names(result), folder))
        return files

    def _shown(self, result: Projections, layer: str) -> LayerProjections:
        return zoomed(result[layer], result.input.size) if self.zoom else result[layer]

    def _units(self, result: Projections, layer: str) -> list[int]:
        known = shown_units(result[layer], _dead(result, layer), len(result.dead[layer]))
        return choose_units(self.units, layer, known, self.seed)

    def _pages(self, result: Projections, layer: str, photographs: Photographs) -> Iterator[Page]:
        """The pages of one layer, each drawn when it is asked for."""
        shown, units = self._shown(result, layer), self._units(result, layer)
        columns = self.columns or columns_for(len(units), named=self.names, usual=(4, 3))
        ranks = int(shown.rank.max()) + 1 if len(shown.rank) else 1
        cell = cell_for(shown.size, ranks, 2, min(len(units), columns * self.rows), named=self.names)
        channels = display.shown_channels(result.input, shown.patches.shape[1])
        patches = Patches(shown, photographs, channels, cell.tile, self.smooth)
        dead, why = _dead(result, layer), "never positive" if layer in result.signed else "never active"
        squares = (Tiles(shown, patches, self.percentile).projections, patches.patches)
        pages = UnitPages(shown, _names(result), squares, cell, dead, len(result.dead[layer]), why)
        part = shown_part(result[layer], shown, result.input.size)
        legend = self._legend(result, layer, shown, pale=patches.beyond)
        yield from pages.pages(
            units, columns, self.rows, layer, (f"{counted(units, dead, why)}  ·  {part}", legend)
        )

    def _legend(self, result: Projections, layer: str, shown: LayerProjections, *, pale: bool) -> str:
        """How to read the patches."""
        cut = f" (percentile {self.percentile:g})" if self.percentile < 100 else ""
        said = (
            f"Left: {result.rule} projections, strongest first; zero is mid-grey, each at its own "
            f"scale{cut}.",
            f"Right: the same patches of the images.{' Pale: outside the image.' if pale else ''}"
            f"{display.channel_note(result.input, shown.patches.shape[1])}",
            cut_caption(result[layer]),
            own_patches_caption(shown),
            caption(result.nonlinearities.get(layer, {})),
            f"Photographs and activations: {table_name(layer)}.",
        )
        return " ".join(text for text in said if text)


def _dead(result: Projections, layer: str) -> frozenset[int]:
    return frozenset(result.dead[layer].nonzero().flatten().tolist())


def _names(result: Projections) -> Names:
    return Names(result.ids, result.labels, result.categories)
