"""Killed after some checkpoints were mined and run again: the same bytes, and nothing is mined twice."""

import signal
import sys
import time
from pathlib import Path

import torch

from interpret.run import run_pipeline

sys.path.insert(0, str(Path(__file__).parent))
from evolution_fixtures import job, network, registry, train

COUNT, LAYERS, EPOCHS = 12, 2, (0, 1, 2)
PIPELINE = """\
version: 1
models: {{net: {{name: tiny}}}}
datasets: {{noise: {{name: noise, count: {count}, pause: {pause}, log: {log}}}}}
steps:
  formed: {{probe: evolution, checkpoints: {checkpoints}, units: 3}}
"""


def write(folder, checkpoints, pause):
    folder.mkdir()
    text = PIPELINE.format(count=COUNT, pause=pause, log=folder / "reads", checkpoints=checkpoints)
    (folder / "pipeline.yaml").write_text(text)
    return folder / "pipeline.yaml", folder / "out", folder / "reads"


def mined(out):
    """How many layers of checkpoints are mined and stored."""
    return len(list(out.glob(".work/*/result.json")))


def stored(out):
    return {path.name: path.read_bytes() for path in out.glob("formed/result.*")}


def reads(log):
    return len(log.read_text().split())


def test_a_killed_run_continues_with_the_same_bits(fork, tmp_path):
    train(network(), tmp_path / "series", EPOCHS)
    path, straight, log = write(tmp_path / "straight", tmp_path / "series", 0)
    run_pipeline(path, straight, registry=registry())
    undisturbed = reads(log)
    assert undisturbed > len(EPOCHS) * COUNT

    path, out, log = write(tmp_path / "killed", tmp_path / "series", 0.1)
    process = fork(job, path, out, torch.get_num_threads())
    while mined(out) < LAYERS and process.is_alive():
        time.sleep(0.005)
    time.sleep(0.05)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert not (out / "formed" / "result.json").exists()
    done = mined(out) // LAYERS
    assert 1 <= done < len(EPOCHS)

    log.unlink()
    run_pipeline(path, out, registry=registry())
    assert stored(out) == stored(straight)
    assert undisturbed - done * COUNT == reads(log)
    assert not list(out.rglob("*.part"))
