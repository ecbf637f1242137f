"""Shards are jobs: they can be pickled, and give the same bits anywhere that sees the run folder."""

import pickle
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest
import torch

import interpret_deconv
from interpret.attributing import ClassAttribution
from interpret.errors import DatasetError, PipelineError, PluginError, Problem, StepError, UnknownNameError
from interpret.plugin import Executor, hookimpl
from interpret.plugin.discovery import Loaded, Origin, classify
from interpret.progress import Progress
from interpret.run import run_pipeline, work
from interpret.run.jobs import find_executor
from interpret.testing import check_executor
from interpret_local import Local


def stored(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob("*/result.*")}


class Elsewhere(Executor):
    """Runs pickled jobs as a process does that has opened nothing, the last one first."""

    name: ClassVar[str] = "elsewhere"
    sizes: ClassVar[list[int]] = []

    def run(self, jobs_of_step):
        given, work._given = work._given, {}
        try:
            for job in list(jobs_of_step)[::-1]:
                data = pickle.dumps(job)
                self.sizes.append(len(data))
                pickle.loads(data).run()
                yield job
        finally:
            work._given = given
            work._opened.clear()


def test_another_process_opens_what_a_job_needs(known, tiny, write, tmp_path):
    path = write()
    run_pipeline(path, tmp_path / "here", registry=known)
    here = [event for event in tiny.seen if event[0] == "shard"]
    tiny.seen.clear()
    Elsewhere.sizes.clear()
    run_pipeline(path, tmp_path / "elsewhere", registry=known, executor=Elsewhere())
    assert [event for event in tiny.seen if event[0] == "shard"] == here[::-1]
    assert stored(tmp_path / "elsewhere") == stored(tmp_path / "here")
    assert max(Elsewhere.sizes) < 4_000


def test_a_process_that_sees_other_images_is_refused(known, tiny, write, tmp_path, monkeypatch):
    class Changing(Elsewhere):
        def run(self, jobs_of_step):
            monkeypatch.setattr(tiny._Noise, "fingerprint", lambda self: "other")
            return super().run(jobs_of_step)

    with pytest.raises(StepError, match="finds another model or other images"):
        run_pipeline(write(), tmp_path / "out", registry=known, executor=Changing())
    assert not list((tmp_path / "out").glob("peaks/shards/*/*/result.json"))


@pytest.mark.slow
def test_processes_give_the_bits_of_one(known, write, tmp_path):
    path = write()
    run_pipeline(path, tmp_path / "one", registry=known)
    told = Count()
    run_pipeline(path, tmp_path / "two", registry=known, executor=Local(workers=2), progress=told)
    assert stored(tmp_path / "two") == stored(tmp_path / "one")
    assert told.images["peaks"] == 1000
    check_executor(Local(workers=2))


@pytest.mark.usefixtures("start")
def test_a_spawned_process_runs_a_job(known, write, tmp_path):
    """The sample of the test above."""
    path = write(("count: 1000", "count: 300"))
    run_pipeline(path, tmp_path / "one", registry=known)
    run_pipeline(path, tmp_path / "two", registry=known, executor=Local(workers=2))
    assert stored(tmp_path / "two") == stored(tmp_path / "one")


class Count(Progress):
    def __init__(self) -> None:
        self.images: dict[str, int] = {}
        self.calls = 0

    def advanced(self, step: str, parts: int) -> None:
        self.images[step] = self.images.get(step, 0) + parts
        self.calls += 1


MINING = """\
version: 1
models: {net: {name: tiny}}
datasets: {val: {name: noise, count: 300}}
steps: {strongest: {probe: topk, layers: [layer1], batch_size: 32}}
"""


def test_progress_moves_with_batches(known, write, tmp_path):
    told = Count()
    run_pipeline(write(text=MINING), tmp_path / "out", registry=known, progress=told)
    assert told.images == {"strongest": 300}
    assert told.calls == 10


def test_jobs_in_threads_draw_the_same_random_numbers(known, write, tmp_path):
    class Threads(Executor):
        name: ClassVar[str] = "threads"

        def run(self, jobs_of_step):
            running = [threading.Thread(target=job.run) for job in jobs_of_step]
            for thread in running:
                thread.start()
            for thread in running:
                thread.join()
            yield from jobs_of_step

    path = write()
    run_pipeline(path, tmp_path / "one", registry=known)
    run_pipeline(path, tmp_path / "threads", registry=known, executor=Threads())
    assert stored(tmp_path / "threads") == stored(tmp_path / "one")


def test_what_cannot_be_sent_is_said(known, tiny, write, tmp_path, monkeypatch):
    monkeypatch.delattr(tiny, "PeaksProbe")
    with pytest.raises(StepError, match=r"cannot be computed in other processes: .*Define the classes of"):
        run_pipeline(write(), tmp_path / "out", registry=known, executor=Local(workers=2))


def test_the_parameters_of_an_executor_are_checked(known):
    assert find_executor(known, "local", {"workers": "3"}) == Local(workers=3)
    with pytest.raises(PluginError, match=r"'workers' must be greater than or equal to 1\. Got 0"):
        find_executor(known, "local", {"workers": 0})
    with pytest.raises(PluginError, match=r"'worker' is no parameter of it\. Did you mean 'workers'"):
        find_executor(known, "local", {"worker": 2})


@pytest.mark.parametrize(
    "error",
    [
        StepError("a"),
        UnknownNameError("layer", "a", ["b"]),
        PipelineError([Problem("a", "file", 1, 2)]),
        DatasetError("a"),
    ],
)
def test_errors_go_from_one_process_to_another(error):
    error.add_note("more")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_the_threads_of_torch_are_those_of_the_run(known, write, tmp_path):
    seen = []

    class Looking(Executor):
        name: ClassVar[str] = "looking"

        def run(self, jobs_of_step):
            seen.extend(job.task.threads for job in jobs_of_step)
            return Local().run(jobs_of_step)

    run_pipeline(write(), tmp_path / "out", registry=known, executor=Looking())
    assert set(seen) == {torch.get_num_threads()}


STOPS = """\
version: 1
models: {net: {name: tiny}}
datasets: {val: {name: noise, count: 200}}
steps: {strongest: {probe: topk, layers: [layer1], k: 3, batch_size: 8}}
"""


class Stopped(Progress):
    """Ctrl-C once so many images are done."""

    def __init__(self, after: int) -> None:
        self.after, self.images = after, 0

    def advanced(self, step: str, parts: int) -> None:
        self.images += parts
        if self.images >= self.after:
            raise KeyboardInterrupt


def test_a_shard_that_was_stopped_keeps_what_a_few_seconds_made(known, tiny, write, tmp_path, monkeypatch):
    """There is one shard; each attempt goes on where the one before it stopped."""
    read, path, out = set(), write(text=STOPS), tmp_path / "out"
    monkeypatch.setattr("interpret.run.pieces.PIECE_SECONDS", 0.0)  # a batch
    original = tiny._Noise.__getitem__
    monkeypatch.setattr(tiny._Noise, "__getitem__", lambda self, at: (read.add(at), original(self, at))[1])
    for after in (50, 100):
        with pytest.raises(KeyboardInterrupt):
            run_pipeline(path, out, registry=known, progress=Stopped(after))
    read.clear()
    told = Count()
    run_pipeline(path, out, registry=known, progress=told)
    assert told.images == {"strongest": 200}
    assert min(read) >= 88
    run_pipeline(path, tmp_path / "straight", registry=known)
    assert stored(out) == stored(tmp_path / "straight")
    assert not list(out.glob("*/shards"))


ASKING = """\
version: 1
models: {net: {name: tiny}}
datasets: {val: {name: noise, count: 40}}
steps:
  strongest: {probe: topk, layers: [layer1], k: 9, per_image: 2, batch_size: 8}
  features: {probe: deconv, inputs: {exemplars: strongest}, batch_size: 2}
"""


def test_projections_that_were_stopped_go_on(known, tiny, write, tmp_path, monkeypatch):
    plugins = {**tiny.parts(), "deconv": interpret_deconv}
    known = classify([Loaded(Origin("tests", "1", name), plugin) for name, plugin in plugins.items()])
    path, out, places = write(text=ASKING), tmp_path / "out", []
    run_pipeline(path, tmp_path / "straight", registry=known)
    monkeypatch.setattr("interpret.run.pieces.PIECE_SECONDS", 0.0)
    read = tiny._Noise.__getitem__
    monkeypatch.setattr(tiny._Noise, "__getitem__", lambda self, at: (places.append(at), read(self, at))[1])
    with pytest.raises(KeyboardInterrupt):
        run_pipeline(path, out, registry=known, progress=Stopped(44))  # of which 40 are mined
    done, places[:] = places[40:-2], []
    run_pipeline(path, out, registry=known)
    assert done
    assert places
    assert not set(done) & set(places)
    assert stored(out) == stored(tmp_path / "straight")


class Saliency(ClassAttribution):
    """The gradient, and where Ctrl-C comes."""

    name: ClassVar[str] = "saliency_of_this_test"
    seen: ClassVar[list[int]] = []
    stop: ClassVar[int] = -1

    def attribute(self, network, x, targets):
        self.seen.append(len(x))
        if len(self.seen) == self.stop:
            raise KeyboardInterrupt
        return x * targets.pick(network(x))[:, None, None, None]


def test_attributions_that_were_stopped_go_on(tiny, tmp_path, monkeypatch):
    plugins = {**tiny.parts(), "ours": SimpleNamespace(register_probes=hookimpl(lambda: [Saliency]))}
    known = classify([Loaded(Origin("tests", "1", name), plugin) for name, plugin in plugins.items()])
    step = {"probe": Saliency.name, "target": "predicted", "batch_size": 2}
    text = {
        "version": 1,
        "models": {"net": {"name": "classes"}},
        "datasets": {"val": {"name": "noise", "count": 9}},
        "steps": {"asked": step},
    }
    monkeypatch.setattr("interpret.run.pieces.PIECE_SECONDS", 0.0)
    monkeypatch.setattr(Saliency, "stop", 3)
    Saliency.seen.clear()
    with pytest.raises(KeyboardInterrupt):
        run_pipeline(text, tmp_path / "out", registry=known)
    monkeypatch.setattr(Saliency, "stop", -1)
    Saliency.seen.clear()
    found = run_pipeline(text, tmp_path / "out", registry=known)["asked"]
    assert Saliency.seen == [2, 2, 1]
    straight = Saliency(target="predicted", batch_size=2).run(
        tiny.Classes().load("cpu"), tiny.Noise(count=9).open()
    )
    assert found.ids == straight.ids
    for name in ("maps", "image", "target", "position", "score"):
        assert torch.equal(getattr(found, name), getattr(straight, name))
