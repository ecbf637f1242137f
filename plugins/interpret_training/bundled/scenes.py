"""The small ZFNet of the quickstart, from a run of docs/examples/scenes.yaml to the files that come along.

interpret run docs/examples/scenes.yaml --out runs/scenes                trains
python -m interpret_training.bundled.scenes runs/scenes --out FOLDER     writes weights and card
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, cast

from safetensors.torch import save_file

import interpret
from interpret.images import Images
from interpret.weights import weights_hash
from interpret_training import Training, evaluate
from interpret_training.bundled import halved
from interpret_zoo.cards import FOLDER, WeightsCard, write_card
from interpret_zoo.zfnet import ZFNet

HELD_OUT = 2_000
SIZE = 96
PARAMETERS: dict[str, Any] = {
    "input_size": SIZE,
    "resize": SIZE,
    "mean": [0.5, 0.5, 0.5],
    "std": [0.25, 0.25, 0.25],
    "width": 1.0,
    "remove": [],
    "widths": {1: 32, 2: 64, 3: 96, 4: 96, 5: 64, 6: 256, 7: 256},
}
"""The paper's layers, smaller: maps of 46, 23, 10, 5 and 2 from 96 pixels, 0.4 million parameters."""


def main() -> None:
    """Read a run and write what comes along."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path, help="run folder of docs/examples/scenes.yaml")
    parser.add_argument("--step", default="learn", help="the step that trained")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder for weights and card")
    arguments = parser.parse_args()
    found = cast(Training, interpret.load_result(arguments.run / arguments.step))
    print(ship(found, arguments.out).page())


def ship(found: Training, folder: Path) -> WeightsCard:
    """Write the last weights in 16 bits, and the card that says how well these do."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "zfnet-scenes.safetensors"
    save_file(halved(found.checkpoints[-1].file), path)
    tested = scenes("test", HELD_OUT)
    parameters = {**PARAMETERS, "categories": list(tested.categories)}
    network = interpret.load_model("zfnet", weights=str(path), **parameters)
    card = WeightsCard(
        model=ZFNet.name,
        name="scenes",
        sha256=weights_hash(path),
        parameters=parameters,
        recipe="interpret run docs/examples/scenes.yaml, then "
        "python -m interpret_training.bundled.scenes RUN",
        seed=found.recipe["seed"],
        trained_on=f"scenes, split train, {found.images} images, {len(found.history.rate)} epochs",
        measured_on=f"scenes, split test, {len(tested)} images",
        accuracy=round(1 - evaluate(network, tested, crops=1).error, 4),
        license="BSD-3-Clause",
    )
    write_card(card, folder)
    return card


def scenes(split: str, limit: int, correlation: float = 0.0) -> Images:
    """Scenes whose background tells nothing about the category, unless it is correlated with it."""
    return interpret.load_dataset("scenes", split=split, limit=limit, size=SIZE, correlation=correlation)


if __name__ == "__main__":
    main()
