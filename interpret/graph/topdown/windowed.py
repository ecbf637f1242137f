"""The top-down pass over windows: from neurons to the pixels they see."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from interpret.graph.program.program import Node
from interpret.graph.topdown.plan import MOVING, Frame, Plan, Seeds, varying
from interpret.graph.topdown.rules import batch_norm_scale, norm_scale, rectified, unpool
from interpret.graph.topdown.windowed_forward import Memory, Windows, cut_by, pooling


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
    windows = Windows(plan, local, images)
    with torch.no_grad():
        if plan.from_maps(len(used), len(places)):
            memory = windows.memories_of_maps(images)
        else:
            memory = windows.memories_of_windows(images)
        return Sweep(windows, memory).run()


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
            if node.op in MOVING:
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
        return rectified(signal, self.rules.relu, kept)

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

    def unpooled(self, node: Node, signal: Tensor, switches: Tensor) -> Tensor:
        """Each value put where its maximum was; where windows share a maximum their values add."""
        given = pooling(node) | {"padding": [0, 0]}
        return unpool(signal, switches, self.plan.reads(node).size, given)

    def scale(self, node: Node) -> Float[Tensor, " c"]:
        """The factor of each channel in a batch norm."""
        variance, weight = (self.windows.tensor(node.arguments[key]) for key in ("running_var", "weight"))
        return batch_norm_scale(variance, weight, node.arguments["eps"])

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
    return [(varying(node)[0], rectified(signal, sweep.rules.relu, sweep.memory.get(node)))]


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
