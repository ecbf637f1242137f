"""The figure of an ablation: dots where the numbers are, the same bytes each time, poor results too."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from ablation_cases import ROWS, ablation
from matplotlib.figure import Figure
from PIL import Image
from written import check_texts, texts

from interpret.plugin.interfaces import renderer_input
from interpret.testing import check_renderer
from interpret_training.ablation.renderers.figure import AblationFigure, draw
from interpret_training.ablation.results import Ablation


def marks(figure: Figure, panel: int, marker: str) -> list[tuple[float, float]]:
    """Where the marks of one kind are in a panel."""
    lines = [line for line in figure.axes[panel].lines if line.get_marker() == marker]
    return [
        (float(x), float(y))
        for line in lines
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
    ]


def test_dots_are_the_means_and_diamonds_the_papers() -> None:
    found = ablation()
    figure = draw(found)
    for panel, measure in enumerate(("train", "validation", "validation5")):
        rows = np.arange(len(ROWS)) + 0.5
        np.testing.assert_allclose(
            marks(figure, panel, "o"), np.stack([100 * found.mean(measure).numpy(), rows], 1)
        )
        np.testing.assert_allclose(
            marks(figure, panel, "D"), [(row[panel + 1], y) for row, y in zip(ROWS, rows, strict=True)]
        )
        seeds = np.array(marks(figure, panel, "|"))[:, 0]
        np.testing.assert_allclose(seeds, 100 * getattr(found, measure).flatten().numpy())
        low, high = figure.axes[panel].get_xlim()
        assert low < seeds.min() < seeds.max() < high
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()


def test_a_row_that_diverged_is_said_to() -> None:
    figure = draw(ablation(diverged=[(1, 0), (2, 0), (2, 1), (2, 2)]))
    assert [text.get_text() for text in figure.axes[0].texts] == ["diverged"]
    assert any("1 of 3 diverged" in text for text, _ in texts(figure))
    assert len(marks(figure, 0, "o")) == len(ROWS) - 1


def test_texts_stay_on_the_page_and_do_not_touch() -> None:
    check_texts(draw(ablation()))


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
@pytest.mark.parametrize("validated", [0, 100])
def test_poor_results_are_drawn(tmp_path: Path, seeds: tuple[int, ...], validated: int) -> None:
    found = ablation(ROWS[:1], seeds=seeds, paper=False, validated=validated)
    figure = draw(found)
    assert len(figure.axes) == (3 if validated else 1)
    (file,) = AblationFigure().render(found, None, tmp_path)  # type: ignore[arg-type]
    assert np.ptp(np.asarray(Image.open(file))) > 0


def test_the_same_result_gives_the_same_bytes(tmp_path: Path) -> None:
    renderer = AblationFigure(formats=("png", "svg"))
    files = [renderer.render(ablation(ROWS[:2]), None, tmp_path / name) for name in ("one", "two")]  # type: ignore[arg-type]
    for one, two in zip(*files, strict=True):
        assert one.read_bytes() == two.read_bytes()


def test_it_keeps_its_promises(made: SimpleNamespace) -> None:
    assert renderer_input(AblationFigure) is Ablation
    check_renderer(AblationFigure(), ablation(ROWS[:2]), made.Squares())
