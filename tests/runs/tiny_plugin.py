"""A plugin small enough to run in milliseconds: a network, a dataset, two probes, two renderers."""

import os
import resource
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

import interpret_local
import interpret_topk
from interpret.errors import DatasetError, InterpretError
from interpret.files import digest, write_atomically
from interpret.images import Images, InputSpec, Sample
from interpret.network import Network
from interpret.plugin import Card, Dataset, Model, Probe, Renderer, ShardedProbe, hookimpl
from interpret.plugin.discovery import Loaded, Origin, Registry, classify
from interpret.results import Result
from interpret.run import cache_dir, run_pipeline

SIZE = 8
PIPELINE = """\
version: 1
models: {net: {name: tiny}}
datasets: {val: {name: noise, count: 1000}}
steps:
  peaks: {probe: peaks, batch_size: 8, render: [{name: page}]}
  jitter: {probe: jitter, inputs: {peaks: peaks}}
  lonely: {probe: lonely, images: [5, 3]}
"""
seen: list[tuple[str, ...]] = []
"""What was computed, drawn and told to hooks in this process."""


class Tiny(Model):
    """One convolution."""

    name: ClassVar[str] = "tiny"
    width: int = Field(4, ge=1, description="Units.")

    def build(self) -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, self.width, 3), nn.ReLU())

    def card(self) -> Card:
        return Card(InputSpec((SIZE, SIZE)), aliases={"layer1": "1"})


class Classes(Tiny):
    """One convolution, and three classes."""

    name: ClassVar[str] = "classes"

    def build(self) -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 3, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())


class _Noise(Images):
    def __init__(self, count: int, seed: int) -> None:
        self.count, self.seed = count, seed
        self._ids = [f"noise-{index}" for index in range(count)]

    @property
    def ids(self) -> Sequence[str]:
        return self._ids

    def __getitem__(self, index: int) -> Sample:
        generator = torch.Generator().manual_seed(self.seed * 100_003 + index)
        return Sample(self.ids[index], torch.randn(3, SIZE, SIZE, generator=generator))

    def fingerprint(self) -> str:
        return digest(self.count, self.seed)


class Noise(Dataset):
    """Random numbers."""

    name: ClassVar[str] = "noise"
    count: int = Field(40, description="Images.")
    seed: int = Field(0, description="Seed.")

    def open(self) -> Images:
        if self.count < 1:
            raise DatasetError("There are no images: count must be 1 or more.")
        return _Noise(self.count, self.seed)


@dataclass(frozen=True)
class Peaks(Result):
    """The largest activation of each unit in each image."""

    values: Float[Tensor, "image unit"]
    ids: tuple[str, ...]
    start: int = 0


@dataclass(frozen=True)
class Jitter(Result):
    """Peaks of all images with random numbers beside them."""

    best: Float[Tensor, " unit"]
    random: Float[Tensor, " unit"]


class PeaksProbe(ShardedProbe):
    """How strong does each unit get in each image?"""

    name: ClassVar[str] = "peaks"
    layer: str = Field("layer1", description="Layer.")
    pause: float = Field(0.0, description="Seconds that each shard takes longer.")
    scale: float = Field(1.0, gt=0, description="Factor.")

    def run_shard(self, network: Network, images: Images) -> Peaks:
        seen.append(("shard", str(images.indices[0])))
        time.sleep(self.pause)
        x = torch.stack([network.preprocess(sample.image) for sample in images])
        peaks = network.record(x, [self.layer], lambda output: output.amax((2, 3)))[self.layer]
        return Peaks(peaks * self.scale + torch.rand(()), tuple(images.ids), images.indices[0])

    def merge(self, partials: Sequence[Peaks]) -> Peaks:
        parts = sorted(partials, key=lambda part: part.start)
        ids = tuple(name for part in parts for name in part.ids)
        return Peaks(torch.cat([part.values for part in parts]), ids, parts[0].start)


class JitterProbe(Probe):
    """What is the strongest of the peaks?"""

    name: ClassVar[str] = "jitter"
    fail: bool = Field(False, description="Whether to fail.")
    size: int = Field(0, description="Further numbers in the result.")

    def run(self, network: Network, images: Images, peaks: Peaks) -> Jitter:
        seen.append(("jitter",))
        if self.fail:
            raise ZeroDivisionError("on purpose")
        best = peaks.values.amax(0)
        return Jitter(torch.cat([best, torch.zeros(self.size)]), torch.rand(len(best) + self.size))


class Lonely(Probe):
    """How many images are there?"""

    name: ClassVar[str] = "lonely"

    def run(self, network: Network, images: Images) -> Jitter:
        seen.append(("lonely",))
        places = torch.tensor([float(place) for place in images.indices])
        return Jitter(places, torch.zeros(len(places)))


@dataclass(frozen=True)
class Letters(Result):
    """Some files."""

    files: tuple[Path, ...]


class Writer(Probe):
    """What do files say?"""

    name: ClassVar[str] = "writer"
    count: int = Field(2, description="Files.")

    def run(self, network: Network, images: Images) -> Letters:
        seen.append(("writer",))
        folder = cache_dir("letters", self.count)
        for index in range(self.count):
            write_atomically(folder / f"{index}.txt", f"letter {index} of {self.count}".encode())
        return Letters(tuple(folder / f"{index}.txt" for index in range(self.count)))


class Cyclic(Probe):
    """Does a jitter follow a jitter?"""

    name: ClassVar[str] = "cyclic"

    def run(self, network: Network, images: Images, jitter: Jitter | None = None) -> Jitter:
        return jitter or Jitter(torch.zeros(1), torch.zeros(1))


class Page(Renderer[Peaks]):
    """Writes the peaks as text."""

    name: ClassVar[str] = "page"
    title: str = Field("peaks", description="First line, and the name of the file.")
    fail: bool = Field(False, description="Whether to fail after half of the work.")

    def render(self, result: Peaks, images: Images, folder: Path) -> Sequence[Path]:
        seen.append(("page", self.title))
        target = folder / "pages" / f"{self.title}.txt"
        target.parent.mkdir()
        target.write_text(f"{self.title} of {len(images)}\n{result.values.sum():.4f}\n")
        if self.fail:
            raise ZeroDivisionError("on purpose")
        return [target]


class Onlooker:
    """Lifecycle hooks of a tracker."""

    @hookimpl
    def before_step(self, step: str, folder: Path) -> None:
        seen.append(("before", step, folder.name))

    @hookimpl
    def after_step(self, step: str, folder: Path, result: Result) -> None:
        seen.append(("after", step, type(result).__name__))

    @hookimpl
    def on_step_error(self, step: str, folder: Path, error: BaseException) -> None:
        seen.append(("error", step, type(error).__name__))


@hookimpl
def register_models() -> list[type[Model]]:
    return [Tiny, Classes]


@hookimpl
def register_datasets() -> list[type[Dataset]]:
    return [Noise]


@hookimpl
def register_probes() -> list[type[Probe]]:
    return [PeaksProbe, JitterProbe, Lonely, Cyclic, Writer]


@hookimpl
def register_renderers() -> list[type[Renderer[Any]]]:
    return [Page]


def registry() -> Registry:
    """This plugin, its onlooker, the local executor and mining, and nothing else."""
    return classify([Loaded(Origin("tests", "1", name), plugin) for name, plugin in parts().items()])


def parts() -> dict[str, object]:
    """The plugins of the registry by name."""
    plugins = {"tiny": sys.modules[__name__], "onlooker": Onlooker()}
    return plugins | {"local": interpret_local, "topk": interpret_topk}


TOUCHING = ("replace", "rename", "link", "unlink", "rmdir", "mkdir", "fsync", "ftruncate", "open", "write")


def killed_at(moment: int) -> None:
    """Let this process be killed just before it touches the disk for the so-manieth time."""
    left = iter(range(moment))

    def touching(call: Any) -> Any:
        def before(*arguments: Any, **options: Any) -> Any:
            if next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)

        return before

    for name in TOUCHING:
        setattr(os, name, touching(getattr(os, name)))


def job(
    path: str,
    out: str,
    *,
    kill_at: int | None = None,
    largest: int | None = None,
    log: Path | None = None,
    **options: Any,
) -> None:
    """Run a pipeline in a process of its own, where files are so large at most; its error goes to ``log``."""
    torch.set_num_threads(1)
    if largest is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    if kill_at is not None:
        killed_at(kill_at)
    try:
        run_pipeline(path, out, registry=registry(), **options)
    except InterpretError as error:
        if log:
            log.write_text(str(error))
        print(error, flush=True)
        sys.exit(1)
