"""A sample of every part of the campaign, by its own command; `make campaign` tries thousands."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from rows import Options, Row, table

RUN = Path(__file__).parent / "run.py"
SAMPLE = {
    "CASES": "drawing: local;mining: local, 2;tiny: ;finished;may be skipped;pictures;state files",
    "KILLS": "3",
    "FULL": "8",
    "TROUBLES": "1",
    "FLIPS": "3",
    "MUTATIONS": "120",
}


LINUX = pytest.mark.skipif(sys.platform != "linux", reason="It looks at processes as Linux shows them.")


def campaign(report: Path, *parts: str, **asked: str) -> subprocess.CompletedProcess[str]:
    """Run parts of the campaign in a process of their own."""
    paths = os.pathsep.join(filter(None, sys.path))
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "REPORT": str(report), **asked}
    command = [sys.executable, str(RUN), *parts]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@LINUX
def test_a_sample_keeps_every_promise(tmp_path):
    done = campaign(tmp_path / "report.md", **SAMPLE)
    assert done.returncode == 0, done.stdout + done.stderr
    found = (tmp_path / "report.md").read_text()
    sums = [line.split("|") for line in found.splitlines() if "**all**" in line]
    assert [line[1].strip() for line in sums] == ["kills", "disks", "troubles", "flips", "mutations"]
    assert all(int(line[4]) > 0 or "left out" in found for line in sums)
    assert sum(int(line[4]) > 0 for line in sums) >= 4


@LINUX
@pytest.mark.slow
def test_workers_of_ray_are_killed_too(tmp_path):
    done = campaign(tmp_path / "report.md", "kills", CASES="mining: ray", KILLS="6")
    assert done.returncode == 0, done.stdout + done.stderr


@LINUX
def test_an_unknown_part_is_refused(tmp_path):
    done = campaign(tmp_path / "report.md", "floods")
    assert done.returncode == 2
    assert "the parts are kills, disks, troubles, flips, mutations" in done.stdout


def test_the_table_counts_failures():
    rows = [Row("kills", "mining: local", 3, 2, ["lost"], {"in mined": 2}, 1.2), Row("kills", "other", 1, 1)]
    assert "| kills | mining: local | 3 | 2 | 1 | 1 | in mined 2 |" in table(rows)
    assert "| kills | **all** | 4 | 3 | 1 | 1 |  |" in table(rows)


def test_cases_are_chosen_by_words(tmp_path):
    assert Options(tmp_path, 0).wants("mining: ray")
    assert not Options(tmp_path, 0, cases=("local", "tiny")).wants("mining: ray")
    assert Options(tmp_path, 0, cases=("local", "ray")).wants("mining: ray")
