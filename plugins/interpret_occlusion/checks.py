"""What a sweep is asked by, checked: whole numbers, lists of names, one image."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from interpret.errors import InterpretError
from interpret.network import Network

SEEDS = range(-(2**63), 2**64)
"""What PyTorch's generators take."""

NO_APPROXIMATE = (
    "must be 'auto', 'incremental' or 'full'; 'approximate' is gone: it gained a factor of 1.2, and the "
    "error it stated was below the true one in 20 scenes of 20. Use 'auto', or a longer stride"
)
NO_TOLERANCE = "It belonged to engine: approximate, which is gone. Leave it out."


def one_image(network: Network, x: Any) -> Any:
    """An image, if it is one and no batch of them.

    Raises:
        InterpretError: If it is a batch.
    """
    shape = tuple(getattr(x, "shape", ()))
    if isinstance(x, Tensor) and len(shape) == 4 and shape[1:] == network.input.shape:
        raise InterpretError(
            f"A sweep takes one image {network.input.shape}, but got a batch {shape}. Give one of it: x[0]."
        )
    return x


def pixels(name: str, value: Any) -> tuple[int, int]:
    """Rows and columns, from two whole numbers or one for both.

    Raises:
        InterpretError: If it is neither.
    """
    both = (value, value) if not isinstance(value, Sequence) or isinstance(value, str) else tuple(value)
    if len(both) != 2 or not all(map(_is_whole, both)):
        raise InterpretError(
            f"{name} must be a whole number of pixels, or two: (height, width). Got {value!r}."
        )
    return operator.index(both[0]), operator.index(both[1])


def whole(name: str, value: Any, among: range, described: str) -> int:
    """A whole number in a range.

    Raises:
        InterpretError: If it is not one.
    """
    if not _is_whole(value) or operator.index(value) not in among:
        raise InterpretError(f"{name} must be {described}. Got {value!r}.")
    return operator.index(value)


def names(name: str, value: Any) -> list[str]:
    """A list of names.

    Raises:
        InterpretError: If it is one name, or no list of names.
    """
    if isinstance(value, str):
        raise InterpretError(f"{name} must be a list of names. Got {value!r}; write [{value!r}].")
    if not isinstance(value, Sequence) or not all(isinstance(item, str) for item in value):
        raise InterpretError(f"{name} must be a list of names. Got {value!r}.")
    return list(value)


def units_by_layer(value: Any) -> dict[str, list[int]]:
    """Lists of units by layer.

    Raises:
        InterpretError: If it is anything else.
    """
    if not isinstance(value, Mapping):
        raise InterpretError(f"units must be lists of units by layer, {{'layer': [0, 1]}}. Got {value!r}.")
    for layer, units in value.items():
        if not isinstance(units, Sequence) or isinstance(units, str) or not all(map(_is_whole, units)):
            raise InterpretError(f"units of layer {layer!r} must be a list of whole numbers. Got {units!r}.")
    return {str(layer): [operator.index(unit) for unit in units] for layer, units in value.items()}


def _is_whole(value: Any) -> bool:
    return not isinstance(value, bool | Tensor) and hasattr(value, "__index__")
