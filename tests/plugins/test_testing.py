"""The contract tests catch offenders: each class here breaks one promise."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from interpret import (
    Attributions,
    Card,
    ClassAttribution,
    Dataset,
    Executor,
    Images,
    Model,
    PluginError,
    Probe,
    Renderer,
    Result,
    Sample,
    ShardedProbe,
)
from interpret.images import open_image
from interpret.testing import (
    check_dataset,
    check_executor,
    check_model,
    check_probe,
    check_renderer,
    small_images,
    small_network,
)


@dataclass(frozen=True)
class Number(Result):
    value: Float[Tensor, ""]


class Good(Probe):
    name: ClassVar[str] = "good"
    layer: str = Field("conv2", description="The layer.")

    def run(self, network: Any, images: Any, *args: Any, **inputs: Any) -> Number:
        x = network.preprocess(images[0].image)[None]
        return Number(network.record(x, [self.layer])[self.layer].mean())


class LeavesHook(Good):
    def run(self, network: Any, images: Any, *args: Any, **inputs: Any) -> Number:
        network.module.conv1.register_forward_hook(lambda *_: None)
        return Number(torch.ones(()))


class LeavesHookAfterAnException(Good):
    def run(self, network: Any, images: Any, *args: Any, **inputs: Any) -> Number:
        handle = network.module.conv2.register_forward_hook(lambda *_: None)
        number = Number(network(torch.zeros(1, 3, 16, 16)).mean())
        handle.remove()
        return number


class ChangesWeights(Good):
    def run(self, network: Any, images: Any, *args: Any, **inputs: Any) -> Number:
        with torch.no_grad():
            network.module.fc.bias += 1
        return Number(torch.ones(()))


class LeavesGradients(Good):
    def run(self, network: Any, images: Any, *args: Any, **inputs: Any) -> Number:
        network.module(torch.zeros(1, 3, 16, 16)).sum().backward()
        return Number(torch.ones(()))


class ChangesModes(Good):
    def run(self, network: Any, images: Any, *args: Any, **inputs: Any) -> Number:
        network.module.eval()
        return super().run(network, images)


class UsesTheModeOfTheModule(Good):
    def run(self, network: Any, images: Any, *args: Any, **inputs: Any) -> Number:
        return Number(network.module.dropout(torch.ones(100)).mean())


class Dices(Good):
    def run(self, network: Any, images: Any, *args: Any, **inputs: Any) -> Number:
        return Number(torch.rand(()))


class ReturnsAnotherType(Good):
    def run(self, network: Any, images: Any, *args: Any, **inputs: Any) -> Number:
        return Mean(torch.ones(()))  # type: ignore[return-value]


@dataclass(frozen=True)
class Mean(Result):
    total: Float[Tensor, ""]


class Summing(ShardedProbe):
    """Adds the pixels; a sum of integers does not depend on the order."""

    name: ClassVar[str] = "summing"

    def run_shard(self, network: Any, images: Images, *args: Any, **inputs: Any) -> Mean:
        pixels = [network.preprocess(sample.image) for sample in images]
        return Mean((torch.stack(pixels) * 1000).round().double().sum())

    def merge(self, partials: Any) -> Mean:
        return Mean(torch.stack([partial.total for partial in partials]).sum())


class TakesTheFirst(Summing):
    def merge(self, partials: Any) -> Mean:
        return Mean(partials[0].total)


class Halves(Summing):
    def merge(self, partials: Any) -> Mean:
        return Mean(super().merge(partials).total / 2)


class Joins(Summing):
    def join(self, pieces: Any) -> Mean:
        return self.merge(pieces)


class JoinsBadly(Summing):
    def join(self, pieces: Any) -> Mean:
        return Mean(pieces[-1].total)


class Gradient(ClassAttribution):
    name: ClassVar[str] = "gradient"

    def attribute(self, network: Any, x: Any, targets: Any) -> Any:
        x = x.requires_grad_()
        return torch.autograd.grad(targets.pick(network.as_module()(x)).sum(), x)[0]


class AsksAgain(Gradient):
    def run(self, network: Any, images: Any) -> Attributions:
        found = super().run(network, images)
        return replace(found, target=3 - found.target)


GOOD = [Good(), Good(layer="relu2"), Summing(), Joins(), Gradient(batch_size=4)]


@pytest.mark.parametrize("probe", GOOD, ids=repr)
def test_good_probes_pass(probe):
    check_probe(probe)


@pytest.mark.parametrize(
    ("probe", "message"),
    [
        (LeavesHook, "changes the hooks of the module"),
        (LeavesHookAfterAnException, "changes the hooks of the module after an exception"),
        (ChangesWeights, "changes the weights of the module"),
        (LeavesGradients, "changes the gradients of the module"),
        (ChangesModes, "changes the modes of the module in train mode"),
        (UsesTheModeOfTheModule, "gives another result the second time"),
        (Dices, "gives another result the second time"),
        (ReturnsAnotherType, "is annotated with Number. Got Mean"),
        (TakesTheFirst, "merges to another result in another order"),
        (Halves, "merges groups of shards to another result"),
        (JoinsBadly, "joins the pieces of a shard to another result"),
        (AsksAgain, "attributes something else to tensors than to the same images"),
    ],
)
def test_a_bad_probe_is_caught(probe, message):
    with pytest.raises(PluginError, match=f"{probe.__name__} {message}"):
        check_probe(probe())


class GoodModel(Model):
    name: ClassVar[str] = "good"

    def build(self) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 4))

    def card(self) -> Card:
        return Card(small_network().input, ("a", "b", "c", "d"), {"last": "1"})


class FewCategories(GoodModel):
    def card(self) -> Card:
        return Card(small_network().input, ("a", "b"))


class SeedsGlobally(GoodModel):
    def load(self, device: Any = "auto", seed: int = 0) -> Any:
        torch.manual_seed(seed)
        return super().load(device, seed)


class OwnChance(GoodModel):
    def load(self, device: Any = "auto", seed: int = 0) -> Any:
        return super().load(device, int(torch.empty((), dtype=torch.int64).random_(generator=GENERATOR)))


GENERATOR = torch.Generator().manual_seed(0)


def test_a_good_model_passes():
    check_model(GoodModel())


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (FewCategories, "2 categories, but the network has 4 outputs"),
        (SeedsGlobally, "changes the global random state"),
        (OwnChance, "builds another network each time"),
    ],
)
def test_a_bad_model_is_caught(model, message):
    with pytest.raises(PluginError, match=message):
        check_model(model())


class Pictures(Images):
    """Files in a folder, with what a test wants to be wrong."""

    categories = ("cat", "dog")

    def __init__(self, folder: str, **wrong: Any) -> None:
        self.paths, self.wrong = sorted(Path(folder).iterdir()), wrong

    @property
    def ids(self) -> list[str]:
        return self.wrong.get("ids", [path.name for path in self.paths])

    def fingerprint(self) -> str:
        return self.wrong.get("fingerprint", "1")

    @property
    def labels(self) -> list[int | None]:
        return [0] * len(self.paths)

    def __getitem__(self, index: int) -> Sample:
        sample = {"id": self.ids[index], "image": open_image(self.paths[index]), "label": 0}
        return Sample(**{**sample, **self.wrong.get("sample", {})})


class GoodDataset(Dataset):
    name: ClassVar[str] = "good"
    path: str = Field(description="The folder.")

    def open(self) -> Images:
        return Pictures(self.path)


def wrong_dataset(path: Path, **wrong: Any) -> Dataset:
    class Wrong(GoodDataset):
        def open(self) -> Images:
            return Pictures(self.path, **wrong)

    return Wrong(path=str(path))


@pytest.fixture
def folder(tmp_path):
    for index, sample in enumerate(small_images(3)):
        sample.image.save(tmp_path / f"{index}.png")
    return tmp_path


def test_a_good_dataset_passes(folder):
    check_dataset(GoodDataset(path=str(folder)))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"ids": ["a", "b", "a"]}, "has two images with one id"),
        ({"ids": ["a", "b"]}, "another number of ids or labels"),
        ({"ids": ["a", "b", ""]}, "has ids that are no text"),
        ({"sample": {"id": "x"}}, "gives image 0 another id than ids does"),
        ({"sample": {"label": 1}}, "gives image 0 another label than labels does"),
        ({"sample": {"box": (0, 0, 99, 9)}}, r"has the box \(0, 0, 99, 9\) for 24 x 20 pixels"),
    ],
)
def test_a_bad_dataset_is_caught(folder, wrong, message):
    with pytest.raises(PluginError, match=message):
        check_dataset(wrong_dataset(folder, **wrong))


class Eager(GoodDataset):
    def open(self) -> Images:
        open_image(next(Path(self.path).iterdir()))
        return super().open()


class NeverTheSame(GoodDataset):
    def open(self) -> Images:
        return Pictures(self.path, fingerprint=str(torch.rand(()).item()))


def test_a_dataset_that_reads_too_early_is_caught(folder):
    with pytest.raises(PluginError, match="reads pictures before they are asked for"):
        check_dataset(Eager(path=str(folder)))


def test_a_dataset_with_a_random_fingerprint_is_caught(folder):
    with pytest.raises(PluginError, match="has another fingerprint when it is opened again"):
        check_dataset(NeverTheSame(path=str(folder)))


class GoodRenderer(Renderer[Number]):
    name: ClassVar[str] = "good"

    def render(self, result: Number, images: Images, folder: Path) -> list[Path]:
        (folder / "number.txt").write_text(str(result.value.item()))
        return [folder / "number.txt"]


class HidesAFile(GoodRenderer):
    def render(self, result: Number, images: Images, folder: Path) -> list[Path]:
        (folder / "more.txt").write_text("more")
        return super().render(result, images, folder)


class ChangesTheResult(GoodRenderer):
    def render(self, result: Number, images: Images, folder: Path) -> list[Path]:
        result.value.add_(1)
        return super().render(result, images, folder)


class WritesNothing(GoodRenderer):
    def render(self, result: Number, images: Images, folder: Path) -> list[Path]:
        return []


def test_a_good_renderer_passes():
    check_renderer(GoodRenderer(), Number(torch.ones(())))


@pytest.mark.parametrize(
    ("renderer", "message"),
    [
        (HidesAFile, "returns number.txt but writes more.txt, number.txt"),
        (ChangesTheResult, "changes the result it draws"),
        (WritesNothing, "returns no files"),
    ],
)
def test_a_bad_renderer_is_caught(renderer, message):
    with pytest.raises(PluginError, match=message):
        check_renderer(renderer(), Number(torch.ones(())))


def test_a_renderer_is_not_given_what_it_does_not_draw():
    with pytest.raises(PluginError, match=r"is annotated with Number\. Got Mean"):
        check_renderer(GoodRenderer(), Mean(torch.ones(())))


class Lazy(Executor):
    name: ClassVar[str] = "lazy"

    def run(self, jobs):
        return iter(jobs)


class Deaf(Executor):
    name: ClassVar[str] = "deaf"

    def run(self, jobs):
        for job in jobs:
            try:
                job.run()
            except ZeroDivisionError:
                continue
            yield job


class Silent(Executor):
    name: ClassVar[str] = "silent"

    def run(self, jobs):
        for job in jobs:
            job.run()
        yield from jobs[1:]


class Twice(Executor):
    name: ClassVar[str] = "twice"

    def run(self, jobs):
        for job in (*jobs, jobs[0]):
            job.run()
            yield job


@pytest.mark.parametrize(
    ("executor", "message"),
    [
        (Lazy, "does not run every job: .*The executor lazy left out 2 of 2 shards, the first from image 0"),
        (Deaf, "hides an exception of a job"),
        (Silent, "does not yield every job once"),
        (Twice, "does not run every job: .*FileExistsError|File exists"),
    ],
)
def test_a_bad_executor_is_caught(executor, message):
    with pytest.raises(PluginError, match=message):
        check_executor(executor())


class Threads(Executor):
    """Jobs in threads, in the wrong order."""

    name: ClassVar[str] = "threads"

    def run(self, jobs):
        with ThreadPoolExecutor(2) as pool:
            yield from reversed(list(pool.map(_run, jobs)))


class Pickled(Executor):
    """Jobs as another process would get them."""

    name: ClassVar[str] = "pickled"

    def run(self, jobs):
        yield from map(_run, pickle.loads(pickle.dumps(jobs)))


class OfBefore(Executor):
    """Written before there were jobs."""

    name: ClassVar[str] = "of_before"

    def map(self, work, shards):
        work = pickle.loads(pickle.dumps(work))
        for shard in shards:
            assert isinstance(shard, range)
            work(shard)
            yield shard


def _run(job):
    job.run()
    return job


@pytest.mark.parametrize("executor", [Threads, Pickled, OfBefore])
def test_a_good_executor_passes(executor):
    check_executor(executor())
