"""Panels of the size that was asked for, texts around them that fit, names as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from written import check_texts, texts

from interpret.files import printable
from interpret_figures.charts import (
    DOT,
    DPI,
    TickNumbers,
    finish,
    name_rows,
    panel_grid,
    quiet_axes,
    save_chart,
    subplots,
    text_style,
    write_above,
    write_beside,
)
from interpret_figures.grid import Heading

NAMES = ("$x$ of a long name", "_hidden", "two\nlines")


def rows() -> Figure:
    """Two panels side by side with everything around them, a wide and low one below each."""
    figure, axes = subplots([2, 1], [0.6, 0.2])
    for one in axes.flat:
        quiet_axes(one)
        name_rows(one, NAMES)
        one.set_xlabel("value", **text_style(6))
        write_above(one, "above", 5, **text_style(6))
    write_beside(axes[0, 1], "a head\nof two lines", ["1", "22", "333"])
    return figure


@pytest.mark.parametrize("least", [1.0, 9.0])
def test_panels_are_as_large_as_asked(least: float) -> None:
    figure = finish(rows(), Heading("Title", ("What is shown. " * 20,), "1 / 2"), least=least)
    sizes = [axes.get_window_extent().size for axes in figure.axes]
    expected = DPI * np.array([(2, 0.6), (1, 0.6), (2, 0.2), (1, 0.2)])
    assert np.abs(np.array(sizes) - expected).max() < 1.01
    assert figure.get_size_inches()[0] >= least


def test_panels_over_several_columns() -> None:
    figure, grid = panel_grid([1, 2], [0.5, 0.7])
    figure.add_subplot(grid[0, :])
    for column in (0, 1):
        figure.add_subplot(grid[1, column])
    wide, left, right = (axes.get_window_extent() for axes in finish(figure, Heading("Title", ())).axes)
    assert (wide.x0, wide.x1) == (left.x0, right.x1)
    assert wide.height == pytest.approx(0.5 * DPI, abs=1.01)
    assert left.width == pytest.approx(DPI, abs=1.01)


@pytest.mark.parametrize("values", [(12344.991, 12344.998), (-0.13967, -0.1396), (0.0, 3e-7), (-2.0, 1e7)])
def test_the_numbers_of_ticks_are_told_apart(values: tuple[float, float]) -> None:
    """Where matplotlib writes what they have in common beside the axis, out of sight or over a title."""
    figure, panels = subplots([1.0], [1.0])
    axes = panels[0, 0]
    axes.set_ylim(*values)
    axes.yaxis.set_major_formatter(TickNumbers())
    figure.draw_without_rendering()
    assert axes.yaxis.get_offset_text().get_text() == ""
    low, high = values
    ticks = [label for label in axes.get_yticklabels() if low <= label.get_position()[1] <= high]
    assert len(ticks) > 2
    assert len({label.get_text() for label in ticks}) == len(ticks)


def test_names_are_no_formulas_and_stand_where_there_is_room() -> None:
    figure, axes = subplots([1], [1])
    name_rows(axes[0, 0], NAMES)
    marks = [Line2D([], [], label=name * 3, **DOT) for name in NAMES]
    finish(figure, Heading("Title", ()), marks)
    check_texts(figure)
    said = [text for text, _ in texts(figure)]
    assert set(said) >= {*NAMES, *(printable(name * 3) for name in NAMES)}


def test_all_files_have_one_layout_and_the_same_bytes(tmp_path: Path) -> None:
    kinds: Any = ("png", "svg", "pdf")
    figures: list[Figure] = []

    def draw() -> Figure:
        figures.append(finish(rows(), Heading("Title", ())))
        return figures[-1]

    first, second = (save_chart(draw, tmp_path / name / "chart", kinds) for name in "ab")
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]
    assert len({str([axes.get_position() for axes in figure.axes]) for figure in figures}) == 1
