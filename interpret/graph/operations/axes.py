"""Where the rows and the columns of an operand lie in a value: rules that rows of the table choose from.

A rule says of an operation that position i of its value reads position i of this operand and no other, along
rows and columns; a slice keeps the axes, and may cut them. None: no rule says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import torch

from interpret.graph.program.program import Node

SpatialAxes = tuple[int, int] | None
"""The axes of a value that are rows and columns."""

AxesRule = Callable[[Mapping[str, Any], Node, tuple[int, ...]], SpatialAxes]
"""From the arguments of an operation, one operand that is a map, and the shape of the value."""


def is_pointwise(target: Any) -> bool:
    """Whether PyTorch says of a function that it computes each element from those at the same position."""
    return torch.Tag.pointwise in getattr(target, "tags", ())


def aligned(_arguments: Mapping[str, Any], operand: Node, traced: tuple[int, ...]) -> SpatialAxes:
    """The operand's axes, counted from the last, as PyTorch broadcasts them."""
    shift = len(traced) - len(operand.traced)
    rows, columns = spatial(operand)
    return rows + shift, columns + shift


def spatial(node: Node) -> tuple[int, int]:
    """The axes of a map that are rows and columns."""
    if node.spatial is None:
        raise ValueError(f"{node.origin} makes no map")
    return node.spatial


def first_aligned(arguments: Mapping[str, Any], operand: Node, traced: tuple[int, ...]) -> SpatialAxes:
    """Every axis of the first argument stays where it is."""
    return aligned(arguments, operand, traced) if _is_first(arguments, operand) else None


def channelwise(arguments: Mapping[str, Any], operand: Node, traced: tuple[int, ...]) -> SpatialAxes:
    """The second axis is treated in a way of its own, and every later one alike."""
    return first_aligned(arguments, operand, traced) if min(spatial(operand)) > 1 else None


def lastwise(arguments: Mapping[str, Any], operand: Node, traced: tuple[int, ...]) -> SpatialAxes:
    """The last axes are taken together, and every earlier one is treated alike."""
    last = len(traced) - len(arguments.get("normalized_shape", (1,)))
    return first_aligned(arguments, operand, traced) if max(spatial(operand)) < last else None


def reshaped(arguments: Mapping[str, Any], operand: Node, traced: tuple[int, ...]) -> SpatialAxes:
    """An axis survives if there is one of the same size and the same stride afterwards, or if it is split.

    The position along an axis is (index in the value // stride) % size, so such an axis is the same one. Rows
    that are split, as (rows / 2, 2), are those of a smaller map; what lies within one is among its channels.
    """
    if not _is_first(arguments, operand):
        return None
    strides = [(size, prod(traced[axis + 1 :])) for axis, size in enumerate(traced)]
    before = operand.traced
    rows, columns = ((before[axis], prod(before[axis + 1 :])) for axis in spatial(operand))
    first, last = _survivors(strides, *rows), _survivors(strides, *columns)
    if not first or not last:
        return None
    found = first[0], last[-1]
    return found if found[0] != found[1] else None


def _survivors(strides: Sequence[tuple[int, int]], size: int, stride: int) -> list[int]:
    """The axes that an axis may have become: itself, or else the outer part of it."""
    same = [axis for axis, found in enumerate(strides) if found == (size, stride)]
    split = [
        axis
        for axis, (part, apart) in enumerate(strides)
        if 1 < part < size and part * apart == size * stride and apart % stride == 0
    ]
    return same or split


def surviving(axes: Callable[[Mapping[str, Any], int], Sequence[int]]) -> AxesRule:
    """Axes that the value still has, in its order, as numbers of the operand's; a mixed one counts as -1.

    Args:
        axes: From the arguments, and the number of axes that the operand has.
    """

    def rule(arguments: Mapping[str, Any], operand: Node, _traced: tuple[int, ...]) -> SpatialAxes:
        if not _is_first(arguments, operand):
            return None
        found, (rows, columns) = axes(arguments, len(operand.traced)), spatial(operand)
        return (found.index(rows), found.index(columns)) if {rows, columns} <= set(found) else None

    return rule


def named_axes(arguments: Mapping[str, Any], count: int) -> set[int]:
    """The axes that ``dim`` or ``dims`` names; all of them if it names none."""
    named = arguments.get("dim", arguments.get("dims"))
    if named is None or named == []:
        return set(range(count))
    return {axis % count for axis in ([named] if isinstance(named, int) else named)}


def kept_by_shape(operand: Node, traced: tuple[int, ...]) -> SpatialAxes:
    """The operand's axes, if a value has as many rows and columns, or as many of all the rest."""
    if operand.spatial is None or not operand.batched or len(traced) != len(operand.traced):
        return None
    same = {axis for axis, size in enumerate(traced) if operand.traced[axis] == size}
    rest = set(range(len(traced))) - set(operand.spatial)
    return operand.spatial if same >= {0, *operand.spatial} or same >= rest else None


def _is_first(arguments: Mapping[str, Any], operand: Node) -> bool:
    return operand.name == getattr(next(iter(arguments.values())), "name", None)
