"""Variants that train in a moment, stripes that have labels, and a registry of what their pipelines name."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import ClassVar

from pydantic import Field
from small_training import Stripes
from torch import nn

import interpret_local
import interpret_zoo
from interpret.images import Images
from interpret.plugin import Dataset, Probe, hookimpl
from interpret.plugin.discovery import Loaded, Origin, Registry, classify
from interpret.run import run_pipeline
from interpret_training.ablation.probe import Ablate

BASE = {
    "name": "module",
    "target": "ablation_fixtures:Small",
    "input_size": 16,
    "resize": 18,
    "categories": 3,
}
RECIPE = {"epochs": 2, "batch": 8, "rate": 0.01, "init": "he", "radius": None, "test_crops": 1}


class Small(nn.Sequential):
    """One convolution and one linear layer; 16 x 16 pixels become maps of 4 x 4."""

    def __init__(self, width: int = 4) -> None:
        parts = [nn.Conv2d(3, width, 3, stride=2, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
        super().__init__(*parts, nn.Linear(width * 16, 3))


class Steep(Small):
    """Its weights are too large for any training."""

    def __init__(self) -> None:
        super().__init__()
        for parameter in self.parameters():
            nn.init.constant_(parameter, 1e30)


class Two(nn.Sequential):
    """Two outputs."""

    def __init__(self) -> None:
        super().__init__(nn.Flatten(), nn.Linear(3 * 16 * 16, 2))


class StripesDataset(Dataset):
    """Stripes of three colours."""

    name: ClassVar[str] = "stripes"

    count: int = Field(24, description="How many.")
    seed: int = Field(0, description="Start of chance.")

    def open(self) -> Images:
        return Stripes(self.count, seed=self.seed)


@hookimpl
def register_datasets() -> list[type[Dataset]]:
    return [StripesDataset]


@hookimpl
def register_probes() -> list[type[Probe]]:
    return [Ablate]


def registry() -> Registry:
    """This plugin, the zoo and the local executor, and nothing else."""
    plugins = {"made": sys.modules[__name__], "zoo": interpret_zoo, "local": interpret_local}
    known = classify([Loaded(Origin("tests", "1", name), plugin) for name, plugin in plugins.items()])
    assert not known.problems
    return known


def job(path: Path, out: Path) -> None:
    """Run a pipeline in a process of its own."""
    run_pipeline(path, out, registry=registry())
