"""Values in pixel units, as a network takes them, and the blocks that are covered."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from interpret.errors import StepError
from interpret.images import filled
from interpret.network import Network


def check_fill(fill: float | list[float]) -> float | list[float]:
    """The fill, if each value is a pixel's: 0 is black, 1 white."""
    values = fill if isinstance(fill, list) else [fill]
    if not values or not all(0 <= value <= 1 for value in values):
        raise ValueError("must be pixel values from 0 (black) to 1 (white)")
    return fill


def colour_image(network: Network, fill: float | list[float]) -> Float[Tensor, "1 c h w"]:
    """An image of one colour, preprocessed.

    Args:
        network: Says how to preprocess.
        fill: A grey, or one value for each channel, in pixel units [0, 1].

    Raises:
        StepError: If there are more or fewer values than channels.
    """
    channels = network.input.shape[0]
    values = [fill] * channels if isinstance(fill, float | int) else fill
    if len(values) != channels:
        raise StepError(
            f"{len(values)} values are given for a colour, but the network takes {channels} channels: give "
            "one for each, or one number for a grey."
        )
    image = torch.zeros(network.input.shape, dtype=network.dtype)
    return network.to_device(filled(network.input, image, tuple(values), network.input.size)[None])


def check_block(network: Network, word: str, side: int) -> None:
    """Refuse a square that does not fit into the image.

    Args:
        network: Says how large an image is.
        word: What the square is called, for the message.
        side: Its side in pixels.

    Raises:
        StepError: If it is larger than the image.
    """
    height, width = network.input.size
    if side > min(height, width):
        raise StepError(
            f"A {word} of {side} x {side} pixels does not fit into the network's input of {height} x "
            f"{width}. Choose a {word} of at most {min(height, width)}."
        )


def grid(size: tuple[int, int], side: int) -> Int[Tensor, "1 1 h w"]:
    """The number of the square that each pixel lies in, row by row; the last ones are cut at the border."""
    height, width = size
    row, column = torch.arange(height) // side, torch.arange(width) // side
    across = -(-width // side)
    return (row[:, None] * across + column)[None, None]
