"""From the signs of changes to distances between images, and whether a part is below random."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int8
from torch import Tensor

from interpret_correspondence.distances import hamming
from interpret_correspondence.permutation import permutation_test, rank_test
from interpret_correspondence.placing import Draws, generator
from interpret_correspondence.results import LayerDistances


def judge(
    changes: Int8[Tensor, "image mask d"],
    covered: Bool[Tensor, "mask image"],
    draws: Draws,
    permutations: int,
) -> LayerDistances:
    """All distances at one layer, and how likely its parts are so far below random by chance.

    Args:
        changes: Signs of the change under each mask: those of the parts, then those of the draws.
        covered: Which image has which mask.
        draws: How the random positions were drawn.
        permutations: Of a test; 0: no test.
    """
    tested = permutations > 0 and draws.count > 0
    if tested and draws.rule == "each":
        found = hamming(changes.flatten(0, 1))
        across = [
            values.view(*changes.shape[:2], *changes.shape[:2]) for values in (found.agree, found.ignore)
        ]
        within = [values.diagonal(dim1=1, dim2=3).permute(2, 0, 1) for values in across]
        p = [_permuted(values, covered, draws, permutations) for values in across]
    else:
        found = hamming(changes.transpose(0, 1))
        within = [found.agree, found.ignore]
        p = [_ranked(values, covered, draws, tested=tested) for values in within]
    return LayerDistances(
        agree=_pairs(within[0], covered),
        ignore=_pairs(within[1], covered),
        p_agree=p[0],
        p_ignore=p[1],
        unchanged=(changes == 0).double().mean(2).T.where(covered, torch.nan),
        dimensions=changes.shape[2],
    )


def _pairs(within: Float[Tensor, "mask image image"], covered: Tensor) -> Float[Tensor, "mask pair"]:
    """The distance of each pair of images; NaN where one of them lacks the mask."""
    first, second = torch.triu_indices(within.shape[1], within.shape[1], 1)
    known = covered[:, first] & covered[:, second]
    return within[:, first, second].where(known, torch.nan)


def _permuted(
    across: Float[Tensor, "image mask image mask"], covered: Tensor, draws: Draws, permutations: int
) -> Float[Tensor, " part"]:
    """The test of each part among the images that show it, where each image has draws of its own."""
    parts = len(covered) - draws.count
    chances = []
    for part in range(parts):
        images, masks = covered[part].nonzero()[:, 0], torch.tensor([part, *range(parts, len(covered))])
        chosen = across[images][:, masks][:, :, images][..., masks]
        chances.append(permutation_test(chosen, permutations, generator(draws.seed, "permutations")))
    return torch.tensor(chances, dtype=torch.float64)


def _ranked(
    within: Float[Tensor, "mask image image"], covered: Tensor, draws: Draws, *, tested: bool
) -> Float[Tensor, " part"]:
    """The test of each part among the images that show it, where they share the draws; NaN without a test."""
    parts = len(covered) - draws.count
    chances = []
    for part in range(parts):
        mean = _pairs(within, covered & covered[part]).nanmean(1)
        chances.append(rank_test(float(mean[part]), mean[parts:]) if tested else torch.nan)
    return torch.tensor(chances, dtype=torch.float64)
