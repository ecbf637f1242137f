"""The baseline of transfer: the same network trained from scratch on the target data set (paper, Table 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from interpret.errors import DatasetError
from interpret.images import Images, as_images, match_labels
from interpret.network import Network, OnError, takes_network
from interpret.progress import track_long
from interpret.results import Result
from interpret.run import cached
from interpret_training import Recipe, read_recipe
from interpret_training import train as train_network
from interpret_training.evaluation.evaluating import class_count, probabilities
from interpret_training.pixels import output_names, read_pixels
from interpret_training.training import training_key
from interpret_transfer.folds import Fold
from interpret_transfer.results import LayerTransfer, NetworkTransfer, Transfer
from interpret_transfer.scores import category_accuracy, mean_of_known
from interpret_transfer.tasks import Task, known_labels, single_task


@takes_network
def from_scratch(
    network: Network,
    images: Any,
    recipe: Recipe | str,
    *,
    train: Sequence[int] = (15,),
    test: int | None = 50,
    folds: int = 5,
    seed: int = 0,
    label: str = "",
    on_error: OnError = "raise",
) -> Transfer:
    """Train a network on every split of a data set and test it there (paper section 5.2, "non-pretrained").

    Each fold starts from other weights: the recipe's seed and the number of the fold decide them (unless the
    recipe has ``init: keep``: then all start from the network's own). A training that was killed goes on.

    Args:
        network: The architecture, with one output for each category.
        images: Labelled images.
        recipe: How it is trained, or the name of a recipe.
        train: Training images of each category.
        test: Test images of each, at most; None: all that are left.
        folds: Random splits.
        seed: Start of the splits.
        label: The network's name in tables; default: its class, and that it was trained from scratch.
        on_error: What to do with an image that cannot be read.

    Raises:
        DatasetError: As of `transfer`, or if the categories are not the network's outputs.
        DivergenceError: If a training diverges.
    """
    images = as_images(images)
    chosen = read_recipe(recipe) if isinstance(recipe, str) else recipe
    task = single_task(images, range(len(images)), train, test, folds=folds, seed=seed)
    outputs = class_count(network)
    _check(task, known_labels(images, range(len(images))), outputs)
    work = [(fold, number % folds) for number, fold in enumerate(task.folds)]
    found = [
        _kept(network, images, fold, _seeded(chosen, number), on_error) for fold, number in track_long(work)
    ]
    qualities, shape = torch.stack([one.quality for one in found]), (len(task.splits), folds)
    means = [mean_of_known(one) for one in qualities]
    row = LayerTransfer(
        layer="",
        classifier="scratch",
        dimension=0,
        quality=torch.tensor(means, dtype=torch.float64).view(shape),
        by_category=qualities.view(*shape, outputs).nanmean(1),
        strength=torch.full(shape, torch.nan, dtype=torch.float64),
        seconds=sum(one.seconds for one in found),
    )
    name = label or f"{type(network.module).__name__}, from scratch"
    return Transfer(
        networks=(NetworkTransfer(name, (row,), 0.0),),
        measure="accuracy",
        categories=task.categories,
        sizes=tuple(task.splits),
        tested=len(next(iter(task.splits.values()))[0].test),
        folds=folds,
        crops=chosen.test_crops,
        scaling="none",
        without=(),
        skipped=tuple(dict.fromkeys(item for one in found for item in one.skipped)),
    )


@dataclass(frozen=True)
class _Split(Result):
    """What one training gives."""

    quality: Float[Tensor, " category"]
    skipped: tuple[tuple[str, str], ...]
    seconds: float


def _kept(network: Network, images: Images, fold: Fold, recipe: Recipe, on_error: OnError) -> _Split:
    """One training, found again where it was done before."""
    shown, checked = images.subset(fold.train), images.subset(fold.test)
    key = (training_key(network, shown, recipe, checked), network.device.type, on_error)
    return cached(
        lambda: _trained(network, shown, checked, recipe, on_error), "scratch", *key, _Split, kind=_Split
    )


def _check(task: Task, labels: Sequence[int], outputs: int) -> None:
    """Refuse a network with other outputs than the images have categories."""
    count = len(task.categories)
    if max(labels) >= count:
        raise DatasetError(
            f"The labels go up to {max(labels)}, but only {count} categories have images. Leave those "
            "without any out of the dataset, so that labels count without gaps."
        )
    if outputs != count:
        raise DatasetError(
            f"The images have {count} categories, but the network has {outputs} outputs. Give the model "
            f"categories: {count}."
        )


def _seeded(recipe: Recipe, number: int) -> Recipe:
    """The recipe of one fold; no weights are kept on the way."""
    return recipe.model_copy(update={"seed": recipe.seed + number, "checkpoints": ()})


def _trained(network: Network, shown: Images, checked: Images, recipe: Recipe, on_error: OnError) -> _Split:
    """The accuracy of every category after a training on one split."""
    started = perf_counter()
    learned = train_network(network, shown, recipe, folder=None, on_error=on_error)
    outputs, names = class_count(network), output_names(network, shown)
    pixels = read_pixels(checked, network.input, classes=outputs, categories=names, on_error=on_error)
    found = probabilities(learned.network(network), pixels, crops=recipe.test_crops).argmax(1)
    own = match_labels(shown.categories, names, outputs).required(range(outputs), ())
    quality = category_accuracy(found, pixels.labels, outputs)[own]
    return _Split(quality, learned.skipped + pixels.skipped, perf_counter() - started)
