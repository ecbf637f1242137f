"""Does the network use what the map marks? Pixels are removed and added in its order, and it is shaken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from interpret.images import InputSpec
from interpret_captum import library as captum

Score: TypeAlias = Callable[[Tensor], Tensor]
"""The value of what a map explains, for images (n, c, h, w) on any device: (n,)."""

Explain: TypeAlias = Callable[[Tensor], Tensor]
"""The attributions of images (n, c, h, w) by one method: (n, c, h, w)."""


def replacement_curve(
    score: Score,
    start: Float[Tensor, "c h w"],
    end: Float[Tensor, "c h w"],
    order: Float[Tensor, "h w"],
    *,
    steps: int = 20,
    batch_size: int = 32,
) -> Float[Tensor, " step"]:
    """The score while the pixels of one image turn into those of another, largest ``order`` first.

    From the image to grey it is the deletion curve, from a blurred image to the image the insertion curve.

    Source: Petsiuk, Das and Saenko, "RISE: randomized input sampling for explanation of black-box models"
    (2018), section 4.2.

    Args:
        score: What is measured.
        start: The image at first.
        end: The image in the end.
        order: A value for each pixel; equal ones go in reading order.
        steps: Stages after the first; each replaces the same share of the pixels, to one pixel.
        batch_size: Stages that are scored at once.

    Returns:
        The score at the start and after every step, steps + 1 values.
    """
    rank = order.flatten().argsort(descending=True, stable=True).argsort().reshape(order.shape)
    counts = torch.linspace(0, order.numel(), steps + 1, dtype=torch.float64).round().long()
    scores = []
    for part in torch.split(counts, batch_size):
        replaced = rank[None] < part[:, None, None]
        scores.append(score(torch.where(replaced[:, None], end, start)).cpu().double())
    return torch.cat(scores)


def area(curve: Float[Tensor, "*n step"]) -> Float[Tensor, "*n"]:
    """The area under a curve over a line from 0 to 1, by the trapezoidal rule."""
    return torch.trapezoid(curve, dim=-1) / (curve.shape[-1] - 1)


def grey(x: Float[Tensor, "*n c h w"], spec: InputSpec, value: float = 0.5) -> Float[Tensor, "*n c h w"]:
    """Images of one grey, ``value`` in pixel units [0, 1], as the network takes them."""
    return spec.normalize(torch.full_like(x, value))


def infidelity(
    score: Score,
    x: Float[Tensor, "n c h w"],
    maps: Float[Tensor, "n c h w"],
    baseline: Float[Tensor, "n c h w"],
    *,
    side: int,
    samples: int = 10,
    batch_size: int = 32,
    seed: int = 0,
) -> Float[Tensor, " n"]:
    """How badly the map foretells what the removal of a square does to the score: 0 is best.

    The mean square of the difference between the sum of the map over the square and the loss of score. Every
    map is scaled first to foretell as well as it can (``normalize``), so that maps in other units can be
    compared. Computed by ``captum.metrics.infidelity``.

    Source: Yeh, Hsieh, Suggala, Inouye and Ravikumar, "On the (in)fidelity and sensitivity of explanations"
    (2019), with the square removal of its section 4.2.

    Args:
        score: What the maps explain; one image, or the images n times over, each repeated in its place.
        x: The images.
        maps: One for each image, of its shape.
        baseline: What a removed square shows.
        side: Its side in pixels.
        samples: Squares for each image.
        batch_size: Images that are scored at once.
        seed: Start of the random places.
    """
    draw = torch.Generator().manual_seed(seed)

    def perturb(images: Tensor, grey: Tensor) -> tuple[Tensor, Tensor]:
        removed = random_squares(len(images), images.shape[-2:], side, draw).to(images.device)[:, None]
        change = removed.to(images.dtype).expand_as(images)
        return change, torch.where(removed, grey, images)

    found: Tensor = captum.infidelity(
        score, perturb, x, maps.to(x), baselines=baseline, n_perturb_samples=samples,
        max_examples_per_batch=_at_once(len(x), samples, batch_size), normalize=True,
    )  # fmt: skip
    return found.detach().cpu().double()


def random_squares(
    count: int, size: Sequence[int], side: int, draw: torch.Generator
) -> Bool[Tensor, "count h w"]:
    """True on one square of each image, which lies inside it, at a random place."""
    height, width = size
    top = torch.randint(max(height - side, 0) + 1, (count, 1), generator=draw)
    left = torch.randint(max(width - side, 0) + 1, (count, 1), generator=draw)
    rows, columns = torch.arange(height), torch.arange(width)
    down, across = (rows >= top) & (rows < top + side), (columns >= left) & (columns < left + side)
    return down[:, :, None] & across[:, None, :]


def sensitivity(
    explain: Explain,
    x: Float[Tensor, "n c h w"],
    radius: Float[Tensor, " c"],
    *,
    samples: int = 10,
    batch_size: int = 32,
    seed: int = 0,
) -> Float[Tensor, " n"]:
    """The largest relative change of the map when the image hardly changes: 0 is best.

    Computed by ``captum.metrics.sensitivity_max``: the length of the change over the length of the map.

    Source: Yeh, Hsieh, Suggala, Inouye and Ravikumar, "On the (in)fidelity and sensitivity of explanations"
    (2019).

    Args:
        explain: The method; it explains ``samples + 1`` images for each image.
        x: The images.
        radius: Largest change of a value on each channel, as the network takes it.
        samples: Changed images for each image, drawn evenly from the cube of that radius.
        batch_size: Images that are explained at once.
        seed: Start of the changes.
    """
    draw = torch.Generator().manual_seed(seed)

    def perturb(images: Tensor) -> Tensor:
        change = torch.rand(images.shape, generator=draw, dtype=torch.float64) * 2 - 1
        return images + change.to(images) * radius.to(images)[:, None, None]

    def explained(images: Tensor | tuple[Tensor]) -> tuple[Tensor]:
        return (explain(images[0] if isinstance(images, tuple) else images),)  # Captum hands over both

    found: Tensor = captum.sensitivity_max(
        explained,
        x,
        perturb_func=perturb,
        n_perturb_samples=samples,
        max_examples_per_batch=_at_once(len(x), samples, batch_size),
    )
    return found.detach().cpu().double()


def _at_once(images: int, samples: int, batch_size: int) -> int:
    """How many of all changed images Captum handles at once: at least one of each image."""
    return min(max(batch_size, images), images * samples)
