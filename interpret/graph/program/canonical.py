"""One form for each operation: PyTorch's many spellings of a call become one word with plain arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch._ops import OpOverload

from interpret.graph.operations.vocabulary import ATEN_WORDS, pair

aten = torch.ops.aten


class Call(NamedTuple):
    """A word of the vocabulary, the function that computes it, and its arguments by name."""

    op: str
    target: Callable[..., Any]
    arguments: dict[str, Any]


def canonical(target: OpOverload, item: int | None, arguments: dict[str, Any]) -> Call:
    """The one form of an ATen call.

    Args:
        target: What the exported program calls.
        item: Which of several results is meant; None if there is only one.
        arguments: All its arguments by name.
    """
    name = target.overloadpacket.__name__
    if item is not None:
        return _one_of_several(name, target, item, arguments)
    if _is_relu(name, arguments):
        return Call("relu", aten.relu.default, {"self": arguments["self"]})
    if name == "local_response_norm":
        return Call("local_response_norm", F.local_response_norm, arguments)
    if name == "view" and "dtype" in arguments:
        return Call("opaque", target, arguments)
    call = Call(ATEN_WORDS.get(name, "opaque"), target, dict(arguments))
    form = _FORMS.get(name)
    return form(call) if form else call


def batch_norm(**arguments: Any) -> Tensor:
    """Batch norm in eval mode: by the statistics the network has learned."""
    return F.batch_norm(**arguments, training=False)


def _one_of_several(name: str, target: OpOverload, item: int, arguments: dict[str, Any]) -> Call:
    if name == "_native_batch_norm_legit_no_training" and item == 0:
        return Call("batch_norm", batch_norm, arguments)
    if name == "max_pool2d_with_indices" and item == 0:
        return _pool(Call("max_pool2d", aten.max_pool2d.default, dict(arguments)))
    if name in ("split", "split_with_sizes"):
        return _part(item, **arguments)
    if name == "chunk":
        size = arguments["self"].traced[arguments["dim"]]
        return _part(item, arguments["self"], arguments["dim"], -(-size // arguments["chunks"]))
    if name == "unbind":
        return Call(
            "select", aten.select.int, {"self": arguments["self"], "dim": arguments["dim"], "index": item}
        )
    known = name if name == "adaptive_max_pool2d" and item == 0 else "opaque"
    return Call(known, _picking(name, target, item), arguments)


def _part(item: int, self: Any, dim: int, split_size: int = 0, split_sizes: Any = ()) -> Call:
    sizes = list(split_sizes) or [split_size] * (item + 1)
    start = sum(sizes[:item])
    bounds = {"start": start, "end": min(start + sizes[item], self.traced[dim])}
    return Call(
        "slice", aten.slice.Tensor, {"self": self, "dim": dim % len(self.traced), **bounds, "step": 1}
    )


def _picking(name: str, target: OpOverload, item: int) -> Callable[..., Any]:
    """``target`` with one of its results picked out, under its own name."""

    def picked(**arguments: Any) -> Any:
        return target(**arguments)[item]

    picked.__name__ = name
    return picked


def _is_relu(name: str, arguments: Mapping[str, Any]) -> bool:
    """Whether a clamp or a threshold is in fact a ReLU."""
    if name in ("clamp", "clamp_min"):
        return arguments["min"] == 0 and arguments.get("max") is None
    return name == "threshold" and arguments["threshold"] == 0 and arguments["value"] == 0


def _convolution(call: Call) -> Call:
    """The general convolution, if it is a plain one in two dimensions."""
    arguments = dict(call.arguments)
    transposed, _ = arguments.pop("transposed"), arguments.pop("output_padding")
    if transposed or len(arguments["stride"]) != 2:
        return call
    return Call("conv2d", aten.conv2d.default, arguments)


def _conv2d(call: Call) -> Call:
    """Paddings by name become numbers; where the two sides differ, the caller pads (see `same_padding`)."""
    arguments = dict(call.arguments)
    if arguments["padding"] == "valid":
        arguments["padding"] = [0, 0]
    return Call("conv2d", aten.conv2d.default, arguments)


def same_padding(arguments: Mapping[str, Any]) -> list[int]:
    """[left, right, top, bottom] of a convolution with ``padding="same"``."""
    pads: list[int] = []
    for axis in (1, 0):
        total = arguments["dilation"][axis] * (arguments["weight"].traced[2 + axis] - 1)
        pads += [total // 2, total - total // 2]
    return pads


def _batch_norm(call: Call) -> Call:
    """Batch norm in eval mode; by the statistics of the batch it is none of our words."""
    arguments = dict(call.arguments)
    learned = not arguments.pop("training")
    del arguments["cudnn_enabled"]
    return Call("batch_norm", batch_norm, arguments) if learned else call


def _pool(call: Call) -> Call:
    arguments = dict(call.arguments)
    arguments["stride"] = arguments["stride"] or arguments["kernel_size"]
    for key in arguments.keys() & {"kernel_size", "stride", "padding", "dilation"}:
        arguments[key] = list(pair(arguments[key]))
    return call._replace(arguments=arguments)


def _pad(call: Call) -> Call:
    """A padding with one value; another mode repeats what the map holds, and keeps its word."""
    if call.arguments["mode"] != "constant":
        return call
    arguments = {
        "self": call.arguments["self"],
        "pad": call.arguments["pad"],
        "value": call.arguments["value"] or 0,
    }
    return Call("pad", aten.constant_pad_nd.default, arguments)


def _transpose(call: Call) -> Call:
    operand, first, second = call.arguments["self"], call.arguments["dim0"], call.arguments["dim1"]
    order = list(range(len(operand.traced)))
    order[first], order[second] = order[second], order[first]
    return Call("permute", aten.permute.default, {"self": operand, "dims": order})


def _copy(call: Call) -> Call:
    """What is copied, in the shape and the type of what is written over."""
    over, source = call.arguments["self"], call.arguments["src"]
    if source.dtype != over.dtype:
        same = source.traced == over.traced
        return Call("cast", aten.to.dtype, {"self": source, "dtype": over.dtype}) if same else call
    return Call("expand", aten.expand.default, {"self": source, "size": list(over.traced)})


def _slice(call: Call) -> Call:
    arguments = dict(call.arguments)
    operand = arguments["self"]
    arguments["dim"] %= len(operand.traced)
    size = operand.traced[arguments["dim"]]
    arguments["start"], arguments["end"], _ = slice(arguments["start"], arguments["end"]).indices(size)
    return call._replace(arguments=arguments)


def _counted_from_front(call: Call) -> Call:
    arguments = dict(call.arguments)
    operands = arguments.get("self") or arguments["tensors"][0]
    arguments["dim"] %= len(operands.traced)
    return call._replace(arguments=arguments)


_FORMS: dict[str, Callable[[Call], Call]] = {
    "convolution": _convolution,
    "conv2d": _conv2d,
    "batch_norm": _batch_norm,
    "max_pool2d": _pool,
    "avg_pool2d": _pool,
    "pad": _pad,
    "transpose": _transpose,
    "copy": _copy,
    "slice": _slice,
    "select": _counted_from_front,
    "cat": _counted_from_front,
}
