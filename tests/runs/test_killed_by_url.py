"""Runs at a URL that are killed, or stopped with Ctrl-C, go on on any machine."""

import random
import time

import pytest
from test_interrupts import PROMPT, interrupt
from url_runs import PIPELINE, SHOWN, URL, at, files, statuses, steps_there, there

from interpret.errors import InterpretError
from interpret.run import run_pipeline


@pytest.fixture
def killed(far, pipeline, tmp_path, fork):
    """Kill a run on another machine before its process touches a disk for the so-manieth time."""

    def _killed(moment: int, name: str = "killed", **options) -> int:
        environment = at(tmp_path / name)
        process = fork(
            far.job, str(pipeline), URL, environment, kill_at=moment, log=tmp_path / "log", **options
        )
        process.join()
        return int(process.exitcode)

    return _killed


def shards_there() -> set[int]:
    """The images at which shards begin that are whole there."""
    return {
        int(name.split("/")[3][:8]) for name in there() if name.endswith("/step.json") and "shards" in name
    }


def test_a_killed_run_goes_on_on_another_machine(far, fork, go, write, tiny):
    """What was sent is not computed again; who was killed is told of, and taken over from."""
    path = write(("probe: peaks,", "probe: peaks, pause: 0.3,"), text=PIPELINE)
    process = fork(far.job, str(path), URL, at(path.parent / "killed"))
    while not (sent := shards_there()) and process.is_alive():
        time.sleep(0.01)
    process.kill()
    process.join()
    sent = shards_there()
    with pytest.raises(
        InterpretError, match=rf"The run at {SHOWN} is in use by process \d+ on .*--take-over"
    ):
        go(path)
    tiny.seen.clear()
    go(path, take_over=True)
    computed = {int(event[1]) for event in tiny.seen if event[0] == "shard"}
    assert sent
    assert not sent & computed
    run = run_pipeline(path, path.parent / "straight", registry=tiny.registry())
    assert steps_there() == files(run.folder)
    assert not [name for name in there() if name[0] == "." and not name.startswith(".work/")]


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 40))])
def test_runs_that_are_killed_again_and_again_come_to_the_same(seed, killed, go, machine, straight):
    """Each on one of two machines, at moments at which something is written here or sent there."""
    moments = random.Random(seed)
    for _ in range(3):
        killed(moments.randrange(20, 900), f"machine-{moments.randrange(2)}", take_over=True)
    machine(f"machine-{moments.randrange(2)}")
    run = go(take_over=True)
    assert steps_there() == files(run.folder) == straight
    machine("other")
    assert statuses(go()) == ["kept"] * 3


def test_a_run_that_was_killed_here_goes_on_at_once(killed, go, machine, straight):
    assert killed(300) == -9
    machine("killed")
    go()
    assert steps_there() == straight


@pytest.mark.parametrize("how", ["polite", "deaf"])
def test_ctrl_c_sends_what_is_done_before_it_ends(far, fork, tmp_path, how):
    """It waits for a store that takes its time, whether the work comes to an end or not."""
    started, path = tmp_path / "started", tmp_path / "p.yaml"
    path.write_text(
        PIPELINE.replace("{probe: writer}", f"{{probe: stubborn, how: {how}, started: {started}}}")
    )
    (tmp_path / "store" / "slow").write_text("0.1")
    process = fork(
        far.program, ["run", str(path), "--out", URL], str(tmp_path / "log"), at(tmp_path / "here")
    )
    interrupt(process, started.exists)
    assert process.exitcode == 130
    said = (tmp_path / "log").read_text()
    assert "Stopped. The same command starts the step 'written' again" in said
    assert f"What is done is being sent to {SHOWN}. Ctrl-C again does not wait for it." in said
    assert {"peaks/step.json", "jitter/step.json", "manifest.json"} <= there().keys()


def test_a_second_ctrl_c_does_not_wait(far, fork, tmp_path):
    started, path, log = tmp_path / "started", tmp_path / "p.yaml", tmp_path / "log"
    path.write_text(PIPELINE.replace("{probe: writer}", f"{{probe: stubborn, started: {started}}}"))
    process = fork(far.program, ["run", str(path), "--out", URL], str(log), at(tmp_path / "here"))
    while not started.exists() and process.is_alive():
        time.sleep(0.01)
    (tmp_path / "store" / "slow").write_text("60")
    interrupt(process, started.exists, wait=False)
    assert interrupt(process, lambda: "is being sent" in log.read_text()) < PROMPT
    assert process.exitcode == 130
