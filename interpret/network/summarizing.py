"""From a network to its summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from math import prod
from typing import Protocol

from torch import nn

from interpret.describing import cleaned, spec_text
from interpret.errors import ModelError
from interpret.graph.delta.incremental import carried
from interpret.graph.operations.table import multiply_adds
from interpret.graph.program.program import Graph, Node
from interpret.graph.receptive import receptive_field
from interpret.graph.topdown.naming import nonlinearities
from interpret.graph.topdown.rules import Rules
from interpret.graph.topdown.saving import require_rules
from interpret.images.inputs import InputSpec
from interpret.network.passes import Findings
from interpret.network.recording import Call, layer_names
from interpret.network.summary import LayerField, LayerSummary, Summary, Working
from interpret.network.views import LayerView
from interpret.wording import as_text, listed

SCREEN = 40
"""So many layers are shown where nobody says how deep: those of the largest depth that are no more."""


class Summarized(Protocol):
    """What is asked of a network here; see `interpret.network.network.Network`."""

    module: nn.Module
    input: InputSpec
    categories: tuple[str, ...]
    aliases: dict[str, str]

    @property
    def calls(self) -> Mapping[str, Call]:
        """The calls behind the layers, in execution order."""

    @property
    def graph(self) -> Graph:
        """The network as a program."""

    @property
    def parts(self) -> dict[str, nn.Module]:
        """Every module inside, by its dotted name."""

    def layer(self, name: str) -> str:
        """The layer of that name or alias."""

    def view(self, name: str) -> LayerView:
        """How a layer is looked at: as maps, vectors, or as it is."""

    def layer_shapes(self, layers: Sequence[str]) -> dict[str, tuple[int, ...]]:
        """The shape of what each layer makes of one image."""


def summarize(network: Summarized, depth: int | None, *, measure: bool) -> Summary:
    """What a network is made of, and what can be asked of each layer; see ``Network.summary``."""
    parts, aliases = network.parts, _aliases(network)
    names = shown(list(network.calls), depth)
    calls = {name: network.calls[name] for name in names}
    shapes = network.layer_shapes(names)
    engine, refusal = _engine(network, measure=measure)
    layers = [
        LayerSummary(
            name,
            aliases.get(name, ()),
            type(parts[call.module]).__name__,
            shapes[name],
            engine.field(name) if engine else None,
            _parameters(parts[call.module]),
            engine.multiply_adds(name, call) if engine else 0,
            network.view(name).layout is not None,
            engine.projection(name) if engine else Working(),
            engine.occlusion(name) if engine else Working(),
        )
        for name, call in calls.items()
    ]
    total = sum(map(multiply_adds, engine.graph.nodes)) if engine else 0
    kind = type(network.module).__name__
    count, parameters = len(network.calls), _parameters(network.module)
    return Summary(kind, network.input.shape, parameters, total, tuple(layers), count, refusal)


def shown(names: Sequence[str], depth: int | None) -> list[str]:
    """The layers down to a depth, or as deep as a screen shows (None); of any depth (0)."""
    depths = {name: name.count(".") + 1 for name in names}
    if depth is None:
        counts = {
            most: sum(mine <= most for mine in depths.values()) for most in sorted(set(depths.values()))
        }
        fitting = [most for most, count in counts.items() if count <= SCREEN]
        depth = (fitting or list(counts) or [0])[-1 if fitting else 0]
    return [name for name in names if not depth or depths[name] <= depth]


def _engine(network: Summarized, *, measure: bool) -> tuple[_Engine | None, str]:
    try:
        return _Engine(network.graph, measure=measure), ""
    except ModelError as error:
        return None, str(error)


def _aliases(network: Summarized) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for alias in network.aliases:
        layer = network.layer(alias)
        found[layer] = (*found.get(layer, ()), *([alias] if alias != layer else []))
    return found


def _parameters(part: nn.Module) -> int:
    return sum(item.numel() for item in part.parameters())


def network_text(network: Summarized, findings: Findings | None) -> str:
    """The class of a network, its input, parameters, layers and categories: what is known without a pass.

    Args:
        network: The network.
        findings: What its first passes told, if there were any.
    """
    rows = {"input": spec_text(network.input), "parameters": f"{_parameters(network.module):,}"}
    rows["layers"] = "named on first use: network.layers"
    if findings is not None and findings.calls:
        rows["layers"] = listed(layer_names(findings.calls))
    if network.categories:
        rows["categories"] = listed(network.categories)
    return as_text(f"Network {type(network.module).__name__}", cleaned(rows))


class _Engine:
    """What the engine knows of layers; several of them may end in one node."""

    def __init__(self, graph: Graph, *, measure: bool) -> None:
        self.graph, self.measure = graph, measure
        self.order = {node: number for number, node in enumerate(graph.nodes)}
        self._fields: dict[Node, LayerField | None] = {}
        self._projections: dict[Node, Working] = {}

    def field(self, name: str) -> LayerField | None:
        """What the neurons of a layer see; None where no image reaches it."""
        node = self.graph.layers.get(name)
        if node is None:
            return None
        if node not in self._fields:
            self._fields[node] = _field(self.graph, name, measure=self.measure)
        return self._fields[node]

    def multiply_adds(self, name: str, call: Call) -> int:
        """Those of one call of a module: of the nodes since its last call."""
        calls = [
            self.order[node]
            for key, node in self.graph.layers.items()
            if key == call.module or key.rpartition(":")[0] == call.module
        ]
        end = self.order[self.graph.layers[name]] if name in self.graph.layers else -1
        start = max((other for other in calls if other < end), default=-1)
        inside = self._work.get(call.module, [])
        return sum(work for number, work in inside if start < number <= end)

    @cached_property
    def _work(self) -> dict[str, list[tuple[int, int]]]:
        """The number and the multiply-adds of every node that has some, by each module that it is in."""
        found: dict[str, list[tuple[int, int]]] = {}
        for node, number in self.order.items():
            if work := multiply_adds(node):
                names = node.layer.split(".")
                for depth in range(len(names)):
                    found.setdefault(".".join(names[: depth + 1]), []).append((number, work))
        return found

    def projection(self, name: str) -> Working:
        """What is done with a signal on its way down from a layer."""
        node = self.graph.layers.get(name)
        if node is None:
            return Working("refused", {"refused": ("no image reaches it",)})
        if node not in self._projections:
            self._projections[node] = _projection(self.graph, name)
        return self._projections[node]

    def occlusion(self, name: str) -> Working:
        """Whether what an occluder changes is carried to a layer in windows."""
        node = self.graph.layers.get(name)
        whole = [below for below in (self.graph.path(node) if node else ()) if below not in self._carried]
        entered = [below for below in whole if any(_has_places(item) for item in below.varying_operands)]
        first = [below for below in entered if all(item in self._carried for item in below.varying_operands)]
        if node is not None and not entered:
            return Working("incremental")
        names = (f"{below.operation} ({below.layer or 'the network'})" for below in first)
        return Working("full", {"full": tuple(dict.fromkeys(names))})

    @cached_property
    def _carried(self) -> set[Node]:
        return carried(self.graph)


def _field(graph: Graph, name: str, *, measure: bool) -> LayerField | None:
    if graph.layers[name].spatial is None:
        return None
    found = receptive_field(graph, name, measure=measure)
    whole = found.size == graph.input.extent and not any(found.stride)
    return LayerField(found.size, found.stride, whole, found.measured)


def _has_places(node: Node) -> bool:
    """Whether it is a map of more than one position: whole ones of one position cost what windows do."""
    return prod(node.extent) > 1


def _projection(graph: Graph, name: str) -> Working:
    """What the deconvnet does on the way down from a layer, beside the paper's rules."""
    rules, node = Rules(), graph.layer(name)
    try:
        require_rules(graph, node, rules)
    except ModelError as error:
        return Working("refused", {"refused": (str(error),)})
    found = nonlinearities(graph, node, rules)
    return Working("+".join(found) or "exact", found)
