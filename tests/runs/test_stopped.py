"""A step that was stopped goes on where it was, whatever it asks, and shows how far it is."""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

import interpret
from interpret.progress import Progress
from interpret.results import Result
from interpret.run import run_pipeline

IMAGES = {"name": "scenes", "split": "val", "limit": 24, "size": 64}
NET = {"name": "zfnet", "width": 0.0625, "input_size": 64, "categories": 10}
LAYERS = ["layer1", "layer2"]
FEW = [0, 1, 2, 3]
MINED = {"probe": "topk", "layers": LAYERS, "k": 2, "batch_size": 4}
SIDE_BY_SIDE = [
    {"probe": "project", "batch_size": 1},
    {"probe": "captum.deconvolution", "batch_size": 1},
    {"probe": "occlusion", "window": 32, "stride": 32, "engine": "full", "batch_size": 1},
    {"probe": "occlusion", "window": 16, "stride": 16},
]
MINERS = [{"probe": name, "layers": LAYERS, "batch_size": 1} for name in ("topk", "captum.layer_activation")]

ASKED: dict[str, dict[str, Any]] = {
    "topk": MINED,
    "deconv": {"inputs": {"exemplars": "mined"}, "batch_size": 4},
    "project": {"batch_size": 4},
    "occlusion": {"images": FEW, "window": 16, "stride": 16},
    "invariance": {"images": FEW, "steps": 3},
    "correspondence": {"parts": ["eye"], "random": 6, "permutations": 10, "batch_size": 4},
    "diagnosis": {"mined": 16, "moved": 10, "batch_size": 4, "units": 8},
    "captum.saliency": {"batch_size": 4},
    "captum.noise_tunnel": {"samples": 2, "batch_size": 4},
    "rise": {"masks": 8},
    "captum.layer_activation": {"layers": LAYERS, "k": 2, "batch_size": 4},
    "captum.layer_features": {"layers": LAYERS, "batch_size": 4},
    "captum.neuron_deconvolution": {"inputs": {"exemplars": "mined"}, "batch_size": 8, "ranks": 1},
    "captum.neuron_guided_backprop": {"inputs": {"exemplars": "mined"}, "batch_size": 8, "ranks": 1},
    "layer_features": {"layers": LAYERS, "batch_size": 4},
    "compare": {
        "images": FEW[:2],
        "metrics": ["agreement", "faithfulness", "sensitivity", "localisation", "sanity"],
        "steps": 2,
        "samples": 2,
        "stages": 1,
        "probes": SIDE_BY_SIDE,
    },
    "compare mining": {"probe": "compare", "images": FEW, "metrics": ["agreement"], "probes": MINERS},
    "evaluate": {"batch_size": 4},
    "overlap": {"others": {**IMAGES, "limit": 12}},
    "evolution": {"layers": LAYERS, "units": 4, "batch_size": 4},
    "transfer": {"layers": LAYERS, "train": [1], "test": 1, "folds": 3, "strengths": [1.0]},
}


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


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory) -> Path:
    """Two states of the network."""
    folder = tmp_path_factory.mktemp("checkpoints")
    for epoch in (1, 2):
        state = interpret.load_model(**NET).module.state_dict()
        torch.manual_seed(epoch)
        noisy = {name: value + 0.05 * torch.randn_like(value) for name, value in state.items()}
        save_file(noisy, folder / f"epoch-{epoch}.safetensors")
    return folder


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
    step = {"probe": name, **ASKED[name]}
    if name == "evolution":
        step["checkpoints"] = str(checkpoints)
    steps = {"mined": MINED, "asked": step} if "inputs" in step else {"asked": step}
    text = {"version": 1, "models": {"net": NET}, "datasets": {"drawn": IMAGES}, "steps": steps}
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
