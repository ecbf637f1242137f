"""Does the network find the object, or its context? Figure 7's claim as a number.

Two networks of one architecture are trained on drawn scenes: on backgrounds that tell nothing about the
category, and on backgrounds that almost always belong to it. An occluder then sweeps over the same scenes,
whose objects are known: does covering the object lower the probability of its category, or does covering the
background?
"""

from collections.abc import Iterator
from tempfile import TemporaryDirectory
from typing import NamedTuple

import torch
from rich.console import Console
from rich.table import Table

import interpret
from interpret.images import Images
from interpret.network import Network
from interpret_captum.metrics.localisation import energy_inside, object_mask, pointing_game
from interpret_occlusion import sweep
from interpret_training import evaluate, read_recipe, train
from interpret_training.bundled.scenes import PARAMETERS, scenes

TRAINED, EPOCHS, SWEPT, TESTED = 4_000, 6, 60, 1_000
INDEPENDENT, CORRELATED = 0.0, 0.95
WINDOW, STRIDE = 16, 4


class Context(NamedTuple):
    """What one network leans on.

    Attributes:
        correlation: Share of its training scenes on their category's own background.
        accuracy: Share of held-out scenes of its own kind that it classifies right.
        elsewhere: The same on scenes whose background tells nothing.
        pointing: Share of scenes where the largest drop of the probability lies on the object.
        inside: Mean share of the drop that lies on the object.
        area: Mean share of the image that the object covers: what chance would give.
    """

    correlation: float
    accuracy: float
    elsewhere: float
    pointing: float
    inside: float
    area: float


def rows() -> Iterator[Context]:
    """Both networks, swept over the same scenes."""
    swept = scenes("test", SWEPT, CORRELATED)
    for correlation in (INDEPENDENT, CORRELATED):
        network = trained(correlation)
        accuracy = right(network, scenes("test", TESTED, correlation))
        elsewhere = right(network, scenes("test", TESTED))
        yield Context(correlation, accuracy, elsewhere, *leaning(network, swept))


def trained(correlation: float) -> Network:
    """The embedded network's architecture, trained for a short time on scenes of one kind."""
    drawn = scenes("train", TRAINED, correlation)
    given = {**PARAMETERS, "categories": list(drawn.categories)}
    recipe = read_recipe("scenes-quickstart", epochs=EPOCHS)
    with TemporaryDirectory() as folder:
        found = train(interpret.load_model("zfnet", **given, dropout=0.3), drawn, recipe, folder=folder)
        return interpret.load_model("zfnet", **given, weights=str(found.checkpoints[-1].file))


def right(network: Network, images: Images) -> float:
    """Share of images that are classified right."""
    return 1 - evaluate(network, images, crops=1).error


def leaning(network: Network, images: Images) -> tuple[float, float, float]:
    """Pointing game, share of the drop on the object, and the object's share of the image."""
    drops, masks = [], []
    for sample in images:
        maps = sweep(network, network.preprocess(sample.image), WINDOW, STRIDE, target=sample.label)
        drops.append(maps.per_pixel(maps.drop))
        masks.append(object_mask(sample, network.input))
    drop, mask = torch.stack(drops), torch.stack(masks)
    return (
        float(pointing_game(drop, mask).nanmean()),
        float(energy_inside(drop, mask).nanmean()),
        float(mask.float().mean()),
    )


def main() -> None:
    """Print what both lean on."""
    table = Table(*Context._fields)
    for row in rows():
        table.add_row(*(f"{value:.3f}" for value in row))
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
