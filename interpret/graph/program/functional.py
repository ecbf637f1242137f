"""A traced program without operations that write into their operands."""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

import torch
from torch import fx
from torch._ops import OpOverload
from torch.export import ExportedProgram

FRESH = frozenset(
    {"conv2d", "linear", "batch_norm", "max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "cat", "clone"}
    | {"local_response_norm", "layer_norm", "mean", "sum", "gelu", "softplus", "log_softmax", "softmax"}
    | {"matmul", "scaled_dot_product_attention", "upsample_nearest2d", "upsample_bilinear2d"}
    | {"conv_transpose2d", "pad", "upsample_bicubic2d", "_upsample_nearest_exact2d", "roll", "flip"}
    | {"_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa", "index"}
)
"""Plain operations whose values are tensors of their own."""

IN_PLACE = frozenset(
    {"relu", "add", "sub", "mul", "div", "sigmoid", "tanh", "silu", "mish", "elu", "leaky_relu", "hardtanh"}
    | {"hardswish", "hardsigmoid"}
)
"""Plain operations, tensors of their own, of which PyTorch has a form that writes into its first operand."""

SHARING = frozenset(
    {"flatten", "view", "reshape", "unflatten", "contiguous", "permute", "transpose", "select", "slice"}
    | {"unsqueeze", "squeeze", "expand", "dropout", "split", "chunk", "unbind", "getitem", "alias"}
    | {"pixel_shuffle", "pixel_unshuffle", "channel_shuffle"}
)
"""Plain operations whose values may be parts of their operands under another shape."""


def functional(program: ExportedProgram) -> ExportedProgram:
    """The same program without operations that write into their operands.

    ``run_decompositions`` does it for every program, and takes longer than the trace. Most networks write
    only into what nobody reads again (``ReLU(inplace=True)``): there the plain operations do the same.

    Args:
        program: As `torch.export.export` makes it; plain operations are put into its own graph.
    """
    calls = [node for node in program.graph.nodes if node.op == "call_function"]
    if not all(map(_is_plain, calls)) or not all(map(_writes_unseen, filter(_writes, calls))):
        decomposed: ExportedProgram = program.run_decompositions({})
        return decomposed
    for node in (node for node in calls if _name(node).endswith("_")):
        node.target = _plain_form(cast("OpOverload", node.target))
    return program


def _is_plain(node: fx.Node) -> bool:
    """Whether the vocabulary takes a call as it stands."""
    if isinstance(node.target, OpOverload) and node.target.namespace not in ("aten", "interpret"):
        return False
    if _name(node) == "batch_norm":
        return node.args[5:6] == (False,)  # not by the statistics of the batch
    if _name(node) in ("dropout", "dropout_"):
        return node.args[2:3] == (False,)
    return _name(node).removesuffix("_") in FRESH | IN_PLACE | SHARING


def _writes(node: fx.Node) -> bool:
    return _name(node).endswith("_") and _name(node) != "dropout_"


def _writes_unseen(node: fx.Node) -> bool:
    """Whether nobody reads the operand that a call writes into after it, and the value has its type."""
    written = node.args[0]
    if not isinstance(written, fx.Node) or not _is_fresh(written, FRESH | IN_PLACE):
        return False
    others = [reader for reader in written.users if reader is not node]
    types = {operand.meta["val"].dtype for operand in node.all_input_nodes}
    return len(types) == 1 and all(
        reader < node and not _writes(reader) and _is_fresh(reader, FRESH | IN_PLACE) for reader in others
    )


def _is_fresh(node: fx.Node, names: Collection[str]) -> bool:
    """Whether a value is a tensor that was made there; what is written in place will be."""
    return node.op == "call_function" and _name(node).removesuffix("_") in names


def _plain_form(target: OpOverload) -> OpOverload:
    packet = getattr(torch.ops.aten, target.overloadpacket.__name__.removesuffix("_"))
    form: OpOverload = getattr(packet, target._overloadname)
    return form


def _name(node: fx.Node) -> str:
    """PyTorch's name of an operation, without its overload; Python's own of anything else."""
    return str(getattr(getattr(node.target, "overloadpacket", node.target), "__name__", node.target))
