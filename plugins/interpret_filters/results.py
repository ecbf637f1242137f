"""What the filters of a convolution are stored as."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from interpret.images import InputSpec
from interpret.results import Result
from interpret.wording import counted, value


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

    def summary(self) -> dict[str, str]:
        """How many filters of which layer, and their size."""
        count, channels, height, width = self.weights.shape
        size = f"{height} x {width} pixels, {counted(channels, 'channel')}"
        return {"layer": self.layer, "filters": value(count), "size": size}
