"""Where each patch of a figure comes from: a table beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from interpret.files import write_atomically
from interpret_figures.page import file_stem
from interpret_figures.tables import csv_text
from interpret_topk.renderers.patches import Names, Neurons
from interpret_topk.renderers.unit_pages import by_unit

__all__ = ["save_patch_table", "table_name"]

HEAD = ["unit", "rank", "photograph", "category", "activation", "y", "x", "top", "left", "bottom", "right"]


def table_name(layer: str) -> str:
    """The name of the table of a layer."""
    return f"{file_stem(layer)}-patches.csv"


def save_patch_table(layer: str, neurons: Neurons, units: Sequence[int], names: Names, folder: Path) -> Path:
    """Write one line for each patch, strongest first, unit by unit.

    Ranks begin at 1, as on the page. Boxes are in pixels of what the network sees, half-open, and may reach
    over its borders.

    Args:
        layer: The layer's name.
        neurons: What is shown of it.
        units: The units of which it is shown.
        names: What the photographs are called.
        folder: Where to write.
    """
    file = folder / table_name(layer)
    write_atomically(file, csv_text(HEAD, _rows(neurons, units, names)).encode())
    return file


def _rows(neurons: Neurons, units: Sequence[int], names: Names) -> Iterator[list[object]]:
    places = by_unit(neurons)
    for unit in units:
        for n in places.get(unit, []):
            image = int(neurons.image[n])
            numbers = [*neurons.position[n].tolist(), *neurons.box[n].tolist()]
            rank, value = int(neurons.rank[n]) + 1, float(f"{float(neurons.value[n]):.6g}")
            yield [unit, rank, names.photograph(image), names.category(image), value, *numbers]
