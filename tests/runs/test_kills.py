"""A process that is killed before any one of its writes leaves a folder that the next run makes whole."""

import shutil
from pathlib import Path

import pytest

from interpret.run import run_pipeline

WRITER = "  lonely: {probe: writer, count: 2}"
PIPELINE = f"""\
version: 1
models: {{net: {{name: tiny}}}}
datasets: {{val: {{name: noise, count: 300}}}}
steps:
  peaks: {{probe: peaks, batch_size: 8, render: [{{name: page}}]}}
{WRITER}
"""
BEFORE = PIPELINE.replace("count: 2", "count: 3").replace("name: page", "name: page, title: other")
"""Another result of the step, with more files, and another figure."""


def files(folder: Path) -> dict[str, bytes]:
    """What is in a run folder, but for times, processes, and what steps keep for themselves."""
    found = (path for path in folder.rglob("*") if path.is_file())
    named = {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
    return {name: data for name, data in named.items() if "/" in name and not name.startswith(".work/")}


@pytest.fixture(scope="module", params=["fresh", "changed", "forced"])
def start_from(request, tiny, tmp_path_factory):
    """A pipeline, the folder that runs start from, their options, and what an undisturbed run makes of it."""
    folder = tmp_path_factory.mktemp("kills")
    (folder / "pipeline.yaml").write_text(PIPELINE)
    (folder / "before.yaml").write_text(BEFORE if request.param == "changed" else PIPELINE)
    (folder / "begin").mkdir()
    if request.param != "fresh":
        run_pipeline(folder / "before.yaml", folder / "begin", registry=tiny.registry())
    options = {"force": True} if request.param == "forced" else {}
    shutil.copytree(folder / "begin", folder / "straight")
    run_pipeline(folder / "pipeline.yaml", folder / "straight", registry=tiny.registry(), **options)
    return folder / "pipeline.yaml", folder / "begin", options, files(folder / "straight")


def kill(start, start_from, out: Path, moment: int) -> int:
    """Kill a run at a moment and let another one finish; returns the exit code of the first."""
    path, begin, options, expected = start_from
    shutil.copytree(begin, out)
    process = start(path, out, kill_at=moment, **options)
    process.join()
    from tiny_plugin import registry  # noqa: PLC0415 - on the path only now

    run = run_pipeline(path, out, registry=registry())
    assert {step.status for step in run.steps.values()} <= {"done", "kept", "drawn"}
    assert files(out) == expected
    assert not list(out.rglob(".interpret-*"))
    assert not list(out.rglob("shards"))
    shutil.rmtree(out)
    return int(process.exitcode)


@pytest.mark.parametrize("moment", [20, 47, 75])
def test_a_kill_at_some_moments(start, start_from, tmp_path, moment):
    assert kill(start, start_from, tmp_path / "out", moment) == -9


@pytest.mark.slow
def test_a_kill_at_every_moment(start, start_from, tmp_path):
    moment = 0
    while kill(start, start_from, tmp_path / "out", moment) == -9:
        moment += 1
    assert moment > 90
