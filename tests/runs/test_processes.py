"""Real processes: shards side by side, kill -9, a folder that is taken, a disk that is full."""

import json
import random
import time
from pathlib import Path

import pytest

from interpret.errors import InterpretError
from interpret.run import run_pipeline

SLOW = ("probe: peaks,", "probe: peaks, pause: 0.1,")
LONG = ("count: 1000", "count: 3000")
STORED = "peaks/shards/*/*/result.json"

MINING = """\
version: 1
models: {net: {name: tiny}}
datasets: {val: {name: noise, count: 4000}}
steps:
  peaks: {probe: topk, layers: [layer1, "0"], k: 9}
"""


def stored(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob("*/result.*")}


def wait_until(happened, process) -> None:
    """Wait for something that a process does."""
    while not happened() and process.is_alive():
        time.sleep(0.005)


def finished(process) -> int:
    process.join()
    return process.exitcode


@pytest.fixture(scope="module", params=["peaks", "topk"])
def straight(tmp_path_factory, start, tiny, request):
    """One pipeline and what one undisturbed process makes of it."""
    folder = tmp_path_factory.mktemp("straight")
    text = MINING if request.param == "topk" else tiny.PIPELINE.replace(*SLOW).replace(*LONG)
    (folder / "pipeline.yaml").write_text(text)
    assert finished(start(folder / "pipeline.yaml", folder / "out")) == 0
    return folder / "pipeline.yaml", stored(folder / "out")


def test_three_processes_and_a_merge_write_the_same_bits(start, straight, tmp_path):
    path, expected = straight
    processes = [start(path, tmp_path, shard=(part, 3)) for part in (1, 2, 3)]
    assert [finished(process) for process in processes] == [0, 0, 0]
    assert not (tmp_path / "peaks" / "step.json").exists()
    assert finished(start(path, tmp_path, merge=True)) == 0
    assert stored(tmp_path) == expected


@pytest.mark.parametrize(
    "seed", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)]
)
def test_kill_at_random_moments_and_continue_write_the_same_bits(start, straight, tmp_path, seed):
    path, expected = straight
    moments = random.Random(seed)
    survived, killed = 0, 0
    for _ in range(3):
        process = start(path, tmp_path)
        goal = survived + moments.randint(1, 3)
        wait_until(lambda goal=goal: len(list(tmp_path.glob(STORED))) >= goal, process)
        time.sleep(moments.uniform(0, 0.05))
        process.kill()
        if finished(process) == 0:
            break
        killed += 1
        assert len(list(tmp_path.glob(STORED))) >= goal
        survived = len(list(tmp_path.glob(STORED)))
    assert killed
    assert finished(start(path, tmp_path)) == 0
    assert stored(tmp_path) == expected
    assert not list(tmp_path.rglob("*.part"))


def test_a_folder_in_use_is_refused_and_free_after_a_kill(start, write, tmp_path, known):
    path = write(SLOW, LONG)
    process = start(path, tmp_path)
    wait_until((tmp_path / "peaks").exists, process)
    with pytest.raises(InterpretError, match=rf"in use by another run \(process {process.pid}\)"):
        run_pipeline(path, tmp_path, registry=known)
    with pytest.raises(InterpretError, match="in use by another run"):
        run_pipeline(path, tmp_path, registry=known, shard=(1, 2))
    process.kill()
    process.join()
    assert run_pipeline(path, tmp_path, registry=known).steps["peaks"].status == "done"


def test_shard_processes_keep_a_whole_run_out(start, write, tmp_path, known):
    path = write(SLOW, LONG)
    process = start(path, tmp_path, shard=(1, 2))
    wait_until(lambda: list(tmp_path.glob(STORED)), process)
    with pytest.raises(InterpretError, match=str(process.pid)):
        run_pipeline(path, tmp_path, registry=known, merge=True)
    assert finished(process) == 0


def test_a_full_disk_fails_one_step_and_loses_nothing(start, write, tmp_path, known):
    """A limit on the size of files stands for the disk: the kernel refuses to write in the same way."""
    path, out = write(("probe: jitter,", "probe: jitter, size: 100000,")), tmp_path / "out"
    assert finished(start(path, out, largest=200_000, log=tmp_path / "log")) == 1
    said = (tmp_path / "log").read_text()
    assert "Step 'jitter'" in said
    assert "make room and run the same command again" in said
    steps = json.loads((out / "manifest.json").read_text())["steps"]
    found = {name: step["status"] for name, step in steps.items()}
    assert found == {"peaks": "done", "jitter": "failed", "lonely": "done"}
    assert not list(out.rglob("*.part"))
    run = run_pipeline(path, out, registry=known)
    assert {name: step.status for name, step in run.steps.items()} == {
        "peaks": "kept",
        "jitter": "done",
        "lonely": "kept",
    }
