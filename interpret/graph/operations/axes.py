"""Which axes of a value are the rows and the columns of a map, followed from operand to value by rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import torch

from interpret.graph.operations.vocabulary import MAPS, REDUCING
from interpret.graph.program.program import Node

Axes = tuple[int, int] | None

MIXING = frozenset({"flip", "roll", "index_select", "index"})
"""Operations that change the order of things along the axes they name."""

SAME_POSITIONS = frozenset({"cast", "detach", "slice"})
"""Operations that leave every axis where it is, beside PyTorch's pointwise ones."""

CHANNELWISE = frozenset({"batch_norm", "local_response_norm", "prelu"})
"""Operations that treat the second axis in their own way, and every later one alike."""


LASTWISE = frozenset({"linear", "layer_norm"})
"""Operations that take the last axes together, and treat every earlier one alike."""


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
    found = [(node.extent, carried(op, target, arguments, node, traced)) for node in operands if node.varies]
    return max(((extent, axes) for extent, axes in found if axes), default=(None, None), key=_extent)[1]


def _extent(item: tuple[tuple[int, int] | None, Axes]) -> tuple[int, int]:
    return item[0] or (0, 0)


def carried(
    op: str, target: Any, arguments: Mapping[str, Any], operand: Node, traced: tuple[int, ...]
) -> Axes:
    """Where the rows and columns of one operand lie in a value; None where no rule says so.

    A rule says of an operation that position i of its value reads position i of this operand and no other,
    along rows and columns; a slice keeps the axes, and may cut them.
    """
    if operand.spatial is None or not operand.varies or (op == "cat" and arguments["dim"] in operand.spatial):
        return None
    spatial, before = operand.spatial, operand.traced
    shift = len(traced) - len(before)
    moved = spatial[0] + shift, spatial[1] + shift
    if is_pointwise(target) or op in ("expand", "cat"):
        return moved
    if operand is not next(iter(arguments.values())):
        return None
    last = len(traced) - len(arguments.get("normalized_shape", (1,)))
    alike = (op in CHANNELWISE and min(spatial) > 1) or (op in LASTWISE and max(spatial) < last)
    if op in SAME_POSITIONS or alike:
        return moved
    if op == "reshape":
        return _reshaped(spatial, before, traced)
    return _located(spatial, _surviving(op, arguments, len(before)))


def is_pointwise(target: Any) -> bool:
    """Whether PyTorch says of a function that it computes each element from those at the same place."""
    return torch.Tag.pointwise in getattr(target, "tags", ())


def _reshaped(spatial: tuple[int, int], before: tuple[int, ...], after: tuple[int, ...]) -> Axes:
    """An axis survives if there is one of the same size and the same stride afterwards.

    The place along an axis is (place in the value // stride) % size, so such an axis is the same one.
    """
    strides = [(size, prod(after[axis + 1 :])) for axis, size in enumerate(after)]
    rows, columns = ((before[axis], prod(before[axis + 1 :])) for axis in spatial)
    if rows not in strides or columns not in strides:
        return None
    found = strides.index(rows), len(strides) - 1 - strides[::-1].index(columns)
    return found if found[0] != found[1] else None


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
        gone = _named(op, arguments, count)
        return [axis for axis in range(count) if axis not in gone]
    if op in MIXING and _is_one_index(arguments):
        gone = _named(op, arguments, count)
        return [-1 if axis in gone else axis for axis in range(count)]
    return []


def _is_one_index(arguments: Mapping[str, Any]) -> bool:
    """Whether an indexing operation, if it is one, takes a list of places along one axis."""
    given = [index for index in arguments.get("indices", ()) if index is not None]
    return not given or (len(given) == 1 and len(given[0].traced) == 1 and given[0].dtype is not torch.bool)


def _named(op: str, arguments: Mapping[str, Any], count: int) -> set[int]:
    """The axes an operation names; all of them if it names none."""
    if "indices" in arguments:
        return {axis for axis, index in enumerate(arguments["indices"]) if index is not None}
    named = arguments.get("dim", arguments.get("dims"))
    if named is None or (named == [] and op != "flip"):
        return set(range(count))
    return {axis % count for axis in ([named] if isinstance(named, int) else named)}
