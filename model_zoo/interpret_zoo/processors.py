"""What an image processor of transformers does to a photograph, as the input of a network."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, get_args

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from interpret.images import InputSpec, Interpolation
from interpret_zoo.image_model import Stated

log = logging.getLogger(__name__)

WARPED_FROM = 384
"""ConvNeXt's processor scales both sides of photographs for inputs from this size on."""

TOLERANCE = 6 / 255
"""Backends of transformers scale photographs by different code: a smooth one differs by so much at most."""


def processor_stated(values: Mapping[str, Any], usual: tuple[int, int], channels: int = 3) -> Stated:
    """What the values of a processor (``to_dict()``) say of the input.

    Args:
        values: By name, such as ``size``, ``do_center_crop`` and ``image_mean``.
        usual: Height and width where it says nothing.
        channels: How many the network takes.
    """
    size, resize, squash = _geometry(values, usual)
    mean, std = _normalisation(values, channels)
    return Stated(size, mean, std, resize, interpolation=_interpolation(values), squash=squash)


def flips_channels(values: Mapping[str, Any]) -> bool:
    """Whether blue comes first."""
    return bool(values.get("do_flip_channel_order"))


def tell_difference(processor: Any, spec: InputSpec, values: Mapping[str, Any]) -> None:
    """Log a warning where the processor makes other numbers of a photograph than the input does."""
    if len(spec.mean) != 3 or not values.get("do_resize"):
        return
    picture = _smooth(spec.size)
    ours = spec.denormalize(spec.preprocess(picture))
    try:
        made = processor(images=picture, return_tensors="pt")["pixel_values"][0]
        theirs = spec.denormalize(made.flip(0) if flips_channels(values) else made)
        far = _difference(theirs, ours)
    except Exception as error:  # noqa: BLE001 - the processor is somebody else's code
        log.warning("%s cannot be compared with the network's input: %s.", type(processor).__name__, error)
        return
    if far > TOLERANCE:
        log.warning(
            "%s prepares photographs in another way than input_size, resize, interpolation, squash, mean "
            "and std say here (%s). Give tensors that it made, or set these parameters.",
            type(processor).__name__,
            "another shape" if far == float("inf") else f"up to {255 * far:.0f} of 255",
        )


def _difference(theirs: Tensor, ours: Tensor) -> float:
    """The largest difference, where the crop may begin one pixel earlier: they round down."""
    if theirs.shape != ours.shape:
        return float("inf")
    height, width = ours.shape[-2:]
    pairs = [
        (theirs[:, down:, right:], ours[:, : height - down, : width - right])
        for down in (0, 1)
        for right in (0, 1)
    ]
    return min(float((one - other).abs().max()) for one, other in pairs)


def _geometry(values: Mapping[str, Any], usual: tuple[int, int]) -> tuple[tuple[int, int], int, bool]:
    """Height and width, the length before the crop, and whether both sides are scaled."""
    scaled, kind = values.get("size") or {}, str(values.get("image_processor_type", ""))
    crop = _pair(values.get("crop_size")) if values.get("do_center_crop") else None
    if not values.get("do_resize"):
        size = crop or _pair(scaled) or usual
        return size, min(size), False
    if pair := _pair(scaled):
        return crop or pair, min(pair), True
    short = scaled.get("shortest_edge")
    if not short:
        size = crop or usual
        return size, min(size), False
    share = values.get("crop_pct")
    if share and kind.startswith("ConvNext") and short >= WARPED_FROM:
        return (short, short), short, True
    if kind.startswith("Levit"):
        return crop or (short, short), int(256 / 224 * short), False
    return crop or (short, short), int(short / share) if share else short, False


def _pair(size: Any) -> tuple[int, int] | None:
    """Height and width, where both are said."""
    if isinstance(size, Mapping) and size.get("height") and size.get("width"):
        return int(size["height"]), int(size["width"])
    return None


def _normalisation(values: Mapping[str, Any], channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation for pixels of 0 to 1, of a processor that takes those of 0 to 255."""
    scale = 255 * float(values.get("rescale_factor") or 1 / 255) if values.get("do_rescale") else 255.0
    below = 1.0 if values.get("rescale_offset") else 0.0
    plain = not values.get("do_normalize")
    mean = (0.0,) * channels if plain else _numbers(values.get("image_mean"), channels)
    std = (1.0,) * channels if plain else _numbers(values.get("image_std"), channels)
    if values.get("include_top"):  # EfficientNet's divides once more
        std = tuple(
            one * other for one, other in zip(std, _numbers(values.get("image_std"), channels), strict=True)
        )
    ours = tuple((number + below) / scale for number in mean), tuple(number / scale for number in std)
    return (ours[0][::-1], ours[1][::-1]) if flips_channels(values) else ours


def _numbers(value: Any, channels: int) -> tuple[float, ...]:
    """One for each channel."""
    found = tuple(map(float, np.atleast_1d(0.5 if value is None else value)))
    return found * channels if len(found) == 1 else found


def _interpolation(values: Mapping[str, Any]) -> Interpolation | None:
    """PIL's number as a name."""
    number = values.get("resample")
    name = Image.Resampling(int(number)).name.lower() if number is not None else None
    return next((known for known in get_args(Interpolation) if known == name), None)


def _smooth(size: tuple[int, int]) -> Image.Image:
    """A photograph without edges, wider than the input, other in each channel and corner."""
    height, width = round(1.2 * size[0]), round(1.7 * size[1])
    y = torch.linspace(0, 1, height)[:, None, None]
    x = torch.linspace(0, 1, width)[None, :, None]
    waves = torch.tensor([1.0, 1.6, 2.3])
    shade = 0.5 + 0.22 * torch.sin(waves * 5 * x + 1) + 0.22 * torch.cos(waves.flip(0) * 4 * y)
    return Image.fromarray((255 * shade).round().byte().numpy())
