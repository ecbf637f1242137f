"""What is written on a chart, wherever matplotlib keeps it, and where it stands."""

from __future__ import annotations

from itertools import combinations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox


def texts(figure: Figure) -> list[tuple[str, Bbox]]:
    """Every text that can be seen, with its box in pixels."""
    figure.draw_without_rendering()
    hidden = {text for axes in figure.axes for text in _hidden(axes)}
    found = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return [(text.get_text(), text.get_window_extent()) for text in found if text not in hidden]


def _hidden(axes: Axes) -> list[Text]:
    """What matplotlib does not draw: texts of axes that are off, labels of ticks beyond the ends."""
    if not axes.axison:
        return [text for axis in (axes.xaxis, axes.yaxis) for text in axis.findobj(Text)]
    ticks = []
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        ticks += [tick for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= high]
        ticks += axis.get_minor_ticks() if not axis.get_minorticklocs().size else []
    return [text for tick in ticks for text in tick.findobj(Text)]


def check_texts(figure: Figure, *, tight: tuple[float, float] = (1, 1)) -> None:
    """No text leaves the page, touches another, or (but those of its own) a panel.

    Args:
        figure: A chart.
        tight: By how much each box is smaller, across and down, than where a text may be written.
    """
    found = texts(figure)
    width, height = figure.bbox.size
    for text, box in found:
        assert box.x0 >= 0, text
        assert box.x1 <= width, text
        assert box.y0 >= 0, text
        assert box.y1 <= height, text
    for (text, box), (other, place) in combinations(found, 2):
        assert not box.shrunk(*tight).overlaps(place.shrunk(*tight)), (text, other)
    panels = [axes.get_window_extent() for axes in figure.axes]
    for one, other in combinations(panels, 2):
        assert not one.overlaps(other)
    above = [text.get_window_extent() for text in (*figure.texts, *figure.legends)]
    assert not [box for box in above for panel in panels if box.overlaps(panel)]
