"""What the program prints of names cannot move the cursor, colour a line or forge one."""

import logging
from io import StringIO

import pytest
from rich.console import Console

from interpret.cli.remarks import remarks
from interpret.cli.shell import call, report
from interpret.errors import DatasetError
from interpret.files.reading import printable_lines

NAME = "cat\x1b]0;title\x07\x1b[2J\x9b31m\r[red]\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe\udcff"
SHOWN = r"cat\x1b]0;title\x07\x1b[2J\x9b31m\r[red]\u202egpj.exe\xff"


@pytest.mark.parametrize("whole", [False, True])
def test_an_error_about_a_name(capsys, whole):
    error = DatasetError(f"Image {NAME} cannot be read.\nLeave it out.")
    error.add_note(f"In {NAME}")
    assert report(error, whole=whole) == 2
    printed = capsys.readouterr().err
    assert f"error: Image {SHOWN} cannot be read.\nLeave it out.\nIn {SHOWN}\n" in printed
    assert all(c.isprintable() or c == "\n" for c in printed)


def test_an_unexpected_error_about_a_name(capsys):
    assert report(ValueError(NAME)) == 1
    assert f"unexpected ValueError: {SHOWN}\n" in capsys.readouterr().err


def test_files_in_a_strangers_folder(tmp_path, monkeypatch, capsys):
    (tmp_path / "a\x1b[2J\n.yaml").write_text("")
    monkeypatch.chdir(tmp_path)
    assert call(["run"]) == 2
    assert r"In this folder: a\x1b[2J\n.yaml." in capsys.readouterr().err


def test_remarks_about_a_name():
    out = StringIO()
    with remarks(Console(file=out, width=200)):
        logging.getLogger("interpret").info("The labels of %s have no names.", NAME)
    assert out.getvalue() == f"The labels of {SHOWN} have no names.\n"


def test_lines_of_our_own_stay():
    assert printable_lines("a\n  b\n\tc") == "a\n  b\n\\tc"
