"""Scales, legends, and text that fits: small cases worked out by hand."""

import numpy as np
import pytest
import torch
from matplotlib import colormaps

from interpret_figures.colours import (
    HEAT,
    LABELS,
    LOWERS,
    OTHER,
    RAISES,
    Scale,
    draw_bar,
    heat_map,
    label_pixels,
    largest,
    legend,
    rgb,
    scale_for,
    tint,
)
from interpret_figures.display import NO_NUMBER
from interpret_figures.text import MINUS, chance, fitted, number, numbers, paragraph, text_inches


def test_a_scale_goes_from_zero_or_around_it():
    assert scale_for(np.array([1.0, 4.0]), "magma") == Scale(0.0, 4.0, "magma")
    assert scale_for(np.array([-1.0, 4.0]), "magma") == Scale(-4.0, 4.0, "signed")
    assert (Scale(0.0, 0.0, "magma").pixels(np.zeros((1, 1))) == colormaps["magma"](0, bytes=True)[:3]).all()


def test_a_scale_colours_as_matplotlib_does():
    values = np.linspace(-1, 3, 9).reshape(3, 3)
    expected = colormaps["viridis"]((values / 2).clip(0, 1), bytes=True)[..., :3]
    assert (Scale(0, 2, "viridis").pixels(values) == expected).all()


def test_signed_colours_leave_the_grey_where_nothing_is_said():
    grey = np.array([[0, 100, 200, 100]], np.uint8)
    pixels = tint(grey, np.array([[0.0, 1.0, -0.5, 7.0]]), 1.0)
    assert pixels[0, 0].tolist() == [0, 0, 0]
    assert pixels[0, 1].tolist() == pixels[0, 3].tolist() == list(LOWERS)
    assert pixels[0, 2].tolist() == [round(200 * 0.5 + part * 0.5) for part in RAISES]


def test_a_bar_shows_its_colours_ends_and_mark():
    canvas = np.full((60, 300, 3), 255, np.uint8)
    scale = Scale(0.0, 1.0, "viridis")
    low, high, middle = draw_bar(canvas, scale, (10, 20), 200, dpi=100, mark=0.25)
    assert (canvas[11, 20] == colormaps["viridis"](0.0, bytes=True)[:3]).all()
    assert (canvas[11, 219] == colormaps["viridis"](1.0, bytes=True)[:3]).all()
    assert (canvas[:, [*range(20), *range(220, 300)]] == 255).all()
    (columns,) = np.nonzero((canvas[8] != 255).any(1))  # above the bar only the mark is drawn
    assert abs(columns.mean() - (20 + 0.25 * 200)) < 2
    assert (low.text, middle.text, high.text) == ("0", "0.5", "1")
    assert (low.x, middle.x, high.x) == (20, 120, 220)


def test_a_short_bar_has_no_middle():
    canvas = np.full((60, 300, 3), 255, np.uint8)
    signed = Scale(-0.0123, 0.0123, "signed")
    assert [label.text for label in draw_bar(canvas, signed, (9, 9), 60, dpi=100)] == [
        f"{MINUS}0.012",
        "0.012",
    ]


MAP = np.array([[3, 3, 2, 2], [3, 3, 5, 0], [3, 1, 9, 9]])


def test_a_legend_begins_with_the_target_and_goes_on_by_frequency():
    names = [f"n{i}" for i in range(10)]
    entries = legend(MAP, 5, names)
    assert [entry.name for entry in entries] == ["n5", "n3", "n2", "n9", "n0", "n1"]
    assert [round(entry.share * 12) for entry in entries] == [1, 5, 2, 2, 1, 1]
    assert [entry.colour for entry in entries] == [rgb(colour) for colour in LABELS[:6]]


def test_the_rest_of_a_legend_is_grey():
    entries = legend(MAP, 7, (), most=3)
    assert [entry.name for entry in entries] == ["class 7", "class 3", "class 2", "4 others"]
    assert entries[0].share == 0
    assert entries[-1].colour == OTHER
    assert entries[-1].share == pytest.approx(5 / 12)
    pixels = label_pixels(MAP, entries)
    assert pixels[0, 0].tolist() == list(rgb(LABELS[1]))
    assert pixels[2, 3].tolist() == pixels[1, 2].tolist() == list(OTHER)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (-0.0, "0"), (0.66321, "0.66"), (-0.0123, f"{MINUS}0.012"), (31.84, "31.8"),
        (-4412.6, f"{MINUS}4,413"), (2e7, "2e+07"),
    ],
)  # fmt: skip
def test_numbers(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ((0.0, 1.0), ["0", "1"]), ((2.5, 2.5), ["2.5", "2.5"]), ((0.1412, 0.1437), ["0.1412", "0.1437"]),
        ((-0.1441, -0.1352, -0.14), [f"{MINUS}0.1441", f"{MINUS}0.1352", f"{MINUS}0.14"]),
        ((512.25, 512.5), ["512.25", "512.5"]),
        ((-4412.6, -4412.5), [f"{MINUS}4,412.60", f"{MINUS}4,412.50"]),
        ((12344.9961, 12344.9971), ["12,344.9961", "12,344.9971"]), ((2000.0, 2050.0), ["2,000", "2,050"]),
        ((2e7 + 1, 2e7 + 4), ["20,000,001", "20,000,004"]), ((1000.0, 4000.0), ["1,000", "4,000"]),
        ((5e-7, 5.001e-7), [f"5e{MINUS}07", f"5.001e{MINUS}07"]), ((2e9, 2.001e9), ["2e+09", "2.001e+09"]),
    ],
)  # fmt: skip
def test_numbers_beside_each_other_are_told_apart(values, texts):
    assert numbers(*values) == texts


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (1, "1.00"), (0.126, "0.13"), (0.0072, "0.007"), (4.2e-6, "4e-06")]
)
def test_probabilities(value, text):
    assert chance(value) == text


def test_text_is_cut_where_its_place_ends():
    assert fitted("short", 1, 6) == "short"
    cut = fitted("West Highland white terrier" * 3, 1, 6)
    assert cut.endswith("…")
    assert text_inches(cut, 6) <= 1
    assert text_inches(cut[:-1] + "xxx", 6) > 1
    text = "AVAWA.T.i fi \N{COMBINING DIAERESIS}West  Highland   white"  # kerns, blanks, a mark without width
    for inches in (0.05, 0.3, 0.55, 0.8, 1.05):
        shorter = (f"{text[:length].rstrip()}…" for length in range(len(text) - 1, 0, -1))
        longest = next((one for one in shorter if text_inches(one, 6) <= inches), "…")
        assert fitted(text, inches, 6) == longest
    lines = paragraph("one two three " + "four" * 40 + " five six seven", 1, 6, 3)
    assert len(lines) == 3
    assert lines[0] == "one two three"
    assert all(text_inches(line, 6) <= 1 for line in lines)


def test_a_word_that_is_longer_than_a_line_goes_on_in_the_next():
    word = "vision_model.encoder.layers.11.self_attn.out_proj"
    for bold in (False, True):
        lines = paragraph(f"in {word} too", 1, 6, 9, bold=bold)
        assert "".join(lines).replace(" ", "") == f"in{word}too"
        assert all(text_inches(line, 6, bold=bold) <= 1 for line in lines)
    assert paragraph("wide", 0.01, 6, 9) == ["…"] * 4


def test_the_colours_of_heat_get_lighter_all_the_way():
    """So lightness alone tells the order: to people who confuse colours, and on a grey print."""
    ramp = colormaps[HEAT](np.linspace(0, 1, 256))[:, :3]
    linear = np.where(ramp <= 0.04045, ramp / 12.92, ((ramp + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    lightness = 116 * np.cbrt(luminance) - 16
    steps = np.diff(lightness[luminance > 0.01])
    assert (steps > 0).all()
    assert steps.max() < 2.5 * steps.mean()  # no edge where the values have none


@pytest.mark.parametrize("colours", ["magma", "signed"])
def test_what_is_no_number_is_a_checkerboard_in_no_colour_of_the_scale(colours):
    values = np.array([[0.5, np.nan, np.nan], [np.inf, -0.5, np.nan]])
    scale = Scale(-1.0, 1.0, colours)
    pixels, known = scale.pixels(values), np.isfinite(values)
    light, dark = NO_NUMBER
    assert pixels[0, 1].tolist() == pixels[1, 2].tolist() == pixels[1, 0].tolist() == [dark] * 3
    assert pixels[0, 2].tolist() == [light] * 3
    assert (pixels[known] == scale.pixels(np.where(known, values, 0.0))[known]).all()


def test_a_scale_of_what_is_no_number_has_ends():
    assert scale_for(np.array([np.nan, -2.0, np.inf]), "magma") == Scale(-2.0, 2.0, "signed")
    assert scale_for(np.full((2, 2), np.nan), "magma") == Scale(0.0, 0.0, "magma")
    assert largest(np.array([-3.0, np.nan, -np.inf, 2.0])) == 3.0
    assert largest(np.array([np.nan])) == 0.0
    canvas = np.full((60, 300, 3), 255, np.uint8)
    labels = draw_bar(canvas, Scale(0.0, 0.0, "magma"), (10, 10), 200, dpi=100, mark=float("nan"))
    assert [label.text for label in labels] == ["0", "0"]
    assert number(float("nan")) == chance(float("nan")) == "no number"
    assert numbers(float("nan"), 1.0) == ["no number", "1"]


def test_a_heat_map_and_what_its_colours_mean():
    values = torch.zeros(3, 40, 40)
    values[1, 20, 20], values[0, 0, 0] = -4.0, torch.nan
    pixels, scale = heat_map(values, 100.0)
    brightest = np.unravel_index(pixels[5:].sum(-1, dtype=int).argmax(), (35, 40))
    assert (brightest[0] + 5, brightest[1]) == (20, 20)
    assert pixels[0, 0].tolist() == [NO_NUMBER[0]] * 3
    assert pixels[0, 1].tolist() == scale.pixels(np.zeros((1, 1)))[0, 0].tolist()
    assert 0 < scale.high < 4
