"""The vocabulary: the operations the engines know, and what is true of each."""

from __future__ import annotations

from collections.abc import Sequence

from interpret.graph.program.program import Node

ATEN_WORDS = {
    "conv2d": "conv2d",
    "layer_norm": "layer_norm",
    "linear": "linear",
    "addmm": "addmm",
    "mm": "matmul",
    "matmul": "matmul",
    "relu": "relu",
    "max_pool2d": "max_pool2d",
    "avg_pool2d": "avg_pool2d",
    "adaptive_avg_pool2d": "adaptive_avg_pool2d",
    "_adaptive_avg_pool2d": "adaptive_avg_pool2d",
    "add": "add",
    "sub": "sub",
    "mul": "mul",
    "div": "div",
    "neg": "neg",
    "cat": "cat",
    "constant_pad_nd": "pad",
    "view": "reshape",
    "unflatten": "reshape",
    "reshape": "reshape",
    "_unsafe_view": "reshape",
    "flatten": "reshape",
    "squeeze": "reshape",
    "unsqueeze": "reshape",
    "permute": "permute",
    "transpose": "permute",
    "slice": "slice",
    "select": "select",
    "index_select": "index_select",
    "flip": "flip",
    "roll": "roll",
    "expand": "expand",
    "mean": "mean",
    "sum": "sum",
    "upsample_nearest2d": "upsample_nearest2d",
    "upsample_bilinear2d": "upsample",
    "pixel_shuffle": "pixel_shuffle",
    "reflection_pad2d": "edge_pad",
    "replication_pad2d": "edge_pad",
    "pad": "edge_pad",
    "rsub": "rsub",
    "stack": "stack",
    "index": "index",
    "repeat": "repeat",
    "im2col": "unfold",
    "col2im": "fold",
    "_to_copy": "cast",
    "detach": "detach",
    "adaptive_max_pool2d": "adaptive_max_pool2d",
    "amax": "amax",
    "prelu": "prelu",
    "conv_transpose2d": "conv_transpose2d",
}
"""PyTorch's name of an operation -> ours. Every other operation is ``opaque``."""

COPIES = frozenset({"clone", "alias", "contiguous", "lift_fresh_copy"})
"""Operations that change nothing, and so leave no node."""

DROPOUTS = frozenset({"dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout"})
"""Operations that change nothing in eval mode."""

LINEAR_TOGETHER = frozenset({"add", "sub", "rsub", "cat", "stack"})
LINEAR_IN_EITHER = frozenset({"mul", "matmul", "addmm"})
LINEAR_IN_FIRST = frozenset(
    {
        "conv2d",
        "linear",
        "batch_norm",
        "avg_pool2d",
        "adaptive_avg_pool2d",
        "pad",
        "reshape",
        "permute",
        "slice",
    }
    | {
        "select",
        "index_select",
        "index",
        "flip",
        "roll",
        "expand",
        "repeat",
        "mean",
        "sum",
        "neg",
        "div",
        "cast",
    }
    | {"conv_transpose2d", "upsample_nearest2d", "upsample", "pixel_shuffle", "edge_pad", "unfold", "fold"}
)

WINDOWED = frozenset({"conv2d", "max_pool2d", "avg_pool2d"})
"""Operations with a kernel, a stride and a padding."""

ADAPTIVE = frozenset({"adaptive_avg_pool2d", "adaptive_max_pool2d"})
"""Pools with a given size of the result."""

RESIZING = ADAPTIVE | {"upsample_nearest2d", "upsample", "pixel_shuffle", "edge_pad", "conv_transpose2d"}
"""Operations from map to map that no `Geometry` describes."""

MAPS = WINDOWED | RESIZING | {"pad"}
"""Operations that take and make maps (n, c, h, w)."""

REDUCING = frozenset({"mean", "sum", "amax"})
"""Operations that take whole axes together."""


def is_linear(node: Node) -> bool:
    """Whether the value is linear, up to a constant, in the operands that depend on the input."""
    if node.op in LINEAR_TOGETHER:
        return True
    if node.arguments.get("rounding_mode") is not None:
        return False
    varying = [operand for operand in node.operands if operand.varies]
    if node.op in LINEAR_IN_EITHER:
        return len(varying) == 1
    return node.op in LINEAR_IN_FIRST and varying == [node.operands[0]]


def pair(value: int | Sequence[int]) -> tuple[int, int]:
    """Rows and columns from PyTorch's short forms: 3, [3] or [3, 5]."""
    if isinstance(value, int):
        return value, value
    return value[0], value[-1]
