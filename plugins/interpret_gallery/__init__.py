"""The gallery: any run as a site that opens from the file system, and the kit its pages are written with.

- ``exporter``, ``building``: runs -> a site. It knows no analysis: every plugin brings its own pages.
- ``site``: the pages of every step; ``writing``: their files and what frames them.
- ``overview``, ``networks``, ``unshown``, ``attributions``: the pages that belong to no analysis.
- ``context``: what a page is given; ``names``: strangers' names as names of files.
- The kit: ``templates`` (HTML with everything escaped), ``charts`` and their ``axes``, ``tables``, ``data``
  (pictures; numbers for the script), ``units`` (a layer's units as tiles), ``windows`` (one moves over a
  photograph), ``overlays`` (maps over a photograph), ``tiles`` (small pictures),
  ``beside`` (photographs in several steps).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from interpret.plugin import Exporter, Page, hookimpl

if TYPE_CHECKING:
    from interpret_gallery.beside import Glance, photograph_names, photograph_sheets, photographs_beside
    from interpret_gallery.charts import Chart, Series, chart, write_cover
    from interpret_gallery.context import own_names, photographs, step_names
    from interpret_gallery.data import Picture, Piece, save_picture, strip, write_data
    from interpret_gallery.exporter import Gallery
    from interpret_gallery.overlays import OverlayMap, write_overlay
    from interpret_gallery.tables import Cell, Link, Quantity, Table, from_file, table
    from interpret_gallery.templates import render
    from interpret_gallery.tiles import write_tiles
    from interpret_gallery.units import Draw, UnitsSource, UnitTile, tile_size, units_source, write_units
    from interpret_gallery.windows import WindowMap, write_window

__all__ = [
    "Cell",
    "Chart",
    "Draw",
    "Gallery",
    "Glance",
    "Link",
    "OverlayMap",
    "Picture",
    "Piece",
    "Quantity",
    "Series",
    "Table",
    "UnitTile",
    "UnitsSource",
    "WindowMap",
    "chart",
    "from_file",
    "own_names",
    "photograph_names",
    "photograph_sheets",
    "photographs",
    "photographs_beside",
    "render",
    "save_picture",
    "step_names",
    "strip",
    "table",
    "tile_size",
    "units_source",
    "write_cover",
    "write_data",
    "write_overlay",
    "write_tiles",
    "write_units",
    "write_window",
]


_HOMES = {
    "beside": "Glance photograph_names photograph_sheets photographs_beside",
    "charts": "Chart Series chart write_cover",
    "context": "own_names photographs step_names",
    "data": "Picture Piece save_picture strip write_data",
    "exporter": "Gallery",
    "overlays": "OverlayMap write_overlay",
    "tables": "Cell Link Quantity Table from_file table",
    "templates": "render",
    "tiles": "write_tiles",
    "units": "Draw UnitsSource UnitTile tile_size units_source write_units",
    "windows": "WindowMap write_window",
}
"""The modules of the kit's names, imported when one is asked for: matplotlib takes time."""

if not TYPE_CHECKING:  # or type checkers would believe any name

    def __getattr__(name: str) -> Any:
        for module, names in _HOMES.items():
            if name in names.split():
                return getattr(import_module(f"{__name__}.{module}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@hookimpl
def register_exporters() -> list[type[Exporter]]:
    """The exporter ``gallery``."""
    from interpret_gallery.exporter import Gallery  # noqa: PLC0415 - matplotlib takes time

    return [Gallery]


@hookimpl
def register_pages() -> list[type[Page[Any]]]:
    """What shows `Attributions`, which are the core's, from whichever plugin they come."""
    from interpret_gallery.attributions import AttributionsPage  # noqa: PLC0415 - matplotlib takes time

    return [AttributionsPage]
