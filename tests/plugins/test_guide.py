"""docs/writing-a-plugin.md is followed to the letter, from an empty folder."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from interpret import testing

sys.path.insert(0, str(Path(__file__).parent))
from elsewhere import type_commands

GUIDE = (Path(__file__).parents[2] / "docs" / "writing-a-plugin.md").read_text()
BLOCKS = re.findall(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
COMMANDS = [line for language, _, text in BLOCKS if language == "console" for line in text.splitlines()]
READ_RESULT = next(text for language, info, text in BLOCKS if info == "run")
SKETCH = next(text for language, info, text in BLOCKS if (language, info) == ("python", ""))

CHECK_SKETCH = f"""
from collections.abc import Sequence
from pathlib import Path
from interpret import Renderer
from interpret_selectivity import *
from interpret.plugin.interfaces import renderer_input
{SKETCH}
print(renderer_input(SelectivityBars).__name__)
from test_selectivity import test_contract
test_contract()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The folder of the guide with its files; the plugin is installed beside them."""
    folder = tmp_path_factory.mktemp("guide")
    for _, info, text in BLOCKS:
        if info.startswith("file="):
            (folder / info.removeprefix("file=")).write_text(text)
    options = "--quiet --no-deps --no-build-isolation --no-index --target site"
    command = [sys.executable, "-m", "pip", "install", *options.split(), "."]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def printed(folder, fork):
    """What the commands of the guide print, then its program and the check of its test and sketch."""
    process = fork(type_commands, folder, COMMANDS[1:], READ_RESULT, CHECK_SKETCH)
    process.join(120)
    assert process.exitcode == 0
    return json.loads((folder / "shown.json").read_text())


def test_every_command_works(printed):
    assert COMMANDS[0] == "pip install -e ."
    assert all(line.startswith("interpret ") for line in COMMANDS[1:])
    shown, (program, _) = printed
    assert "interpret-selectivity[selectivity]" in shown["interpret plugins"]
    assert "problem interpret-selectivity" not in shown["interpret plugins"]
    assert "The layer whose units are asked" in shown["interpret describe selectivity"]
    assert "no mistakes" in shown["interpret check selective.yaml"]
    assert re.search(r"\d+ of \d+ units of layer3 are dead", program)


def test_its_test_passes_and_its_sketch_fits(printed):
    _, (_, sketch) = printed
    assert sketch.strip() == "Selectivity"


def test_its_attribution_runs_and_keeps_the_contract(capsys):
    names = {"__name__": "guide"}
    exec(next(text for language, info, text in BLOCKS if info == "attribution"), names)
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"smooth_grad \(3, 3, 96, 96\) \['\w+', '\w+', '\w+'\]", lines[0])
    assert lines[1] == "(3, 3, 96, 96)"
    testing.check_probe(names["SmoothGrad"](samples=2))


def test_the_guide_names_every_check():
    checks = [name for name in vars(testing) if name.startswith("check_")]
    assert len(checks) == 5
    assert [name for name in checks if name not in GUIDE] == []
