"""kill -9 in the middle of a training: it goes on to the same bits; and two processes are one."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from small_training import learn, learn_together, run_together

from interpret.errors import StepError
from interpret.run import run_pipeline
from interpret_training.loading import Share
from interpret_training.state import STATE
from interpret_training.training import check_share

INTERPRET = str(Path(sys.executable).parent / "interpret")
LONG = {"epochs": 14, "checkpoints": (1, 2, 9), "stop": 9, "patience": 3}

PIPELINE = """\
version: 1
models: {net: {name: zfnet, width: 0.0625, input_size: 64, categories: 10, mean_image: true}}
datasets: {drawn: {name: scenes, split: train, limit: 40, size: 64}}
steps:
  learn:
    probe: train
    recipe: {epochs: 6, batch: 20, rate: 1.0e-3, init: he, mean: pixel, checkpoints: [1, 3]}
    validation: {name: scenes, split: val, limit: 20, size: 64}
  strongest: {probe: topk, weights: learn, layers: [layer2], k: 2}
"""


def wait_for(happened, process) -> None:
    while not happened() and process.is_alive():
        time.sleep(0.005)


def changed(file: Path):
    """Whether a file is there, and another than now."""
    first = file.stat().st_mtime_ns if file.exists() else 0
    return lambda: file.exists() and file.stat().st_mtime_ns > first


def kill(process) -> None:
    process.kill()
    assert ended(process) == -signal.SIGKILL


def ended(process) -> int:
    process.join()
    return process.exitcode


def written(folder: Path) -> dict[str, bytes]:
    files = [*folder.glob("result.*"), *folder.glob("checkpoints/*")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_killed_trainings_end_in_the_same_bits(fork, tmp_path, one_thread):
    """Killed twice on the way, once in the middle of an epoch's end."""
    folder = tmp_path / "killed"
    for pause in (0.01, 0.12):
        process = fork(learn, LONG, folder)
        wait_for(changed(folder / STATE), process)
        time.sleep(pause)
        assert process.is_alive()
        kill(process)
        assert not (folder / "result.json").exists()
    for place in (folder, tmp_path / "straight"):
        learn(LONG, place)
    assert written(folder) == written(tmp_path / "straight")
    assert not (folder / STATE).exists()


def test_two_processes_are_one(fork, tmp_path):
    """By gloo, as torchrun starts them: each step has the loss that one has, dropout too."""
    given, port = LONG | {"epochs": 4}, free_port()
    both = [fork(learn_together, given, tmp_path / "two", rank, 2, port) for rank in range(2)]
    one = learn(given, tmp_path / "one", held=25)
    assert [ended(process) for process in both] == [0, 0]
    two = learn(given, tmp_path / "two", held=25)
    assert len(one.losses) == 24
    torch.testing.assert_close(two.losses, one.losses, rtol=1e-4, atol=1e-5)
    for name in ("loss", "error", "validation_loss", "validation_error", "rate"):
        torch.testing.assert_close(
            getattr(two.history, name), getattr(one.history, name), rtol=1e-4, atol=1e-4
        )


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def write_short(path: Path) -> Path:
    """The training alone, for as many epochs as are compared."""
    path.write_text(
        PIPELINE.partition("  strongest:")[0].replace("epochs: 6", "epochs: 2").replace(", 3]", "]")
    )
    return path


def check_shared(path: Path, folder: Path) -> None:
    """What two processes wrote is there, once, and is what one writes."""
    one = run_pipeline(path, folder / "one")["learn"]
    two = run_pipeline(path, folder / "two")
    assert two.steps["learn"].status == "kept"
    assert len(one.losses) == 4  # of two epochs; later a rounding error flips a maximum and is amplified
    torch.testing.assert_close(two["learn"].losses, one.losses, rtol=1e-5, atol=1e-6)


def test_two_processes_share_the_training_step_of_a_pipeline(fork, tmp_path):
    path, port = write_short(tmp_path / "learn.yaml"), free_port()
    both = [fork(run_together, path, tmp_path / "two", rank, 2, port) for rank in range(2)]
    assert [ended(process) for process in both] == [0, 0]
    check_shared(path, tmp_path)


@pytest.mark.slow
def test_torchrun_shares_the_training_step_of_a_pipeline(tmp_path):
    path = write_short(tmp_path / "learn.yaml")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*torchrun, "--no-python", INTERPRET, "run", str(path), "--out", str(tmp_path / "two")]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("Results are in") == 1
    check_shared(path, tmp_path)


def test_processes_that_cannot_share_a_batch_are_refused():
    with pytest.raises(StepError, match="3 processes cannot share a batch of 16 images equally"):
        check_share(16, Share(0, 3))


def test_a_killed_pipeline_trains_on_and_asks_the_trained_network(fork, tmp_path, one_thread):
    path = tmp_path / "learn.yaml"
    path.write_text(PIPELINE)
    process = fork(run_pipeline, path, tmp_path / "killed")
    wait_for(lambda: [*(tmp_path / "killed").glob(f".work/*/{STATE}")], process)
    assert process.is_alive()
    kill(process)
    assert not (tmp_path / "killed/learn/step.json").exists()
    killed = run_pipeline(path, tmp_path / "killed")
    straight = run_pipeline(path, tmp_path / "straight")
    for step in ("learn", "strongest"):
        for name in ("result.json", "result.safetensors"):
            assert (tmp_path / "killed" / step / name).read_bytes() == (
                tmp_path / "straight" / step / name
            ).read_bytes()
    assert [item.file.name for item in killed["learn"].checkpoints] == [
        "epoch-0001.safetensors",
        "epoch-0003.safetensors",
        "epoch-0006.safetensors",
    ]
    trained = straight["strongest"]["layer2"].values
    untrained = tmp_path / "untrained.yaml"
    untrained.write_text(PIPELINE.replace("weights: learn, ", ""))
    other = run_pipeline(untrained, tmp_path / "straight")
    assert other.steps["learn"].status == "kept"
    assert not torch.equal(other["strongest"]["layer2"].values, trained)
    keys = json.loads((tmp_path / "straight/manifest.json").read_text())["steps"]
    assert keys["learn"]["status"] == "kept"
