"""What was found out about a module: its findings, layers, graphs, and copies to run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from threading import RLock
from typing import Any

import torch
from torch import Tensor, nn

from interpret.errors import ModelError, UnknownNameError
from interpret.graph.program.program import Graph
from interpret.graph.program.trace import trace
from interpret.modules.contexts import plain
from interpret.modules.copies import clone, eval_copy, share
from interpret.modules.outputs import Output
from interpret.modules.snapshots import Snapshot
from interpret.modules.wrappers import named_parts, scripted_parts
from interpret.network.checks import require_same_numbers
from interpret.network.layouts import Layout
from interpret.network.passes import Findings
from interpret.network.recording import Call, layer_names

Shape = tuple[int, int, int]
"""Of one image: channels, height, width."""


class Known:
    """What was found out about a module; forgotten when it changes.

    Args:
        module: The module, which is only read.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module, self.snapshot, self.lock = module, Snapshot(module), RLock()
        self.findings: Findings | None = None
        self.programs: dict[Any, Graph] = {}
        self.certain: dict[str, Layout | None] | None = None
        self.layouts: dict[Shape, dict[str, Layout | None]] = {}
        self.maps: dict[Graph, Graph] = {}
        self._layers: dict[str, Call] | None = None
        self._graphs: dict[Any, Graph | str] = {}  # or why there is none
        self._spare: list[nn.Module] = []

    def examined(self, examine: Callable[[], Findings]) -> Findings:
        """What the first passes told; they are made by whoever comes first."""
        with self.lock:
            if self.findings is None:
                self.findings = examine()
            return self.findings

    def calls(self, findings: Findings) -> dict[str, Call]:
        """The module call behind every layer's name, in execution order.

        Raises:
            ModelError: If the module has submodules none of which is ever called.
        """
        if self._layers is None:
            self._layers = layer_names(findings.calls)
        if not self._layers and len(named_parts(self.module)) > 1:
            raise ModelError(
                f"{type(self.module).__name__} has no layers to see: its forward calls no submodule. "
                "Call them as modules: self.conv(x), not self.conv.forward(x)."
            )
        return self._layers

    def call(self, findings: Findings, name: str, *, images: int) -> Call:
        """The call behind a layer's name, in a pass of so many images.

        Raises:
            ModelError: If the layer is called for each of them.
        """
        call = self.calls(findings)[name]
        if images > 1 and call.module in findings.each_image:
            raise ModelError(
                f"The forward of {type(self.module).__name__} calls layer {name!r} once for each image of a "
                "batch, so the layer never sees the batch. Let the forward pass all images through it at "
                "once, self.layer(x), in place of a loop; or give one image at a time."
            )
        return call

    def graph(
        self,
        findings: Findings,
        shape: Shape,
        dtype: torch.dtype,
        output: Output,
        image: Callable[[], Tensor] | None,
    ) -> Graph:
        """The program for images of a shape and a type.

        Args:
            findings: What the first passes told.
            shape: Of one image.
            dtype: Of images and weights.
            output: What of the things that the module returns is the output.
            image: Makes an image (1, c, h, w) on which a new program is compared with the module, if it is.

        Raises:
            ModelError: If the module cannot be exported; the message says why.
        """
        key = (shape, dtype, torch.get_default_dtype())
        with self.lock:
            found = self._graphs.get(key)
            if isinstance(found, str):  # to try again would take seconds and end alike
                raise ModelError(found)
            try:
                made = found or self._program(key, lambda: self._compared(findings, shape, output, image))
            except ModelError as error:
                self._graphs[key] = str(error)
                raise
            self._graphs[key] = made
            return made

    def _compared(
        self, findings: Findings, shape: Shape, output: Output, image: Callable[[], Tensor] | None
    ) -> Graph:
        """The graph of this module, after it was compared with the module."""
        if findings.dynamic is not None:
            raise ModelError(
                f"{type(self.module).__name__} cannot be traced: {findings.dynamic} makes a tensor "
                "whose size depends on values. What needs no graph still works."
            )
        graph = _traced(self.module, shape, output)
        if image is not None:
            require_same_numbers(graph, self.own_copy(findings), image(), output)
        return graph

    def _program(self, key: Any, traced: Callable[[], Graph]) -> Graph:
        """The graph of this module: what the first of its copies was traced to, with its own weights.

        Constants may be tensors of the module that was traced: such a graph is no other's.
        """
        if key in self.programs:
            return replace(self.programs[key], module=self.module)
        graph = traced()
        if all(node.op != "constant" for node in graph.nodes):
            self.programs[key] = replace(graph, module=nn.Module())  # keeps no weights
        return graph

    def own_copy(self, findings: Findings) -> nn.Module:
        """A copy in eval mode that shares what its forward does not write into."""
        own = clone if findings.writes_weights else share
        return eval_copy(self.module, own, clone if findings.writes_buffers else share)

    @contextmanager
    def running(self, findings: Findings, device: torch.device) -> Iterator[nn.Module]:
        """A copy in eval mode that shares the weights, for one pass of this thread alone."""
        with plain(device):
            if findings.writes_buffers or findings.writes_weights:
                yield self.own_copy(findings)
                return
            copy = self._take()
            yield copy
            self._spare.append(copy)  # not after an error: its state is anyone's guess

    def _take(self) -> nn.Module:
        """A copy that nobody uses."""
        try:
            return self._spare.pop()
        except IndexError:
            return eval_copy(self.module)


def find_layer(module: nn.Module, calls: Mapping[str, Call], aliases: Mapping[str, str], name: str) -> str:
    """The name among ``calls`` that a name or alias stands for; of a module called again, the last call's.

    Raises:
        UnknownNameError: If there is no such layer; the message shows the nearest names.
        ModelError: If the module has no layers at all.
    """
    name = aliases.get(name, name)
    if name in calls:
        return name
    repeated = [layer for layer, call in calls.items() if call.module == name]
    if repeated:
        return repeated[-1]
    if not calls:
        raise ModelError(
            f"{type(module).__name__} has no submodules, and layers are their calls. "
            "Its output can be asked about, or make its steps modules."
        )
    raise UnknownNameError("layer", name, [*aliases, *calls])


def _traced(module: nn.Module, shape: Shape, output: Output) -> Graph:
    """The program of a module; where it cannot be had, what of TorchScript is in the way."""
    try:
        return trace(module, shape, output)
    except ModelError as error:
        for name, part in scripted_parts(module).items():
            raise ModelError(
                f"{type(module).__name__} cannot be traced: its layer {name!r} ({type(part).__name__}) is "
                "TorchScript, whose code runs outside Python. Put the nn.Module it was made from in its "
                "place (the one given to torch.jit.script or torch.jit.trace). What needs no graph still "
                "works."
            ) from error
        raise
