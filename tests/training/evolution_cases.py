"""Small evolutions for the tests of their figures."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from interpret.images import InputSpec
from interpret_training.evolution import numbers
from interpret_training.evolution.results import Evolution, LayerEvolution

SPEC = InputSpec((16, 16), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), resize=16)
EPOCHS = (0, 1, 5)


def layer(
    rows: Sequence[int] = (3, 1),
    *,
    units: int = 5,
    epochs: Sequence[int] = EPOCHS,
    size: int = 8,
    channels: int = 3,
    dead: Sequence[tuple[int, int]] = (),
    image: Sequence[Sequence[int]] | None = None,
    seed: int = 0,
) -> LayerEvolution:
    """Random projections and winners; ``dead`` are (unit, column), ``image`` is the strongest of each."""
    random, shape = torch.Generator().manual_seed(seed), (len(rows), len(epochs))
    values = torch.rand(units, len(epochs), 4, generator=random).sort(2, descending=True).values + 0.1
    places = torch.stack([torch.randperm(12, generator=random)[:4] for _ in range(units * len(epochs))])
    places = places.reshape(units, len(epochs), 4)
    if image is not None:
        places = torch.tensor(image)[:, :, None].expand(-1, -1, 4).clone()
        places[:, :, 1:] = torch.tensor([9, 10, 11])
    for unit, column in dead:
        values[unit, column] = -1
    patches = torch.randn(*shape, channels, size, size, generator=random)
    for row, unit in enumerate(rows):
        for column in range(len(epochs)):
            patches[row, column] *= float((unit, column) not in dead)
    scale = patches.abs().amax((2, 3, 4)).clamp(min=1e-3)
    patches = (patches / scale[:, :, None, None, None]).half()
    top = numbers.winners(values, places)
    kept = numbers.overlap(top)
    box = [0, 0, 16, 16] if size == 16 else [-2, 3, size - 2, size + 3]
    return LayerEvolution(
        values=values,
        image=places,
        position=torch.zeros(units, len(epochs), 4, 2, dtype=torch.long),
        turnover=numbers.turnover(top),
        overlap=kept,
        settled=numbers.settled(kept, epochs, 0.5),
        unit=torch.tensor(rows, dtype=torch.long),
        box=torch.tensor(box).expand(*shape, 4).clone(),
        patches=patches,
        scale=scale,
        similarity=numbers.similarity(patches),
    )


def evolution(
    *, epochs: Sequence[int] = EPOCHS, spec: InputSpec = SPEC, **layers: LayerEvolution
) -> Evolution:
    """A result over the twelve ``Squares``."""
    ids = {str(place): f"square-{place}" for place in range(12)}
    return Evolution(tuple(epochs), layers, ids, spec, "deconvnet", 0.5, ("0" * 64,) * len(epochs), 12)
