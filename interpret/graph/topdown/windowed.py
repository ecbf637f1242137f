"""The top-down pass over windows: from neurons to the pixels they see, and the way up that it needs."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from interpret.graph.operations.operation import WindowedRules
from interpret.graph.operations.table import row_of
from interpret.graph.program.program import Node
from interpret.graph.topdown.frames import Frame, Seeds
from interpret.graph.topdown.neuron_windows import NeuronWindows
from interpret.graph.topdown.plan import Plan
from interpret.graph.topdown.ways import Way, takers
from interpret.graph.topdown.whole_maps import Share


def window_top_down(
    plan: Plan, x: Float[Tensor, "n c h w"], seeds: Seeds
) -> Float[Tensor, "k c rows columns"]:
    """Project neurons back to the pixels of their windows; pixels outside the image are zero.

    Args:
        plan: The windows of the layer, and the rules.
        x: Images.
        seeds: Neurons; all at once, so give parts from ``plan.batches``.
    """
    used, image = torch.unique(seeds.image, return_inverse=True)
    images, local = x[used.to(x.device)], seeds._replace(image=image)
    windows = plan.windows(local, images)
    with torch.no_grad():
        forward = WindowedForward(plan, windows)
        if plan.from_maps(len(used), len(image)):
            forward.save_of_maps(images)
        else:
            forward.save(images)
        return WindowedTopDown(plan, windows).run()


def _rules(node: Node) -> WindowedRules:
    rules = row_of(node).windowed
    if rules is None:
        raise ValueError(f"{node.origin} does not go through windows")
    return rules


class WindowedForward:
    """One way up, which saves in the windows what the way down must know: switches and the like."""

    def __init__(self, plan: Plan, windows: NeuronWindows) -> None:
        self.plan, self.windows = plan, windows

    def save_of_maps(self, images: Tensor) -> None:
        """Save what the way down must know, cut out of whole maps."""
        ways = {node: way for node, way in self.plan.ways.items() if way.recorded}
        operands = {
            node: (node in ways and ways[node].recorded) or node.operands[0] for node in self.plan.saved
        }
        constants = [node for way in ways.values() for node in way.constants]
        values = self.plan.graph.run(images, [*operands.values(), *constants]) if operands else {}
        for node, operand in operands.items():
            if node in ways:
                known = ways[node].record(values[operand], values.__getitem__)
                self.windows.saved[node] = self.windows.of_own(known, node)
            elif save := _rules(node).save:
                self.windows.saved[node] = save.of_maps(self.windows, node, values[operand])

    def save(self, images: Tensor) -> None:
        """Save what the way down must know, by a forward pass over the windows alone."""
        values: dict[Node, Tensor] = {}
        order = self.plan.forward
        last = {operand: node for node in order for operand in node.varying_operands}
        for node in order:
            values[node] = self._value(node, values, images)
            for operand in node.varying_operands:
                if last[operand] is node:
                    del values[operand]

    def _value(self, node: Node, values: dict[Node, Tensor], images: Tensor) -> Tensor:
        windows = self.windows
        if node is self.plan.graph.input:
            return windows.cut(images, windows.frames[node])
        if node in self.plan.ways:
            return self._by_way(node, self.plan.ways[node], values)
        rules = _rules(node)
        if rules.save and node in self.plan.saved:
            value, windows.saved[node] = rules.save.on_windows(windows, node, values)
            return value
        return rules.forward(windows, node, values) if rules.forward else windows.plain(node, values)

    def _by_way(self, node: Node, way: Way, values: dict[Node, Tensor]) -> Tensor:
        if way.recorded is not None:
            rows, columns = self.windows.reads[node].within(self.windows.frames[way.recorded])
            read = values[way.recorded][:, :, rows, columns]
            self.windows.saved[node] = way.record(read, self.windows.tensor)
        return self.windows.plain(node, values)


class WindowedTopDown:
    """One way down: signals over windows, from the layer to the pixels."""

    def __init__(self, plan: Plan, windows: NeuronWindows) -> None:
        self.plan, self.windows = plan, windows
        self.signals = dict[Node, Tensor]()

    def run(self) -> Float[Tensor, "k c rows columns"]:
        """The projections of all neurons."""
        windows, image = self.windows, self.plan.graph.input
        self._start()
        for node in reversed(self.plan.path):
            if node is image or node not in self.signals:
                continue
            signal = self.signals.pop(node)
            if row_of(node).geometry:  # nothing comes down from outside of a map that is another than below
                signal = windows.bounded(signal, node)
            for operand, share in self._down(node, signal):
                self._add(operand, share, windows.reads[node])
        return windows.bounded(self.signals[image], image)

    def _down(self, node: Node, signal: Tensor) -> list[Share]:
        """The parts of the signal at a node for what it goes down to."""
        way = self.plan.ways.get(node)
        if way is None:
            return _rules(node).down(self.windows, node, signal)
        return [(way.taker, way.down(signal, self.windows.saved.get(node)))]

    def _start(self) -> None:
        """Carry the seeds down as one channel as far as that is possible, then as whole maps."""
        seeds, device = self.windows.seeds, self.windows.device
        channel, signal = seeds.channel.to(device), seeds.value.to(device)[:, None, None, None]
        node = self.plan.layer
        while (lower := self._one_channel(node, signal, channel)) is not None:
            signal, (node,) = lower, takers(node, self.plan.rules)
        has_rule = node is not self.plan.graph.input and node not in self.plan.ways
        from_channel = _rules(node).from_channel if has_rule else None
        if from_channel:
            signal = self.windows.bounded(signal, node)
            self.signals[node.operands[0]] = from_channel(self.windows, node, signal, channel)
            return
        whole = signal.new_zeros(len(channel), node.shape[0], *signal.shape[2:])
        whole[torch.arange(len(channel), device=device), channel] = signal[:, 0]
        self.signals[node] = whole

    def _one_channel(self, node: Node, signal: Tensor, channel: Tensor) -> Tensor | None:
        """The signal below a node that keeps it in one channel."""
        way, known = self.plan.ways.get(node), self.windows.saved.get(node)
        if way is not None:
            return way.down(signal, None if known is None else _of_channel(known, channel))
        rule = None if node is self.plan.graph.input else _rules(node).one_channel
        return rule(self.windows, node, signal, channel) if rule else None

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


def _of_channel(known: Tensor, channel: Tensor) -> Tensor:
    """What is known of one channel of each neuron; what has one channel serves them all."""
    neurons = torch.arange(len(channel), device=channel.device)
    return known[neurons, channel][:, None] if known.shape[1] > 1 else known
