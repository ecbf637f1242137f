"""Charts: where values stand, by hand; what is told at the pointer; and that names stay text."""

import re
from itertools import pairwise
from math import inf, log10, nan
from xml.etree import ElementTree

import pytest
from hand_context import context_of
from squares import Squares

from interpret_gallery import Chart, Series, chart, write_cover
from interpret_gallery.axes import Axis, apart, known, round_numbers
from interpret_gallery.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH

FIRST, LAST = LEFT + 12, WIDTH - RIGHT - 12
FLOOR = HEIGHT - BOTTOM


def paths(html):
    return re.findall(r'<path class="line" d="([^"]*)"', str(html))


def points(path):
    return [tuple(map(float, point.split())) for point in re.split("[MLZ]", path) if point]


def told(html):
    return re.findall(r'data-told="([^"]*)"', str(html))


def texts(html):
    return re.findall(r'<text class="tick"[^>]*>([^<]*)<', str(html))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0.13, 0.9, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (-3, 7, [-4, -2, 0, 2, 4, 6, 8]),
        (0, 12.5, [0, 2.5, 5, 7.5, 10, 12.5]),
        (1e-14, 5e-14, [1e-14, 2e-14, 3e-14, 4e-14, 5e-14]),
        (-2e12, 3e12, [-2e12, -1e12, 0, 1e12, 2e12, 3e12]),
    ],
)
def test_round_numbers_reach_around_the_values(low, high, expected):
    assert round_numbers(low, high) == expected


@pytest.mark.parametrize("low", [-7.3, -1e-9, 0.0, 0.017, 3.0, 4e8])
@pytest.mark.parametrize("size", [1e-6, 0.3, 1.0, 77.0, 1e5])
def test_any_range_has_few_even_ticks_that_hold_it(low, size):
    high = low + size * max(abs(low), 1)
    found = round_numbers(low, high)
    steps = [b - a for a, b in pairwise(found)]
    assert 2 <= len(found) <= 8
    assert found[0] <= low + 1e-9 * size * max(abs(low), 1)
    assert found[-1] >= high - 1e-9 * size * max(abs(low), 1)
    assert max(steps) == pytest.approx(min(steps), rel=1e-3)


@pytest.mark.parametrize("value", [0.0, 1.0, -3.5, 1e12, 1e-200])
def test_equal_values_get_an_axis_with_room(value):
    low, high = apart(value, value)
    axis = Axis.around(low, high, 0, 100)
    assert low < value < high
    assert 0 < axis.place(value) < 100


def test_what_has_a_place():
    assert [known(value) for value in (0.0, -1.0, None, nan, inf, 1e308)] == [True, True, *[False] * 4]
    assert [known(value, "log") for value in (1e-9, 0.0, -1.0)] == [True, False, False]


def test_values_stand_in_proportion():
    drawn = chart(Chart("error", [1, 2, 5], [Series("train", [0.0, 0.5, 1.0])]))
    (path,) = paths(drawn)
    width = LAST - FIRST
    assert points(path) == [
        (FIRST, FLOOR),
        (pytest.approx(FIRST + width / 4, abs=0.01), pytest.approx((FLOOR + TOP) / 2, abs=0.01)),
        (LAST, TOP),
    ]


def test_names_stand_evenly():
    drawn = chart(Chart("error", ["a", "b", "c"], [Series("train", [1.0, 1.0, 2.0])], low=0.0))
    assert [x for x, _ in points(*paths(drawn))] == [FIRST, pytest.approx((FIRST + LAST) / 2), LAST]


def test_a_line_is_broken_where_nothing_is_known():
    drawn = chart(Chart("error", [1, 2, 3, 4], [Series("train", [1.0, None, nan, 2.0])]))
    assert paths(drawn)[0].count("M") == 2
    assert "L" not in paths(drawn)[0]


def test_a_logarithmic_axis():
    drawn = chart(Chart("energy", [1, 2, 3], [Series("all", [1.0, 0.0, 1e-3])], scale="log"))
    assert points(*paths(drawn)) == [(FIRST, TOP), (LAST, FLOOR)]
    assert texts(drawn)[:4] == ["0.001", "0.01", "0.1", "1"]  # the powers of ten, zero is left out


def test_few_powers_of_ten_have_numbers_between():
    axis = Axis.around(0.03, 0.4, 0, 100, "log")
    assert [text for _, text in axis.ticks()] == ["0.02", "0.05", "0.1", "0.2", "0.5"]
    assert axis.place(0.1) == pytest.approx(100 * log10(0.1 / 0.02) / log10(0.5 / 0.02), abs=0.01)


def test_epochs_on_a_logarithmic_axis_begin_with_zero():
    drawn = chart(Chart("kept", [0, 1, 2, 4], [Series("conv1", [0.0, 0.1, 0.2, 0.3])], x_scale="log"))
    x = [x for x, _ in points(*paths(drawn))]
    steps = [b - a for a, b in pairwise(x)]
    assert steps[1] == pytest.approx(steps[2], abs=0.02)  # 1 to 2 as 2 to 4
    assert x[0] == FIRST
    assert steps[0] == pytest.approx(steps[1], abs=0.02)  # zero stands where a half would


def test_values_beyond_the_axis_stand_at_its_end():
    drawn = chart(Chart("share", [1, 2, 3], [Series("a", [-1.0, 0.5, 9.0])], low=0.0, high=1.0))
    assert [y for _, y in points(*paths(drawn))] == [FLOOR, pytest.approx((FLOOR + TOP) / 2), TOP]


def test_a_band_is_an_area_for_each_part():
    band = [(0.0, 1.0), (0.25, 0.75), None, (0.0, 0.5), (0.5, 1.0)]
    drawn = chart(Chart("share", [1, 2, 3, 4, 5], [Series("a", [0.5] * 5, band=band)]))
    (area,) = re.findall(r'<path class="area s0" d="([^"]*)"', str(drawn))
    assert area.count("M") == area.count("Z") == 2
    above, below = points(area.split("Z")[0])[:2], points(area.split("Z")[0])[2:]
    assert [y for _, y in above] == [TOP, pytest.approx(FLOOR - 0.75 * (FLOOR - TOP), abs=0.01)]
    assert [y for _, y in below] == [pytest.approx(FLOOR - 0.25 * (FLOOR - TOP), abs=0.01), FLOOR]


def test_whiskers_and_the_axis_hold_the_spread():
    drawn = chart(Chart("error", [1, 2], [Series("a", [1.0, 2.0], [0.5, None])]))
    assert re.findall(r'<path class="whisker" d="([^"]*)"', str(drawn)) == [
        f"M{float(FIRST)} {Axis(0.5, 2.0, FLOOR, TOP).place(1.5)}V{float(FLOOR)}"
    ]
    assert texts(drawn)[0] == "0.5"


def test_limits_are_lines_with_a_name_inside_the_axis():
    drawn = chart(Chart("rms", [1, 2], [Series("a", [1.0, 2.0])], limits=[(4.0, "threshold")]))
    assert 'class="limit"' in drawn
    assert ">threshold<" in drawn
    assert texts(drawn)[:4] == ["1", "2", "3", "4"]


def test_many_numbers_below_the_axis_become_round():
    drawn = chart(Chart("loss", list(range(1, 91)), [Series("a", [1.0] * 90)]))
    assert texts(drawn)[-4:] == ["20", "40", "60", "80"]


def test_few_of_many_points_are_marked():
    drawn = chart(Chart("loss", list(range(200)), [Series("a", [1.0] * 200)]))
    assert drawn.count("<use") == 8
    assert drawn.count('class="column"') == 200


def test_what_is_told_at_the_pointer():
    series = [Series("a", [1.5, None], [0.25, 1.0]), Series("b", [0.5, 2.0], band=[(0.25, 1.0), None])]
    drawn = chart(Chart("error", [1, 2], series))
    assert told(drawn) == ["a: 1.5 ± 0.25\nb: 0.5 (0.25 to 1)", "b: 2"]


def test_bars_have_one_axis_with_zero():
    drawn = str(chart(Chart("change", ["up", "down"], [Series("a", [2.0, -1.0])], kind="bar")))
    bars = [
        tuple(map(float, bar))
        for bar in re.findall(r'<rect class="bar s0" x="(\S+)" y="\S+" width="(\S+)"', drawn)
    ]
    (up, down) = bars
    assert down[0] + down[1] == pytest.approx(up[0], abs=0.02)  # they meet at zero
    assert up[1] == pytest.approx(2 * down[1], abs=0.05)


def test_bars_have_whiskers_and_their_axis_holds_them():
    drawn = str(chart(Chart("error", ["a"], [Series("s", [90.0], [15.0])], kind="bar")))
    left, right = map(float, re.search(r'<path class="whisker over" d="M(\S+) \S+H(\S+)"', drawn).groups())
    start, width = map(
        float, re.search(r'<rect class="bar s0" x="(\S+)" y="\S+" width="(\S+)"', drawn).groups()
    )
    assert (left + right) / 2 == pytest.approx(start + width, abs=0.02)
    assert float(texts(drawn)[-2]) >= 105


def test_a_bar_without_a_value_is_missing():
    drawn = chart(Chart("error", ["a", "b"], [Series("s", [1.0, None])], kind="bar"))
    assert drawn.count('class="bar') == 1
    assert told(drawn) == ["s: 1", ""]


@pytest.mark.parametrize("kind", ["line", "bar"])
def test_without_values_it_says_so(kind):
    drawn = chart(Chart("loss", [1, 2], [Series("a", [None, nan])], kind=kind))
    assert "<svg" not in drawn
    assert "loss: there are no values." in drawn


@pytest.mark.parametrize("kind", ["line", "bar"])
def test_names_stay_text(kind):
    name = '"><script>alert(1)</script>'
    series, marks = [Series(name, [1.0, 2.0])], [(1.5, name)]
    drawn = str(chart(Chart(name, [name, "b"], series, name, name, kind=kind, limits=marks, events=marks)))
    assert "<script" not in drawn
    assert "style=" not in drawn
    assert drawn.count("&lt;script&gt;") >= 5


def test_a_long_name_is_cut_and_told_whole():
    drawn = chart(Chart("error", ["x" * 200], [Series("s", [1.0])], kind="bar"))
    assert f'data-name="{"x" * 200}"' in drawn
    assert max(map(len, texts(drawn))) <= 24


@pytest.mark.parametrize("kind", ["line", "bar"])
def test_a_cover_is_the_chart_without_words(kind, tmp_path):
    context = context_of(tmp_path, Squares())
    shown = Chart("loss", ["<b>", "c"], [Series("a", [1.0, 2.0]), Series("b", [2.0, 3.0])], kind=kind)
    drawing = ElementTree.parse(context.base / write_cover(context, shown)).getroot()
    tags = [element.tag.rpartition("}")[2] for element in drawing.iter()]
    assert set(tags) <= {"svg", "path", "rect"}
    assert tags.count("rect") == (4 if kind == "bar" else 0)


def test_nothing_has_no_cover(tmp_path):
    shown = Chart("loss", [1], [Series("a", [None])])
    assert write_cover(context_of(tmp_path, Squares()), shown) == ""


def test_a_name_from_right_to_left_does_not_turn_the_value():
    name = "\N{HEBREW LETTER ALEF}\N{RIGHT-TO-LEFT OVERRIDE}x"
    (line,) = told(chart(Chart("loss", ["a"], [Series(name, [1.0])])))
    assert line == f"\N{FIRST STRONG ISOLATE}{name}\N{POP DIRECTIONAL ISOLATE}: 1"


@pytest.mark.parametrize("kind", ["line", "bar"])
def test_series_beyond_the_colours_look_like_no_other(kind):
    series = [Series(f"s{place}", [place + 1.0, 2.0]) for place in range(14)]
    html = str(chart(Chart("Many", [1, 2] if kind == "line" else ["a", "b"], series, kind=kind)))
    legend = html[html.index('<ul class="legend">') :]
    looks = re.findall(r'class="swatch (s\d)".*?(?:#(mark\d)|class="bar s\d( again)?")', legend)
    assert len(looks) == len(set(looks)) == 14
    drawn = html[: html.index('<ul class="legend">')]
    if kind == "line":
        found = [
            (group, mark)
            for group, mark in re.findall(r'class="series (s\d)">.*?#(mark\d)', drawn, re.DOTALL)
        ]
    else:
        found = re.findall(r'class="bar (s\d)( again)?"', drawn)[:14]
    assert found == [
        tuple(part for part in (colour, mark or again) if part or kind == "bar")
        for colour, mark, again in looks
    ]
