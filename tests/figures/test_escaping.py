"""What a label or a file name holds is text in every table: no markup, no formula, no command, no control."""

import csv
import io
import re
from dataclasses import replace

import pytest
import torch
from ablation_cases import ablation
from correspondence_cases import correspondence
from evolution_cases import evolution, layer
from hypothesis import given, settings
from hypothesis import strategies as st
from invariance_cases import invariances
from markdown_it import MarkdownIt
from transfer_cases import network, transfer

from interpret.files import printable
from interpret.testing import small_images, small_network
from interpret_captum import Comparison
from interpret_captum.comparison import METRICS
from interpret_captum.renderers import table as comparison_table
from interpret_correspondence.renderers import table as correspondence_table
from interpret_datasets import Overlap, overlaps
from interpret_datasets.renderers import OverlapPairs, overlap_pairs
from interpret_diagnosis import Diagnosis, diagnose
from interpret_diagnosis.renderers import DiagnosisFigure
from interpret_diagnosis.renderers import report as diagnosis_report
from interpret_figures.escaping import (
    Cell,
    in_csv,
    in_latex,
    in_markdown,
    latex_note,
    markdown_code,
    markdown_paragraph,
)
from interpret_invariance.renderers import InvariancePanels
from interpret_invariance.renderers import table as invariance_table
from interpret_training.ablation.renderers import table as ablation_table
from interpret_training.ablation.renderers.figure import AblationFigure
from interpret_training.evolution.renderers import table as evolution_table
from interpret_training.evolution.renderers.curves import EvolutionCurves
from interpret_training.evolution.renderers.grid import EvolutionGrid
from interpret_transfer.renderers import TransferCurve, TransferLayers
from interpret_transfer.renderers import categories as transfer_categories
from interpret_transfer.renderers import table as transfer_table

BAD = (
    "<script>alert(1)</script>",
    "=HYPERLINK(1)",
    "+1 | x",
    "-cmd",
    "@SUM(A1)",
    "one\n\n# two\r\n\\input{three}",
    "[here](http://example.org)",
    "![x](http://example.org/x.png)",
    "`code` *bold* _leaning_ ~~gone~~ $x$",
    "\x1b[31mred\x1b[0m \x07",
    "a\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe",
    "\udcff & &amp; \x00",
    "\\\\ $\\frac$ \\end{tabular} %",
    "[0.5pt]",
    "www.example.org http://example.org",
)
GIVEN = (BAD[0], BAD[1], BAD[5], BAD[8])
"""Four that are unlike each other, for results that have room for so many."""


def compared():
    columns = METRICS[:2]
    nothing = torch.full((3, 2), 0.5, dtype=torch.float64)
    return Comparison(GIVEN[:3], (0, 0, 0), columns, nothing, torch.full((3, 2, 2), 0.5), {})


def diagnosed():
    found = diagnose(small_network(), small_images(), label=BAD[0])
    return Diagnosis((found, replace(found, label=BAD[5], skipped=((BAD[5], "torn"),), notes={"x": BAD[0]})))


def near():
    found = overlaps(small_images(), small_images())
    return replace(found, ids=tuple((BAD[i % len(BAD)], BAD[-1 - i]) for i in range(len(found.ids))))


@pytest.fixture(scope="module")
def results():
    """Of each writer of tables a result whose names are bad."""
    return {
        ablation_table: ablation([(name, 1, 2, 3) for name in BAD], diverged=[(1, 0)]),
        comparison_table: compared(),
        correspondence_table: correspondence(GIVEN[:3], BAD[:2], skipped=((BAD[5], "torn"),)),
        diagnosis_report: diagnosed(),
        evolution_table: replace(evolution(), layers={name: layer() for name in GIVEN}),
        invariance_table: replace(invariances(layers=GIVEN[:2]), categories=BAD[:5]),
        transfer_table: transfer(network(GIVEN[0], GIVEN[1:], ["svm"]), skipped=[(BAD[5], "torn")]),
        transfer_categories: transfer(network(BAD[0], ["a", BAD[5]], ["svm"]), categories=GIVEN),
    }


WRITERS = [
    ablation_table, comparison_table, correspondence_table, diagnosis_report, evolution_table,
    invariance_table, transfer_table, transfer_categories,
]  # fmt: skip


def document(module, result):
    if module is correspondence_table:
        return module.document(result, {})
    return module.document(result)


def short(module):
    return module.__name__.rpartition(".")[2]


def parsed(text):
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)


def inner(tokens):
    return [child for token in tokens for child in (token, *inner(token.children or ()))]


@pytest.mark.parametrize("module", WRITERS, ids=short)
def test_markdown_of_every_writer_holds_no_markup_of_a_name(results, module):
    text = document(module, results[module]).markdown()
    kinds = {token.type for token in inner(parsed(text))}
    assert "table_open" in kinds
    assert not kinds & {"html_block", "html_inline", "link_open", "image", "em_open", "s_open", "fence"}
    assert "code_inline" not in kinds or module is diagnosis_report
    titles = [token.children for token in parsed(text) if token.type == "inline"]
    assert "two" not in ["".join(child.content for child in children or ()) for children in titles]
    assert all(c.isprintable() for c in text if c != "\n")


@pytest.mark.parametrize("module", WRITERS, ids=short)
def test_csv_of_every_writer_holds_no_formula(results, module):
    text = document(module, results[module]).csv()
    head, *rows = csv.reader(io.StringIO(text))
    assert {len(row) for row in rows} == {len(head)}
    assert text.count("\n") == len(rows) + 1
    for cell in (*head, *(cell for row in rows for cell in row)):
        assert re.fullmatch(r"-?[\d.]+(e[+-]?\d+)?|-?inf", cell) or not cell.startswith(tuple("=+-@\t\r"))


LATEX = [ablation_table, comparison_table, correspondence_table, transfer_table, transfer_categories]


@pytest.mark.parametrize("module", LATEX, ids=short)
def test_latex_of_every_writer_holds_no_command_of_a_name(results, module):
    text = document(module, results[module]).latex()
    known = {
        "begin", "end", "toprule", "midrule", "bottomrule", "textbf", "textbackslash", "textasciitilde",
        "textasciicircum", "textless", "textgreater", "textbar", "pm", "uparrow", "downarrow",
    }  # fmt: skip
    lines = [line for line in text.splitlines() if not line.startswith("% ")]
    assert set(re.findall(r"\\([a-zA-Z]+)", "\n".join(lines))) <= known
    assert not any(line.startswith("[") for line in lines)


def test_the_list_of_pairs_holds_no_formula():
    found = near()
    assert isinstance(found, Overlap)
    rows = list(csv.reader(io.StringIO(overlap_pairs.comma_separated(found))))
    assert len(rows) == len(found.ids) + 1
    assert not any(cell.startswith(tuple("=+-@\t\r")) for row in rows for cell in row)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("=1+1", "'=1+1"),
        ("  =1", "'  =1"),
        ("+x", "'+x"),
        ("-x", "'-x"),
        ("@x", "'@x"),
        ("\N{FULLWIDTH EQUALS SIGN}1", "'\N{FULLWIDTH EQUALS SIGN}1"),
        ("\t=1", r"\t=1"),
        ("a=1", "a=1"),
        ("-0.25", "-0.25"),
        ("-1e-05", "-1e-05"),
        (-0.25, -0.25),
        (-3, -3),
        ("", ""),
    ],
)
def test_numbers_stay_numbers_in_csv(value, text):
    assert in_csv(value) == text


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("a|b", r"a\|b"),
        ("features_3", "features_3"),
        ("_a_", r"\_a\_"),
        ("a < b & c", "a &lt; b & c"),
        ("&copy;", "&amp;copy;"),
        ("0.5 \N{PLUS-MINUS SIGN} 0.1", "0.5 \N{PLUS-MINUS SIGN} 0.1"),
        ("-0.5", "-0.5"),
        ("a\nb", "a b"),
        ("http://a.b", r"http\://a.b"),
        (Cell("1*", best=True), r"**1\***"),
    ],
)
def test_markdown(text, markdown):
    assert in_markdown(text) == markdown


def test_a_paragraph_begins_no_heading_and_no_list():
    for text in ("# a", "- a", "+ a", "1. a", "12) a", "===", "> a"):
        (opened, line, _closed) = parsed(markdown_paragraph(text))
        assert opened.type == "paragraph_open"
        assert "".join(child.content for child in line.children) == text


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
@settings(max_examples=60, deadline=None)
def test_any_text_is_read_back_as_text(text):
    shown = printable(" ".join(text.split()))
    for made in (markdown_paragraph(text), f"a {in_markdown(text)}"):
        tokens = parsed(made)
        if not shown:
            continue
        assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
        assert {child.type for child in tokens[1].children} <= {"text", "text_special"}
        read = "".join(child.content for child in tokens[1].children)
        assert read.removeprefix("a ") == shown or read == shown
    (line,) = (token for token in parsed(f"a {markdown_code(text)} b") if token.type == "inline")
    assert [child.type for child in line.children] == ["text", "code_inline", "text"] or not shown
    harmless = r"\\[a-z]+\{\}|\\[&%$#_{}]|\{[\[\]*`]\}|\$\\\w+\$"
    assert not set(re.sub(harmless, "", in_latex(text))) & set("\\&%$#_{}~^")
    assert "\n" not in latex_note(text)


def test_controls_and_turns_of_writing_are_seen():
    assert printable("a\x1b[31m\N{RIGHT-TO-LEFT OVERRIDE}b\n\x00") == r"a\x1b[31m\u202eb\n\x00"
    assert printable("Käfer \N{ZERO WIDTH JOINER} 犬") == "Käfer \N{ZERO WIDTH JOINER} 犬"


DRAWN = ("$\\frac$", "$x$ _{", "a\nb\x1b[31m", "\udcff \x00 \N{RIGHT-TO-LEFT OVERRIDE}")


def test_labels_are_drawn_as_they_are_written(results, made, tmp_path):
    """A formula that cannot be set, controls and bytes that are no text neither raise nor vanish."""
    pairs = near()
    drawn = {
        AblationFigure: ablation([(name, 1, 2, 3) for name in DRAWN]),
        DiagnosisFigure: Diagnosis((replace(results[diagnosis_report].networks[0], label="".join(DRAWN)),)),
        EvolutionCurves: replace(evolution(), layers={name: layer() for name in DRAWN}),
        EvolutionGrid: replace(evolution(), layers={name.replace("/", ""): layer() for name in DRAWN[:1]}),
        InvariancePanels: replace(invariances("scale", layers=DRAWN[:2], images=4), categories=(*DRAWN, "x")),
        OverlapPairs: replace(
            pairs, ids=((DRAWN[0], DRAWN[3]),) * len(pairs.ids), pictures=pairs.pictures[:1]
        ),
        TransferCurve: transfer(network(DRAWN[0], DRAWN[1:], ["svm"])),
        TransferLayers: transfer(network(DRAWN[3], DRAWN[:2], ["svm"])),
    }
    for renderer, result in drawn.items():
        assert all(path.stat().st_size for path in renderer().render(result, made.Squares(), tmp_path))
