"""What makes the bundled weights out of runs: a run trains, a program here writes what comes along."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor


def halved(path: Path) -> dict[str, Tensor]:
    """The tensors of a weights file in 16 bits."""
    return {name: tensor.half().contiguous() for name, tensor in load_file(path).items()}
