"""What a comparison of masked parts finds: the distance of every pair of images, for every mask."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from interpret.errors import InterpretError, UnknownNameError
from interpret.images import Fill, InputSpec
from interpret.records import Record
from interpret.results import Result
from interpret.wording import counted, listed, value
from interpret_correspondence.distances import Zeros
from interpret_correspondence.masks import Box

RANDOM = "random"


@dataclass(frozen=True)
class LayerDistances(Record):
    """What was found at one layer.

    Attributes:
        agree: Hamming distance of each pair of images under each mask, where no change is a third sign; NaN
            where an image lacks the part.
        ignore: The same among the dimensions that change in both images; NaN also where there are none.
        p_agree: Chance that a part is so far below random; NaN where it was not tested.
        p_ignore: The same, where zeros are left out.
        unchanged: Share of the dimensions that a mask does not change.
        dimensions: Length of the feature vector.
    """

    agree: Float[Tensor, "mask pair"]
    ignore: Float[Tensor, "mask pair"]
    p_agree: Float[Tensor, " part"]
    p_ignore: Float[Tensor, " part"]
    unchanged: Float[Tensor, "mask image"]
    dimensions: int

    def distance(self, zeros: Zeros) -> Float[Tensor, "mask pair"]:
        """The distances under one rule for zeros."""
        return self.agree if zeros == "agree" else self.ignore

    def p(self, zeros: Zeros) -> Float[Tensor, " part"]:
        """The chances under one rule for zeros."""
        return self.p_agree if zeros == "agree" else self.p_ignore


@dataclass(frozen=True)
class Correspondence(Result):
    """How alike a mask on the same part changes the features of several images (the paper's Table 1).

    The masks are those of the parts, in their order, then the random draws. The pairs are those of
    ``torch.triu_indices(images, images, 1)``.

    Attributes:
        parts: The parts that were masked.
        layers: What was found at each layer, by the name it was asked for.
        image: Place of each image in the dataset.
        ids: Their ids, by place as text.
        covered: Whether a mask could be put on an image.
        boxes: Top, left, bottom, right of the masks: for each mask, for each image, a list of boxes.
        missing: Images that do without a part: the part, the id, the reason.
        skipped: The id of every image that could not be read, and the reason.
        input: What the network takes.
        window: Height and width of a mask in pixels of the network's input.
        fill: What a mask shows, as the occluder of `sweep`.
        random_rule: ``each``: every image has random positions of its own; ``shared``: all have the same.
        avoid: Whether random positions keep off the parts.
        tolerance: Part of the largest change up to which a change counts as none.
        permutations: Of each test.
        seed: Of all that was drawn.
    """

    parts: tuple[str, ...]
    layers: dict[str, LayerDistances]
    image: Int[Tensor, " image"]
    ids: dict[str, str]
    covered: Bool[Tensor, "mask image"]
    boxes: tuple[tuple[tuple[Box, ...], ...], ...]
    missing: tuple[tuple[str, str, str], ...]
    skipped: tuple[tuple[str, str], ...]
    input: InputSpec
    window: tuple[int, int]
    fill: Fill
    random_rule: str
    avoid: bool
    tolerance: float
    permutations: int
    seed: int

    @property
    def draws(self) -> int:
        """How many random masks every image has."""
        return len(self.covered) - len(self.parts)

    @property
    def rows(self) -> tuple[str, ...]:
        """The rows of Table 1: the parts, and ``random`` for all draws together."""
        return (*self.parts, RANDOM) if self.draws else self.parts

    @property
    def counts(self) -> list[int]:
        """The number of images in each row."""
        return [int(self.covered[masks].any(0).sum()) for masks in self._masks]

    def values(self, layer: str, zeros: Zeros = "agree") -> list[Float[Tensor, " distance"]]:
        """The distances of each row, of all its pairs that have one."""
        found = self._layer(layer).distance(zeros)
        rows = [found[masks].flatten() for masks in self._masks]
        return [row[~row.isnan()] for row in rows]

    def mean(self, layer: str, zeros: Zeros = "agree") -> Float[Tensor, " row"]:
        """The mean distance over the pairs of images; over those of all draws in the row ``random``."""
        return torch.stack([values.mean() for values in self.values(layer, zeros)])

    def spread(self, layer: str, zeros: Zeros = "agree") -> Float[Tensor, " row"]:
        """The sample standard deviation over the pairs; NaN for one pair."""
        squares = [(values - values.mean()).square() for values in self.values(layer, zeros)]
        return torch.stack([(each.sum() / max(len(each) - 1, 0)).sqrt() for each in squares])

    def unchanged(self, layer: str) -> Float[Tensor, " row"]:
        """The mean share of the dimensions that a mask does not change."""
        share = self._layer(layer).unchanged
        return torch.stack([share[masks].nanmean() for masks in self._masks])

    def subsets(
        self, layer: str, zeros: Zeros = "agree", *, size: int = 5, count: int = 1000, seed: int = 0
    ) -> Float[Tensor, "subset row"]:
        """The mean distances of every row in random subsets of the images: the paper has five.

        Args:
            layer: A layer's name.
            zeros: The rule for zeros.
            size: Images in a subset; they are drawn among those that have all parts.
            count: How many subsets.
            seed: Of the draw.

        Raises:
            InterpretError: If too few images have all parts, or a subset has no pair.
        """
        whole = self.covered.all(0).nonzero()[:, 0]
        if not 2 <= size <= len(whole):
            raise InterpretError(
                f"A subset of {size} images cannot be drawn: it needs two at least, and {len(whole)} images "
                "have all parts."
            )
        draws = torch.rand(count, len(whole), generator=torch.Generator().manual_seed(seed))
        chosen = whole[draws.argsort(1)[:, :size]].sort(1).values
        first, second = chosen[:, torch.triu_indices(size, size, 1)].unbind(1)
        pair = first * (2 * len(self.image) - first - 1) // 2 + second - first - 1
        found = self._layer(layer).distance(zeros)[:, pair]
        return torch.stack([found[masks].permute(1, 0, 2).flatten(1).nanmean(1) for masks in self._masks], 1)

    @property
    def _masks(self) -> list[slice]:
        """The masks of each row."""
        single = [slice(mask, mask + 1) for mask in range(len(self.parts))]
        return [*single, slice(len(self.parts), None)] if self.draws else single

    def summary(self) -> dict[str, str]:
        """What was masked in how many images, and the distances at each layer: smaller is more alike."""
        rows = {
            "images": value(len(self.image)),
            "parts": listed(self.parts),
            "random masks": value(self.draws),
        }
        for layer in self.layers:
            means = zip(self.rows, self.mean(layer).tolist(), strict=True)
            rows[f"distance at {layer}"] = ", ".join(f"{name} {value(mean)}" for name, mean in means)
        return rows

    def warnings(self) -> tuple[str, ...]:
        """Images that could not be read, or do without a part."""
        told = f"{counted(len(self.missing), 'mask')} could not be put on an image."
        return (*super().warnings(), *([told] if self.missing else []))

    def _layer(self, layer: str) -> LayerDistances:
        if layer not in self.layers:
            raise UnknownNameError("layer", layer, self.layers)
        return self.layers[layer]
