"""Batches of views: which images, in which order, cropped where; the same however the work is shared."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from interpret.images import InputSpec
from interpret.network import Network
from interpret_training.crops import CENTRE, Views, cut, draw_views, ten_views
from interpret_training.pixels import Pixels
from interpret_training.recipe import Recipe
from interpret_training.rng import generator, order
from interpret_zoo import MeanImage

__all__ = ["Preparation"]

WORKERS = min(8, os.cpu_count() or 1)
"""Processes that read photographs which are not held in memory."""


class Batch(NamedTuple):
    """Views of some images, and where they were cropped."""

    pixels: UInt8[Tensor, "n c h w"]
    views: Views
    labels: Int[Tensor, " n"]


def viewed(pixels: Pixels, chosen: Int[Tensor, " n"], views: Views, size: tuple[int, int]) -> Batch:
    """A view of each of the chosen images."""
    return Batch(cut(pixels.take(chosen), views, size), views, pixels.labels[chosen])


@dataclass(frozen=True)
class Share:
    """One process among those that share every batch; ``rank`` counts from 0."""

    rank: int = 0
    processes: int = 1

    def rows(self, count: int) -> slice:
        """This process's rows of a batch of ``count``."""
        mine = count // self.processes
        return slice(self.rank * mine, (self.rank + 1) * mine)


class StepSampler(Sampler[tuple[int, int]]):
    """The steps of an epoch, as (epoch, number); Lightning sets the epoch."""

    def __init__(self, steps: int) -> None:
        self.steps, self.epoch = steps, 0

    def set_epoch(self, epoch: int) -> None:
        """The epoch whose steps come next."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return ((self.epoch, number) for number in range(self.steps))

    def __len__(self) -> int:
        return self.steps


class TrainingSteps(Dataset[Batch]):
    """This process's part of the batch of every step; an epoch's rest waits for another epoch."""

    def __init__(self, pixels: Pixels, size: tuple[int, int], recipe: Recipe, share: Share) -> None:
        self.pixels, self.size, self.recipe, self.share = pixels, size, recipe, share
        self.batch = min(recipe.batch, len(pixels))
        self._order: tuple[int, Tensor] = (-1, torch.empty(0))

    @property
    def steps(self) -> int:
        """Steps in an epoch."""
        return len(self.pixels) // self.batch

    def __getitem__(self, step: tuple[int, int]) -> Batch:
        epoch, number = step
        chosen = self._images(epoch)[number * self.batch :][: self.batch]
        draw = generator(self.recipe.seed, "views", epoch, number)
        views = draw_views(
            len(chosen),
            self.pixels.spec.size,
            self.size,
            draw,
            crops=self.recipe.crops,
            flips=self.recipe.flips,
        )
        rows = self.share.rows(len(chosen))
        return viewed(self.pixels, chosen[rows], views.rows(rows), self.size)

    def _images(self, epoch: int) -> Int[Tensor, " n"]:
        if self._order[0] != epoch:
            self._order = epoch, order(len(self.pixels), self.recipe.seed, epoch)
        return self._order[1]


class CenterSteps(Dataset[Batch]):
    """This process's part of all images in turn, cropped at the centre."""

    def __init__(self, pixels: Pixels, size: tuple[int, int], batch: int, share: Share) -> None:
        self.pixels, self.size = pixels, size
        self.parts = torch.split(torch.arange(len(pixels))[share.rank :: share.processes], batch)

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, number: int) -> Batch:
        chosen, view = self.parts[number], ten_views(self.pixels.spec.size, self.size).rows(CENTRE)
        return viewed(self.pixels, chosen, view.expand(len(chosen)), self.size)


def training_loader(steps: TrainingSteps) -> DataLoader[Batch]:
    """The steps of training, read ahead by processes where the photographs are not held."""
    return DataLoader(
        steps, batch_size=None, sampler=StepSampler(steps.steps), num_workers=_workers(steps.pixels)
    )


def center_loader(steps: CenterSteps) -> DataLoader[Batch]:
    """The centre crops in turn."""
    return DataLoader(steps, batch_size=None, shuffle=False, num_workers=_workers(steps.pixels))


def _workers(pixels: Pixels) -> int:
    return 0 if pixels.held is not None else WORKERS


@dataclass(frozen=True)
class Preparation:
    """How pixels become what the network takes, with the mean image where it was cropped.

    A network that subtracts a mean image subtracts that of the centre. For another view the difference is
    taken first, so that pixel and mean always belong together (paper section 3: mean first, then crops).

    Attributes:
        spec: The network's input.
        mean: The network's mean image; None: it subtracts none.
    """

    spec: InputSpec
    mean: MeanImage | None = None

    @classmethod
    def of(cls, network: Network) -> Preparation:
        """What a network needs."""
        return cls(network.input, mean_image(network))

    def __call__(self, batch: Batch) -> Float[Tensor, "n c h w"]:
        """A batch as the network takes it, on the device of its pixels."""
        return self.seen(self.spec.normalize(batch.pixels.float() / 255), batch.views)

    def seen(self, x: Float[Tensor, "n c h w"], views: Views) -> Float[Tensor, "n c h w"]:
        """Normalised views, with the mean image of where they were cropped in place of the centre's."""
        if self.mean is None:
            return x
        whole = self.mean.mean.to(x.device)
        under = cut(whole.expand(len(x), *whole.shape), views, self.spec.size)
        return x - under + self.mean.centre.to(x.device)


def mean_image(network: Network) -> MeanImage | None:
    """The part of a network that subtracts a mean image; None if it has none."""
    return next((part for part in network.module.modules() if isinstance(part, MeanImage)), None)
