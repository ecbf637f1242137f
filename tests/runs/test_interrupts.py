"""Ctrl-C ends every run with code 130, says what is true, and costs nothing that was stored."""

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from interpret.images import Images
from interpret.network import Network
from interpret.plugin import Probe, hookimpl
from interpret.plugin.discovery import Loaded, Origin, classify
from interpret.results import Result
from interpret.run import cached_part, run_pipeline

PIPELINE = """\
version: 1
models: {{net: {{name: tiny}}}}
datasets: {{val: {{name: noise, count: 40}}}}
steps:
  lonely: {{probe: lonely}}
  long: {{probe: stubborn, how: {how}, started: {started}}}
"""
SLOW = ("probe: peaks,", "probe: peaks, pause: 0.05,")
STORED = "peaks/shards/*/*/step.json"
PROMPT = 10
"""Seconds, on a machine that has much else to do; the work to be stopped takes six times as long."""


@pytest.fixture
def program(start, tmp_path):
    """Start the program ``interpret`` in a process of its own; ``start`` has prepared their server."""
    processes = []

    def _program(*arguments: str, **environment: str):
        from interrupt_fixtures import program  # noqa: PLC0415 - on the path since ``start``

        context = multiprocessing.get_context("forkserver")
        given = (list(arguments), str(tmp_path / "log"))
        process = context.Process(target=program, args=given, kwargs=environment)
        process.start()
        processes.append(process)
        return process

    yield _program
    for process in processes:
        process.kill()


def interrupt(process, happened, times: int = 1, *, wait: bool = True) -> float:
    """Ctrl-C once something has happened; the seconds until the end, unless nobody waits for it."""
    while not happened() and process.is_alive():
        time.sleep(0.002)
    assert process.is_alive()
    began = time.monotonic()
    for _ in range(times):
        os.kill(process.pid, signal.SIGINT)
    process.join(60 if wait else 0)
    return time.monotonic() - began


@pytest.mark.parametrize("how", ["polite", "deaf", "swallows", "destructor"])
def test_every_kind_of_work_ends(program, tmp_path, how):
    started, path, out = tmp_path / "started", tmp_path / "p.yaml", tmp_path / "out"
    path.write_text(PIPELINE.format(how=how, started=started))
    process = program("run", str(path), "--out", str(out))
    assert interrupt(process, started.exists) < PROMPT
    assert process.exitcode == 130
    said = (tmp_path / "log").read_text().strip()
    assert said == "Stopped. The same command starts the step 'long' again, and keeps the steps before it."
    steps = json.loads((out / "manifest.json").read_text())["steps"]
    assert steps["lonely"]["status"] == "done"
    assert steps["long"]["status"] == ("interrupted" if how == "polite" else "running")


def test_a_stopped_step_whose_shards_are_stored_continues(program, write, tmp_path, known, tiny):
    path, out = write(SLOW), tmp_path / "out"
    process = program("run", str(path), "--out", str(out))
    interrupt(process, lambda: list(out.glob(STORED)))
    assert process.exitcode == 130
    said = (tmp_path / "log").read_text()
    assert "Stopped. The same command continues the step 'peaks' where it stopped." in said
    stored = {str(int(file.parent.name[:8])) for file in out.glob(STORED)}
    tiny.seen.clear()
    run_pipeline(path, out, registry=known)
    computed = {event[1] for event in tiny.seen if event[0] == "shard"}
    assert stored
    assert not stored & computed
    run_pipeline(path, tmp_path / "straight", registry=known)
    for name in ("result.json", "result.safetensors"):
        assert (out / "peaks" / name).read_bytes() == (tmp_path / "straight/peaks" / name).read_bytes()


def test_processes_of_an_executor_end_too(program, write, tmp_path):
    note = tmp_path / "pid"
    process = program(
        "run", str(write()), "--out", str(tmp_path / "out"), "--executor", "processes",
        INTERPRET_TEST_NOTE=str(note),
    )  # fmt: skip
    assert interrupt(process, lambda: note.exists() and note.read_text()) < PROMPT
    assert process.exitcode == 130
    ended = time.monotonic() + 30
    while Path("/proc", note.read_text()).exists() and time.monotonic() < ended:
        time.sleep(0.01)
    assert not Path("/proc", note.read_text()).exists()


def test_a_process_of_an_executor_that_dies_is_an_error_in_words(program, write, tmp_path):
    arguments = ("run", str(write()), "--out", str(tmp_path / "out"), "--executor", "processes")
    process = program(*arguments, INTERPRET_TEST_NOTE="die")
    process.join(60)
    assert process.exitcode == 1
    assert "failed: A process that computed shards died" in (tmp_path / "log").read_text()


@dataclass(frozen=True)
class Series(Result):
    """Some numbers."""

    values: Float[Tensor, " n"]


class Parted(Probe):
    """Adds up parts that it stores; Ctrl-C comes in the third until ``goes`` is set."""

    name: ClassVar[str] = "parted"
    goes: ClassVar[bool] = False
    computed: ClassVar[list[int]] = []

    def run(self, network: Network, images: Images) -> Series:
        def compute(number: int) -> Series:
            if number == 2 and not self.goes:
                raise KeyboardInterrupt
            self.computed.append(number)
            return Series(torch.full((1,), float(number)))

        parts = [cached_part(partial(compute, number), number) for number in range(4)]
        return Series(torch.cat([part.values for part in parts]))


@pytest.mark.parametrize(("force", "again"), [(False, [2, 3]), (True, [0, 1, 2, 3])])
def test_the_parts_of_a_step_are_kept_until_it_is_done(tiny, tmp_path, monkeypatch, force, again):
    class Ours:
        @hookimpl
        def register_probes(self):
            return [Parted]

    plugins = {**tiny.parts(), "parted": Ours()}
    known = classify([Loaded(Origin("tests", "1", name), plugin) for name, plugin in plugins.items()])
    path, out = tmp_path / "p.yaml", tmp_path / "out"
    path.write_text(PIPELINE.partition("steps:")[0].format() + "steps: {all: {probe: parted}}\n")
    Parted.computed.clear()
    monkeypatch.setattr(Parted, "goes", False)
    with pytest.raises(KeyboardInterrupt):
        run_pipeline(path, out, registry=known)
    assert Parted.computed == [0, 1]
    Parted.computed.clear()
    monkeypatch.setattr(Parted, "goes", True)
    assert run_pipeline(path, out, registry=known, force=force)["all"].values.tolist() == [0, 1, 2, 3]
    assert Parted.computed == again
    assert not (out / "all/shards").exists()


REAL = """\
version: 1
models: {net: {name: zfnet, width: 0.0625, input_size: 64, categories: 10}}
datasets: {drawn: {name: scenes, split: val, limit: 40, size: 64}}
steps:
  strongest: {probe: topk, layers: [layer1, layer2], k: 2, batch_size: 8}
  features: {probe: deconv, inputs: {exemplars: strongest}}
  hidden: {probe: occlusion, images: [0, 1, 2, 3], window: 16, stride: 4, engine: full}
  learn:
    probe: train
    recipe: {epochs: 4, batch: 20, rate: 1.0e-3, init: he, checkpoints: [1]}
    validation: null
  judged: {probe: transfer, layers: [layer1, layer2], train: [1], test: 1, folds: 1, strengths: [1]}
"""


@pytest.mark.slow
def test_ctrl_c_at_random_moments(tmp_path):
    """60 times, in all steps; whatever it hits, the run goes on to the same results."""
    path, moments, stopped = tmp_path / "p.yaml", random.Random(0), 0
    path.write_text(REAL)
    command = [str(Path(sys.executable).parent / "interpret"), "run", str(path), "--out"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    began = time.monotonic()
    subprocess.run([*command, str(tmp_path / "straight")], env=environment, check=True, capture_output=True)
    longest, number = time.monotonic() - began, 0
    while stopped < 60:
        with subprocess.Popen(
            [*command, str(tmp_path / f"out{number}")], env=environment, stderr=subprocess.PIPE, text=True
        ) as process:
            time.sleep(moments.uniform(0, longest))
            running = process.poll() is None
            process.send_signal(signal.SIGINT)
            began = time.monotonic()
            said = process.communicate()[1]
        if not running or process.returncode == 0:
            assert results_of(tmp_path / f"out{number}") == results_of(tmp_path / "straight")
            number += 1
            continue
        assert time.monotonic() - began < PROMPT
        assert process.returncode == 130 or outside_us(process.returncode, said), said
        stopped += 1


def outside_us(code: int, said: str) -> bool:
    """Whether Ctrl-C came while Python started or ended: with 1, where it looks for its packages."""
    return "Stopped" not in said and (code == -signal.SIGINT or (code == 1 and "<frozen site>" in said))


def results_of(folder: Path) -> dict[str, bytes]:
    """What must be the same; some results also hold how long they took."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.glob("*/result.safetensors")}


WRITING = """\
import time
from pathlib import Path
from interpret import interrupts
from interpret.files.folders import temporary_folder

interrupts.listen()
with temporary_folder(Path()) as made:
    (made / "sheets").mkdir()
    (made / "sheets" / "1.webp").touch()
    print("begun", flush=True)
    time.sleep(60)
"""


def test_a_folder_that_is_half_written_goes_with_the_process(tmp_path):
    command = [sys.executable, "-c", WRITING]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"begun\n"
        process.send_signal(signal.SIGINT)
        said = process.communicate()[1]
    assert process.returncode == 130
    assert said.count(b"Stopped.") == 1
    assert not list(tmp_path.iterdir())
