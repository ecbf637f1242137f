"""Small correspondences over ``Squares``, with distances that are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from interpret.images import InputSpec
from interpret_correspondence import Correspondence, LayerDistances

NAN = float("nan")
SPEC = InputSpec((16, 16), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), resize=16)


def layer(masks: int, parts: int, images: int, lacking: Sequence[tuple[int, int]] = ()) -> LayerDistances:
    """Random distances, always the same; NaN where an image lacks a mask."""
    random = torch.Generator().manual_seed(masks)
    pair = torch.triu_indices(images, images, 1)
    agree = torch.rand(masks, pair.shape[1], generator=random, dtype=torch.float64)
    for mask, image in lacking:
        agree[mask, (pair == image).any(0)] = NAN
    chances = torch.tensor([0.0123456, 0.9, 0.0001, NAN][:parts], dtype=torch.float64)
    unchanged = torch.rand(masks, images, generator=random, dtype=torch.float64)
    return LayerDistances(agree, agree / 2, chances, chances / 2, unchanged, 100)


def correspondence(
    parts: Sequence[str] = ("right eye", "left_eye", "nose"),
    layers: Sequence[str] = ("conv5", "fc7"),
    *,
    draws: int = 2,
    images: int = 4,
    lacking: Sequence[tuple[int, int]] = (),
    spec: InputSpec = SPEC,
    **given: Any,
) -> Correspondence:
    """Masks of 4 x 4 pixels: mask m of image i at row 2 m and column i."""
    masks = len(parts) + draws
    covered = torch.ones(masks, images, dtype=torch.bool)
    for mask, image in lacking:
        covered[mask, image] = False
    boxes = tuple(
        tuple(((2 * m, i, 2 * m + 4, i + 4),) if covered[m, i] else () for i in range(images))
        for m in range(masks)
    )
    known: dict[str, Any] = {
        "missing": tuple((parts[m], f"square-{i}", f"{parts[m]!r} is not visible") for m, i in lacking),
        "skipped": (),
        "window": (4, 4),
        "fill": 0.5,
        "random_rule": "each",
        "avoid": False,
        "tolerance": 0.0,
        "permutations": 1000,
        "seed": 0,
    }
    return Correspondence(
        parts=tuple(parts),
        layers={name: layer(masks, len(parts), images, lacking) for name in layers},
        image=torch.arange(images),
        ids={str(place): f"square-{place}" for place in range(images)},
        covered=covered,
        boxes=boxes,
        input=spec,
        **(known | given),
    )
