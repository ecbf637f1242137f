"""One document, three kinds of files: what is written where."""

from dataclasses import dataclass
from math import nan

from interpret_figures.escaping import Cell
from interpret_figures.tables import (
    Document,
    Items,
    Markdown,
    Paragraph,
    Table,
    Title,
    drop_empty_columns,
    records,
)

TABLE = Table(["name", "a|b"], [["x", Cell("1", best=True)], ["y_z", "2"]])
BLOCKS = [Markdown("# All"), Title("First", "m"), TABLE, Paragraph("- note"), Items(["one", "two"])]


def test_markdown_has_every_block_in_its_order() -> None:
    expected = (
        "# All\n\n**First** (m)\n\n| name | a\\|b |\n| --- | ---: |\n| x | **1** |\n| y_z | 2 |\n\n"
        "\\- note\n\n- one\n- two\n"
    )
    assert Document(BLOCKS, [], []).markdown() == expected


def test_latex_says_first_what_the_tables_are() -> None:
    notes, title = "% - note\n% one\n% two\n", "% First (m)\n"
    table = (
        "\\begin{tabular}{lr}\n\\toprule\nname & a\\textbar{}b \\\\\n\\midrule\n"
        "x & \\textbf{1} \\\\\ny\\_z & 2 \\\\\n\\bottomrule\n\\end{tabular}\n"
    )
    assert Document(BLOCKS, [], []).latex() == notes + title + table
    assert Document(BLOCKS, [], [], apart=True).latex() == f"{notes}\n{title}{table}"


@dataclass(frozen=True)
class Row:
    name: str
    value: float


def test_csv_has_the_bare_numbers_and_nothing_where_there_is_none() -> None:
    document = Document(BLOCKS, *records(Row, [Row("=x", 0.1 + 0.2), Row("y", nan)]))
    assert document.csv() == "name,value\n'=x,0.30000000000000004\ny,\n"


def test_each_format_is_written_once(tmp_path) -> None:
    document = Document(BLOCKS, ["a"], [[1]])
    files = document.save(tmp_path / "new" / "b.c", ["csv", "latex", "csv", "markdown"])
    assert [file.name for file in files] == ["b.c.csv", "b.c.tex", "b.c.md"]
    assert [file.read_text() for file in files] == ["a\n1\n", document.latex(), document.markdown()]


def test_a_column_that_says_nothing_is_left_out() -> None:
    table = drop_empty_columns([("a", ["1", "2"]), ("b", ["", "\N{EN DASH}"]), ("c", ["", "3"])])
    assert table == Table(["a", "c"], [["1", ""], ["2", "3"]])
