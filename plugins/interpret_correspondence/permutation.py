"""Is a part below random? Permutation tests of the mean distance.

The null hypothesis: a part is one more random position. If random positions are drawn for each image by
itself, all orders of the masks of one image are then equally likely, whatever those of the other images are.
So the masks of each image are put in random order, the first one counts as the part, the others as the draws,
and the statistic is computed anew. If all images share the positions of a draw, only whole masks can change
places, in all images at once.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

ROUNDING = 1e-12
"""Statistics that are nearer to each other are the same one, summed in another order."""

AT_ONCE = 2**18
"""So many distances are averaged at once, at most: 2 MB."""


def permutation_test(
    distance: Float[Tensor, "image mask image mask"], permutations: int, random: torch.Generator
) -> float:
    """How likely a part is so far below random draws by chance, where every image has draws of its own.

    The statistic is the mean distance over pairs of images with the part masked, minus the mean over the
    draws of the same with a draw. The chance is (1 + permutations that are as low) / (1 + permutations).

    Args:
        distance: Between image i with mask a and image j with mask b; mask 0 is the part, the others are
            draws. NaN where there is none.
        permutations: How many orders of the masks are tried.
        random: Draws them.
    """
    images, masks = distance.shape[:2]
    first, second = torch.triu_indices(images, images, 1)

    def statistics(order: Int[Tensor, "order image mask"]) -> Float[Tensor, " order"]:
        mean = distance[first[:, None], order[:, first], second[:, None], order[:, second]].nanmean(1)
        return mean[:, 0] - mean[:, 1:].nanmean(1)

    seen = statistics(torch.arange(masks).expand(1, images, masks))
    together = max(AT_ONCE // max(len(first) * masks, 1), 1)
    lower = 0
    for start in range(0, permutations, together):
        count = min(together, permutations - start)
        keys = torch.stack([torch.rand(images, masks, generator=random) for _ in range(count)])
        lower += int((statistics(keys.argsort(2)) <= seen + ROUNDING).sum())
    return (1 + lower) / (1 + permutations)


def rank_test(part: float, draws: Float[Tensor, " draw"]) -> float:
    """How likely a part is so far below random draws by chance, where all images share a draw's position.

    Exact: the part's mean distance is as likely as any other to be the lowest of all, so the chance is (1 +
    draws that are as low) / (1 + draws).

    Args:
        part: The mean distance with the part masked.
        draws: The same with each draw.
    """
    return (1 + int((draws <= part + ROUNDING).sum())) / (1 + len(draws))
