"""Curves of an evolution: the numbers they show, whatever layers and epochs there are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from evolution_cases import EPOCHS, evolution, layer
from PIL import Image
from written import check_texts, texts

from interpret.plugin.interfaces import renderer_input
from interpret.testing import check_renderer
from interpret_training.evolution.renderers import curves
from interpret_training.evolution.renderers.curves import EvolutionCurves
from interpret_training.evolution.results import Evolution


def test_curves_are_quartiles_over_the_living_units() -> None:
    found = layer(dead=[(2, 2)])
    kept, new = curves.kept_curve(found), curves.new_curve(found)
    alive = [0, 1, 3, 4]
    for column in range(3):
        expected = np.percentile(found.overlap[alive, column].numpy(), [25, 50, 75])
        if column == 2:
            assert np.isnan(kept[:, 2]).all()  # 1 by definition
        else:
            np.testing.assert_allclose(kept[:, column], expected, rtol=1e-6)
        values = found.turnover[:, column].numpy()
        if column:
            np.testing.assert_allclose(new[:, column], np.nanpercentile(values, [25, 50, 75]), rtol=1e-6)
    assert np.isnan(new[:, 0]).all()


def test_settled_units_are_counted_among_those_that_live() -> None:
    found = layer()
    found.settled[:] = torch.tensor([0, 1, 1, 5, -1])
    shares = curves.settled_curve(found, EPOCHS)[1]
    np.testing.assert_allclose(shares[:2], [0.25, 0.75])
    assert np.isnan(shares[2])


ONE, FIVE, SEVEN = ["conv"], [f"layer{n}" for n in range(1, 6)], [f"features.{n}" for n in range(7)]
MANY, FAR = (0, 1, 2, 3, 5, 8, 10, 20, 30, 40, 50, 64, 70), (3, 4, 90)


@pytest.mark.parametrize(
    ("names", "epochs"),
    [
        (ONE, EPOCHS),
        (FIVE, FAR),
        (SEVEN, MANY),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in [(ONE, MANY), (ONE, FAR), (FIVE, EPOCHS), (FIVE, MANY), (SEVEN, EPOCHS), (SEVEN, FAR)]
        ),
    ],
)
def test_no_text_touches_another_or_leaves_the_figure(names: list[str], epochs: tuple[int, ...]) -> None:
    layers = {name: layer(epochs=epochs, seed=seed) for seed, name in enumerate(names)}
    result = evolution(epochs=epochs, **layers)
    figure = curves._figure(result, 6)
    check_texts(figure)
    found = texts(figure)
    for name in names:
        assert name in {text for text, _ in found}


def test_what_is_said_above() -> None:
    said = " ".join(text for text, _ in texts(curves._figure(evolution(conv=layer(dead=[(2, 2)])), 6)))
    assert "4 units, 1 dead" in said
    signed = replace(layer(dead=[(2, 2)]), signed=True)
    said = " ".join(text for text, _ in texts(curves._figure(evolution(conv=signed), 6)))
    assert "4 units, 1 never positive" in said
    assert "dead" not in said
    assert "Over 12 images" in said
    assert "random images (33.3%)" in said
    assert "The last epoch, 5, is left out" in said


@pytest.mark.parametrize(
    "result",
    [
        evolution(epochs=(7,), conv=layer(epochs=(7,))),
        evolution(conv=layer(dead=[(unit, column) for unit in range(5) for column in range(3)])),
        evolution(conv=layer([])),
        evolution(conv=layer(), other=layer(units=1, rows=[0])),
    ],
    ids=["one epoch", "all dead", "no rows", "one unit"],
)
def test_poor_results_are_drawn(result: Evolution, tmp_path: Path) -> None:
    (file,) = EvolutionCurves().render(result, None, tmp_path)  # type: ignore[arg-type]
    with Image.open(file) as picture:
        assert picture.mode == "RGB"
        assert np.asarray(picture).std() > 1


def test_it_keeps_its_promises_and_reads_no_image(made: SimpleNamespace, tmp_path: Path) -> None:
    assert renderer_input(EvolutionCurves) is Evolution
    renderer, images = EvolutionCurves(formats=("png", "svg")), made.Squares()
    files = renderer.render(evolution(conv=layer()), images, tmp_path)
    assert [file.name for file in files] == [f"evolution-curves.{ending}" for ending in ("png", "svg")]
    check_renderer(EvolutionCurves(), evolution(conv=layer()), images)
    assert images.reads == []
