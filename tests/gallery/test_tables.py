"""Tables: numbers are sorted as numbers, whatever text stands for them."""

import re

from interpret_figures import tables as files
from interpret_figures.escaping import MISSING, Cell
from interpret_gallery import Link, Quantity, Table, from_file, table


def cells(html):
    return re.findall(r"<td([^>]*)>(.*?)</td>", str(html))


def test_a_text_that_begins_with_a_number_is_sorted_by_it():
    drawn = files.Table(
        ["layer", "error", "size"],
        [
            ["10 crops", "86.8 ± 3.1", "17,496"],
            ["conv1", "\N{MINUS SIGN}0.5 (2)", "\N{EN DASH}"],
            ["conv2", "diverged", "0.25"],
        ],
    )
    shown = from_file(drawn, "errors")
    assert [row[0] for row in shown.rows] == ["10 crops", "conv1", "conv2"]  # names are no numbers
    errors = [row[1] for row in shown.rows]
    assert [cell.value for cell in errors[:2]] == [86.8, -0.5]
    assert [row[2] for row in shown.rows] == [Quantity(17496, "17,496"), None, Quantity(0.25, "0.25")]
    found = [cell for cell in cells(table(shown)) if "diverged" in cell[1]]
    assert found == [(' class="right" data-key=""', "<bdi>diverged</bdi>")]  # stands last


def test_the_best_is_bold():
    drawn = from_file(files.Table(["category", "conv1"], [["cat", Cell("57.5", best=True)]]), "best")
    assert "<b>57.5</b>" in table(drawn)


def test_numbers_of_a_column_have_as_many_decimals():
    drawn = table(Table(["loss"], [[2.3], [2.28], [None], [float("nan")]], "losses"))
    expected = ["2.30", "2.28", MISSING, MISSING]
    assert [text for _, text in cells(drawn)] == [f"<bdi>{text}</bdi>" for text in expected]


def test_numbers_of_many_sizes_stay_as_they_are():
    drawn = table(Table(["rate"], [[0.0001], [20.0], [1234567.0]], "rates"))
    assert "1234567.0000" not in drawn
    assert "0.0001" in drawn


def test_counts_stay_whole():
    assert "<bdi>1,376</bdi>" in table(Table(["units"], [[1376], [2.5]], "units"))


def test_links_and_names_stay_text():
    name = "<img src=x onerror=alert(1)>"
    drawn = table(Table([name], [[Link(name, 'x.html" onclick="y')], [Quantity(1, name)]], name))
    assert "<img" not in drawn
    assert '" onclick="y"' not in drawn
