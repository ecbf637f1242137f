"""docs/writing-a-plugin.md is followed to the letter, from an empty folder."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from interpret import testing

GUIDE = (Path(__file__).parents[2] / "docs" / "writing-a-plugin.md").read_text()
BLOCKS = re.findall(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


class Desk:
    """An empty folder and what a reader does in it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.site = folder, folder / "site"

    def write(self) -> None:
        for _, info, text in BLOCKS:
            if info.startswith("file="):
                (self.folder / info.removeprefix("file=")).write_text(text)

    def call(self, *command: str) -> str:
        scripts = sysconfig.get_path("scripts")
        environment = {
            **os.environ,
            "PYTHONPATH": str(self.site),
            "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
        }
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def type(self, line: str) -> str:
        """A line of a console block; what it installs goes into a folder of its own."""
        words = shlex.split(line)
        if words[0] != "pip":
            return self.call(*words)
        options = "--quiet --no-deps --no-build-isolation --no-index --target"
        return self.call(sys.executable, "-m", "pip", "install", *options.split(), str(self.site), ".")


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Desk:
    desk = Desk(tmp_path_factory.mktemp("guide"))
    desk.write()
    desk.type("pip install -e .")
    return desk


def test_every_command_works(desk):
    lines = [line for language, _, text in BLOCKS if language == "console" for line in text.splitlines()]
    assert lines[0] == "pip install -e ."
    shown = {line: desk.type(line) for line in lines[1:]}
    assert "interpret-selectivity[selectivity]" in shown["interpret plugins"]
    assert "problem" not in shown["interpret plugins"]
    assert "The layer whose units are asked" in shown["interpret describe selectivity"]
    assert "no mistakes" in shown["interpret check selective.yaml"]
    (program,) = [text for language, info, text in BLOCKS if (language, info) == ("python", "run")]
    assert re.search(r"\d+ of \d+ units of layer3 are dead", desk.call(sys.executable, "-c", program))


def test_its_test_passes(desk):
    assert "1 passed" in desk.call(
        sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_selectivity.py"
    )


def test_the_sketch_of_a_renderer_fits(desk):
    (sketch,) = [text for language, info, text in BLOCKS if (language, info) == ("python", "")]
    program = (
        "from collections.abc import Sequence\nfrom pathlib import Path\nfrom interpret import Renderer\n"
        "from interpret_selectivity import *\nfrom interpret.interfaces import renderer_input\n"
        f"{sketch}\nprint(renderer_input(SelectivityBars).__name__)"
    )
    assert desk.call(sys.executable, "-c", program).strip() == "Selectivity"


def test_the_guide_names_every_check():
    checks = [name for name in vars(testing) if name.startswith("check_")]
    assert len(checks) == 5
    assert [name for name in checks if name not in GUIDE] == []
