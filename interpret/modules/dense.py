"""Outputs (n, classes) of networks that answer for places: segmenters and detectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from interpret.errors import ModelError
from interpret.modules.outputs import OutputKind, require_output
from interpret.modules.returned import MAP, Key, describe_returned, item_at

Box: TypeAlias = tuple[int, int, int, int]
"""(left, top, right, bottom) in pixels, half-open."""

Where: TypeAlias = Literal["image", "predicted"] | Box | Bool[Tensor, "h w"]
"""The whole map, a box of it, a mask of it, or each pixel that the network gives to the class itself."""


@dataclass(frozen=True, kw_only=True, repr=False)
class _OverImage:
    """One number for each class of a map (n, classes, h, w).

    Args:
        of: The map, as a key, an attribute, an index or several; None: the tensor that the module returns, or
            what it calls ``logits`` or ``out``.
        where: ``image``, a box (left, top, right, bottom) or a boolean mask (h, w) in pixels of the map.

    Raises:
        ModelError: If an argument makes no sense.
    """

    kind: ClassVar[OutputKind] = "values"

    of: Key | Sequence[Key] | None = None
    where: Where = "image"

    def __post_init__(self) -> None:
        require_output(self.of)
        if callable(self.of):
            raise ModelError(
                f"of is {self.of!r}; it must be a key, an attribute's name, an index, or several."
            )
        object.__setattr__(self, "where", self._checked(self.where))

    def __repr__(self) -> str:
        """As it is written, with a mask in short."""
        where = repr(self.where)
        if isinstance(self.where, Tensor):
            where = f"a mask of {int(self.where.sum())} in {self.where.numel()} pixels"
        return f"{type(self).__name__}(of={self.of!r}, where={where})"

    @classmethod
    def _checked(cls, where: Any) -> Where:
        if isinstance(where, str) and where in cls._words():
            return where  # type: ignore[return-value]
        mask = torch.from_numpy(where) if isinstance(where, np.ndarray) else where
        if isinstance(mask, Tensor):
            return _as_mask(mask)
        if isinstance(where, list | tuple):
            return as_box("where", where)
        words = ", ".join(repr(word) for word in cls._words())
        raise ModelError(
            f"where is {where!r}; it must be {words}, a box (left, top, right, bottom) or a boolean mask "
            "(h, w)."
        )

    @classmethod
    def _words(cls) -> tuple[str, ...]:
        return ("image",)

    def _map(self, returned: Any) -> Float[Tensor, "n classes h w"]:
        """The map among what the module returned.

        Raises:
            ModelError: If there is none.
        """
        found = returned
        if self.of is not None:
            found = item_at(returned, self.of)
        elif not isinstance(returned, Tensor):
            named = (item_at(returned, name) for name in MAP)
            found = next((item for item in named if isinstance(item, Tensor)), None)
        if isinstance(found, Tensor) and found.dim() == 4 and found.is_floating_point():
            return found
        raise ModelError(
            f"{type(self).__name__} needs a map (n, classes, h, w) and found "
            f"{'none' if found is None else describe_returned(found)}: the module returns "
            f"{describe_returned(returned)}. Say what of it is the map: of=…."
        )

    def _crop(self, found: Float[Tensor, "n classes h w"]) -> Float[Tensor, "n classes H W"]:
        """The part in the box."""
        if not isinstance(self.where, tuple):
            return found
        left, top, right, bottom = self.where
        height, width = found.shape[2:]
        if right > width or bottom > height:
            raise ModelError(
                f"The box {self.where} does not lie in the map of {height} x {width} pixels that the module "
                "returns. Boxes are (left, top, right, bottom) in its pixels."
            )
        return found[:, :, top:bottom, left:right]

    def _outside(self, found: Float[Tensor, "n classes h w"]) -> Bool[Tensor, "h w"] | None:
        """The pixels beside the mask, if there is one."""
        if not isinstance(self.where, Tensor):
            return None
        if self.where.shape != found.shape[2:]:
            raise ModelError(
                f"The mask has {tuple(self.where.shape)} pixels and the map that the module returns has "
                f"{tuple(found.shape[2:])}. Give a mask of the map's size."
            )
        return ~self.where.to(found.device)


@dataclass(frozen=True, kw_only=True, repr=False)
class MeanOverImage(_OverImage):
    """The mean of each class's map over the image, a box or a mask: what a segmenter says of the class.

    Args:
        of: The map (n, classes, h, w), as a key, an attribute, an index or several; None: the tensor that the
            module returns, or what it calls ``logits`` or ``out``.
        where: ``image``; a box (left, top, right, bottom) or a boolean mask (h, w) in pixels of the map; or
            ``predicted``: other pixels than those in which the class is the largest count as 0, so that
            a class which wins nowhere has 0.

    Raises:
        ModelError: If an argument makes no sense.

    Example:
        >>> interpret.wrap(torchvision.models.segmentation.fcn_resnet50(), output=MeanOverImage())
    """

    @classmethod
    def _words(cls) -> tuple[str, ...]:
        return ("image", "predicted")

    def __call__(self, returned: Any) -> Float[Tensor, "n classes"]:
        """The output."""
        found = self._map(returned)
        if isinstance(self.where, str) and self.where == "predicted":
            return self._predicted(found).mean((2, 3))
        outside = self._outside(found)
        if outside is None:
            return self._crop(found).mean((2, 3))
        return found.masked_fill(outside, 0).sum((2, 3)) / (~outside).sum()

    def _predicted(self, found: Float[Tensor, "n classes h w"]) -> Float[Tensor, "n classes h w"]:
        if found.shape[1] == 1:
            raise ModelError(
                "where='predicted' compares classes, and the map has one. Give a mask of the pixels that "
                "count: where=mask."
            )
        classes = torch.arange(found.shape[1], device=found.device)[:, None, None]
        return found.masked_fill(found.argmax(1, keepdim=True) != classes, 0)


@dataclass(frozen=True, kw_only=True, repr=False)
class MaxOverImage(_OverImage):
    """The maximum of each class's map over the image, a box or a mask: the pixel that is surest of it.

    Args:
        of: The map (n, classes, h, w), as a key, an attribute, an index or several; None: the tensor that the
            module returns, or what it calls ``logits`` or ``out``.
        where: ``image``; a box (left, top, right, bottom) or a boolean mask (h, w) in pixels of the map.

    Raises:
        ModelError: If an argument makes no sense.

    Example:
        >>> interpret.wrap(segmenter, output=MaxOverImage(of="out", where=(0, 0, 112, 112)))
    """

    def __call__(self, returned: Any) -> Float[Tensor, "n classes"]:
        """The output."""
        found = self._map(returned)
        outside = self._outside(found)
        kept = self._crop(found) if outside is None else found.masked_fill(outside, -torch.inf)
        return kept.amax((2, 3))


@dataclass(frozen=True, kw_only=True)
class BestScore:
    """The best score of each class over a detector's boxes, 0 where it finds none.

    For detectors that return boxes, labels and scores of each image, as torchvision's do.

    Args:
        classes: How many classes there are; torchvision counts the background as class 0.
        near: Only boxes around this place count: (left, top, right, bottom) in pixels of the image.
        iou: How much of a box and ``near`` must be common to both, as intersection over union.

    Raises:
        ModelError: If an argument makes no sense.

    Example:
        >>> detector = torchvision.models.detection.ssdlite320_mobilenet_v3_large().eval()
        >>> best = BestScore(classes=91)
        >>> interpret.wrap(detector, input_size=320, mean=(0, 0, 0), std=(1, 1, 1), output=best)
    """

    kind: ClassVar[OutputKind] = "probabilities"

    classes: int
    near: Box | None = None
    iou: float = 0.5

    def __post_init__(self) -> None:
        if not isinstance(self.classes, int) or isinstance(self.classes, bool) or self.classes < 1:
            raise ModelError(f"classes is {self.classes!r}; it must be how many classes the detector knows.")
        if isinstance(self.iou, bool) or not isinstance(self.iou, int | float) or not 0 <= self.iou <= 1:
            raise ModelError(f"iou is {self.iou!r}; it must be a share from 0 to 1.")
        if self.near is not None:
            object.__setattr__(self, "near", as_box("near", self.near))

    def __call__(self, returned: Any) -> Float[Tensor, "n classes"]:
        """The output."""
        if not isinstance(returned, list | tuple) or not all(map(_is_detection, returned)):
            raise ModelError(
                "BestScore needs boxes, labels and scores of each image, as torchvision's detectors return "
                f"them. The module returns {describe_returned(returned)}. Give a function of it: output=…."
            )
        return torch.stack([self._best(found) for found in returned])

    def _best(self, found: Mapping[str, Tensor]) -> Float[Tensor, " classes"]:
        scores, labels = found["scores"], found["labels"]
        if self.near is not None:
            close = _ious(found["boxes"], self.near) >= self.iou
            scores, labels = scores[close], labels[close]
        if labels.numel() and not 0 <= int(labels.min()) <= int(labels.max()) < self.classes:
            raise ModelError(
                f"The detector found a box of class {int(labels.max())}, but BestScore has "
                f"classes={self.classes}: from 0 to {self.classes - 1}. Give the number of its classes."
            )
        return scores.new_zeros(self.classes).scatter_reduce(0, labels, scores, "amax")


def as_box(name: str, value: Any) -> Box:
    """Four whole numbers (left, top, right, bottom), with something between them.

    Raises:
        ModelError: If it is anything else.
    """
    listed = isinstance(value, list | tuple) and len(value) == 4
    whole = listed and all(isinstance(edge, int) and not isinstance(edge, bool) for edge in value)
    if not whole or not (0 <= value[0] < value[2] and 0 <= value[1] < value[3]):
        raise ModelError(
            f"{name} is {value!r}; a box is (left, top, right, bottom) in whole pixels, such as "
            "(0, 0, 32, 32)."
        )
    left, top, right, bottom = value
    return left, top, right, bottom


def _as_mask(mask: Tensor) -> Bool[Tensor, "h w"]:
    if mask.dtype != torch.bool or mask.dim() != 2 or not mask.any():
        raise ModelError(
            f"where is a mask of {mask.dtype} with shape {tuple(mask.shape)}; it must be boolean (h, w), "
            "with a pixel that counts. Of numbers, say which: mask > 0."
        )
    return mask


def _is_detection(item: Any) -> bool:
    return isinstance(item, Mapping) and {"boxes", "labels", "scores"} <= item.keys()


def _ious(boxes: Float[Tensor, "box 4"], near: Box) -> Float[Tensor, " box"]:
    """Intersection over union of each box with one."""
    other = boxes.new_tensor(near)
    sides = (torch.minimum(boxes[:, 2:], other[2:]) - torch.maximum(boxes[:, :2], other[:2])).clamp_min(0)
    common = sides.prod(1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1) + (other[2:] - other[:2]).prod()
    return common / (areas - common)
