"""Transfer against its peers: features by Captum's LayerActivation, the SVM by scikit-learn's LinearSVC.

    python tests/benchmarks/transfer.py                                   # drawn scenes, the embedded network
    python tests/benchmarks/transfer.py --images FOLDER --arch squeezenet1_1 --weights FILE --layers …

Both sides in one process, one after the other; time, and accuracy on the same splits.
"""

import argparse
import warnings
from collections.abc import Callable
from time import perf_counter
from typing import TypeVar

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC

import interpret
from interpret.batches import batches
from interpret.images import Images
from interpret.network import Network
from interpret_captum.mining import layer_features
from interpret_transfer import category_accuracy, decide, draw_folds, extract, fit_svm, gram
from interpret_transfer.classifiers import one_against_rest

T = TypeVar("T")


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds, and what was computed."""
    started = perf_counter()
    found = work()
    return perf_counter() - started, found


def captum_features(network: Network, images: Images, layers: list[str]) -> dict[str, torch.Tensor]:
    """All features in memory, as Captum gives them."""
    found = [layer_features(network, batch.x, layers) for batch in batches(network, images, 32)]
    return {name: torch.cat([part[name].flatten(1) for part in found]) for name in layers}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--images", help="a folder with a sub-folder for each category")
    parser.add_argument("--arch", help="an architecture of torchvision; default: the embedded ZFNet")
    parser.add_argument("--weights", help="its weights")
    parser.add_argument("--layers", nargs="+", default=["layer1", "layer3", "layer5"])
    parser.add_argument("--train", type=int, default=15, help="training images of each category")
    parser.add_argument("--strength", type=float, default=1.0, help="c, at vectors of length 1")
    given = parser.parse_args()
    if given.arch:
        network = interpret.load_model("torchvision", arch=given.arch, weights=given.weights)
    else:
        network = interpret.load_model("zfnet", weights="scenes")
    if given.images:
        images = interpret.load_dataset("folder", path=given.images)
    else:
        images = interpret.load_dataset("scenes", split="val", limit=400)
    show(network, images, given.layers, given.train, given.strength)


def show(network: Network, images: Images, layers: list[str], train: int, c: float) -> None:
    """A row for each layer; the first column is time of features, for all layers together."""
    labels = torch.tensor([int(label or 0) for label in images.labels])
    count = int(labels.max()) + 1
    (fold,) = draw_folds(labels.tolist(), train, 50, folds=1)
    theirs_s, theirs = timed(lambda: captum_features(network, images, layers))
    ours_s, ours = timed(lambda: extract(network, images, layers))
    table = Table("layer", "dimension", "equal features", "Gram + SVM, s", "LinearSVC, s", "accuracy", "its")
    for layer in layers:
        equal = torch.equal(ours[layer].columns(0, ours[layer].dimension), theirs[layer])
        seconds, found = timed(lambda: _ours(ours[layer], labels, fold, count, c))  # noqa: B023
        peers, other = timed(lambda: _theirs(theirs[layer], labels, fold, c))  # noqa: B023
        right = [
            float(category_accuracy(guess, labels[list(fold.test)], count).nanmean())
            for guess in (found, other)
        ]
        shown = (f"{seconds:.2f}", f"{peers:.2f}", *(f"{100 * value:.2f} %" for value in right))
        table.add_row(layer, f"{ours[layer].dimension:,}", str(equal), *shown)
    console = Console(width=120)
    console.print(table)
    console.print(
        f"features of {len(images)} images: {ours_s:.1f} s to disk; Captum's, in memory: {theirs_s:.1f} s"
    )


def _ours(features, labels, fold, count, c):  # type: ignore[no-untyped-def]
    products, train, test = gram(features), list(fold.train), list(fold.test)
    weights = fit_svm(products[train][:, train], one_against_rest(labels[train], count), c)
    return decide(products[test][:, train], weights).argmax(1)


def _theirs(features, labels, fold, c):  # type: ignore[no-untyped-def]
    x = torch.nn.functional.normalize(features.double(), dim=1).numpy()
    train, test = list(fold.train), list(fold.test)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LinearSVC(C=c, tol=1e-6, max_iter=5000).fit(x[train], labels[train].numpy())
    return torch.from_numpy(np.asarray(model.predict(x[test])))


if __name__ == "__main__":
    main()
