"""The windows of one batch of neurons: what a rule is given to compute on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool
from torch import Tensor

from interpret.graph.program.program import Graph, Node, look_up
from interpret.graph.topdown.frames import Frame, Seeds
from interpret.graph.topdown.rules import Rules


class NeuronWindows:
    """The windows of one batch of neurons.

    Args:
        graph: The network.
        rules: What is done on the way down.
        frames: Where the windows of every node lie.
        reads: What every node reads of each of its operands.
        seeds: The neurons.
        images: The images they belong to; everything is computed on their device and in their type.

    Attributes:
        saved: What the way down must know of the way up, by node.
    """

    def __init__(
        self,
        graph: Graph,
        rules: Rules,
        frames: Mapping[Node, Frame],
        reads: Mapping[Node, Frame],
        *,
        seeds: Seeds,
        images: Tensor,
    ) -> None:
        self.graph, self.rules, self.frames, self.reads = graph, rules, frames, reads
        self.seeds, self.device = seeds, images.device
        self.saved: dict[Node, Tensor] = {}
        self._one, self._constants = images[:1], dict[Node, Tensor]()
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

    def of_own(self, maps: Tensor, node: Node) -> Tensor:
        """The windows of a node in maps that it is scaled by; what has one position serves them all."""
        if maps.shape[2:] == (1, 1):
            return maps[self.seeds.image.to(maps.device)]
        return self.cut(maps.expand(-1, -1, *node.extent), self.frames[node])

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

    def read(self, node: Node, values: Mapping[Node, Tensor], fill: float | None = None) -> Tensor:
        """What ``node`` reads of its one operand that varies; ``fill`` if given stands outside the map."""
        (operand,) = node.varying_operands
        value = values[operand] if fill is None else self.bounded(values[operand], operand, fill)
        rows, columns = self.reads[node].within(self.frames[operand])
        return value[:, :, rows, columns]

    def plain(self, node: Node, values: Mapping[Node, Tensor], *, local: bool = False) -> Tensor:
        """The value of an operation whose own function works on windows as on maps.

        Args:
            node: The node.
            values: Its operands over their windows.
            local: Whether a constant may differ from position to position; it is then cut to the windows.
        """

        def given(value: Any) -> Any:
            if isinstance(value, Node) and value.varies:
                rows, columns = self.reads[node].within(self.frames[value])
                return values[value][:, :, rows, columns]
            if isinstance(value, (list, tuple)):
                return [given(item) for item in value]
            constant = self.tensor(value)
            if local and isinstance(value, Node) and constant.shape[-2:] == node.extent:
                return self.cut(constant[(None,) * (4 - constant.dim())], self.reads[node])
            return constant

        result: Tensor = node.target(**{key: given(value) for key, value in node.arguments.items()})
        return result
