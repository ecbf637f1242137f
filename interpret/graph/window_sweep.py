"""The two passes over windows: up for switches and the like, down for the projection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from interpret.graph.ops import geometry
from interpret.graph.program import Node, look_up
from interpret.graph.rules import norm_scale, unpool
from interpret.graph.windows import STEADY, Frame, Plan, Seeds, varying

Memory = dict[Node, Tensor]


def window_top_down(
    plan: Plan, x: Float[Tensor, "n c h w"], seeds: Seeds
) -> Float[Tensor, "k c rows columns"]:
    """Project neurons back to the pixels of their windows; pixels outside the image are zero.

    Args:
        plan: The windows of the layer, and the rules.
        x: Images.
        seeds: Neurons; all at once, so give parts from ``plan.batches``.
    """
    used, places = torch.unique(seeds.image, return_inverse=True)
    images, local = x[used.to(x.device)], seeds._replace(image=places)
    windows = Windows(plan, local, x.device)
    with torch.no_grad():
        if plan.from_maps(len(used), len(places)):
            memory = windows.memories_of_maps(images)
        else:
            memory = windows.memories_of_windows(images)
        return Sweep(windows, memory).run()


class Windows:
    """The windows of one batch of neurons."""

    def __init__(self, plan: Plan, seeds: Seeds, device: torch.device) -> None:
        self.plan, self.seeds, self.device = plan, seeds, device
        self.graph, self.frames = plan.graph, plan.frames
        self._masks: dict[Node, Tensor | None] = {}

    def outside(self, node: Node) -> Bool[Tensor, "k 1 h w"] | None:
        """Where the windows of a node lie outside its map; None if they lie nowhere outside."""
        if node not in self._masks:
            self._masks[node] = self._mask(node)
        return self._masks[node]

    def _mask(self, node: Node) -> Tensor | None:
        frame, inside = self.frames[node], []
        for starts, size, extent in zip(frame.starts(self.seeds), frame.size, node.extent, strict=True):
            at = starts[:, None] + torch.arange(size)
            inside.append((at >= 0) & (at < extent))
        if all(bool(axis.all()) for axis in inside):
            return None
        return ~(inside[0][:, None, :, None] & inside[1][:, None, None, :]).to(self.device)

    def bounded(self, value: Tensor, node: Node, fill: float = 0.0) -> Tensor:
        """A value over the windows of ``node``, with ``fill`` outside the map."""
        outside = self.outside(node)
        return value if outside is None else value.masked_fill(outside, fill)

    def cut(self, maps: Tensor, frame: Frame) -> Tensor:
        """The windows of whole maps (n, c, h, w), with zeros outside."""
        starts, pads = frame.starts(self.seeds), []
        for start, size, extent in zip(starts, frame.size, maps.shape[2:], strict=True):
            pads.append((max(0, -int(start.min())), max(0, int(start.max()) + size - extent)))
        padded = F.pad(maps, (*pads[1], *pads[0]))
        views = padded.unfold(2, frame.size[0], 1).unfold(3, frame.size[1], 1)
        rows, columns = (start + pad[0] for start, pad in zip(starts, pads, strict=True))
        index = [item.to(maps.device) for item in (self.seeds.image, rows, columns)]
        windows: Tensor = views[index[0], :, index[1], index[2]]
        return windows.contiguous()

    def tensor(self, node: Any) -> Any:
        """A parameter or a constant of the network."""
        if not isinstance(node, Node):
            return node
        if node.op == "parameter":
            return look_up(self.graph.module, node.arguments["path"])
        if node.op == "constant":
            return node.arguments["value"].to(self.device)
        known = self.graph.run(self._nothing, [node])
        return known[node]

    @property
    def _nothing(self) -> Tensor:
        return torch.zeros(0, *self.graph.input.shape, device=self.device)

    def memories_of_maps(self, images: Tensor) -> Memory:
        """What the way down must know, cut out of whole maps."""
        wanted = self.plan.memories
        kept = {node: node if node.op == "relu" else varying(node)[0] for node in wanted}
        values = self.graph.run(images, list(kept.values())) if wanted else {}
        return {node: self._remembered(node, values[kept[node]]) for node in wanted}

    def _remembered(self, node: Node, maps: Tensor) -> Tensor:
        if node.op == "relu":
            return self.cut(maps > 0, self.frames[node])
        need = self.plan.reads(node)
        if node.op == "local_response_norm":
            return self.cut(maps, need)
        _, switches = F.max_pool2d(
            maps, **_pooling(node), ceil_mode=node.arguments["ceil_mode"], return_indices=True
        )
        width = maps.shape[3]
        local = self.cut(switches // width * need.size[1] + switches % width, self.frames[node])
        top, left = (start.to(self.device) for start in need.starts(self.seeds))
        local -= (top * need.size[1] + left)[:, None, None, None]
        return local.clamp_(0, need.size[0] * need.size[1] - 1)

    def memories_of_windows(self, images: Tensor) -> Memory:
        """What the way down must know, from a forward pass over the windows alone."""
        memory: Memory = {}
        values: dict[Node, Tensor] = {}
        order = self.plan.forward
        last = {operand: node for node in order for operand in varying(node)}
        for node in order:
            values[node] = self._forward(node, values, images, memory)
            for operand in varying(node):
                if last[operand] is node:
                    del values[operand]
        return memory

    def _forward(self, node: Node, values: dict[Node, Tensor], images: Tensor, memory: Memory) -> Tensor:
        if node is self.graph.input:
            return self.cut(images, self.frames[node])
        remembered = node in self.plan.memories
        if node.op == "max_pool2d":
            value, memory[node] = self._max_pool(node, values)
            return value
        if node.op == "local_response_norm" and remembered:
            memory[node] = self.read(node, values)
        value = self._plain(node, values)
        if node.op == "relu" and remembered:
            memory[node] = value > 0
        return value

    def read(self, node: Node, values: dict[Node, Tensor], fill: float | None = None) -> Tensor:
        """What ``node`` reads of its one varying operand."""
        (operand,) = varying(node)
        value = values[operand] if fill is None else self.bounded(values[operand], operand, fill)
        rows, columns = self.plan.reads(node).within(self.frames[operand])
        return value[:, :, rows, columns]

    def _max_pool(self, node: Node, values: dict[Node, Tensor]) -> tuple[Tensor, Tensor]:
        value = self.read(node, values, -torch.inf)
        pooling = _pooling(node) | {"padding": 0}
        pooled, switches = F.max_pool2d(value, **pooling, return_indices=True)
        return pooled, switches

    def _plain(self, node: Node, values: dict[Node, Tensor]) -> Tensor:
        """The value of an operation, by its own function where that works on windows as on maps."""
        arguments = node.arguments
        if node.op == "conv2d":
            given = {key: arguments[key] for key in ("stride", "dilation", "groups")}
            weight, bias = self.tensor(arguments["weight"]), self.tensor(arguments.get("bias"))
            return F.conv2d(self.read(node, values, 0.0), weight, bias, **given)
        if node.op == "avg_pool2d":
            kernel, stride = arguments["kernel_size"], arguments["stride"]
            total = F.avg_pool2d(self.read(node, values, 0.0), kernel, stride, divisor_override=1)
            return total / self.divisor(node, total)
        if node.op == "pad":
            return self.read(node, values, float(arguments.get("value") or 0.0))
        if node.op == "slice":
            return self.read(node, values)[cut_by(node)]
        return self._pointwise(node, values)

    def _pointwise(self, node: Node, values: dict[Node, Tensor]) -> Tensor:
        def given(value: Any) -> Any:
            if isinstance(value, Node) and value.varies:
                rows, columns = self.plan.reads(node).within(self.frames[value])
                return values[value][:, :, rows, columns]
            if isinstance(value, (list, tuple)):
                return [given(item) for item in value]
            return self.tensor(value)

        result: Tensor = node.target(**{key: given(value) for key, value in node.arguments.items()})
        return result

    def divisor(self, node: Node, like: Tensor) -> Tensor:
        """By what an average pool divides at each position of its windows, (k, 1, h, w)."""
        arguments, frame = node.arguments, self.frames[node]
        if arguments.get("divisor_override"):
            return torch.full(
                (1, 1, 1, 1), arguments["divisor_override"], dtype=like.dtype, device=like.device
            )
        counts = []
        for axis, starts in enumerate(frame.starts(self.seeds)):
            at = starts[:, None] + torch.arange(frame.size[axis])
            kernel, pad = arguments["kernel_size"][axis], arguments["padding"][axis]
            extent = varying(node)[0].extent[axis]
            first = at * arguments["stride"][axis] - pad
            end = (first + kernel).clamp(max=extent + pad)
            if not arguments["count_include_pad"]:
                first, end = first.clamp(min=0), end.clamp(max=extent)
            counts.append((end - first).clamp(min=1))
        area: Tensor = counts[0][:, None, :, None] * counts[1][:, None, None, :]
        return area.to(device=like.device, dtype=like.dtype)


class Sweep:
    """One way down: signals over windows, from the layer to the pixels."""

    def __init__(self, windows: Windows, memory: Memory) -> None:
        self.windows, self.memory, self.rules = windows, memory, windows.plan.rules
        self.plan, self.signals = windows.plan, dict[Node, Tensor]()

    def run(self) -> Float[Tensor, "k c rows columns"]:
        """The projections of all neurons."""
        plan, image = self.plan, self.plan.graph.input
        self._start()
        for node in reversed(plan.path):
            if node is image or node not in self.signals:
                continue
            signal = self.signals.pop(node)
            if geometry(node) != STEADY:
                signal = self.windows.bounded(signal, node)
            for operand, share in RULES[node.op](self, node, signal):
                self._add(operand, share, plan.reads(node))
        return self.windows.bounded(self.signals[image], image)

    def _start(self) -> None:
        """Carry the seeds down as one channel as far as that is possible, then as whole maps."""
        seeds, device = self.windows.seeds, self.windows.device
        node, channel = self.plan.layer, seeds.channel.to(device)
        signal = seeds.value.to(device)[:, None, None, None]
        while self._by_channel(node):
            signal = self._one_channel(node, signal, channel)
            (node,) = varying(node)
        if node.op == "conv2d":
            (operand,) = varying(node)
            signal = self.windows.bounded(signal, node)
            self.signals[operand] = self._pick(node, signal, channel)
            return
        whole = signal.new_zeros(len(channel), node.shape[0], *signal.shape[2:])
        whole[torch.arange(len(channel), device=device), channel] = signal[:, 0]
        self.signals[node] = whole

    def _by_channel(self, node: Node) -> bool:
        """Whether a node keeps a signal in one channel."""
        if node.op == "local_response_norm":
            return node not in self.memory
        return node.op in ("relu", "batch_norm", "max_pool2d")

    def _one_channel(self, node: Node, signal: Tensor, channel: Tensor) -> Tensor:
        neurons = torch.arange(len(channel), device=channel.device)
        if node.op == "batch_norm":
            return signal * self.scale(node)[channel][:, None, None, None]
        if node.op == "local_response_norm":
            return signal
        if node.op == "max_pool2d":
            switches = self.memory[node][neurons, channel][:, None]
            return self.unpooled(node, self.windows.bounded(signal, node), switches)
        kept = self.memory[node][neurons, channel][:, None] if node in self.memory else None
        return self.rectified(signal, kept)

    def _pick(self, node: Node, signal: Tensor, channel: Tensor) -> Tensor:
        """A signal in one channel through a convolution: only the filters of that channel take part."""
        arguments = node.arguments
        weight, groups = self.windows.tensor(arguments["weight"]), arguments["groups"]
        (operand,) = varying(node)
        filters, size = weight[channel], self.plan.reads(node).size
        members = channel // (weight.shape[0] // groups)
        whole = signal.new_zeros(len(channel), groups, weight.shape[1], *size)
        placed = signal.new_zeros(len(channel), weight.shape[1], *size)
        for row in range(signal.shape[2]):
            for column in range(signal.shape[3]):
                area = _dilated(node, row, column)
                placed[:, :, area[0], area[1]] += signal[:, :, row : row + 1, column : column + 1] * filters
        if groups == 1:
            return placed
        whole[torch.arange(len(channel), device=channel.device), members] = placed
        return whole.flatten(1, 2).reshape(len(channel), operand.shape[0], *size)

    def _add(self, operand: Node, share: Tensor, frame: Frame) -> None:
        """Add a share to the signal of a node that several may read."""
        hull = self.plan.frames[operand]
        if frame == hull and operand not in self.signals:
            self.signals[operand] = share
            return
        if operand not in self.signals:
            self.signals[operand] = share.new_zeros(*share.shape[:2], *hull.size)
        rows, columns = frame.within(hull)
        self.signals[operand][:, :, rows, columns] += share

    def rectified(self, signal: Tensor, active: Tensor | None) -> Tensor:
        """What a ReLU lets through."""
        if self.rules.relu != "gradient":
            signal = signal.clamp_min(0)
        return signal if active is None else signal * active

    def unpooled(self, node: Node, signal: Tensor, switches: Tensor) -> Tensor:
        """Each value put where its maximum was; where windows share a maximum their values add."""
        pooling = _pooling(node) | {"padding": [0, 0]}
        return unpool(signal, switches, self.plan.reads(node).size, pooling)

    def scale(self, node: Node) -> Float[Tensor, " c"]:
        """The factor of each channel in a batch norm."""
        arguments = node.arguments
        scale: Tensor = torch.rsqrt(self.windows.tensor(arguments["running_var"]) + arguments["eps"])
        weight = self.windows.tensor(arguments.get("weight"))
        return scale if weight is None else scale * weight

    def normed(self, node: Node, signal: Tensor) -> Tensor:
        """Through a local response norm."""
        if node not in self.memory:
            return signal
        given = {key: node.arguments[key] for key in ("size", "alpha", "beta", "k")}
        value = self.memory[node]
        if self.rules.norm == "scale":
            return signal / norm_scale(value, **given)
        with torch.enable_grad():
            leaf = value.detach().requires_grad_()
            (back,) = torch.autograd.grad(F.local_response_norm(leaf, **given), leaf, signal)
        return back


def spread(
    signal: Tensor, weight: Tensor, stride: Sequence[int], groups: int, dilation: Sequence[int]
) -> Tensor:
    """The transposed convolution without padding.

    Long strides go by one convolution with a filter for each phase of the stride, whose results are
    interleaved: on CPUs that is two to three times faster.
    """
    if max(stride) == 1 or groups > 1 or max(dilation) > 1:
        return F.conv_transpose2d(signal, weight, None, stride, 0, 0, groups, dilation)
    (rows, columns), (made, read, height, width) = stride, weight.shape
    padded = F.pad(weight, (0, -width % columns, 0, -height % rows))
    phased = padded.view(made, read, -(-height // rows), rows, -(-width // columns), columns)
    phases = F.conv_transpose2d(signal, phased.permute(0, 1, 3, 5, 2, 4).flatten(1, 3))
    parts = phases.view(len(signal), read, rows, columns, *phases.shape[2:]).permute(0, 1, 4, 2, 5, 3)
    size = [(n - 1) * step + k for n, step, k in zip(signal.shape[2:], stride, (height, width), strict=True)]
    return parts.flatten(4, 5).flatten(2, 3)[:, :, : size[0], : size[1]]


def cut_by(node: Node) -> tuple[slice, ...]:
    """The index of a slice operation on windows; a cut of rows or columns is in the window already."""
    arguments = node.arguments
    step, dim = arguments["step"], arguments["dim"]
    part = slice(arguments["start"], arguments["end"], step) if dim == 1 else slice(None, None, step)
    return tuple(part if axis == dim else slice(None) for axis in range(4))


def _dilated(node: Node, row: int, column: int) -> tuple[slice, slice]:
    """The pixels under the kernel of a convolution at one position of its window."""
    arguments = node.arguments
    rows, columns = (
        slice(at * step, at * step + dilation * (kernel - 1) + 1, dilation)
        for at, step, dilation, kernel in zip(
            (row, column),
            arguments["stride"],
            arguments["dilation"],
            arguments["weight"].traced[2:],
            strict=True,
        )
    )
    return rows, columns


def _pooling(node: Node) -> dict[str, Any]:
    return {key: node.arguments[key] for key in ("kernel_size", "stride", "padding", "dilation")}


Shares = list[tuple[Node, Tensor]]


def _down_conv(sweep: Sweep, node: Node, signal: Tensor) -> Shares:
    arguments = node.arguments
    weight = sweep.windows.tensor(arguments["weight"])
    back = spread(signal, weight, arguments["stride"], arguments["groups"], arguments["dilation"])
    return [(varying(node)[0], back)]


def _down_max_pool(sweep: Sweep, node: Node, signal: Tensor) -> Shares:
    return [(varying(node)[0], sweep.unpooled(node, signal, sweep.memory[node]))]


def _down_avg_pool(sweep: Sweep, node: Node, signal: Tensor) -> Shares:
    arguments, channels = node.arguments, node.shape[0]
    ones = signal.new_ones(channels, 1, *arguments["kernel_size"])
    divided = signal / sweep.windows.divisor(node, signal)
    return [
        (varying(node)[0], F.conv_transpose2d(divided, ones, stride=arguments["stride"], groups=channels))
    ]


def _down_relu(sweep: Sweep, node: Node, signal: Tensor) -> Shares:
    return [(varying(node)[0], sweep.rectified(signal, sweep.memory.get(node)))]


def _down_batch_norm(sweep: Sweep, node: Node, signal: Tensor) -> Shares:
    return [(varying(node)[0], signal * sweep.scale(node)[:, None, None])]


def _down_lrn(sweep: Sweep, node: Node, signal: Tensor) -> Shares:
    return [(varying(node)[0], sweep.normed(node, signal))]


def _down_add(_sweep: Sweep, node: Node, signal: Tensor) -> Shares:
    alpha = node.arguments.get("alpha", 1) * (-1 if node.op == "sub" else 1)
    factors = {"self": 1, "other": alpha}
    shares = [(node.arguments[key], signal * factor) for key, factor in factors.items()]
    return [(operand, share) for operand, share in shares if isinstance(operand, Node) and operand.varies]


def _down_scaled(sweep: Sweep, node: Node, signal: Tensor) -> Shares:
    first, second = node.arguments["self"], node.arguments["other"]
    if node.op == "div":
        return [(first, signal / sweep.windows.tensor(second))]
    operand, factor = (first, second) if isinstance(first, Node) and first.varies else (second, first)
    return [(operand, signal * sweep.windows.tensor(factor))]


def _down_cat(_sweep: Sweep, node: Node, signal: Tensor) -> Shares:
    operands = node.arguments["tensors"]
    parts = torch.split(signal, [operand.traced[1] for operand in operands], dim=1)
    return [(operand, part.clone()) for operand, part in zip(operands, parts, strict=True) if operand.varies]


def _down_slice(sweep: Sweep, node: Node, signal: Tensor) -> Shares:
    (operand,) = varying(node)
    back = signal.new_zeros(len(signal), operand.shape[0], *sweep.plan.reads(node).size)
    back[cut_by(node)] = signal
    return [(operand, back)]


RULES: dict[str, Callable[[Sweep, Node, Tensor], Shares]] = {
    "conv2d": _down_conv,
    "max_pool2d": _down_max_pool,
    "avg_pool2d": _down_avg_pool,
    "relu": _down_relu,
    "batch_norm": _down_batch_norm,
    "local_response_norm": _down_lrn,
    "add": _down_add,
    "sub": _down_add,
    "mul": _down_scaled,
    "div": _down_scaled,
    "neg": lambda _sweep, node, signal: [(varying(node)[0], -signal)],
    "pad": lambda _sweep, node, signal: [(varying(node)[0], signal)],
    "cat": _down_cat,
    "slice": _down_slice,
}
"""How a signal goes down through each operation: what it adds to which operands, over the window it reads."""
