"""Small occlusion results made by hand, for the tests of their figures."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from interpret.images import InputSpec
from interpret_deconv import LayerProjections
from interpret_figures.page import Label
from interpret_figures.text import SLACK, text_inches
from interpret_occlusion import Followed, OcclusionMaps, Sweep

NAMES = ("circle", "square", "star", "moon")


def maps_of(
    probability: Sequence[Sequence[float]] | torch.Tensor,
    *,
    starts: tuple[Sequence[int], Sequence[int]] = ((0, 4, 8), (0, 4, 8)),
    window: tuple[int, int] = (8, 8),
    size: tuple[int, int] = (16, 16),
    channels: int = 3,
    unoccluded: float = 0.9,
    followed: dict[str, Followed] | None = None,
    labels: Sequence[Sequence[int]] | None = None,
    **more,
) -> Sweep:
    """A sweep with these probabilities of class 1 of four; elsewhere most is given to the labels, or to 0."""
    wanted = torch.as_tensor(probability, dtype=torch.float64)
    other = torch.zeros_like(wanted, dtype=torch.int64) if labels is None else torch.tensor(labels)
    chances = torch.full((*wanted.shape, 4), 1e-9, dtype=torch.float64)
    chances.scatter_(2, other[..., None], (1 - wanted)[..., None])
    chances[..., 1] = wanted
    whole = torch.tensor([1 - unoccluded, unoccluded, 1e-9, 1e-9], dtype=torch.float64)
    return Sweep(
        logits=chances.log(), unoccluded=whole.log(), target=1, rows=torch.tensor(starts[0]),
        columns=torch.tensor(starts[1]), window=window, size=size, channels=channels,
        followed=followed or {}, **more,
    )  # fmt: skip


def occlusions(
    *maps: Sweep,
    spec: InputSpec,
    categories: tuple[str, ...] = NAMES,
    features: tuple[dict[str, LayerProjections], ...] = (),
    notes: dict[str, str] | None = None,
) -> OcclusionMaps:
    """Results over the images 4, 2, 7, … of ``Squares``."""
    places = [4, 2, 7, 1, 0][: len(maps)]
    shown = {*places, *(i for found in features for item in found.values() for i in item.image.tolist())}
    ids = {str(place): f"square-{place}" for place in shown}
    return OcclusionMaps(maps, torch.tensor(places), ids, spec, categories, features, notes or {})


def followed(response: Sequence[Sequence[float]], unoccluded: float, unit: int = 5) -> Followed:
    """One unit over a sweep."""
    return Followed(
        torch.tensor([unit]), torch.tensor(response).float()[..., None], torch.tensor([unoccluded])
    )


def features(patches: torch.Tensor, images: Sequence[int]) -> LayerProjections:
    """Projections of one unit: in the first image, then in others; all patches begin at (-2, 3)."""
    count, _, height, width = patches.shape
    return LayerProjections(
        unit=torch.full((count,), 5),
        rank=torch.arange(count),
        image=torch.tensor(images),
        position=torch.zeros(count, 2, dtype=torch.long),
        value=torch.ones(count),
        box=torch.tensor([[-2, 3, height - 2, width + 3]]).repeat(count, 1),
        patches=patches.half(),
        scale=torch.ones(count),
    )


def label_box(label: Label, dpi: int) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a label in pixels."""
    width = text_inches(label.text, label.size, bold=label.bold) / SLACK * dpi
    height = label.size / 72 * dpi
    left = label.x - width * {"left": 0.0, "center": 0.5, "right": 1.0}[label.align]
    return left, label.y - 0.75 * height, left + width, label.y + 0.2 * height
