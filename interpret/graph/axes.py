"""Which axes of a value are the rows and the columns of a map, followed through the program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import torch

from interpret.graph.ops import MAPS, REDUCING
from interpret.graph.program import Node

Axes = tuple[int, int] | None

MIXING = frozenset({"cat", "flip", "roll", "index_select", "index"})
"""Operations that change the order of things along the axes they name."""

STEADY = frozenset(
    {"add", "sub", "mul", "div", "neg", "relu", "batch_norm", "local_response_norm", "expand", "slice"}
    | {"cast", "prelu"}
)
"""Operations that leave every axis where it is."""


def spatial_axes(
    op: str, target: Any, arguments: Mapping[str, Any], operands: Sequence[Node], traced: tuple[int, ...]
) -> Axes:
    """The axes of an operation's value that are rows and columns; None if it is no map any more.

    Args:
        op: A word of the vocabulary.
        target: The function that computes it.
        arguments: Its arguments by name.
        operands: The nodes it reads.
        traced: The shape of the value.
    """
    if op in MAPS:
        return (2, 3) if len(traced) == 4 else None
    largest = max((node for node in operands if node.varies), key=lambda node: node.extent, default=None)
    if largest is None or largest.spatial is None:
        return None
    spatial, before = largest.spatial, largest.traced
    if op == "reshape":
        return _reshaped(spatial, before, traced)
    if op in ("linear", "layer_norm"):
        last = len(traced) - len(arguments.get("normalized_shape", (1,)))
        return spatial if max(spatial) < last else None
    if op in STEADY or torch.Tag.pointwise in getattr(target, "tags", ()):
        shift = len(traced) - len(before)
        return spatial[0] + shift, spatial[1] + shift
    return _located(spatial, _surviving(op, arguments, len(before)))


def _reshaped(spatial: tuple[int, int], before: tuple[int, ...], after: tuple[int, ...]) -> Axes:
    """An axis survives if there is one of the same size and the same stride afterwards."""
    strides = [(size, prod(after[axis + 1 :])) for axis, size in enumerate(after)]
    rows, columns = ((before[axis], prod(before[axis + 1 :])) for axis in spatial)
    if rows not in strides or columns not in strides:
        return None
    row = strides.index(rows)
    return (row, strides.index(columns, row + 1)) if columns in strides[row + 1 :] else None


def _located(spatial: tuple[int, int], survivors: Sequence[int]) -> Axes:
    if not set(spatial) <= set(survivors):
        return None
    return survivors.index(spatial[0]), survivors.index(spatial[1])


def _surviving(op: str, arguments: Mapping[str, Any], count: int) -> list[int]:
    """The axes of the operand that the value still has, in the value's order; a mixed axis counts as lost."""
    if op == "permute":
        return [axis % count for axis in arguments["dims"]]
    if op in REDUCING and arguments.get("keepdim"):
        return list(range(count))
    if op in REDUCING or op == "select":
        gone = _named(arguments, count)
        return [axis for axis in range(count) if axis not in gone]
    if op in MIXING:
        gone = _named(arguments, count)
        return [-1 if axis in gone else axis for axis in range(count)]
    return []


def _named(arguments: Mapping[str, Any], count: int) -> set[int]:
    """The axes an operation names; all of them if it names none."""
    if "indices" in arguments:
        return {axis for axis, index in enumerate(arguments["indices"]) if index is not None}
    named = arguments.get("dim", arguments.get("dims"))
    if named is None:
        return set(range(count))
    return {axis % count for axis in ([named] if isinstance(named, int) else named)}
