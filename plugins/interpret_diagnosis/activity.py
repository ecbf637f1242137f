"""How often units are active over a dataset; which of them never are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from interpret.errors import DatasetError, ModelError
from interpret.images import Images, as_images
from interpret.network import Network, OnError, batches, takes_network
from interpret.records import Record
from interpret.results import Result
from interpret.run import cached_pieces
from interpret_deconv.signed import before_relu


@dataclass(frozen=True)
class Activity(Record):
    """How often the units of one layer are above zero.

    Attributes:
        images: Share of the images in which a unit is active anywhere, 0 to 1.
        positions: Share of all positions of all images at which it is active, 0 to 1.
        count: Images that were seen.
        signed: Whether values go below zero and on from there: of a layer without a ReLU. Where it is so,
            a unit that is never above zero is not dead.
    """

    images: Float[Tensor, " unit"]
    positions: Float[Tensor, " unit"]
    count: int
    signed: bool = False

    @property
    def dead(self) -> Bool[Tensor, " unit"]:
        """Units that are above zero in no image."""
        return self.images == 0

    def nearly_dead(self, share: float) -> Bool[Tensor, " unit"]:
        """Units that are above zero, but in fewer than this share of the images."""
        return (self.images > 0) & (self.images < share)


@takes_network
def activity(
    network: Network,
    images: Any,
    layers: Sequence[str] = (),
    *,
    batch_size: int = 32,
    on_error: OnError = "raise",
) -> dict[str, Activity]:
    """How often each unit of some layers is above zero, from one pass over a dataset.

    Args:
        network: The network.
        images: What a dataset opens, or a sequence of paths, PIL images or preprocessed tensors (c, h, w).
        layers: Names or aliases of layers after their ReLU; default: see ``Network.default_layers``.
        batch_size: Images in one forward pass.
        on_error: ``skip`` leaves out images that cannot be read.

    Raises:
        UnknownNameError: If there is no such layer.
        ModelError: If a layer gives neither maps (n, c, h, w) nor vectors (n, c).
        DatasetError: If an image cannot be read and ``on_error`` is ``raise``, or if none can.
    """
    return count_activity(network, as_images(images), layers, batch_size, on_error)[0]


def count_activity(
    network: Network, images: Images, layers: Sequence[str], batch_size: int, on_error: OnError
) -> tuple[dict[str, Activity], tuple[tuple[str, str], ...]]:
    """``activity``, and the id of every image that cannot be read, with the reason."""
    names = list(layers) or network.default_layers()

    def some(piece: range) -> _Counts:
        skipped: list[tuple[str, str]] = []
        counters = {name: _Counter(name) for name in names}
        for batch in batches(network, images.subset(piece), batch_size, on_error=on_error):
            skipped.extend(batch.skipped)
            if len(batch.x):
                network.record(batch.x, {name: counter.see for name, counter in counters.items()})
        return _Counts(counters, tuple(skipped))

    pieces = cached_pieces(some, range(len(images)), batch_size, kind=_Counts)
    skipped = tuple(item for piece in pieces for item in piece.skipped)
    counters = {name: _sum([piece.layers[name] for piece in pieces]) for name in names}
    if not counters[names[0]].seen:
        raise DatasetError(f"None of the {len(images)} images can be read. The first: {skipped[0]}.")
    return {name: counter.activity(network) for name, counter in counters.items()}, skipped


@dataclass
class _Counter(Record):
    """Counts of one layer after some batches."""

    layer: str
    seen: int = 0
    positions: int = 0
    below: bool = False
    active: Int[Tensor, "2 unit"] = field(default_factory=lambda: torch.zeros(2, 0, dtype=torch.int64))

    def see(self, output: Tensor) -> None:
        """Take in one batch."""
        if output.dim() not in {2, 4} or not output.is_floating_point():
            raise ModelError(
                f"Layer {self.layer!r} gives {output.dtype} of shape {tuple(output.shape)}. Only maps "
                "(n, channels, height, width) and vectors (n, channels) of real numbers have units that can "
                "be active: choose another layer."
            )
        above = (output if output.dim() == 4 else output[:, :, None]).flatten(2) > 0
        self.below = self.below or bool((output < 0).any())
        found = torch.stack([above.any(2).sum(0), above.sum((0, 2))]).cpu()
        self.active = found if self.seen == 0 else self.active + found
        self.seen += len(above)
        self.positions += len(above) * above.shape[2]

    def activity(self, network: Network) -> Activity:
        """The shares."""
        whole = torch.tensor([[self.seen], [self.positions]])
        images, positions = (self.active.double() / whole).float()
        signed = self.below and not before_relu(network, self.layer)
        return Activity(images, positions, self.seen, signed)


@dataclass(frozen=True)
class _Counts(Result):
    """Counts over some of the images, and the id of each that could not be read, with the reason."""

    layers: dict[str, _Counter]
    skipped: tuple[tuple[str, str], ...]


def _sum(parts: Sequence[_Counter]) -> _Counter:
    """The counts of one layer over all parts."""
    read = [part for part in parts if part.seen] or [*parts[:1]]
    return _Counter(
        read[0].layer,
        sum(part.seen for part in read),
        sum(part.positions for part in read),
        any(part.below for part in read),
        torch.stack([part.active for part in read]).sum(0),
    )
