"""What the filters of a convolution are stored as."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from interpret.images import InputSpec
from interpret.results import Result


@dataclass(frozen=True)
class Filters(Result):
    """The weights of one convolution.

    Attributes:
        layer: Its name.
        weights: Signed weights.
        input: What the network takes; None of results stored before.
    """

    former_kinds: ClassVar[tuple[str, ...]] = ("interpret_figures:Filters",)

    layer: str
    weights: Float[Tensor, "unit channel height width"]
    input: InputSpec | None = None
