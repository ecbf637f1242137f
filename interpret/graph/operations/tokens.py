"""Where the positions of a map lie when they are along one axis: tokens, row by row, and others beside them.

What keeps an axis keeps the tokens along it, by the same rules as rows and columns (`axes`). Reshapes lay a
map along one axis and back, joins put tokens before it, slices take them away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from math import prod
from typing import Any

from interpret.graph.operations.axes import AxesRule, SpatialAxes, aligned
from interpret.graph.program.program import Node, TokenGrid

TokensRule = Callable[[Mapping[str, Any], Node, tuple[int, ...]], TokenGrid | None]
"""From the arguments of an operation, one operand that holds a map, and the shape of the value."""


def by_axes(rule: AxesRule) -> TokensRule:
    """The tokens of an operand, along the axis where a rule for axes says that theirs went."""

    def carried(arguments: Mapping[str, Any], operand: Node, traced: tuple[int, ...]) -> TokenGrid | None:
        grid = operand.tokens
        found = grid and rule(arguments, replace(operand, spatial=(grid.axis, grid.axis)), traced)
        if grid is None or not found or traced[found[0]] != operand.traced[grid.axis]:
            return None
        return grid._replace(axis=found[0])

    return carried


def reshaped_tokens(arguments: Mapping[str, Any], operand: Node, traced: tuple[int, ...]) -> TokenGrid | None:
    """The axis of tokens survives, or rows and columns that follow each other become one axis."""
    if operand is not arguments["self"]:
        return None
    sizes, grid = _strided(traced), operand.tokens
    if grid is not None:
        axis = _strided(operand.traced)[grid.axis]
        return grid._replace(axis=sizes.index(axis)) if axis in sizes else None
    rows, columns = operand.spatial or (0, 0)
    if columns != rows + 1:
        return None
    together = prod(operand.extent), prod(operand.traced[columns + 1 :])
    return TokenGrid(sizes.index(together), *operand.extent) if together in sizes else None


def unfolded(arguments: Mapping[str, Any], operand: Node, traced: tuple[int, ...]) -> SpatialAxes:
    """The axes of rows and columns that a reshape makes of tokens with nothing beside them."""
    grid = operand.tokens
    if grid is None or operand is not arguments.get("self") or operand.traced[grid.axis] != grid.size:
        return None
    stride = prod(operand.traced[grid.axis + 1 :])
    sizes = _strided(traced)
    pairs = list(pairwise(sizes))
    wanted = (grid.rows, grid.columns * stride), (grid.columns, stride)
    return (pairs.index(wanted), pairs.index(wanted) + 1) if wanted in pairs else None


def joined_tokens(arguments: Mapping[str, Any], operand: Node, traced: tuple[int, ...]) -> TokenGrid | None:
    """One operand's map, with what is joined in front of it."""
    grid, parts, axis = operand.tokens, arguments["tensors"], arguments["dim"]
    if grid is None or axis != grid.axis:
        return by_axes(aligned)(arguments, operand, traced)
    if sum(part.tokens is not None and part.tokens.size > 0 for part in parts) > 1 or not grid.size:
        return None
    first = parts.index(operand)
    before = [name for part in parts[:first] for name in _names(part, axis)]
    return grid._replace(before=(*before, *grid.before))


def sliced_tokens(arguments: Mapping[str, Any], operand: Node, traced: tuple[int, ...]) -> TokenGrid | None:
    """A slice that holds all of the map, or only what stands before it (then without rows and columns)."""
    grid, start, end = operand.tokens, arguments["start"], arguments["end"]
    if grid is None or arguments["dim"] != grid.axis:
        return by_axes(aligned)(arguments, operand, traced)
    first = len(grid.before)
    if arguments["step"] == 1 and start <= first and end >= first + grid.size:
        return grid._replace(before=grid.before[start:])
    return TokenGrid(grid.axis, 0, 0, grid.before[start:end]) if end <= first else None


def kept_tokens(operand: Node, traced: tuple[int, ...]) -> TokenGrid | None:
    """The operand's tokens, if a value has as many axes, images and tokens: what was read is not known."""
    grid = operand.tokens
    if grid is None or not operand.batched or len(traced) != len(operand.traced) or not grid.axis:
        return None
    return grid if all(traced[axis] == operand.traced[axis] for axis in (0, grid.axis)) else None


def _strided(shape: Sequence[int]) -> list[tuple[int, int]]:
    """The size and the stride of every axis."""
    return [(size, prod(shape[axis + 1 :])) for axis, size in enumerate(shape)]


def _names(part: Node, axis: int) -> Sequence[str]:
    """What the tokens of a part are called: by the tokens it was cut from, or by the parameter below it."""
    if part.tokens is not None:
        return part.tokens.before
    return [next(_parameters(part), "")] * part.traced[axis]


def _parameters(node: Node) -> Iterator[str]:
    """The parameters that a value is made of, if it does not depend on the image."""
    if node.op == "parameter":
        yield str(node.arguments["path"]).rpartition(".")[2]
    for operand in () if node.varies else node.operands:
        yield from _parameters(operand)
