"""Pictures that users hold as arrays and tensors: photographs, what is preprocessed, and what is neither."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from interpret.errors import DatasetError
from interpret.images.depths import WHITE, Scale, eight_bits
from interpret.images.pictures import Picture

_CHANNELS = (1, 3, 4)
_NO_PIXELS = (
    "{} of {} is no picture: give bytes from 0 to 255 (uint8), or, if it is preprocessed already, a tensor "
    "of floating-point numbers."
)
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def as_picture(item: Any) -> Picture:
    """A photograph, or a preprocessed tensor, out of what users hold.

    PIL images are photographs. So are tensors (c, h, w) of bytes, as ``torchvision.io.read_image`` gives
    them, and arrays (h, w) or (h, w, c) of bytes, of 16-bit integers, or of floating-point numbers from 0
    to 1. Tensors of floating-point numbers are preprocessed already.

    Raises:
        DatasetError: If it is something else; the message says what to give.
    """
    if isinstance(item, Image.Image):
        return item
    if isinstance(item, Tensor):
        return _preprocessed(item) if item.dtype in _FLOATS else _photograph(item)
    if isinstance(item, np.ndarray):
        return _image(item, "An array")
    raise DatasetError(
        f"A {type(item).__name__} is no image. Give a path, a PIL image, an array (h, w, c) or a tensor "
        "(c, h, w)."
    )


def _preprocessed(x: Tensor) -> Tensor:
    """The numbers alone: without gradients, and without what a subclass would add."""
    return _plain(x).detach().as_subclass(Tensor)


def _plain(x: Tensor) -> Tensor:
    if x.layout != torch.strided or x.is_quantized or x.is_meta:
        kind = "quantised" if x.is_quantized else "on the meta device" if x.is_meta else f"of {x.layout}"
        cure = "x.dequantize()" if x.is_quantized else "a tensor with data" if x.is_meta else "x.to_dense()"
        raise DatasetError(f"A tensor {kind} is no image. Give {cure}.")
    return x


def _photograph(x: Tensor) -> Image.Image:
    """A tensor (c, h, w) or (h, w) of bytes as a picture."""
    if _plain(x).dim() == 3 and x.shape[0] not in _CHANNELS and x.shape[2] in _CHANNELS:
        raise DatasetError(
            f"A tensor of shape {tuple(x.shape)} has its channels last. Give x.permute(2, 0, 1), that is "
            "(c, h, w), or a NumPy array."
        )
    if x.dtype not in (torch.uint8, torch.uint16):
        raise DatasetError(_NO_PIXELS.format("A tensor", x.dtype))
    channels_last = x.permute(1, 2, 0) if x.dim() == 3 else x
    return _image(channels_last.detach().cpu().numpy(), "A tensor", tuple(x.shape))


def _image(pixels: np.ndarray, what: str, shape: tuple[int, ...] = ()) -> Image.Image:
    """Pixels (h, w) or (h, w, c) as a picture."""
    if not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in _CHANNELS)) or not pixels.size:
        wanted = "(c, h, w)" if shape else "(h, w) or (h, w, c)"
        raise DatasetError(
            f"{what} of shape {shape or pixels.shape} is no picture. Give one of shape {wanted} with 1, 3 or "
            "4 channels, or, if it is preprocessed already, a tensor (c, h, w) of floating-point numbers."
        )
    flat = pixels[..., 0] if pixels.shape[2:] == (1,) else pixels
    return Image.fromarray(np.ascontiguousarray(_bytes(flat, what)))


def _bytes(pixels: np.ndarray, what: str) -> np.ndarray:
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype == np.uint16:
        return eight_bits(pixels, Scale(WHITE))
    if pixels.dtype.kind == "f":
        return eight_bits(pixels, Scale(1))
    raise DatasetError(_NO_PIXELS.format(what, pixels.dtype))
