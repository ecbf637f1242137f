"""A step that was stopped goes on where it was, whatever it asks, and shows how far it is."""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from asked_steps import ASKED, IMAGES, NET, asked_pipeline

from interpret.progress import Progress
from interpret.results import Result
from interpret.run import run_pipeline


class Told(Progress):
    """What is told of the step ``asked``; Ctrl-C comes with the n-th that is told."""

    def __init__(self, stop: int = 0) -> None:
        self.stop, self.calls = stop, 0
        self.works: list[list[int]] = []

    def started(self, step: str, parts: int) -> None:
        if step == "asked":
            self.works.append([parts, 0])

    def advanced(self, step: str, parts: int) -> None:
        if step != "asked":
            return
        self.calls += 1
        self.works[-1][1] += parts
        if self.calls == self.stop:
            raise KeyboardInterrupt


class Work:
    """What was done: where results were saved, and how many images went through convolutions."""

    def __init__(self) -> None:
        self.saved, self.convolved = list[str](), 0

    def see(self, module: torch.nn.Module, args: Any) -> None:
        if isinstance(module, torch.nn.Conv2d):
            self.convolved += len(args[0])


@pytest.fixture
def work(monkeypatch) -> Iterator[Work]:
    seen, save = Work(), Result.save

    def noting(result: Result, folder: Path) -> None:
        save(result, folder)
        seen.saved.append(str(folder).partition("run/")[2])

    monkeypatch.setattr(Result, "save", noting)
    handle = torch.nn.modules.module.register_module_forward_pre_hook(seen.see)
    yield seen
    handle.remove()


@pytest.mark.parametrize("name", ASKED)
def test_a_stopped_step_goes_on(name, work, checkpoints, tmp_path, monkeypatch):
    text = asked_pipeline(name, checkpoints)
    monkeypatch.setattr("interpret_datasets.thumbnails.CHUNK", 4)

    def run(folder: str, told: Told) -> tuple[set[str], int]:
        """Where parts were saved, and how many images went through a convolution."""
        work.saved, work.convolved = [], 0
        try:
            run_pipeline(text, tmp_path / folder / "run", progress=told)
        except KeyboardInterrupt:
            assert told.calls == told.stop
        parts = [place for place in work.saved if place.startswith(("asked/", ".work"))]
        assert len(set(parts)) == len(parts)
        return set(parts), work.convolved

    told = Told()
    with monkeypatch.context() as nothing_is_kept:
        for module in ("runner", "work"):
            nothing_is_kept.setattr(f"interpret.run.{module}.caching_parts", nullcontext)
        _, passes = run("whole", told)
    assert all(done == total for total, done in told.works), told.works
    assert told.calls >= 4
    monkeypatch.setattr("interpret.run.pieces.PIECE_SECONDS", 0.0)
    done, _ = run("stopped", Told(told.calls * 3 // 4))
    rest, again = run("stopped", Told())
    assert len(done) >= 2 - (name == "transfer")
    assert not done & rest
    assert again < passes or name in {"overlap", "transfer"}
    for file in ("result.json", "result.safetensors")[name == "transfer" :]:  # the first holds seconds
        found, right = (tmp_path / folder / "run/asked" / file for folder in ("stopped", "whole"))
        assert found.read_bytes() == right.read_bytes()


def test_what_costs_is_measured_not_found(tmp_path, work):
    """The probe runs once more for its cost, all 49 places, though parts of its first run are kept."""
    probe = {"probe": "occlusion", "window": 16, "stride": 8, "engine": "full", "batch_size": 8}
    step = {"probe": "compare", "images": [0], "metrics": ["cost"], "repeats": 1, "probes": [probe]}
    text = {"version": 1, "models": {"net": NET}, "datasets": {"drawn": IMAGES}}
    run_pipeline({**text, "steps": {"asked": {**step, "metrics": []}}}, tmp_path / "once")
    once, work.convolved = work.convolved, 0
    run_pipeline({**text, "steps": {"asked": step}}, tmp_path / "twice")
    assert work.convolved - once >= 5 * 49
