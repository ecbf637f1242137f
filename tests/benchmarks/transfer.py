"""Transfer against its peers: features by Captum's LayerActivation, the SVM by scikit-learn's LinearSVC.

    python tests/benchmarks/transfer.py                                   # drawn scenes, the embedded network
    python tests/benchmarks/transfer.py --images FOLDER --arch squeezenet1_1 --weights FILE --layers …

Each side runs in a process of its own, one after the other, so that its memory is its own: that is how far it
rose above what network and libraries take. Both train one SVM per category with the same c on the same split.
"""

import argparse
import multiprocessing
import resource
import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC
from table import Row

import interpret
from interpret.images import Images
from interpret.network import Network, batches
from interpret.run.cache import working_in
from interpret_captum.mining import layer_features
from interpret_transfer import Features, Fold, category_accuracy, decide, draw_folds, extract, fit_svm, gram
from interpret_transfer.classifiers import one_against_rest

UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes in the unit of a process's largest memory."""


@dataclass(frozen=True)
class Question:
    """What both sides do; without names of files it is the embedded network on drawn scenes."""

    images: str | None = None
    arch: str | None = None
    weights: str | None = None
    layers: tuple[str, ...] = ("layer1", "layer3", "layer5")
    train: int = 15
    c: float = 1.0

    def subject(self) -> tuple[Network, Images]:
        """The network and the images."""
        network = (
            interpret.load_model("torchvision", arch=self.arch, weights=self.weights)
            if self.arch
            else interpret.load_model("zfnet", weights="scenes")
        )
        if self.images:
            return network, interpret.load_dataset("folder", path=self.images)
        return network, interpret.load_dataset("scenes", split="val", limit=400)


@dataclass(frozen=True)
class Answer:
    """What one side took and found: seconds of all features, and of each layer's SVM; accuracy and a hash."""

    features_s: float
    svm_s: list[float]
    accuracy: list[float]
    digests: list[str]
    memory: int

    @property
    def seconds(self) -> float:
        return self.features_s + sum(self.svm_s)


def ours(question: Question) -> Answer:
    """Features to disk, and the SVM from inner products."""

    def features(network: Network, images: Images) -> dict[str, Features]:
        return extract(network, images, question.layers)

    def classify(found: Features, labels: torch.Tensor, fold: Fold) -> torch.Tensor:
        products, train, test = gram(found), list(fold.train), list(fold.test)
        targets = one_against_rest(labels[train], int(labels.max()) + 1)
        return decide(
            products[test][:, train], fit_svm(products[train][:, train], targets, question.c)
        ).argmax(1)

    def whole(found: Features) -> torch.Tensor:
        return found.columns(0, found.dimension)

    with TemporaryDirectory() as folder, working_in(Path(folder)):
        return answer(question, features, classify, whole)


def theirs(question: Question) -> Answer:
    """Features in memory, and LinearSVC on each vector."""

    def features(network: Network, images: Images) -> dict[str, torch.Tensor]:
        found = [layer_features(network, batch.x, question.layers) for batch in batches(network, images, 32)]
        return {name: torch.cat([part[name].flatten(1) for part in found]) for name in question.layers}

    def classify(found: torch.Tensor, labels: torch.Tensor, fold: Fold) -> torch.Tensor:
        x = torch.nn.functional.normalize(found, dim=1).numpy()
        model = LinearSVC(C=question.c)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(x[list(fold.train)], labels[list(fold.train)].numpy())
        return torch.from_numpy(np.asarray(model.predict(x[list(fold.test)])))

    return answer(question, features, classify, lambda found: found)


def answer(question: Question, features: Callable, classify: Callable, whole: Callable) -> Answer:  # type: ignore[type-arg]
    """Time one side, layer by layer; hashes are taken last, as they need memory of their own."""
    network, images = question.subject()
    network.module(network.preprocess(images[0].image)[None])  # libraries and their memory are there
    labels = torch.tensor([int(label or 0) for label in images.labels])
    (fold,) = draw_folds(labels.tolist(), question.train, 50, folds=1)
    before, started = peak(), perf_counter()
    found = features(network, images)
    features_s, svm_s, accuracy = perf_counter() - started, [], []
    for layer in question.layers:
        started = perf_counter()
        guess = classify(found[layer], labels, fold)
        svm_s.append(perf_counter() - started)
        right = category_accuracy(guess, labels[list(fold.test)], int(labels.max()) + 1)
        accuracy.append(float(right.nanmean()))
    memory = peak() - before
    digests = [sha256(whole(found[layer]).numpy().tobytes()).hexdigest() for layer in question.layers]
    return Answer(features_s, svm_s, accuracy, digests, memory)


def peak() -> int:
    """The most memory this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT


def alone(side: Callable[[Question], Answer], question: Question) -> Answer:
    """One side in a new process."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(side, question).result()


CASES = ("scenes",)


def measured(case: str) -> Iterator[Row]:
    """Three layers of the embedded network on 400 scenes."""
    question = Question()
    mine, peer = alone(ours, question), alone(theirs, question)
    if mine.digests != peer.digests:
        raise SystemExit("Captum's features are others than ours.")
    yield Row(
        f"transfer, 400 scenes, {len(question.layers)} layers, features and SVM",
        "Captum LayerActivation + LinearSVC",
        mine.seconds,
        peer.seconds,
        peer.seconds / mine.seconds,
        ">= 1",
    )


def show(question: Question) -> None:
    """A row for each layer, then what both sides took for all of them."""
    mine, peer = alone(ours, question), alone(theirs, question)
    table = Table("layer", "equal features", "Gram + SVM, s", "LinearSVC, s", "accuracy", "its")
    for place, layer in enumerate(question.layers):
        svm_s = (f"{side.svm_s[place]:.2f}" for side in (mine, peer))
        right = (f"{100 * side.accuracy[place]:.2f} %" for side in (mine, peer))
        table.add_row(layer, str(mine.digests[place] == peer.digests[place]), *svm_s, *right)
    console = Console(width=120)
    console.print(table)
    for name, side in (("ours", mine), ("Captum + LinearSVC", peer)):
        seconds = f"features {side.features_s:.1f} s, all {side.seconds:.1f} s"
        console.print(f"{name}: {seconds}, memory {side.memory / 1e9:.2f} GB")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--images", help="a folder with a sub-folder for each category")
    parser.add_argument("--arch", help="an architecture of torchvision; default: the embedded ZFNet")
    parser.add_argument("--weights", help="its weights")
    parser.add_argument("--layers", nargs="+", default=Question.layers)
    parser.add_argument("--train", type=int, default=Question.train, help="training images of each category")
    parser.add_argument("--strength", type=float, default=Question.c, help="c, at vectors of length 1")
    given = parser.parse_args()
    show(Question(given.images, given.arch, given.weights, tuple(given.layers), given.train, given.strength))


if __name__ == "__main__":
    main()
