"""Arrays of numpy in a pickle, made from their description: nothing that the pickle names is called."""

from __future__ import annotations

import re
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from interpret.weights.unpickling import Inert

_CORES = ("numpy.core", "numpy._core")
_EMPTY = {f"{core}.multiarray._reconstruct" for core in _CORES}
_FILLED = {f"{core}.numeric._frombuffer" for core in _CORES}
_NUMBER_TYPES = re.compile(r"b1|[iu][1248]|f[248]|c(8|16)")
"""Types of numbers that PyTorch has too; none of objects, of text or of records."""


def is_array(described: Any) -> bool:
    """Whether an object of a pickle describes an array of numpy."""
    return isinstance(described, Inert) and described.name in _EMPTY | _FILLED


def array_tensor(described: Inert) -> Tensor:
    """The array that an object of a pickle describes, as a tensor.

    Raises:
        ValueError: If it holds no numbers, or not as many as its shape says.
    """
    data, kind, shape, order = _parts(described)
    dtype = _dtype(kind)
    shape = _argument(shape) if isinstance(shape, Inert) else shape
    if not isinstance(shape, tuple) or len(shape) > 64 or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError("an array without a shape")
    if len(data) != prod(shape) * dtype.itemsize:
        raise ValueError("an array whose bytes are not what its shape says")
    values = np.frombuffer(bytearray(data), dtype).reshape(shape, order="F" if order else "C")
    return torch.from_numpy(np.ascontiguousarray(values, dtype.newbyteorder("=")).reshape(shape))


def _parts(described: Inert) -> tuple[bytes, Any, Any, bool]:
    """Bytes, type, shape, and whether columns come first."""
    if described.name in _FILLED and len(described.args) == 4:
        data, kind, shape, order = described.args
        return plain_bytes(data), kind, shape, order == "F"
    if isinstance(described.state, tuple) and len(described.state) == 5:
        _, shape, kind, columns, data = described.state
        return plain_bytes(data), kind, shape, bool(columns)
    raise ValueError("an array that is not whole")


def plain_bytes(data: Any) -> bytes:
    """Bytes; old pickles write them as text."""
    text = _argument(data) if isinstance(data, Inert) and data.name == "_codecs.encode" else None
    if isinstance(text, str):
        return text.encode("latin1")
    if isinstance(data, Inert) and data.name.endswith(".bytes") and not data.args:
        return b""
    if not isinstance(data, bytes):
        raise ValueError("an array of objects")
    return data


def _argument(described: Inert) -> Any:
    """What an object is made of first; None if of nothing."""
    return described.args[0] if described.args else None


def _dtype(described: Any) -> np.dtype[Any]:
    """The type of numbers that a pickle describes."""
    name = _argument(described) if isinstance(described, Inert) else None
    if not isinstance(name, str) or not _NUMBER_TYPES.fullmatch(name):
        raise ValueError(f"an array of {name if isinstance(name, str) else 'an unknown type'}")
    state = described.state
    large_first = isinstance(state, tuple) and len(state) > 1 and state[1] == ">"
    return np.dtype(name).newbyteorder(">" if large_first else "<")
