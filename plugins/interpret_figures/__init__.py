"""The drawing kit, and the renderer of the core's own attributions. It knows no analysis.

- ``page``: pixels and text on white paper, as PNG, SVG or PDF.
- ``grid``: equal cells below a heading; ``pairs``: two pictures side by side.
- ``display``: signed values as pixels; ``photographs``: the images that a result speaks of.
- ``colours``: what stands for values, with bars and legends; ``text``: names, numbers, and lines that fit.
- ``charts``: numbers with axes.
- ``tables``: Markdown, CSV and LaTeX, in which ``escaping`` keeps names what they are.
"""

from typing import Any

from interpret.hookspecs import hookimpl
from interpret.interfaces import Renderer

__all__ = ["register_renderers"]


@hookimpl
def register_renderers() -> list[type[Renderer[Any]]]:
    """What draws `Attributions`, which are the core's, from whichever plugin they come."""
    from interpret_figures.attribution_grid import AttributionGrid  # noqa: PLC0415 - matplotlib takes time

    return [AttributionGrid]
