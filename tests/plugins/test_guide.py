"""docs/writing-a-plugin.md is followed to the letter, from an empty folder."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from interpret import testing

GUIDE = (Path(__file__).parents[2] / "docs" / "writing-a-plugin.md").read_text()
BLOCKS = re.findall(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
COMMANDS = [line for language, _, text in BLOCKS if language == "console" for line in text.splitlines()]
READ_RESULT = next(text for language, info, text in BLOCKS if info == "run")
SKETCH = next(text for language, info, text in BLOCKS if (language, info) == ("python", ""))

TYPE_COMMANDS = """
import io, json, shlex, sys
from contextlib import redirect_stdout
from interpret.cli.shell import call

shown = {}
for line in json.loads(sys.argv[1]):
    with redirect_stdout(io.StringIO()) as out:
        assert call(shlex.split(line)[1:]) == 0, line
    shown[line] = out.getvalue()
with redirect_stdout(io.StringIO()) as out:
    exec(sys.argv[2])
shown["python"] = out.getvalue()
print(json.dumps(shown))
"""
CHECK_SKETCH = f"""
from collections.abc import Sequence
from pathlib import Path
from interpret import Renderer
from interpret_selectivity import *
from interpret.interfaces import renderer_input
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
    python(folder, "-m", "pip", "install", *options.split(), ".")
    return folder


def python(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(folder / "site")}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_command_works(folder):
    assert COMMANDS[0] == "pip install -e ."
    assert all(line.startswith("interpret ") for line in COMMANDS[1:])
    shown = json.loads(python(folder, "-c", TYPE_COMMANDS, json.dumps(COMMANDS[1:]), READ_RESULT))
    assert "interpret-selectivity[selectivity]" in shown["interpret plugins"]
    assert "problem interpret-selectivity" not in shown["interpret plugins"]
    assert "The layer whose units are asked" in shown["interpret describe selectivity"]
    assert "no mistakes" in shown["interpret check selective.yaml"]
    assert re.search(r"\d+ of \d+ units of layer3 are dead", shown["python"])


def test_its_test_passes_and_its_sketch_fits(folder):
    assert python(folder, "-c", CHECK_SKETCH).strip() == "Selectivity"


def test_the_guide_names_every_check():
    checks = [name for name in vars(testing) if name.startswith("check_")]
    assert len(checks) == 5
    assert [name for name in checks if name not in GUIDE] == []
