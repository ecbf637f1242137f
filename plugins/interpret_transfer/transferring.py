"""What layers are worth on another data set: features, splits and classifiers put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from interpret.errors import InterpretError
from interpret.images import as_images
from interpret.network import Network, takes_network
from interpret.progress import track_long
from interpret_transfer.features import Features, joined
from interpret_transfer.judging import Method, judged
from interpret_transfer.results import NetworkTransfer, Transfer
from interpret_transfer.tasks import Task, single_task, split_task


@takes_network
def transfer(
    network: Network,
    images: Any,
    layers: Sequence[str] = (),
    *,
    train: Sequence[int] = (15,),
    test: int | None = 50,
    folds: int = 5,
    seed: int = 0,
    label: str = "",
    method: Method | None = None,
) -> Transfer:
    """Train linear classifiers on every layer's features of a data set (paper section 5.2, Tables 4, 5, 7).

    The accuracy is the mean over the categories, as Caltech's protocol has it. c is chosen on each fold's
    training images alone.

    Args:
        network: The network; its weights are not changed.
        images: Labelled images.
        layers: Names or aliases; default: the paper's layers by their aliases, else some at equal distances.
        train: Training images of each category; several give a curve (Figure 9).
        test: Test images of each category, at most; None: all that are left.
        folds: Random splits.
        seed: Start of chance.
        label: The network's name in tables; default: its class.
        method: Classifiers, scaling and crops; default: those of `Method`.

    Raises:
        UnknownNameError: If there is no such layer.
        DatasetError: If labels are missing, there is one category only, or one has too few images; if an
            image cannot be read.
    """
    images, method = as_images(images), method or Method()
    names = list(layers) or network.default_layers("spread")
    known = method.extract(network, images, names)
    some = next(iter(known.values()))
    task = single_task(images, some.places, train, test, folds=folds, seed=seed)
    label = label or type(network.module).__name__
    return _assembled(known, task, method, label=label)


@takes_network
def transfer_split(
    network: Network,
    images: Any,
    test: Any,
    layers: Sequence[str] = (),
    *,
    exclusive: bool = False,
    label: str = "",
    method: Method | None = None,
) -> Transfer:
    """Train on one part of a data set and test on another, by average precision (paper, Table 6).

    Args:
        network: The network; its weights are not changed.
        images: The images to train on; they may show several categories.
        test: The images to test on, with the same categories.
        layers: As in `transfer`.
        exclusive: One category an image while training, as the paper's softmax over PASCAL's 20 has it.
        label: The network's name in tables; default: its class.
        method: Classifiers, scaling and crops; default: those of `Method`.

    Raises:
        UnknownNameError: If there is no such layer.
        DatasetError: If the parts have different categories, no image shows any, or one cannot be read.
        InterpretError: If a softmax is asked for that is not exclusive.
    """
    method = method or Method()
    if "softmax" in method.classifiers and not exclusive:
        raise InterpretError(
            "A softmax gives an image one category. Give exclusive: true, or take the classifier svm."
        )
    parts = (as_images(images), as_images(test))
    names = list(layers) or network.default_layers("spread")
    known = [method.extract(network, part, names) for part in parts]
    rows = [next(iter(found.values())).places for found in known]
    task = split_task(parts, rows, exclusive=exclusive)
    both = {name: joined(known[0][name], known[1][name]) for name in names}
    label = label or type(network.module).__name__
    return _assembled(both, task, method, label=label)


def _assembled(known: dict[str, Features], task: Task, method: Method, *, label: str) -> Transfer:
    """Every layer in turn, and what they have in common."""
    rows = [row for name in track_long(list(known)) for row in judged(name, known[name], task, method)]
    first = next(iter(task.splits.values()))[0]
    shown = (task.targets[list(first.test)] > 0).any(0)
    some = next(iter(known.values()))
    seconds = max(features.seconds for features in known.values())
    return Transfer(
        networks=(NetworkTransfer(label, tuple(rows), seconds),),
        measure="average precision" if task.multiple else "accuracy",
        categories=task.categories,
        sizes=tuple(task.splits),
        tested=len(first.test),
        folds=len(next(iter(task.splits.values()))),
        crops=method.crops,
        scaling=method.scaling,
        without=tuple(name for name, there in zip(task.categories, shown.tolist(), strict=True) if not there),
        skipped=some.skipped,
    )
