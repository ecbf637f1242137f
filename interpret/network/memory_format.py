"""How forward passes lay out their maps in memory: channel by channel, or pixel by pixel."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from interpret.errors import ModelError

MemoryFormat = Literal["contiguous", "channels_last"]
"""PyTorch's words; channels last is often faster, with other last bits."""


def require_memory_format(memory_format: str) -> MemoryFormat:
    """Raise ModelError unless it is one.

    Example:
        >>> require_memory_format("channels_last")
        'channels_last'
    """
    if memory_format not in ("contiguous", "channels_last"):
        raise ModelError(f"memory_format is contiguous or channels_last. Got {memory_format!r}.")
    return memory_format  # type: ignore[return-value]


def laid_out(x: Tensor, memory_format: MemoryFormat) -> Tensor:
    """Images (n, c, h, w) in a memory format, which convolutions and pools hand on to all that follows."""
    if memory_format == "contiguous" or x.dim() != 4:
        return x
    return x.contiguous(memory_format=torch.channels_last)
