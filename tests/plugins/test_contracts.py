"""Every registered class keeps the promises of its kind."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

from interpret.images import Images, Sample
from interpret.plugin import configure, probe_inputs, probe_output, registry
from interpret.plugin.discovery import BUNDLED_DISTRIBUTION
from interpret.plugin.flaws import KINDS, Kind
from interpret.plugin.interfaces import renderer_input
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

sys.path.insert(0, str(Path(__file__).parents[1] / "datasets"))
from benchmark_fixtures import make_caltech101, make_caltech256, make_imagenet, make_imagenette
from labelled_fixtures import make_animals, make_voc
from shard_fixtures import members, png, write_tar

REGISTRY = registry()


class WithParts(Images):
    """Images on all of which the same part is known."""

    def __init__(self, images: Images) -> None:
        self.images = images

    @property
    def ids(self) -> Sequence[str]:
        return self.images.ids

    @property
    def labels(self) -> Sequence[int | None]:
        return self.images.labels

    def __getitem__(self, index: int) -> Sample:
        return replace(self.images[index], parts={"middle": ((12.0, 10.0),)})

    def fingerprint(self) -> str:
        return self.images.fingerprint()


IMAGES = WithParts(small_images(12))
"""Three of each category."""

FEW = {"compare", "occlusion"}
"""What is drawn image by image: two are enough to draw."""

SHORT = {"epochs": 2, "batch": 3, "init": "keep", "checkpoints": [1]}
FURTHER = {"evolution": "training"}
"""Inputs that are optional, but not without something in their place."""

SMALL = {"input_size": 64, "categories": 4}
PARAMETERS: dict[tuple[Kind, str], dict[str, Any]] = {
    ("model", "zfnet"): {**SMALL, "width": 0.125},
    ("model", "alexnet"): {**SMALL, "width": 0.125},
    ("model", "torchvision"): {"arch": "squeezenet1_1", "input_size": 64},
    ("model", "timm"): {"arch": "test_resnet", "input_size": 64},
    ("model", "module"): {
        "target": "torchvision.models.squeezenet:SqueezeNet",
        "arguments": {"version": "1_1", "num_classes": 3},
        "input_size": 32,
        "categories": 3,
    },
    ("dataset", "scenes"): {"limit": 12},
    ("probe", "train"): {"recipe": SHORT, "validation": None},
    ("probe", "ablation"): {
        "variants": [{"label": "small", "model": {"name": "zfnet", "width": 0.0625, "input_size": 64}}],
        "base": {"categories": 4},
        "recipe": SHORT,
        "validation": None,
    },
    ("probe", "transfer"): {"layers": ["pool1", "fc"], "train": [1, 2], "test": 1, "folds": 2},
    ("probe", "correspondence"): {"parts": ["middle"], "random": 2, "permutations": 9},
    ("probe", "scratch"): {"recipe": SHORT, "train": [1], "test": 1, "folds": 1},
    ("probe", "overlap"): {"others": {"name": "scenes", "limit": 3}},
    ("probe", "captum.kernel_shap"): {"samples": 10},
    ("probe", "captum.lime"): {"samples": 10},
    ("probe", "captum.shapley_value_sampling"): {"samples": 2, "patch": 8},
    ("probe", "captum.noise_tunnel"): {"samples": 3},
    ("probe", "rise"): {"masks": 20},
    ("probe", "topk"): {"layers": ["conv1", "relu2", "fc"], "k": 2, "batch_size": 2},
}

TESTS = Path(__file__).parents[1]
ELSEWHERE: dict[Kind, dict[str, str]] = {
    "probe": {
        "ablation": "training/test_ablation.py",
        "compare": "captum/test_compare.py",
        "correspondence": "correspondence/test_correspondence.py",
        "diagnosis": "diagnosis/test_diagnosis.py",
        "evolution": "training/test_evolution.py",
        "invariance": "invariance/test_probe.py",
        "overlap": "datasets/test_overlap.py",
        "scratch": "transfer/test_probe.py",
        "transfer": "transfer/test_probe.py",
    },
    "renderer": {
        "ablation_figure": "training/test_ablation_figure.py",
        "ablation_table": "training/test_ablation_table.py",
        "comparison_table": "captum/test_comparison_table.py",
        "correspondence_figure": "correspondence/test_figure.py",
        "correspondence_table": "correspondence/test_table.py",
        "diagnosis_figure": "diagnosis/test_figure.py",
        "diagnosis_report": "diagnosis/test_report.py",
        "evolution_curves": "training/test_evolution_curves.py",
        "evolution_grid": "training/test_evolution_grid.py",
        "evolution_table": "training/test_evolution_table.py",
        "invariance_panels": "invariance/test_panels.py",
        "invariance_table": "invariance/test_table.py",
        "overlap_pairs": "datasets/test_overlap_pairs.py",
        "training_curves": "training/test_training_curves.py",
        "transfer_curve": "transfer/test_figures.py",
        "transfer_layers": "transfer/test_figures.py",
        "transfer_table": "transfer/test_table.py",
    },
}
"""Which files of the default suite ask a class for its promises, too; here they are asked in long trials."""


def bundled(kind: Kind) -> list[str]:
    shelf = REGISTRY.of(kind)
    return [name for name, cls in shelf.items() if REGISTRY.origins[cls].distribution == BUNDLED_DISTRIBUTION]


def make(kind: Kind, name: str, **further: Any) -> Any:
    return configure(REGISTRY.lookup(kind, name), kind, {**PARAMETERS.get((kind, name), {}), **further})


def inputs_of(probe: Any) -> dict[str, Result]:
    """The results that a probe needs, each from the first probe that gives it."""
    needed = probe_inputs(type(probe)).items()
    further = FURTHER.get(type(probe).name)
    return {key: result_of(item.type) for key, item in needed if item.required or key == further}


@cache
def result_of(wanted: type[Result]) -> Result:
    """Made once: a renderer that changes it breaks a promise."""
    name = next(name for name, cls in REGISTRY.probes.items() if issubclass(probe_output(cls), wanted))
    probe = make("probe", name)
    return probe.run(small_network(), IMAGES.subset([0, 1]) if name in FEW else IMAGES, **inputs_of(probe))


def test_all_kinds_are_bundled():
    assert all(bundled(kind) for kind in KINDS)


def classifier(folder: Path) -> None:
    from transformers import ResNetConfig, ResNetForImageClassification  # noqa: PLC0415 - takes time

    config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 8], depths=[1, 1], layer_type="basic")
    ResNetForImageClassification(config).save_pretrained(folder)


@pytest.mark.parametrize("name", bundled("model"))
def test_model(name, tmp_path):
    if name == "huggingface":
        classifier(tmp_path)
    check_model(make("model", name, **({"path": str(tmp_path)} if name == "huggingface" else {})))


def photographs(folder: Path) -> None:
    for index, sample in enumerate(small_images(5)):
        sample.image.save(folder / f"{index}.png")  # type: ignore[union-attr]


def shard(folder: Path) -> None:
    write_tar(folder / "shard.tar", members(5))


def table(folder: Path) -> None:
    from pyarrow import parquet, table  # noqa: PLC0415 - takes time

    parquet.write_table(table({"image": [png(index) for index in range(5)]}), folder / "table.parquet")


def rows(folder: Path) -> None:
    from datasets import Dataset  # noqa: PLC0415 - takes time

    pictures = [sample.image for sample in small_images(5)]
    Dataset.from_dict({"image": pictures, "label": [0, 1, 0, 1, 0]}).save_to_disk(folder)


FILES: dict[str, Callable[[Path], object]] = {
    "animal_pose": make_animals,
    "caltech101": make_caltech101,
    "caltech256": make_caltech256,
    "files": photographs,
    "folder": photographs,
    "hf": rows,
    "huggingface": rows,
    "imagenet": make_imagenet,
    "imagenette": make_imagenette,
    "parquet": table,
    "voc2007": partial(make_voc, year="2007"),
    "voc2012": make_voc,
    "webdataset": shard,
}
"""What writes the files of each dataset that reads some into the folder that it is given."""


@pytest.mark.parametrize("name", bundled("dataset"))
def test_dataset(name, tmp_path):
    if name in FILES:
        FILES[name](tmp_path)
    where = {"paths": [str(tmp_path)]} if name == "files" else {"path": str(tmp_path)}
    check_dataset(make("dataset", name, **(where if name in FILES else {})))


def here(kind: Kind) -> list[Any]:
    """All of a kind; those that a test of their own asks for the same are long trials."""
    return [
        pytest.param(name, marks=[pytest.mark.slow] if name in ELSEWHERE[kind] else [])
        for name in bundled(kind)
    ]


@pytest.mark.parametrize("kind", ELSEWHERE)
def test_what_is_left_to_other_files_is_asked_there(kind):
    assert ELSEWHERE[kind].keys() <= set(bundled(kind))
    for name, file in ELSEWHERE[kind].items():
        text = (TESTS / file).read_text()
        assert f"check_{kind}(" in text
        assert REGISTRY.lookup(kind, name).__name__ in text


@pytest.mark.parametrize("name", here("probe"))
def test_probe(name):
    probe = make("probe", name)
    check_probe(probe, images=IMAGES, **inputs_of(probe))


@pytest.mark.parametrize("name", here("renderer"))
def test_renderer(name):
    renderer = make("renderer", name)
    check_renderer(renderer, result_of(renderer_input(type(renderer))), IMAGES)


@pytest.mark.parametrize("name", sorted({*bundled("executor")} - {"ray"}))  # tests/ray has one Ray for all
def test_executor(name):
    check_executor(make("executor", name))


@pytest.mark.parametrize("kind", KINDS)
def test_every_class_says_what_it_does(kind):
    for name in bundled(kind):
        summary = REGISTRY.lookup(kind, name).summary()
        assert summary.endswith("."), f"{kind} {name}: the first line of its docstring is a sentence"
