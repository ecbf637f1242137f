"""How each operation passes on a change, exactly.

A linear operation takes the change itself. Anything else takes the value with the change and subtracts the
value without it. So results equal a full forward pass to rounding, at the cost of the windows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from interpret.graph.delta.changes import Base, Block, Box, Change, laid_out, spatial, subtract
from interpret.graph.delta.exactness import keeps_bits
from interpret.graph.delta.intervals import Axis, Span, Windows, reading
from interpret.graph.operations.axes import CHANNELWISE, is_pointwise
from interpret.graph.operations.positions import Geometry, geometry, takes_map
from interpret.graph.operations.vocabulary import is_linear
from interpret.graph.program.program import Node, apply, resolve
from interpret.graph.topdown.rules import batch_norm_scale

Rule = Callable[[Block, Node], Change]

ALIKE = frozenset({"local_response_norm", "prelu", "permute", "reshape", "cast", "detach"})
"""Operations that treat every position alike, beside PyTorch's pointwise ones.

Not the layer norm: it divides by a deviation that is next to zero under a plain occluder, where a difference
has lost its digits.
"""

OWN = frozenset({"conv2d", "batch_norm", "max_pool2d", "avg_pool2d", "add", "sub", "cat"})
"""Operations whose rules make a tensor of their own, or pass on one that nobody else reads."""


def rule_for(node: Node, *, exact: bool = False) -> Rule | None:
    """The rule of a node whose operands' changes are known; None where whole maps are needed.

    None is the default: a rule is taken only where `geometry` says how positions map, and images stay where
    they are.

    Args:
        node: The node.
        exact: Whether its value must be the very one that its operation makes of its operands' values.
    """
    if exact and not keeps_bits(node):
        return None
    moving = varying(node)
    if _is_global_mean(node):
        return _global_mean
    if not _images_stay(node) or any(geometry(node, operand) is None for operand in moving):
        return None
    if node.op in WINDOWED:
        counted = node.continuous or node.op in ("pad", "slice")
        plain = takes_map(node, moving[0]) and _is_plain(node)
        return WINDOWED[node.op] if plain and counted else None
    if any(operand.extent != node.extent for operand in moving):
        return None
    return _by_value if exact else _steady_rule(node)


def _images_stay(node: Node) -> bool:
    """Whether the first axis counts images in a node and its operands."""
    kept = [len(operand.traced) == len(node.traced) for operand in varying(node)]
    if node.op == "permute":
        return bool(node.batched and node.arguments["dims"][0] == 0)
    return all(item.batched for item in (node, *varying(node))) and (node.op == "reshape" or all(kept))


def _steady_rule(node: Node) -> Rule | None:
    """The rule of an operation whose value has the positions of its operands."""
    smooth = all(item.continuous for item in (node, *varying(node)))
    if node.op in STEADY and smooth:
        return STEADY[node.op]
    if node.op == "cat":
        alike = smooth or len({item.dtype for item in (node, *node.operands)}) == 1
        return _cat if alike and node.arguments["dim"] == 1 and node.spatial == (2, 3) else None
    whole = all(operand.shape == node.shape for operand in varying(node))
    if node.op in ("add", "sub") and smooth and whole:
        return _add
    if not is_pointwise(node.target) and node.op not in ALIKE:
        return None
    scaled = node.op in ("mul", "div", "neg") and smooth and is_linear(node)
    return _scaled if scaled else _by_value


def _is_plain(node: Node) -> bool:
    """Whether a padding or a slice leaves images and channels in their places."""
    inside = node.op != "pad" or not any(node.arguments["pad"][4:])
    return inside and (node.op != "slice" or node.arguments["dim"] > 0)


def varying(node: Node) -> list[Node]:
    """The operands that depend on the input, each once."""
    return [operand for operand in dict.fromkeys(node.operands) if operand.varies]


def axes(node: Node) -> tuple[Axis, Axis]:
    """How the rows and the columns of a node read those of its operands."""
    found = geometry(node, varying(node)[0]) or Geometry()
    rows, columns = zip(found.kernel, found.stride, found.padding, found.dilation, strict=True)
    return Axis(*rows), Axis(*columns)


def reached(node: Node, axis: int, spans: Mapping[Node, Span]) -> Span:
    """What changes of its operands reach in a node, along its rows (0) or its columns (1)."""
    union = Span.union([spans[operand] for operand in varying(node)])
    extent = node.extent[axis]
    if _is_global_mean(node):
        return Span((0,) * len(union.low), (1,) * len(union.low), 1)
    return union.through(axes(node)[axis], extent)


def _is_global_mean(node: Node) -> bool:
    pooled = node.op == "adaptive_avg_pool2d" or (node.op == "mean" and sorted(_dims(node)) == [2, 3])
    return pooled and node.batched and takes_map(node, node.operands[0]) and node.extent == (1, 1)


def _dims(node: Node) -> list[int]:
    return [axis % len(node.operands[0].traced) for axis in node.arguments.get("dim") or ()]


# Operations with a kernel, and those that move positions.


def _convolution(block: Block, node: Node) -> Change:
    given, operand = node.arguments, node.operands[0]
    rows, columns = (
        reading(axis, source, made)
        for axis, source, made in zip(axes(node), block.box(operand), block.box(node), strict=True)
    )
    delta = block.read(operand, (rows.source, columns.source))
    (top, bottom), (left, right) = rows.pads, columns.pads
    even = top == bottom >= 0 and left == right >= 0
    if not even:
        delta = F.pad(delta, (left, right, top, bottom))
    weight = block.base.prepared("weight", node, lambda: _weight(block.base, node))
    pads = (top, left) if even else (0, 0)
    made = F.conv2d(delta, weight, None, given["stride"], pads, given["dilation"], given["groups"])
    return Change(laid_out(made), (rows.result, columns.result))


def _weight(base: Base, node: Node) -> Tensor:
    """The filters, with the scale of a batch norm that alone reads the convolution."""
    weight: Tensor = base.constant(node.arguments["weight"])
    norm = base.only_reader(node)
    if norm is not None and rule_for(norm) is _batch_norm:
        weight = weight * _norm_scale(base, norm)[:, None, None, None]
    return laid_out(weight)


def _norm_scale(base: Base, node: Node) -> Tensor:
    given = node.arguments
    return batch_norm_scale(base.constant(given["running_var"]), base.constant(given["weight"]), given["eps"])


def _batch_norm(block: Block, node: Node) -> Change:
    operand, base = node.operands[0], block.base
    delta, box, _ = block.changes[operand]
    if operand.op == "conv2d" and base.only_reader(operand) is node:
        return Change(delta, box)
    scale = base.prepared("scale", node, lambda: _norm_scale(base, node))
    return Change(delta * scale.view(-1, *[1] * (delta.dim() - 2)), box)


def _max_pool(block: Block, node: Node) -> Change:
    given, operand, box = node.arguments, node.operands[0], block.box(node)
    rows, columns = _reads(node, box)
    padded = block.base.prepared("padded", node, lambda: _padded(block.base, node))
    read = block.empty(operand, (rows, columns))
    top, left = given["padding"]
    for mine, unchanged in block.beside(
        read, operand, (_shifted(rows, top), _shifted(columns, left)), padded
    ):
        mine.copy_(unchanged)
    block.put(read, operand, (rows, columns))
    made = F.max_pool2d(read, given["kernel_size"], given["stride"], 0, given["dilation"])
    return _minus_base(block, node, made)


def _padded(base: Base, node: Node) -> Tensor:
    """The operand of a max pool with what its windows find outside the map."""
    top, left = node.arguments["padding"]
    rows, columns = axes(node)
    operand = node.operands[0]
    ends = [
        max(0, (extent - 1) * axis.stride - axis.padding + axis.reach + 1 - size)
        for extent, axis, size in zip(node.extent, (rows, columns), operand.extent, strict=True)
    ]
    return laid_out(F.pad(base.values[operand], (left, ends[1], top, ends[0]), value=-torch.inf))


def _average_pool(block: Block, node: Node) -> Change:
    given, operand, box = node.arguments, node.operands[0], block.box(node)
    delta = block.read(operand, _reads(node, box))
    made = F.avg_pool2d(delta, given["kernel_size"], given["stride"], divisor_override=1)
    shares = block.base.prepared("shares", node, lambda: _shares(block.base, node))
    for mine, share in block.beside(made, node, box, shares):
        mine.mul_(share)
    return Change(laid_out(made), box)


def _shares(base: Base, node: Node) -> Tensor:
    """What a position counts in each average: one over the number that is divided by."""
    operand = base.values[node.operands[0]]
    ones = torch.ones_like(operand[:, :1])
    mean, total = (
        apply(node, {**node.arguments, "self": ones, **changed}) for changed in ({}, {"divisor_override": 1})
    )
    shares: Tensor = mean / total
    return shares.expand(-1, operand.shape[1], -1, -1)


def _pad(block: Block, node: Node) -> Change:
    operand = node.operands[0]
    inside = block.box(operand)  # what lies outside the operand's map must not come into this one
    delta = block.read(operand, inside)
    rows, columns = (_shifted(own, axis.padding) for own, axis in zip(inside, axes(node), strict=True))
    return Change(delta, (rows, columns))


def _slice(block: Block, node: Node) -> Change:
    given, operand, box = node.arguments, node.operands[0], block.box(node)
    if given["dim"] == 1:
        delta, box, _ = block.changes[operand]
        return Change(delta[:, given["start"] : given["end"] : given["step"]], box)
    delta = block.read(operand, _reads(node, box))
    rows, columns = axes(node)
    return Change(laid_out(delta[:, :, :: rows.stride, :: columns.stride]), box)


def _reads(node: Node, box: Box) -> Box:
    """The windows that a node reads of its operand, perhaps outside the map."""
    rows, columns = (axis.read(windows) for axis, windows in zip(axes(node), box, strict=True))
    return rows, columns


def _shifted(windows: Windows, by: int) -> Windows:
    return Windows(tuple(start + by for start in windows.starts), windows.size)


# Operations that treat every position alike.


def _add(block: Block, node: Node) -> Change:
    given, box = node.arguments, block.box(node)
    delta = block.empty(node, box).zero_()
    sign = -1.0 if node.op == "sub" else 1.0
    for term, factor in ((given["self"], 1.0), (given["other"], sign * given.get("alpha", 1))):
        if isinstance(term, Node) and term.varies:
            block.add(delta, term, box, factor)
    return Change(delta, box)


def _cat(block: Block, node: Node) -> Change:
    box, first = block.box(node), 0
    delta = block.empty(node, box).zero_()
    for operand in node.operands:
        count = operand.traced[1]
        if operand.varies:
            block.add(delta[:, first : first + count], operand, box)
        first += count
    return Change(delta, box)


def _scaled(block: Block, node: Node) -> Change:
    """A product with, or a quotient by, what does not depend on the image."""
    (operand,) = varying(node)
    delta, box, _ = block.changes[operand]
    if any(not item.varies and _differs(block.base.values[item], node) for item in node.operands):
        box = block.box(node)
        delta = block.read(operand, box)
    values = {item: delta if item is operand else _constant(block, node, item, box) for item in node.operands}
    return Change(apply(node, resolve(node.arguments, values, delta)), box)


def _relu(block: Block, node: Node) -> Change:
    """max(b + d, 0) - max(b, 0), as max(d + min(b, 0), -max(b, 0)): two passes, and nothing cancels."""
    operand, box, base = node.operands[0], block.box(node), block.base
    below = base.prepared("below", operand, lambda: base.values[operand].clamp_max(0))
    above = base.prepared("above", operand, lambda: base.values[operand].clamp_min(0).neg_())
    spare = operand.op in OWN and base.only_reader(operand) is node
    delta = block.read(operand, box) if spare else block.moved(operand, box)
    for mine, unchanged in block.beside(delta, node, box, below):
        mine.add_(unchanged)
    for mine, unchanged in block.beside(delta, node, box, above):
        torch.maximum(mine, unchanged, out=mine)
    return Change(delta, box)


def _by_value(block: Block, node: Node) -> Change:
    box = block.box(node)
    values = {
        item: block.with_base(item, box) if item.varies else _constant(block, node, item, box)
        for item in node.operands
    }
    arguments = resolve(node.arguments, values, values[varying(node)[0]])
    if node.op == "reshape":
        arguments["shape"] = _window_shape(node, box)
    return _minus_base(block, node, apply(node, arguments))


def _constant(block: Block, node: Node, item: Node, box: Box) -> Tensor:
    """What does not depend on the image, for windows of a node: cut to them where it differs along a map."""
    value = block.base.values[item]
    if not _differs(value, node):
        return value
    everywhere = block.base.prepared(f"for {node.name}", item, lambda: _spread(value, node))
    made = block.empty(node, box, everywhere)
    for mine, unchanged in block.beside(made, node, box, everywhere):
        mine.copy_(unchanged)
    return made


def _differs(value: Tensor, node: Node) -> bool:
    """Whether a constant that a node reads is not the same at all its positions."""
    shift = value.dim() - 1 - len(node.shape)
    sizes = [value.shape[axis + shift] for axis in spatial(node) if axis + shift >= 0]
    return node.op not in CHANNELWISE and max(sizes, default=1) > 1


def _spread(value: Tensor, node: Node) -> Tensor:
    return laid_out(value.expand(1, *node.shape))


def _minus_base(block: Block, node: Node, value: Tensor) -> Change:
    """The change, from the value in the windows of a node."""
    box, made = block.box(node), laid_out(value)
    kept = made.clone() if node in block.base.exact else None
    for mine, unchanged in block.beside(made, node, box, block.base.values[node]):
        subtract(mine, unchanged)
    return Change(made, box, kept)


def _window_shape(node: Node, box: Box) -> list[int]:
    shape = [-1, *node.shape]
    for axis, windows in zip(spatial(node), box, strict=True):
        shape[axis] = windows.size
    return shape


def _global_mean(block: Block, node: Node) -> Change:
    operand = node.operands[0]
    total = block.read(operand, block.box(operand)).sum((2, 3), keepdim=True)
    rows, columns = operand.extent
    return Change(total.div_(rows * columns), block.box(node))


WINDOWED: dict[str, Rule] = {
    "conv2d": _convolution,
    "max_pool2d": _max_pool,
    "avg_pool2d": _average_pool,
    "pad": _pad,
    "slice": _slice,
}


STEADY: dict[str, Rule] = {"relu": _relu, "batch_norm": _batch_norm}
