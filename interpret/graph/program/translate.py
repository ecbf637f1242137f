"""From the ATen program of torch.export to our nodes: one tensor each, in the words of the vocabulary."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from torch import Tensor, fx, nn
from torch._ops import OpOverload
from torch.export import ExportedProgram
from torch.export.graph_signature import OutputKind

from interpret.errors import ModelError
from interpret.graph.operations.table import canonical, value_axes, value_tokens
from interpret.graph.program.calls import OPAQUE, CanonicalCall, Spelling
from interpret.graph.program.program import TRACED_BATCH, BatchMultiple, Graph, Node

PREFIX = "module."
"""Names in the exported program begin with the wrapper's attribute."""

SHAPES = frozenset({"size", "shape", "repeats"})
"""Arguments in which a program writes shapes."""


def translate(program: ExportedProgram, module: nn.Module, layers: Sequence[str], refusal: str = "") -> Graph:
    """The graph of an exported module whose outputs are the network's output and then one per layer call.

    Args:
        program: Exported and functional (no in-place operations left).
        module: The network that was exported, as the attribute ``module`` of a wrapper.
        layers: Names of the layer calls in the order of the outputs.
        refusal: Why there is no output among the outputs, if there is none.

    Raises:
        ModelError: If the program holds control flow instead of plain operations.
    """
    translator = _Translator(program)
    for node in program.graph.nodes:
        translator.read(node)
    specs = zip(program.graph.output_node().args[0], program.graph_signature.output_specs, strict=True)
    found = [translator.known[item] for item, spec in specs if spec.kind == OutputKind.USER_OUTPUT]
    output, taps = (None, found) if refusal else (found[0], found[1:])
    named = {name: tap for name, tap in zip(layers, taps, strict=True) if tap.varies}
    fixed = [name for name in layers if name not in named]
    whole = Graph(module, tuple(translator.nodes), named, translator.input, output, refusal, fixed)
    kept = [whole.input, *named.values(), *([] if output is None else [output])]
    nodes = tuple(whole.needed(kept))
    _refuse_single_images(nodes)
    return replace(whole, nodes=nodes)


def _refuse_single_images(nodes: Sequence[Node]) -> None:
    """Raise ModelError where a forward takes an image out of the batch: no graph has it for any number."""
    for node in nodes:
        if node.op in ("select", "slice") and node.operands[0].batched and node.arguments["dim"] == 0:
            raise ModelError(
                f"{node.origin} takes single images out of the batch. Compute on the whole batch at once, "
                "without a loop over its images"
            )


class _Translator:
    """Reads the nodes of an exported program one by one."""

    def __init__(self, program: ExportedProgram) -> None:
        signature = program.graph_signature
        self.paths = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
        lifted = signature.inputs_to_lifted_tensor_constants
        self.constants = {name: program.constants[key] for name, key in lifted.items()}
        self.nodes: list[Node] = []
        self.known: dict[fx.Node, Node] = {}
        self.input: Node

    def read(self, node: fx.Node) -> None:
        """Translate one node of the exported program, unless it makes no tensor."""
        if not isinstance(node.meta.get("val"), Tensor):
            return
        if node.op == "placeholder":
            self.known[node] = self._leaf(node)
        elif node.op == "call_function":
            self.known[node] = self._call(node)

    def _add(self, node: Node) -> Node:
        self.nodes.append(node)
        return node

    def _leaf(self, node: fx.Node) -> Node:
        traced, dtype = tuple(node.meta["val"].shape), node.meta["val"].dtype
        if node.name in self.paths:
            path = {"path": self.paths[node.name].removeprefix(PREFIX)}
            return self._add(Node(node.name, "parameter", arguments=path, traced=traced, dtype=dtype))
        if node.name in self.constants:
            value = {"value": self.constants[node.name]}
            return self._add(Node(node.name, "constant", arguments=value, traced=traced, dtype=dtype))
        self.input = Node(node.name, "input", traced=traced, spatial=(2, 3), varies=True, dtype=dtype)
        return self._add(self.input)

    def _call(self, node: fx.Node) -> Node:
        call_node, item = node, None
        if node.target is operator.getitem:
            call_node, item = cast("tuple[fx.Node, int]", node.args)
        target = call_node.target
        if not isinstance(target, OpOverload):
            raise ModelError(
                f"the traced program holds {target}, which is control flow and no plain operation"
            )
        traced = tuple(node.meta["val"].shape)
        call = canonical(Spelling(target, item, self._bind(target, call_node), traced))
        return call if isinstance(call, Node) else self._operation(node.name, call, traced, node.meta)

    def _elsewhere(self) -> bool:
        """Whether the number of images while tracing is the size of anything else, too."""
        given = (node for node in self.nodes if node.varies or node.op in ("parameter", "constant"))
        return any(node.traced.count(TRACED_BATCH) > int(node.varies) for node in given)

    def _bind(self, target: OpOverload, node: fx.Node) -> dict[str, Any]:
        """Every argument by name, with our nodes in place of the program's."""
        given = dict(node.kwargs)
        given.update(zip((argument.name for argument in target._schema.arguments), node.args, strict=False))
        bound = {item.name: given.get(item.name, item.default_value) for item in target._schema.arguments}
        known: Any = self._ours
        return {key: fx.node.map_arg(value, known) for key, value in bound.items()}

    def _ours(self, node: fx.Node) -> Node:
        if node not in self.known:
            raise ModelError(
                f"a number is computed from the image ({node.target}), where only tensors can be"
            )
        return self.known[node]

    def _first(self, name: str, arguments: Mapping[str, Any], meta: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments with nodes for the operations that come first."""
        return {
            key: self._operation(f"{name}_{value.op}", value, value.traced or (), meta)
            if isinstance(value, CanonicalCall)
            else value
            for key, value in arguments.items()
        }

    def _operation(
        self, name: str, call: CanonicalCall, traced: tuple[int, ...], meta: Mapping[str, Any]
    ) -> Node:
        call = call._replace(arguments=self._first(name, call.arguments, meta))
        arguments = {key: _with_batch(key, value, traced) for key, value in call.arguments.items()}
        if "groups" in arguments and getattr(arguments.get("weight"), "varies", False):
            (arguments["groups"],) = _with_batch("repeats", [arguments["groups"]], ())
        if call.op == OPAQUE and arguments.get("end") == TRACED_BATCH and not self._elsewhere():
            arguments["end"] = BatchMultiple()
        operands = tuple(_nodes_in(list(arguments.values())))
        layer, owner = _origin(meta)
        call = call._replace(arguments=arguments)
        spatial = value_axes(call, operands, traced)
        tokens = None if spatial else value_tokens(call, operands, traced)
        varies = any(operand.varies for operand in operands) and not _only_sized(call)
        dtype = meta["val"].dtype
        return self._add(
            Node(
                name,
                call.op,
                call.target,
                arguments,
                operands,
                traced,
                spatial,
                varies,
                layer,
                owner,
                dtype,
                tokens,
            )
        )


def _only_sized(call: CanonicalCall) -> bool:
    """Whether an operation reads the shape of its operand and not its values, like ``ones_like``."""
    name = str(getattr(call.target, "__name__", ""))
    return name.startswith(("zeros_like", "ones_like", "full_like", "new_"))


def _nodes_in(value: Any) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _nodes_in(item)


def _with_batch(key: str, value: Any, traced: Sequence[int]) -> Any:
    """A shape with the number of images left open: in front if it is there, else wherever it is a factor."""
    if key not in SHAPES or not isinstance(value, (list, tuple)):
        return value
    factors = [isinstance(size, int) and size > 0 and size % TRACED_BATCH == 0 for size in value]
    if any(factors[:1]) or (key != "repeats" and traced and traced[0] % TRACED_BATCH == 0):
        factors = [*factors[:1], *[False] * (len(value) - 1)]
    return [
        BatchMultiple(size // TRACED_BATCH) if open_ else size
        for size, open_ in zip(value, factors, strict=True)
    ]


def _origin(meta: Mapping[str, Any]) -> tuple[str, str]:
    """Dotted name and class name of the innermost module that made an operation."""
    stack = list((meta.get("nn_module_stack") or {}).values())
    if not stack:
        return "", ""
    path, owner = stack[-1]
    package, _, name = str(owner).rpartition(".")
    known = "nn." if package.startswith("torch.nn.") else ""
    return f"{path}.".removeprefix(PREFIX).rstrip("."), known + name
