"""The forward pass over windows, and what the way down must know of it: switches and the like."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool
from torch import Tensor

from interpret.graph.program.program import Node, look_up
from interpret.graph.topdown.plan import ADDING, Frame, Plan, Seeds, varying

Memory = dict[Node, Tensor]


class Windows:
    """The windows of one batch of neurons.

    Args:
        plan: Where windows lie.
        seeds: The neurons.
        images: The images they belong to; the engine computes on their device and in their type.
    """

    def __init__(self, plan: Plan, seeds: Seeds, images: Tensor) -> None:
        self.plan, self.seeds, self.device = plan, seeds, images.device
        self._one, self._constants = images[:1], dict[Node, Tensor]()
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
        """The windows of whole maps (n, c, h, w), with zeros outside; one map serves all images."""
        starts, pads = frame.starts(self.seeds), []
        for start, size, extent in zip(starts, frame.size, maps.shape[2:], strict=True):
            pads.append((max(0, -int(start.min())), max(0, int(start.max()) + size - extent)))
        padded = F.pad(maps, (*pads[1], *pads[0]))
        views = padded.unfold(2, frame.size[0], 1).unfold(3, frame.size[1], 1)
        rows, columns = (start + pad[0] for start, pad in zip(starts, pads, strict=True))
        image = self.seeds.image if len(maps) > 1 else torch.zeros_like(rows)
        index = [item.to(maps.device) for item in (image, rows, columns)]
        windows: Tensor = views[index[0], :, index[1], index[2]]
        return windows.contiguous()

    def tensor(self, node: Any) -> Any:
        """A parameter of the network, or what it computes from no image: of one image's size, for all."""
        if not isinstance(node, Node):
            return node
        if node.op == "parameter":
            return look_up(self.graph.module, node.arguments["path"])
        if node not in self._constants:
            with torch.no_grad():
                self._constants[node] = self.graph.run(self._one, [node])[node]
        return self._constants[node]

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
            maps, **pooling(node), ceil_mode=node.arguments["ceil_mode"], return_indices=True
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
        given = pooling(node) | {"padding": 0}
        pooled, switches = F.max_pool2d(value, **given, return_indices=True)
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
            constant = self.tensor(value)
            if isinstance(value, Node) and constant.shape[-2:] == node.extent and node.op in ADDING:
                return self.cut(constant[(None,) * (4 - constant.dim())], self.plan.reads(node))
            return constant

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


def cut_by(node: Node) -> tuple[slice, ...]:
    """The index of a slice operation on windows; a cut of rows or columns is in the window already."""
    arguments = node.arguments
    step, dim = arguments["step"], arguments["dim"]
    part = slice(arguments["start"], arguments["end"], step) if dim == 1 else slice(None, None, step)
    return tuple(part if axis == dim else slice(None) for axis in range(4))


def pooling(node: Node) -> dict[str, Any]:
    """The geometry of a max pool, as PyTorch takes it."""
    return {key: node.arguments[key] for key in ("kernel_size", "stride", "padding", "dilation")}
