"""Is the map on the object? For datasets that know where the object is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor

from interpret.images import InputSpec, Sample


def object_mask(sample: Sample, spec: InputSpec) -> Bool[Tensor, "h w"] | None:
    """Where the object is in what the network sees, or None where the dataset does not say.

    The mask, or else the box, goes through the same scaling and cropping as the photograph.

    Args:
        sample: An image with a mask or a box in its own pixels.
        spec: What the network takes.
    """
    mask = _in_picture(sample)
    if mask is None:
        return None
    if isinstance(sample.image, Tensor):  # preprocessed already: its pixels are the network's
        return torch.from_numpy(mask.copy())
    one_channel = replace(spec, mean=(0.0,), std=(1.0,))
    seen = one_channel.crop(Image.fromarray(mask.astype(np.uint8) * 255))
    return torch.from_numpy(np.asarray(seen) >= 128)


def _in_picture(sample: Sample) -> Bool[np.ndarray, "h w"] | None:
    """The object in the pixels of the picture."""
    if sample.mask is not None:
        return np.asarray(sample.mask, dtype=bool)
    if sample.box is None:
        return None
    picture = sample.image
    width, height = (picture.shape[2], picture.shape[1]) if isinstance(picture, Tensor) else picture.size
    left, top, right, bottom = sample.box
    mask = np.zeros((height, width), dtype=bool)
    mask[top:bottom, left:right] = True
    return mask


def pointing_game(
    maps: Float[Tensor, "image height width"], objects: Bool[Tensor, "image height width"]
) -> Float[Tensor, " image"]:
    """1 where the largest value of the map lies on the object, else 0; NaN where nothing is positive.

    Source: Zhang, Lin, Brandt, Shen and Sclaroff, "Top-down neural attention by excitation backprop" (2016),
    without its 15 pixels of tolerance.
    """
    flat = maps.flatten(1)
    hit = objects.flatten(1).gather(1, flat.argmax(1, keepdim=True))[:, 0].double()
    return torch.where(flat.amax(1) > 0, hit, torch.nan)


def energy_inside(
    maps: Float[Tensor, "image height width"], objects: Bool[Tensor, "image height width"]
) -> Float[Tensor, " image"]:
    """The share of the positive values that lies on the object; NaN where nothing is positive.

    Source: Wang et al., "Score-CAM: score-weighted visual explanations for convolutional neural networks"
    (2020), section 4.3, "energy-based pointing game".
    """
    positive = maps.double().clamp(min=0).flatten(1)
    total = positive.sum(1)
    inside = (positive * objects.flatten(1)).sum(1)
    return torch.where(total > 0, inside / torch.where(total > 0, total, 1.0), torch.nan)
