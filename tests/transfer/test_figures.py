"""The figures of a transfer: marks where the numbers are, texts that do not touch, the same bytes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.axes import Axes
from transfer_cases import LAYERS, NAN, network, scratch, split, transfer
from written import check_texts, texts

from interpret.errors import StepError
from interpret.plugin.interfaces import renderer_input
from interpret.testing import check_renderer
from interpret_figures.charts import PAPER
from interpret_transfer import Transfer
from interpret_transfer.paper import LAYERS as TABLE_7
from interpret_transfer.paper import METHODS
from interpret_transfer.renderers import curve, layers
from interpret_transfer.renderers.curve import TransferCurve, spread_out
from interpret_transfer.renderers.layers import COLOURS, TransferLayers
from interpret_transfer.renderers.text import cut

LONG = [f"features.denseblock{number}.denselayer16.conv2" for number in range(1, 5)]
SIX = [network(f"network {number}, pretrained", kinds=("svm",), seed=number) for number in range(6)]
MANY = {
    "one": transfer(),
    "six": transfer(*SIX),
    "long": transfer(network("A name of a network that is very long " * 4, LONG), scratch()),
    "many": transfer(network("deep", [f"features.{number}" for number in range(30)], ("svm",))),
    "alike": transfer(network(best=0.02)),
}


def marks(axes: Axes, marker: str, colour: str = "") -> list[tuple[float, float]]:
    """Where the marks of one kind and colour are in a panel."""
    lines = [line for line in axes.lines if line.get_marker() == marker and colour in {"", line.get_color()}]
    return [(float(x), float(y)) for line in lines for x, y in zip(*line.get_data(), strict=True)]


def test_dots_ticks_and_diamonds_are_the_numbers() -> None:
    found = transfer()
    axes = layers.draw(found, "caltech101").axes[0]
    for kind in ("svm", "softmax"):
        rows = [row for row in found.networks[0].layers if row.classifier == kind]
        x, y = np.array(marks(axes, "o", COLOURS[kind])).T
        np.testing.assert_allclose(x, [100 * float(row.mean[1]) for row in rows])
        assert (np.floor(y) == np.arange(7)).all()
        every = np.array(marks(axes, "|", COLOURS[kind]))[:, 0]
        np.testing.assert_allclose(every, np.concatenate([100 * row.quality[1].numpy() for row in rows]))
        bars = [
            line for line in axes.lines if line.get_marker() == "None" and line.get_color() == COLOURS[kind]
        ]
        spread = [100 * float(row.spread[1]) for row in rows]
        np.testing.assert_allclose([np.ptp(bar.get_xdata()) / 2 for bar in bars], spread)
    diamonds = {(int(y), x) for x, y in marks(axes, "D")}
    expected = {(LAYERS.index(layer), value.mean) for (layer, _), value in TABLE_7["caltech101"].items()}
    assert diamonds == expected


def test_the_papers_methods_have_a_panel_of_their_own() -> None:
    figure = layers.draw(transfer(), "caltech101")
    assert [x for x, _ in marks(figure.axes[1], "D")] == [81.4, 73.2, 22.8, 83.8]
    said = [text for text, _ in texts(figure)]
    assert "Bo et al., 30 images" in said
    assert "Jianchao et al., 15 images" in said
    voc = layers.draw(split(), "voc2012")
    assert [x for x, _ in marks(voc.axes[1], "D")] == [74.3, 82.2, 79.0]
    assert not marks(voc.axes[0], "D")


def test_guessing_is_dotted_where_it_is_known() -> None:
    dotted = [line for line in layers.draw(transfer()).axes[0].lines if line.get_linestyle() == "--"]
    assert [line.get_xdata()[0] for line in dotted] == [25]
    assert not [line for line in layers.draw(split()).axes[0].lines if line.get_linestyle() == "--"]


def test_what_is_not_known_has_no_mark() -> None:
    found = transfer(network(kinds=("svm",)))
    found.networks[0].layers[2].quality[1] = NAN
    found.networks[0].layers[6].quality[1, 0] = NAN
    assert {int(y) for _, y in marks(layers.draw(found).axes[0], "o")} == {0, 1, 3, 4, 5}
    lines = [line for line in curve.draw(found).axes[0].lines if line.get_marker() == "o"]
    assert np.isnan(lines[2].get_ydata()[1])
    assert np.isfinite(lines[3].get_ydata()).all()


def test_curves_are_the_means_over_the_sizes_in_order() -> None:
    found = transfer(network(sizes=3), sizes=(30, 5, 15))
    figure = curve.draw(found, "caltech256")
    assert len(figure.axes) == 2  # a panel for each classifier
    lines = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    rows = [row for row in found.networks[0].layers if row.classifier == "svm"]
    for line, row in zip(lines, rows, strict=True):
        assert list(line.get_xdata()) == [5, 15, 30]
        np.testing.assert_allclose(line.get_ydata(), 100 * row.mean[[1, 2, 0]].numpy())
    dashed = [line for line in figure.axes[0].lines if line.get_marker() == "D"]
    for line, values in zip(dashed, METHODS["caltech256"].values(), strict=True):
        assert line.get_color() == PAPER
        assert list(line.get_xdata()) == [15, 30, 45, 60]
        assert list(line.get_ydata()) == [value.mean for value in values.values()]


def test_a_band_is_the_spread() -> None:
    found = transfer(network(layers=["layer1"], kinds=("svm",)))
    row = found.networks[0].layers[0]
    (band,) = curve.draw(found).axes[0].collections
    ends = band.get_paths()[0].get_extents()
    both = 100 * np.stack([row.mean - row.spread, row.mean + row.spread])
    np.testing.assert_allclose([ends.ymin, ends.ymax], [both.min(), both.max()])
    single = transfer(network(layers=["layer1"], folds=1), folds=1)
    assert not curve.draw(single).axes[0].collections


def test_one_size_is_no_curve(tmp_path: Path) -> None:
    with pytest.raises(StepError, match=r"images, 15: a curve needs several.*train: \[5, 10, 15\]"):
        TransferCurve().render(transfer(network(sizes=1), sizes=(15,)), None, tmp_path)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("case", "paper"),
    [
        *((case, "caltech256") for case in MANY),
        *(pytest.param(case, None, marks=pytest.mark.slow) for case in MANY),
    ],
)
@pytest.mark.parametrize("draw", [layers.draw, curve.draw])
def test_texts_stay_on_the_page_and_do_not_touch(draw, paper, case: str) -> None:  # type: ignore[no-untyped-def]
    check_texts(draw(MANY[case], paper))


def test_names_are_spread_as_little_as_can_be() -> None:
    assert spread_out([], 1, 0, 9) == []
    assert spread_out([1, 5, 3], 1, 0, 9) == [1, 5, 3]
    assert spread_out([5, 5.2], 1, 0, 9) == pytest.approx([4.6, 5.6])
    assert spread_out([9, 9, 0], 1, 0, 9) == pytest.approx([8, 9, 0])
    assert spread_out([0, 0], 1, 0, 9) == pytest.approx([0, 1])


def test_both_ends_of_a_long_name_are_kept() -> None:
    assert cut("layer1", 2, 6) == "layer1"
    shorter = cut("features.denseblock1.denselayer16.conv2", 1, 6)
    assert shorter.startswith("features.")
    assert shorter.endswith(".conv2")
    assert "…" in shorter


@pytest.mark.parametrize("renderer", [TransferLayers, TransferCurve])
def test_they_keep_their_promises(
    renderer: type[TransferLayers | TransferCurve], made: SimpleNamespace, tmp_path: Path
) -> None:
    assert renderer_input(renderer) is Transfer
    small = transfer(network(layers=["layer1", "layer2"], kinds=("svm",)), scratch())
    check_renderer(renderer(formats=("svg",), paper="caltech101"), small, made.Squares())
