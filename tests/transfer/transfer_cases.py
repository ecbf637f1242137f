"""Small results of a transfer: of the paper's layers, several networks, splits that were given."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from interpret_transfer import LayerTransfer, NetworkTransfer, Transfer

LAYERS = tuple(f"layer{number}" for number in range(1, 8))
VOC = ("aeroplane", "bicycle", "bird", "cow")
NAN = float("nan")


def network(
    label: str = "ZFNet",
    layers: Sequence[str] = LAYERS,
    kinds: Sequence[str] = ("svm", "softmax"),
    *,
    sizes: int = 2,
    folds: int = 3,
    categories: int = 4,
    best: float = 0.9,
    seed: int = 0,
) -> NetworkTransfer:
    """Layers that are better the deeper and the more images they have, random but always the same."""
    random = torch.Generator().manual_seed(seed)
    rows = []
    for depth, layer in enumerate(layers):
        for kind in kinds:
            level = best * (1 - 0.5 ** (depth + 1)) * torch.linspace(0.6, 1, sizes, dtype=torch.float64)
            noise = torch.randn(sizes, folds, generator=random, dtype=torch.float64)
            each = torch.rand(sizes, categories, generator=random, dtype=torch.float64)
            rows.append(
                LayerTransfer(
                    layer=layer,
                    classifier=kind,
                    dimension=290400 // (depth + 1),
                    quality=(level[:, None] + 0.02 * noise).clamp(0, 1),
                    by_category=each,
                    strength=torch.full((sizes, folds), 10.0 ** (depth % 3 - 1)),
                    seconds=1.25 * (depth + 1),
                )
            )
    return NetworkTransfer(label, tuple(rows), 12.5)


def scratch(*, sizes: int = 2, folds: int = 3, categories: int = 4) -> NetworkTransfer:
    """A network trained on the data set alone."""
    row = LayerTransfer(
        layer="",
        classifier="scratch",
        dimension=0,
        quality=torch.full((sizes, folds), 0.25, dtype=torch.float64),
        by_category=torch.full((sizes, categories), 0.25, dtype=torch.float64),
        strength=torch.full((sizes, folds), NAN),
        seconds=90.0,
    )
    return NetworkTransfer("ZFNet, from scratch", (row,), 0.0)


def transfer(
    *networks: NetworkTransfer,
    sizes: Sequence[int] = (5, 15),
    folds: int = 3,
    categories: Sequence[str] = VOC,
    without: Sequence[str] = (),
    skipped: Sequence[tuple[str, str]] = (),
) -> Transfer:
    """A result by the protocol of Caltech."""
    return Transfer(
        networks=networks or (network(sizes=len(sizes), folds=folds, categories=len(categories)),),
        measure="accuracy",
        categories=tuple(categories),
        sizes=tuple(sizes),
        tested=40,
        folds=folds,
        crops=1,
        scaling="length",
        without=tuple(without),
        skipped=tuple(skipped),
    )


def split(*networks: NetworkTransfer, categories: Sequence[str] = VOC) -> Transfer:
    """A result by the protocol of VOC: one split that was given, no test image of the last category."""
    known = networks or (network(kinds=("svm",), sizes=1, folds=1, categories=len(categories)),)
    for one in known:
        for row in one.layers:
            row.by_category[:, -1] = NAN
    return Transfer(
        networks=known,
        measure="average precision",
        categories=tuple(categories),
        sizes=(120,),
        tested=80,
        folds=1,
        crops=10,
        scaling="standard",
        without=(categories[-1],),
        skipped=(("broken.jpg", "cannot identify image file"),),
    )
