"""Figure 5: what its panels and pictures show, whatever images, layers and transformations there are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from invariance_cases import NAMES, invariances
from PIL import Image
from written import check_texts, texts

from interpret import DatasetError
from interpret.images import Images, InputSpec, Sample
from interpret.plugin.interfaces import renderer_input
from interpret.testing import check_renderer
from interpret_figures.photographs import Photographs
from interpret_invariance import Invariances, transform
from interpret_invariance.renderers.page import COLOURS, Sheet
from interpret_invariance.renderers.panels import InvariancePanels
from interpret_invariance.renderers.strip import Strip, shown_steps


def sheet(result: Invariances, images: Images, *, relative: bool = True, shown: int = 5) -> Sheet:
    rows = tuple(range(min(len(result), shown)))
    return Sheet(result, rows, relative, Photographs(images, result.ids, result.input))


@pytest.mark.parametrize(
    ("images", "layers"),
    [
        (1, ["conv"]),
        pytest.param(5, ["layer1", "layer7"], marks=pytest.mark.slow),
        (12, ["a.very.long.name.of.a.layer", "b", "c"]),
    ],
)
def test_no_text_touches_another_or_leaves_the_figure(
    made: SimpleNamespace, images: int, layers: Any
) -> None:
    result = invariances("vertical_translation", "rotation", images=images, layers=layers)
    page = sheet(result, made.Squares(20))
    check_texts(page.draw())


def test_every_image_has_a_line_of_its_colour_in_every_panel(made: SimpleNamespace) -> None:
    result = invariances("vertical_translation", "scale")
    figure = sheet(result, made.Squares()).draw()
    panels = [axes for axes in figure.axes if len(axes.lines) > 1]
    assert len(panels) == 2 * 3  # transformations x (two layers and the probability)
    expected = [
        values
        for kind, curves in result.curves.items()
        for values in (result.relative(kind, "layer1"), result.relative(kind, "layer7"), curves.probability)
    ]
    for axes, values in zip(panels, expected, strict=True):
        lines = axes.lines[:5]
        assert [line.get_color() for line in lines] == list(COLOURS[:5])
        for line, curve in zip(lines, values, strict=True):
            np.testing.assert_allclose(line.get_ydata(), curve)
    said = {text for text, _ in texts(figure)}
    assert said >= set(NAMES)
    assert said >= {"Vertical translation", "Scale", "layer7: relative distance", "pixels, down"}


def test_relative_distances_share_a_scale_and_raw_ones_do_not(made: SimpleNamespace) -> None:
    result = invariances("vertical_translation", "scale", images=2)
    relative = [axes for axes in sheet(result, made.Squares()).draw().axes if len(axes.lines) > 1]
    assert len({axes.get_ylim() for axes in relative[0::3] + relative[1::3]}) == 1
    raw = [axes for axes in sheet(result, made.Squares(), relative=False).draw().axes if len(axes.lines) > 1]
    np.testing.assert_allclose(
        raw[1].lines[0].get_ydata(), result["vertical_translation"].distance["layer7"][0]
    )
    assert raw[0].get_ylim() != raw[1].get_ylim()
    assert {axes.get_ylim() for axes in raw[2::3]} == {(-0.03, 1.03)}


def test_curves_without_numbers_leave_gaps(made: SimpleNamespace) -> None:
    result = replace(invariances("scale", images=1), norm={"layer1": torch.zeros(1), "layer7": torch.ones(1)})
    figure = sheet(result, made.Squares()).draw()
    assert texts(figure)


class Noise(Images):
    """Pictures in which every pixel can be told apart."""

    def __init__(self, mode: str = "RGB") -> None:
        random = np.random.default_rng(0)
        self.pictures = [
            Image.fromarray(random.integers(0, 256, (16, 16, 3), dtype=np.uint8)).convert(mode)
            for _ in range(12)
        ]

    @property
    def ids(self) -> list[str]:
        return [f"square-{place}" for place in range(12)]

    def __getitem__(self, index: int) -> Sample:
        return Sample(self.ids[index], self.pictures[index])

    def fingerprint(self) -> str:
        return "noise"


def test_the_strip_shows_what_the_network_saw() -> None:
    result, images = invariances(images=2), Noise()
    strip = Strip(Photographs(images, result.ids, result.input), [0, 1, 2], "mean", (16, 16), 4)
    curves = result["vertical_translation"]
    steps = shown_steps(curves, 5)
    drawn = strip.draw(curves, steps, [2, 3])
    assert drawn.shape == (2 * 20 - 4, 5 * 20 - 4, 3)
    for row, place in enumerate((2, 3)):
        for column, step in enumerate(steps):
            tile = drawn[row * 20 : row * 20 + 16, column * 20 : column * 20 + 16]
            pixels = result.input.denormalize(result.input.preprocess(images.pictures[place]))
            seen = transform(pixels[None], "vertical_translation", curves.amounts[[step]])[0]
            np.testing.assert_array_equal(tile, (seen * 255).round().byte().permute(1, 2, 0).numpy())
    assert (drawn[16:20] == 255).all()


def test_one_and_many_channels() -> None:
    grey = InputSpec((16, 16), (0.5,), (0.25,), resize=16)
    figure = sheet(invariances("scale", spec=grey, images=2), Noise("L")).draw()
    assert not any("Channel" in text for text, _ in texts(figure))

    class Cubes(Noise):
        def __getitem__(self, index: int) -> Sample:
            return Sample(self.ids[index], torch.rand(5, 16, 16))

    many = InputSpec((16, 16), (0.5,) * 5, (0.25,) * 5)
    said = " ".join(text for text, _ in texts(sheet(invariances("scale", spec=many), Cubes()).draw()))
    assert "Channels 0, 1, 2 of 5 are shown" in said


@pytest.mark.parametrize(
    ("kind", "steps", "expected"),
    [("scale", 9, [0, 2, 4, 6, 8]), ("vertical_translation", 9, [0, 2, 4, 6, 8]), ("scale", 2, [0, 1])],
)
def test_shown_steps(kind: str, steps: int, expected: list[int]) -> None:
    assert shown_steps(invariances(kind, steps=steps)[kind], 5) == expected


def test_the_identity_is_always_shown() -> None:
    result = invariances("brightness", steps=8)["brightness"]
    assert result.identity in shown_steps(result, 5)


def test_what_is_said(made: SimpleNamespace) -> None:
    twice = invariances("scale", images=3, target=(1, 1, 2))
    said = [text for text, _ in texts(sheet(twice, made.Squares()).draw())]
    assert "Shih-Tzu (image 2)" in said
    assert "Shih-Tzu (image 3)" in said
    assert "African crocodile" in said
    caption = " ".join(said)
    assert "divided by the length" in caption
    assert "probability of its label" in caption
    assert "Beyond the border: its mean colour" in caption
    guessed = invariances("blur", images=1, origin="predicted")
    said = [text for text, _ in texts(sheet(guessed, made.Squares()).draw())]
    assert "lawn mower, predicted" in said
    assert "border" not in " ".join(said)


def test_pages(made: SimpleNamespace, tmp_path: Path) -> None:
    result, images = invariances("scale", layers=["conv"], images=3), made.Squares()
    renderer = InvariancePanels(images=2, formats=("png", "svg"))
    files = renderer.render(result, images, tmp_path)
    assert [file.name for file in files] == [
        f"invariance-{page}.{ending}" for page in (1, 2) for ending in ("png", "svg")
    ]
    assert sorted(images.reads) == [2, 3, 4]  # each photograph once
    again = InvariancePanels(images=2, formats=("svg",)).render(result, made.Squares(), tmp_path / "b")
    assert [file.read_bytes() for file in files[1::2]] == [file.read_bytes() for file in again]


def test_another_dataset_is_refused(tmp_path: Path, made: SimpleNamespace) -> None:
    result = invariances("scale", images=2)
    other = replace(result, ids={"2": "circle", "3": "square-3"})
    with pytest.raises(
        DatasetError, match=r"Image 2 was 'circle' .* but now the dataset has 'square-2' there"
    ):
        InvariancePanels().render(other, made.Squares(), tmp_path)
    moved, images = replace(result, ids={"2": "square-9", "3": "square-3"}), made.Squares()
    assert InvariancePanels().render(moved, images, tmp_path)
    assert set(images.reads) == {9, 3}


def test_contract(made: SimpleNamespace) -> None:
    assert renderer_input(InvariancePanels) is Invariances
    check_renderer(InvariancePanels(), invariances("rotation", images=2), made.Squares())
