"""The image patches that drive each unit, alone: of any network, where nothing can be projected too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor

from interpret.errors import StepError
from interpret.images import Images, InputSpec
from interpret_figures import display
from interpret_figures.page import TIMES, Page, file_name, save_pages
from interpret_figures.photographs import Photographs
from interpret_topk.renderers.patch_table import save_patch_table, table_name
from interpret_topk.renderers.patches import Names, Patches
from interpret_topk.renderers.unit_grid import NAMES, ROWS, UnitGrid
from interpret_topk.renderers.unit_pages import UnitPages, cell_for, columns_for, counted, shown_units
from interpret_topk.renderers.units import check_layers, choose_units
from interpret_topk.results import Exemplars, LayerExemplars, LayerField

UNSEEN = "never positive"
"""Of units without patches."""

AROUND = 3
"""The square that is shown around a token's own patch, in sides of that."""


class ExemplarGrid(UnitGrid[Exemplars]):
    """The image patches in which each unit is strongest (Zeiler & Fergus 2014, Figure 2, right half).

    Every patch is the neuron's receptive field; the whole image where it sees that, or where the network
    cannot be traced. A token's own patch is outlined, with what lies around it.
    """

    name: ClassVar[str] = "exemplar_grid"

    columns: int | None = Field(
        None, ge=1, le=100, description="Units side by side on a page; none: 6, or 4 where patches are named."
    )
    rows: int = ROWS
    names: bool = NAMES

    def render(self, result: Exemplars, images: Images, folder: Path) -> Sequence[Path]:
        """Write the pages of every layer, ``layer1-1.png`` and so on, and a table, ``layer1-patches.csv``.

        Raises:
            DatasetError: If a photograph is missing or has changed.
            StepError: If a unit or layer that is asked for is not in the result.
        """
        check_layers(self.units, list(result.layers))
        if result.input is None:
            raise StepError("These exemplars were mined before patches could be cut. Run the step again.")
        folder.mkdir(parents=True, exist_ok=True)
        photographs = Photographs(images, result.ids, result.input)
        files: list[Path] = []
        for layer, mined in result.layers.items():
            shown = neurons_of(mined, result.input)
            dead = frozenset(mined.dead.nonzero()[:, 0].tolist())
            units = choose_units(self.units, layer, shown_units(shown, dead, len(mined.nan)), self.seed)
            pages = self._pages(result, layer, shown, units, photographs)
            named = ((file_name(layer, number), page) for number, page in enumerate(pages, start=1))
            files += save_pages(named, folder, self.formats)
            if units:
                files.append(save_patch_table(layer, shown, units, names_of(result), folder))
        return files

    def _pages(
        self,
        result: Exemplars,
        layer: str,
        shown: ShownNeurons,
        units: Sequence[int],
        photographs: Photographs,
    ) -> Iterator[Page]:
        mined, spec = result[layer], photographs.spec
        cell_size = shown.size or spec.size
        columns = self.columns or columns_for(len(units), named=self.names, usual=(6, 4))
        cell = cell_for(cell_size, shown.ranks, 1, min(len(units), columns * self.rows), named=self.names)
        channels = display.shown_channels(spec, spec.shape[0])
        patches = Patches(shown, photographs, channels, cell.tile, self.smooth)
        dead = frozenset(mined.dead.nonzero()[:, 0].tolist())
        names, count = names_of(result), len(mined.nan)
        pages = UnitPages(shown, names, (patches.patches,), cell, dead, count, UNSEEN)
        pale = " Pale: outside the image." if patches.beyond else ""
        details = (
            f"{counted(units, dead, UNSEEN)}  ·  {seen(mined, cell_size, spec)}  ·  {result.count:,} images",
            f"The images in which each unit is strongest, strongest first.{pale}"
            f"{display.channel_note(spec, spec.shape[0])} Their names: {table_name(layer)}.",
        )
        yield from pages.pages(units, columns, self.rows, layer, details)


@dataclass(frozen=True)
class ShownNeurons:
    """Neurons as `interpret_topk.renderers.patches.Neurons` has them."""

    unit: Int[Tensor, " neuron"]
    rank: Int[Tensor, " neuron"]
    image: Int[Tensor, " neuron"]
    position: Int[Tensor, "neuron 2"]
    value: Float[Tensor, " neuron"]
    box: Int[Tensor, "neuron 4"]
    own: Int[Tensor, "neuron 4"] | None

    @property
    def ranks(self) -> int:
        """Patches of a unit."""
        return int(self.rank.max()) + 1 if len(self.rank) else 1

    @property
    def size(self) -> tuple[int, int] | None:
        """Rows and columns of a patch."""
        if not len(self.box):
            return None
        top, left, bottom, right = self.box[0].tolist()
        return bottom - top, right - left


def names_of(result: Exemplars) -> Names:
    """What the photographs of a result are called."""
    return Names(result.ids, result.labels, result.categories)


def neurons_of(mined: LayerExemplars, spec: InputSpec) -> ShownNeurons:
    """The neurons of a layer that are positive, with the boxes of their patches."""
    chosen = (mined.image >= 0) & ~mined.dead[:, None]
    unit, rank = chosen.nonzero(as_tuple=True)
    position = mined.position[chosen]
    own = None if mined.own is None else mined.own.boxes(position)
    box = patch_boxes(mined, position, spec.size)
    return ShownNeurons(unit, rank, mined.image[chosen], position, mined.values[chosen].float(), box, own)


def patch_boxes(
    mined: LayerExemplars, position: Int[Tensor, "neuron 2"], image: tuple[int, int]
) -> Int[Tensor, "neuron 4"]:
    """What is shown of each neuron's image: equally large for all.

    Args:
        mined: The layer.
        position: Rows and columns of the neurons.
        image: Height and width of the network's input.
    """
    if mined.own is not None:
        side = AROUND * max(mined.own.size)
        if side < min(image):
            return _inside(_resized(mined.own.boxes(position), (side, side)), image)
    if mined.field is None or not _fits(mined.field, image):
        return torch.tensor([[0, 0, *image]]).repeat(len(position), 1)
    return _resized(mined.field.boxes(position), mined.field.largest)


def seen(mined: LayerExemplars, size: tuple[int, int], spec: InputSpec) -> str:
    """What a patch shows, in words."""
    pixels = f"{size[0]} {TIMES} {size[1]}"
    if size == spec.size:
        return "whole image"
    if mined.own is not None:
        return f"the {pixels} pixels around each place"
    beyond = f", but for {mined.mixed_by}" if mined.mixed_by else ""
    return f"receptive field {pixels} pixels{beyond}"


def _fits(field: LayerField, image: tuple[int, int]) -> bool:
    """Whether receptive fields are smaller than the image."""
    return all(mine < whole for mine, whole in zip(field.largest, image, strict=True))


def _resized(box: Int[Tensor, "n 4"], size: tuple[int, int]) -> Int[Tensor, "n 4"]:
    """Boxes of one size around the middles of others."""
    sides = torch.tensor(size)
    corner = box[:, :2] - (sides - (box[:, 2:] - box[:, :2])) // 2
    return torch.cat([corner, corner + sides], 1)


def _inside(box: Int[Tensor, "n 4"], image: tuple[int, int]) -> Int[Tensor, "n 4"]:
    """Boxes that are smaller than the image, moved inside it."""
    sides = box[:, 2:] - box[:, :2]
    corner = box[:, :2].clamp(min=0).minimum(torch.tensor(image) - sides)
    return torch.cat([corner, corner + sides], 1)
