"""Which units of a layer a figure shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import numpy as np
from pydantic import NonNegativeInt, PositiveInt

from interpret.errors import StepError

__all__ = ["check_layers", "choose_units"]


Units: TypeAlias = Literal["all"] | PositiveInt | list[NonNegativeInt] | dict[str, list[NonNegativeInt]]
"""All; so many at random; these; or these of each layer that is named."""


def choose_units(units: Units, layer: str, known: Sequence[int], seed: int) -> list[int]:
    """The units to show of one layer: in the order given, else ascending.

    Args:
        units: What is asked for.
        layer: The layer's name.
        known: Units that can be shown, ascending.
        seed: Start of the random choice, which is the same for layers with the same units.

    Raises:
        StepError: If a unit that is asked for cannot be shown.
    """
    if units == "all":
        return list(known)
    if isinstance(units, int):
        picked = np.random.default_rng(seed).permutation(np.asarray(known, dtype=int))[:units]
        return sorted(picked.tolist())
    wanted = units.get(layer, []) if isinstance(units, Mapping) else list(units)
    missing = [unit for unit in wanted if unit not in set(known)]
    if missing:
        raise StepError(f"{layer} has no unit {missing[0]} to show: {_described(known)}.")
    return wanted


def check_layers(units: Units, layers: Sequence[str]) -> None:
    """Refuse units of layers that the result does not hold.

    Raises:
        StepError: The message names the layers there are.
    """
    unknown = [layer for layer in units if layer not in layers] if isinstance(units, Mapping) else []
    if unknown:
        raise StepError(f"units: the result has no layer {unknown[0]!r}. It has {', '.join(layers)}.")


def _described(known: Sequence[int]) -> str:
    shown = ", ".join(map(str, known[:12]))
    return f"the result holds {len(known)} units: {shown}{', …' if len(known) > 12 else ''}"
