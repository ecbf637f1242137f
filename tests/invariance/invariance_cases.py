"""Small results of invariance for the tests of its figures."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from interpret.images import InputSpec
from interpret_invariance import TRANSFORMATIONS, Curves, Invariances, amounts_in

SPEC = InputSpec((16, 16), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), resize=16)
NAMES = ("lawn mower", "Shih-Tzu", "African crocodile", "African grey", "entertainment center")


def curves(transform: str, layers: Sequence[str], images: int, steps: int, seed: int) -> Curves:
    """Distances that rise from the identity with some noise, probabilities that fall."""
    random = torch.Generator().manual_seed(seed)
    amounts = amounts_in(transform, SPEC.size, steps=steps)
    away = (amounts - TRANSFORMATIONS[transform].identity).abs()  # type: ignore[index]
    slope = 1 + torch.rand(images, 1, generator=random, dtype=torch.float64)
    share = away / away.max()
    return Curves(
        transform,
        amounts,
        {layer: (number * slope * share).float() for number, layer in enumerate(layers, start=1)},
        (1 - slope / 2 * share).float(),
    )


def invariances(
    *transforms: str,
    layers: Sequence[str] = ("layer1", "layer7"),
    images: int = 5,
    steps: int = 9,
    spec: InputSpec = SPEC,
    target: Sequence[int] = (0, 1, 2, 3, 4),
    origin: str = "label",
) -> Invariances:
    """A result over the first of the twelve ``Squares``; layer n has features of length n."""
    chosen = transforms or ("vertical_translation", "scale", "rotation")
    return Invariances(
        curves={one: curves(one, layers, images, steps, seed) for seed, one in enumerate(chosen)},
        norm={layer: torch.full((images,), float(n)).double() for n, layer in enumerate(layers, start=1)},
        image=torch.arange(images) + 2,
        ids={str(place): f"square-{place}" for place in range(2, images + 2)},
        target=torch.tensor([target[image % len(target)] for image in range(images)]),
        target_from=(origin,) * images,
        border="mean",
        input=spec,
        categories=NAMES,
    )
