"""How good classifiers are: accuracy by category, average precision."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor


def category_accuracy(
    found: Int[Tensor, " image"], labels: Int[Tensor, " image"], categories: int
) -> Float[Tensor, " category"]:
    """The share of each category's images that are recognised, 0 to 1; NaN where it has none.

    Caltech's accuracy is the mean of these, not the share of all images (paper section 5.2).
    """
    right = torch.zeros(categories, dtype=torch.float64).index_add_(0, labels, (found == labels).double())
    count = torch.zeros(categories, dtype=torch.float64).index_add_(
        0, labels, torch.ones(len(labels)).double()
    )
    return right / count  # 0 / 0 is NaN


def average_precision(values: Float[Tensor, " image"], targets: Int[Tensor, " image"]) -> float:
    """The area under the curve of precision over recall, in steps; NaN without a positive image.

    Args:
        values: Decision values: the higher, the more likely.
        targets: 1 where the category is there, -1 where it is not, 0 for images that do not count.
    """
    from sklearn.metrics import average_precision_score  # noqa: PLC0415 - it takes a second to import

    counts = targets != 0
    if not (targets > 0).any():
        return float("nan")
    return float(average_precision_score((targets[counts] > 0).numpy(), values[counts].numpy()))


def mean_of_known(values: Sequence[float] | Tensor) -> float:
    """The mean of what is known; NaN where nothing is."""
    return float(torch.as_tensor(values, dtype=torch.float64).nanmean())
