"""How alike the answers of two probes are, by kind of result."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from interpret.errors import StepError
from interpret_captum import metrics
from interpret_captum.features import Features
from interpret_topk import Exemplars, LayerExemplars


def map_agreement(
    a: Float[Tensor, "image c h w"], b: Float[Tensor, "image c h w"]
) -> dict[str, Float[Tensor, " image"]]:
    """All that is measured of maps ``a`` against ``b``."""
    pixels = metrics.pixel_maps(a), metrics.pixel_maps(b)
    return {
        "largest_difference": metrics.largest_difference(a, b),
        "relative_l2": metrics.relative_l2(a, b),
        "spearman": metrics.rank_correlation(*pixels),
        "ssim": metrics.structural_similarity(*map(metrics.unit_scale, pixels)),
    }


def mining_agreement(a: Exemplars, b: Exemplars) -> dict[str, float]:
    """The mean overlap of the strongest neurons of all living units, and the largest difference of values.

    Raises:
        StepError: If the two did not mine the same layers.
    """
    _same_layers(list(a.layers), list(b.layers))
    overlaps, differences = [], []
    for layer, mine in a.layers.items():
        theirs = b[layer]
        overlaps.append(metrics.overlap(_neurons(mine), _neurons(theirs))[~theirs.dead])
        values = mine.values.double().cpu(), theirs.values.double().cpu()
        ranks = min(value.shape[1] for value in values)
        difference = (values[0][:, :ranks] - values[1][:, :ranks]).abs()
        differences.append(difference[difference.isfinite()])  # -inf - -inf: neither has such a rank
    return {
        "overlap": float(torch.cat(overlaps).nanmean()),
        "largest_difference": float(torch.cat(differences).amax()),
    }


def feature_difference(a: Features, b: Features) -> float:
    """The largest difference of two activations.

    Raises:
        StepError: If the two did not record the same layers.
    """
    _same_layers(list(a.layers), list(b.layers))
    pairs = [(item.double(), b.layers[layer].double()) for layer, item in a.layers.items()]
    return max(float((left - right).abs().amax()) for left, right in pairs)


def _neurons(layer: LayerExemplars) -> Int[Tensor, "unit rank 3"]:
    return torch.cat([layer.image[..., None], layer.position], -1)


def _same_layers(a: Sequence[str], b: Sequence[str]) -> None:
    if set(a) != set(b):
        raise StepError(
            f"Two probes look at different layers: {', '.join(a)} and {', '.join(b)}. "
            "Give both the same layers."
        )
