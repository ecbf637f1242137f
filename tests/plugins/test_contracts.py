"""Every registered class keeps the promises of its kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from interpret.interfaces import probe_inputs, probe_output, renderer_input
from interpret.parameters import configure
from interpret.plugins import BUNDLED, KINDS, Kind, registry
from interpret.results import Result
from interpret.testing import (
    check_dataset,
    check_executor,
    check_model,
    check_probe,
    check_renderer,
    small_images,
    small_network,
)

REGISTRY = registry()
SHORT = {"epochs": 2, "batch": 3, "init": "keep", "checkpoints": [1]}
FURTHER = {"evolution": "training"}
"""Inputs that are optional, but not without something in their place."""

SMALL = {"input_size": 64, "categories": 4}
PARAMETERS: dict[tuple[Kind, str], dict[str, Any]] = {
    ("model", "zfnet"): {**SMALL, "width": 0.125},
    ("model", "alexnet"): {**SMALL, "width": 0.125},
    ("model", "torchvision"): {"arch": "squeezenet1_1", "input_size": 64},
    ("model", "module"): {"target": "torch.nn:Flatten", "input_size": 1, "categories": 3},
    ("dataset", "scenes"): {"limit": 12},
    ("probe", "train"): {"recipe": SHORT, "validation": None},
    ("probe", "ablation"): {
        "variants": [{"label": "small", "model": {"name": "zfnet", "width": 0.0625, "input_size": 64}}],
        "base": {"categories": 4},
        "recipe": SHORT,
        "validation": None,
    },
    ("probe", "topk"): {"layers": ["conv1", "relu2", "fc"], "k": 2, "batch_size": 2},
}


def bundled(kind: Kind) -> list[str]:
    shelf = REGISTRY.of(kind)
    return [name for name, cls in shelf.items() if REGISTRY.origins[cls].distribution == BUNDLED]


def make(kind: Kind, name: str, **further: Any) -> Any:
    return configure(REGISTRY.lookup(kind, name), kind, {**PARAMETERS.get((kind, name), {}), **further})


def inputs_of(probe: Any) -> dict[str, Result]:
    """The results that a probe needs, each from the first probe that gives it."""
    needed = probe_inputs(type(probe)).items()
    further = FURTHER.get(type(probe).name)
    return {key: result_of(item.type) for key, item in needed if item.required or key == further}


def result_of(wanted: type[Result]) -> Result:
    name = next(name for name, cls in REGISTRY.probes.items() if issubclass(probe_output(cls), wanted))
    probe = make("probe", name)
    return probe.run(small_network(), small_images(), **inputs_of(probe))


def test_all_kinds_are_bundled():
    assert all(bundled(kind) for kind in KINDS)


@pytest.mark.parametrize("name", bundled("model"))
def test_model(name):
    check_model(make("model", name))


@pytest.mark.parametrize("name", bundled("dataset"))
def test_dataset(name, tmp_path):
    check_dataset(make("dataset", name, **({"path": photographs(tmp_path)} if name == "folder" else {})))


def photographs(folder: Path) -> str:
    for index, sample in enumerate(small_images(5)):
        sample.image.save(folder / f"{index}.png")  # type: ignore[union-attr]
    return str(folder)


@pytest.mark.parametrize("name", bundled("probe"))
def test_probe(name):
    probe = make("probe", name)
    check_probe(probe, **inputs_of(probe))


@pytest.mark.parametrize("name", bundled("renderer"))
def test_renderer(name):
    renderer = make("renderer", name)
    check_renderer(renderer, result_of(renderer_input(type(renderer))))


@pytest.mark.parametrize("name", bundled("executor"))
def test_executor(name):
    check_executor(make("executor", name))


@pytest.mark.parametrize("kind", KINDS)
def test_every_class_says_what_it_does(kind):
    for name in bundled(kind):
        summary = REGISTRY.lookup(kind, name).summary()
        assert summary.endswith("."), f"{kind} {name}: the first line of its docstring is a sentence"
