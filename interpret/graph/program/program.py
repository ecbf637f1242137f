"""A network as a small program: nodes, each one operation on one tensor, and how to run them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from interpret.errors import InterpretError, ModelError, UnknownNameError
from interpret.modules.wrappers import unwrapped

TRACED_BATCH = 67
"""Images in the traced input: a prime, so that a shape written into the program shows its batch axis."""


@dataclass(frozen=True)
class BatchMultiple:
    """Stands in an argument where the program needs ``times`` x the number of images of this run."""

    times: int = 1


class TokenGrid(NamedTuple):
    """The positions of a map along one axis of a value, row by row, with others before or behind them.

    Attributes:
        axis: The axis.
        rows: Rows of the map.
        columns: Columns of the map.
        before: What stands before the map, each by the name of the parameter that it began as: a class token.
    """

    axis: int
    rows: int
    columns: int
    before: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """How many positions the map has."""
        return self.rows * self.columns


@dataclass(frozen=True, eq=False)
class Node:
    """One operation and the tensor it makes.

    Attributes:
        name: Unique in its graph.
        op: A word of the vocabulary in `interpret.graph.operations.vocabulary`, or ``opaque``.
        target: What computes the value, called with ``arguments`` by name; None for inputs and parameters.
        arguments: Every argument by name. Other nodes, and `BatchMultiple`, stand where their values go.
        operands: The nodes among the arguments, in order, each as often as it is read.
        traced: Shape of the value while tracing, with `TRACED_BATCH` images.
        spatial: The axes of ``traced`` that are the rows and columns of a map, if it still has both.
        varies: Whether the value depends on the input.
        layer: Dotted name of the module whose code made this node ("" for the whole network).
        owner: Class name of that module.
        dtype: Type of the value while tracing; None for what was made by hand.
        tokens: Where the positions of a map lie, if they are along one axis.
    """

    name: str
    op: str
    target: Any = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    operands: tuple[Node, ...] = ()
    traced: tuple[int, ...] = ()
    spatial: tuple[int, int] | None = None
    varies: bool = False
    layer: str = ""
    owner: str = ""
    dtype: torch.dtype | None = None
    tokens: TokenGrid | None = None

    @property
    def continuous(self) -> bool:
        """Whether the value has a gradient and differences: no mask, no index, no count."""
        return self.dtype is None or self.dtype.is_floating_point or self.dtype.is_complex

    @property
    def batched(self) -> bool:
        """Whether the first axis counts images."""
        return self.varies and self.traced[:1] == (TRACED_BATCH,)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value for one image, without the batch axis."""
        return self.traced[1:] if self.batched else self.traced

    @property
    def numel(self) -> int:
        """Numbers in the value for one image, on whichever axes images are counted."""
        return prod(self.traced) // (TRACED_BATCH if self.varies else 1)

    @property
    def extent(self) -> tuple[int, int]:
        """Rows and columns of the map; (1, 1) when the value is no map any more."""
        if self.spatial is None:
            return 1, 1
        rows, columns = self.spatial
        return self.traced[rows], self.traced[columns]

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the map, wherever its positions lie; (1, 1) when the value is no map."""
        return (self.tokens.rows, self.tokens.columns) if self.tokens and self.tokens.size else self.extent

    @property
    def operation(self) -> str:
        """Name of the operation as PyTorch calls it, for messages."""
        return str(getattr(self.target, "__name__", self.op)).split(".")[0]

    @cached_property
    def varying_operands(self) -> tuple[Node, ...]:
        """The operands that depend on the input, each once."""
        return tuple(operand for operand in dict.fromkeys(self.operands) if operand.varies)

    @property
    def origin(self) -> str:
        """Where the node comes from, for messages: ``features.2: hardtanh (ReLU6)``."""
        return f"{self.layer or 'the network'}: {self.operation} ({self.owner})"

    def __repr__(self) -> str:
        return f"<{self.name}: {self.op} {'x'.join(map(str, self.shape))}>"


Apply = Callable[[Node, Mapping[str, Any]], Any]


def apply(node: Node, arguments: Mapping[str, Any]) -> Any:
    """Compute the value of ``node`` from its arguments, by name, with tensors for nodes."""
    return node.target(**arguments)


@dataclass(frozen=True, eq=False)
class Graph:
    """A traced network.

    Attributes:
        module: The network; parameters and buffers are read from it at every run.
        nodes: All nodes, each after the nodes it reads.
        layers: The node each module call ends in, by layer name, in execution order. A module called n > 1
            times is ``name:1`` ... ``name:n``.
        input: The node of the images (n, c, h, w).
        answer: The node of the network's output, if it is known which of the things it returns that is.
        refusal: Why it is not known.
        fixed: The names of layers that no image reaches, made of weights alone.
        returned: The nodes of what modules return, where ``layers`` are maps made of it.
    """

    module: nn.Module
    nodes: tuple[Node, ...]
    layers: Mapping[str, Node]
    input: Node
    answer: Node | None
    refusal: str = ""
    fixed: Collection[str] = ()
    returned: Mapping[str, Node] = field(default_factory=dict)

    @property
    def output(self) -> Node:
        """The node of the network's output.

        Raises:
            ModelError: If it is not known what of the things the module returns is the output.
        """
        if self.answer is None:
            raise ModelError(self.refusal)
        return self.answer

    def layer(self, name: str) -> Node:
        """The node of layer ``name``; the bare name of a module called several times means its last call.

        Raises:
            UnknownNameError: If there is no such layer.
            ModelError: If no image reaches it.
        """
        if name in self.layers:
            return self.layers[name]
        if name in self.fixed:
            raise ModelError(
                f"Layer {name!r} is the same for every image: it is made of weights alone. "
                "Choose a layer that the image reaches."
            )
        calls = [node for key, node in self.layers.items() if key.rpartition(":")[0] == name]
        if not calls:
            raise UnknownNameError("layer", name, self.layers)
        return calls[-1]

    def needed(self, keep: Iterable[Node], given: Collection[Node] = ()) -> list[Node]:
        """The nodes that must be known to know ``keep``, in order; nothing below those in ``given``."""
        wanted = set(keep)
        for node in reversed(self.nodes):
            if node in wanted and node not in given:
                wanted.update(node.operands)
        return [node for node in self.nodes if node in wanted]

    def path(self, *layers: Node) -> list[Node]:
        """The nodes through which layers depend on the input, in order, both ends included."""
        wanted = set(layers)
        for node in reversed(self.nodes):
            if node in wanted:
                wanted.update(operand for operand in node.operands if operand.varies and node.varies)
        return [node for node in self.nodes if node in wanted]

    def run(
        self,
        x: Float[Tensor, "n c h w"],
        keep: Sequence[Node] | None = None,
        apply: Apply = apply,
        given: Mapping[Node, Tensor] | None = None,
    ) -> dict[Node, Any]:
        """Compute the values of some nodes; everything else is freed as soon as nothing needs it.

        Args:
            x: Images, of the size the network was traced at; any number of them.
            keep: Nodes whose values to return (default: the output). Nothing beyond them is computed.
            apply: Computes one node from its arguments; an engine may put its own in place.
            given: Values that are known already; what they were computed from is not computed again.

        Returns:
            The value of each node in ``keep``. Autograd follows unless the caller turns it off.

        Raises:
            InterpretError: If the images have another size.
        """
        self._check(x)
        kept = [self.output] if keep is None else list(keep)
        given = given or {}
        order = self.needed(kept, given)
        spent = _last_uses(order, kept)
        values: dict[Node, Any] = {}
        for node in order:
            values[node] = given[node] if node in given else self._value(node, values, x, apply)
            for read in spent.get(node, ()):
                values.pop(read, None)
        return values

    def _check(self, x: Tensor) -> None:
        if tuple(x.shape[1:]) != self.input.shape:
            found, wanted = (" x ".join(map(str, shape)) for shape in (tuple(x.shape[1:]), self.input.shape))
            raise InterpretError(
                f"The network was traced for images of {wanted}, but got {found}. Resize them."
            )

    def _value(self, node: Node, values: Mapping[Node, Any], x: Tensor, apply: Apply) -> Any:
        if node is self.input:
            return x
        if node.op == "parameter":
            return look_up(self.module, node.arguments["path"])
        if node.op == "constant":
            return _moved(node.arguments["value"], x)
        return apply(node, resolve(node.arguments, values, x))


def look_up(module: nn.Module, path: str) -> Tensor:
    """The parameter or buffer at a dotted path."""
    *owners, name = path.split(".")
    for owner in owners:
        module = unwrapped(getattr(module, owner))
    value: Tensor = getattr(module, name)
    return value


def resolve(arguments: Mapping[str, Any], values: Mapping[Node, Any], x: Tensor) -> dict[str, Any]:
    """The arguments of a node with values for nodes, and with the batch size and the device of ``x``."""
    return {key: _resolved(value, values, x) for key, value in arguments.items()}


def _last_uses(order: Sequence[Node], kept: Sequence[Node]) -> dict[Node, list[Node]]:
    """For each node, the values that nothing reads after it."""
    last = {operand: node for node in order for operand in node.operands}
    spent: dict[Node, list[Node]] = {}
    for operand, reader in last.items():
        if operand not in kept:
            spent.setdefault(reader, []).append(operand)
    return spent


def _moved(value: Tensor, x: Tensor) -> Tensor:
    return value.to(x.device, x.dtype if value.is_floating_point() else value.dtype)


def _resolved(value: Any, values: Mapping[Node, Any], x: Tensor) -> Any:
    if isinstance(value, Node):
        return values[value]
    if isinstance(value, BatchMultiple):
        return value.times * x.shape[0]
    if isinstance(value, torch.device):
        return x.device
    if isinstance(value, (list, tuple)):
        return [_resolved(item, values, x) for item in value]
    return value


def with_operands(node: Node, made: Mapping[Node, Node]) -> Node:
    """A node that reads what was made in the place of its operands, among its arguments, too."""
    operands = tuple(made.get(operand, operand) for operand in node.operands)
    return replace(node, arguments=_replaced(dict(node.arguments), made), operands=operands)


def _replaced(value: Any, made: Mapping[Node, Node]) -> Any:
    if isinstance(value, Node):
        return made.get(value, value)
    if isinstance(value, dict):
        return {key: _replaced(item, made) for key, item in value.items()}
    return [_replaced(item, made) for item in value] if isinstance(value, (list, tuple)) else value
