"""Which images are held out for validation."""

from __future__ import annotations

import torch

from interpret.errors import DatasetError
from interpret.images import Images
from interpret_training.rng import generator


def split(images: Images, share: float, seed: int = 0) -> tuple[Images, Images]:
    """Images to train on, and a share of every category that is held out, at random.

    Args:
        images: Labelled images.
        share: Part of each category that is held out, more than 0 and less than 1.
        seed: Start of chance.

    Raises:
        DatasetError: If a category has fewer than two images.
    """
    held: list[int] = []
    labels = torch.tensor([-1 if label is None else label for label in images.labels])
    for label in sorted(set(labels.tolist())):
        own = (labels == label).nonzero()[:, 0]
        if len(own) < 2:
            name = images.categories[label] if images.categories else label
            raise DatasetError(f"The category {name!r} has one image: none can be held out for validation.")
        count = min(max(round(share * len(own)), 1), len(own) - 1)
        held += own[torch.randperm(len(own), generator=generator(seed, "held out", label))[:count]].tolist()
    rest = sorted(set(range(len(images))) - set(held))
    return images.subset(rest), images.subset(sorted(held))
