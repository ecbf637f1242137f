"""Small pictures of photographs, for people to look at."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image, ImageOps
from torch import Tensor

from interpret.images import Picture, upright

SIDE = 160
"""Height and width in pixels."""


def miniature(picture: Picture) -> UInt8[Tensor, "side side 3"]:
    """The whole picture in a square, white beside it; a tensor under its own scale, from black to white."""
    photograph = _photograph(picture) if isinstance(picture, Tensor) else upright(picture)
    return torch.from_numpy(np.array(ImageOps.pad(photograph.convert("RGB"), (SIDE, SIDE), color="white")))


def _photograph(x: Tensor) -> Image.Image:
    """A preprocessed image as a picture; grey where it does not have three channels."""
    values = x.detach().float().cpu()
    seen = values if len(values) == 3 else values.mean(0, keepdim=True).expand(3, -1, -1)
    low, high = seen.min(), seen.max()
    share = (seen - low) / torch.where(high > low, high - low, 1.0)
    return Image.fromarray((share * 255).round().to(torch.uint8).permute(1, 2, 0).numpy())
