"""The small ZFNet of photographs, from a run of docs/examples/imagenette.yaml to the files that come along.

interpret run docs/examples/imagenette.yaml --out runs/imagenette             trains
python -m interpret_training.bundled.imagenette runs/imagenette  writes weights, series and card
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import cast

from safetensors.torch import save_file

import interpret
from interpret.weights import weights_hash
from interpret_training import Training
from interpret_training.bundled import halved
from interpret_zoo.cards import FOLDER, WeightsCard, write_card
from interpret_zoo.zfnet import ZFNet

CATEGORIES = [
    "tench",
    "English springer",
    "cassette player",
    "chain saw",
    "church",
    "French horn",
    "garbage truck",
    "gas pump",
    "golf ball",
    "parachute",
]
PARAMETERS = {
    "width": 0.25,
    "input_size": 112,
    "resize": 128,
    "mean_image": True,
    "widths": {},
    "remove": [],
    "categories": CATEGORIES,
}
LIMITS = (
    "Ten categories only, at 112 pixels and a quarter of the paper's width: to look at how features form. "
    "The same photographs decided when the rate fell and give the accuracy, as in the paper, so that it is a "
    "little too good. Stored in 16 bits. The photographs are ImageNet's: research and teaching only."
)


def main() -> None:
    """Read a run and write what comes along."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path, help="run folder of docs/examples/imagenette.yaml")
    parser.add_argument("--step", default="learn_zfnet", help="the step that trained")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder for weights, series and card")
    arguments = parser.parse_args()
    found = cast(Training, interpret.load_result(arguments.run / arguments.step))
    print(ship(found, arguments.out).page())


def ship(found: Training, folder: Path) -> WeightsCard:
    """Write the last weights whole, and of every checkpoint the convolutions, in 16 bits, with their card."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "zfnet-imagenette.safetensors"
    save_file(halved(found.checkpoints[-1].file), path)
    series = folder / path.stem
    series.mkdir(exist_ok=True)
    for checkpoint in found.checkpoints:
        layers = {name: tensor for name, tensor in halved(checkpoint.file).items() if ".conv." in name}
        save_file(layers, series / f"epoch-{checkpoint.epoch:04d}.safetensors")
    write_card(found_card(found, path), folder)
    return found_card(found, path)


def found_card(found: Training, path: Path) -> WeightsCard:
    """What is known of the weights."""
    checked = found.scores["validation"]
    return WeightsCard(
        model=ZFNet.name,
        name="imagenette",
        sha256=weights_hash(path),
        parameters=PARAMETERS,
        recipe="interpret run docs/examples/imagenette.yaml (one thread), then "
        "python -m interpret_training.bundled.imagenette RUN",
        seed=found.recipe["seed"],
        trained_on=f"Imagenette at 144 pixels, {found.images} photographs of 10 ImageNet categories, "
        f"{len(found.history.rate)} epochs, recipe imagenette-zfnet",
        measured_on=f"{checked.images} held-out photographs of the same categories, centre crops",
        accuracy=round(1 - checked.error, 4),
        license="BSD-3-Clause",
        limits=LIMITS,
        epochs=tuple(checkpoint.epoch for checkpoint in found.checkpoints),
    )


if __name__ == "__main__":
    main()
