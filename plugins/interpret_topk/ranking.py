"""The k strongest neurons of every unit so far, as tensors.

A neuron is a value and a key. The key packs what decides between equal values: the image's place among the
sorted ids, then y, then x. Keys are unique, so the order is total and no result depends on the order of work.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

NOWHERE = torch.iinfo(torch.int64).max
"""The key of no neuron: it comes after every other."""

_SIDE = 16
_HALF = 1 << _SIDE


class Ranking(NamedTuple):
    """The strongest neurons of every unit, strongest first; -inf and ``NOWHERE`` where there are fewer."""

    values: Float[Tensor, "unit rank"]
    keys: Int[Tensor, "unit rank"]


def pack(image: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Keys that sort by image, then y, then x (each map side below 65,536)."""
    return (image << 2 * _SIDE) | (y << _SIDE) | x


def unpack(keys: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Image, y and x of keys; -1 each where there is no neuron."""
    parts = (keys >> 2 * _SIDE, (keys >> _SIDE) % _HALF, keys % _HALF)
    image, y, x = (part.masked_fill(keys == NOWHERE, -1) for part in parts)
    return image, y, x


def empty(units: int, k: int, like: Tensor) -> Ranking:
    """A ranking of no neurons, on the device of ``like``; half precision is kept as float32."""
    dtype = torch.float64 if like.dtype == torch.float64 else torch.float32
    values = torch.full((units, k), -torch.inf, dtype=dtype, device=like.device)
    return Ranking(values, torch.full((units, k), NOWHERE, device=like.device))


def order(values: Float[Tensor, "unit any"], keys: Int[Tensor, "unit any"], k: int) -> Int[Tensor, "unit k"]:
    """Where the k first neurons of each unit are: largest value, then smallest key."""
    by_key = keys.argsort(dim=1, stable=True)
    by_value = values.gather(1, by_key).argsort(dim=1, descending=True, stable=True)
    return by_key.gather(1, by_value[:, :k])


def first(values: Float[Tensor, "unit any"], keys: Int[Tensor, "unit any"], k: int) -> Ranking:
    """The k first neurons of each unit."""
    indices = order(values, keys, k)
    return Ranking(values.gather(1, indices), keys.gather(1, indices))


def peaks(maps: Float[Tensor, "n unit h w"]) -> tuple[Float[Tensor, "n unit"], Int[Tensor, "n unit"]]:
    """The largest value of every map and the number of its NaN, which are left out (-inf if all are)."""
    best = maps.amax((2, 3))
    broken = best.isnan()
    lost = torch.zeros_like(best, dtype=torch.int64)
    if broken.any():
        rows = maps[broken]
        lost[broken] = rows.isnan().sum((1, 2))
        best[broken] = rows.masked_fill(rows.isnan(), -torch.inf).amax((1, 2))
    return best, lost


def update(
    ranking: Ranking,
    maps: Float[Tensor, "n unit h w"],
    best: Float[Tensor, "n unit"],
    images: Int[Tensor, " n"],
    *,
    per_image: int,
) -> None:
    """Put the neurons of a batch where they belong, in place.

    Positions are looked for only in the maps whose largest value enters: after the first batches few do.

    Args:
        ranking: The strongest so far, of other images.
        maps: The batch, in any memory format.
        best: ``peaks`` of the maps.
        images: The index of each image among the sorted ids.
        per_image: How many neurons of one unit a single image may give.
    """
    values, keys = best.T.to(ranking.values.dtype), pack(images, images * 0, images * 0)
    units = _enters(values, keys, ranking).any(1).nonzero()[:, 0]
    if not len(units):
        return
    known = Ranking(ranking.values[units], ranking.keys[units])
    row, slot, image = _entrants(known, values[units], keys)
    found, at = _strongest(_picked(maps, image, units[row]).to(values.dtype), per_image)
    width = maps.shape[3]
    keys = pack(images[image][:, None], at // width, at % width).masked_fill(found == -torch.inf, NOWHERE)
    new = empty(len(units), known.keys.shape[1] * found.shape[1], values)
    column = slot[:, None] * found.shape[1] + torch.arange(found.shape[1], device=slot.device)
    new.values[row[:, None], column], new.keys[row[:, None], column] = found, keys
    ranking.values[units], ranking.keys[units] = first(*_joined(known, new), known.keys.shape[1])


def _enters(
    values: Float[Tensor, "unit n"], keys: Int[Tensor, " n"], ranking: Ranking
) -> Bool[Tensor, "unit n"]:
    """Which images come before the weakest neuron of a ranking."""
    weakest, key = ranking.values[:, -1:], ranking.keys[:, -1:]
    return (values > weakest) | ((values == weakest) & (keys < key) & (values > -torch.inf))


def _entrants(
    known: Ranking, values: Float[Tensor, "unit n"], keys: Int[Tensor, " n"]
) -> tuple[Int[Tensor, " m"], Int[Tensor, " m"], Int[Tensor, " m"]]:
    """Row, rank and column of each of ``values`` that is among the first of its unit, the known included."""
    batch, k = Ranking(values, keys.expand_as(values)), known.keys.shape[1]
    column = order(*_joined(known, batch), k) - k
    enters = (column >= 0) & (values.gather(1, column.clamp(min=0)) > -torch.inf)
    row, rank = enters.nonzero().unbind(1)
    return row, rank, column[row, rank]


def _joined(one: Ranking, other: Ranking) -> Ranking:
    return Ranking(torch.cat([one.values, other.values], 1), torch.cat([one.keys, other.keys], 1))


def _picked(
    maps: Float[Tensor, "n unit h w"], image: Int[Tensor, " m"], unit: Int[Tensor, " m"]
) -> Float[Tensor, "m p"]:
    """Some maps, each as a row."""
    if not maps.is_contiguous():
        return maps[image, unit].flatten(1)
    return (
        maps.flatten(0, 1).flatten(1).index_select(0, image * maps.shape[1] + unit)
    )  # several times as fast


def _strongest(
    maps: Float[Tensor, "m p"], count: int
) -> tuple[Float[Tensor, "m count"], Int[Tensor, "m count"]]:
    """The strongest neurons of every map and where they are; of equal ones the first in reading order."""
    if count == 1:
        found, at = maps.max(1, keepdim=True)
    else:
        at = maps.argsort(dim=1, descending=True, stable=True)[:, :count]
        found = maps.gather(1, at)
    if found.isnan().any():  # NaN come before all numbers, so that looking at the found ones is enough
        return _strongest(maps.masked_fill(maps.isnan(), -torch.inf), count)
    return found, at
