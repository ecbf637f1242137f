"""One row of the table: what the engines know of an operation, side by side. Only the name must be given.

Without a rule, an operation is *opaque* to the engine that asks: see `interpret.graph.operations.opaque`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from torch import Tensor

from interpret.graph.delta.changes import Change, PlaceBatch
from interpret.graph.operations.axes import AxesRule
from interpret.graph.operations.geometry import Geometry
from interpret.graph.operations.sampling import Sampling
from interpret.graph.operations.tokens import TokensRule
from interpret.graph.program.calls import Form
from interpret.graph.program.program import Node
from interpret.graph.topdown.neuron_windows import NeuronWindows
from interpret.graph.topdown.rules import Rules
from interpret.graph.topdown.whole_maps import Share, WholeMaps

Linear = Literal["never", "first", "either", "values", "all"]
"""In which operands a value is linear: the first alone, any one of them, or all of them together.

``values`` is all of them, unless a mask or an index depends on the image.
"""

PositionsRule = Callable[[Node, Node, int], "Sampling | None"]
"""From a node, its operand, and 0 (rows) or 1 (columns): which positions it reads; None: not known."""

SaveRule = Callable[[Node, Mapping[str, Any]], tuple[Any, Any]]
"""From a node and its arguments: its value, and what the way down must know."""

ChangeRule = Callable[[PlaceBatch, Node], Change]
"""From places and a node: its change, from those of its operands."""

TopDownRule = Callable[[WholeMaps, Node, Tensor], list[Share]]
"""From a node and a signal at it: what goes down to which operand."""

BoundsRule = Callable[[Node], "tuple[float, float] | None"]
"""From a node: the bounds that its values never leave; None where there are none."""


class Gate(NamedTuple):
    """An operation that scales a map by what another value was on the way up.

    Attributes:
        gated: The operand that is scaled; the signal goes down to it alone.
        recorded: The node whose value must be known.
        factor: From that value to the factor.
        down: From the signal and the factor to what goes down.
    """

    gated: Node
    recorded: Node
    factor: Callable[[Tensor], Tensor]
    down: Callable[[Tensor, Tensor], Tensor]


GateRule = Callable[[Node, Callable[[Node, Node], int]], "Gate | None"]
"""From a node, and how much an operand of it is a gate (0: it is none), to what gates what, if anything."""

WindowedValues = Mapping[Node, Tensor]
"""Values over the windows of neurons, (k, c, h, w) each."""


def always(_node: Node) -> bool:
    """No condition."""
    return True


class WindowedSave(NamedTuple):
    """What the way down over windows must know of the way up.

    Attributes:
        on_windows: The value over windows, and what must be known of it.
        of_maps: What must be known, cut from the whole maps of the operand.
    """

    on_windows: Callable[[NeuronWindows, Node, WindowedValues], tuple[Tensor, Tensor]]
    of_maps: Callable[[NeuronWindows, Node, Tensor], Tensor]


@dataclass(frozen=True)
class WindowedRules:
    """The top-down pass over the windows of single neurons, and the way up to it.

    Attributes:
        down: How a signal over windows goes down.
        forward: The value over windows; by default the operation's own function works on windows as on maps.
        save: What the way down must know, where the rules ask for it.
        one_channel: A signal that is in one channel of each neuron and stays there; None where it does not.
        from_channel: A signal that comes from one channel of each neuron, to all channels of the operand.
        local_constants: Whether a constant may differ from position to position, as a mean image.
        joins: Whether an operand may have other channels than the value.
    """

    down: Callable[[NeuronWindows, Node, Tensor], list[Share]]
    forward: Callable[[NeuronWindows, Node, WindowedValues], Tensor] | None = None
    save: WindowedSave | None = None
    one_channel: Callable[[NeuronWindows, Node, Tensor, Tensor], Tensor | None] | None = None
    from_channel: Callable[[NeuronWindows, Node, Tensor, Tensor], Tensor] | None = None
    local_constants: bool = False
    joins: bool = False


@dataclass(frozen=True)
class DeltaRules:
    """How a change goes up, in windows.

    Attributes:
        change: The change of a node from those of its operands; exact, to rounding.
        applies: Whether that rule is for this node.
        keeps_bits: Whether the value is the very one that the operation makes of its operands' values.
        of_masks: Whether masks and indices go through it, too.
        pools: Whether it takes all positions together.
        fresh: Whether the change is a tensor of its own, or one that nobody else reads.
        folds_into: The operation whose filters take the scale of this one, if this one alone reads it.
    """

    change: ChangeRule
    applies: Callable[[Node], bool] = always
    keeps_bits: bool = False
    of_masks: bool = False
    pools: bool = False
    fresh: bool = False
    folds_into: str = ""


@dataclass(frozen=True)
class Operation:
    """What the engines know of an operation.

    Attributes:
        name: The word for it, in `Node.op`.
        spellings: PyTorch's names of it, for calls that are taken as they stand.
        forms: PyTorch's names of calls that are this operation in another form, and how to find it.
        linear: In which operands the value is linear, up to a constant.
        weights: Whether the operands after the first are weights, the same at every position.
        filters: Whether ``weight`` holds a filter for each channel that is made.
        spreads: Whether it holds one for each channel that is read instead.
        sums: Whether a value is a sum of many terms, whose last bits nobody promises.
        casts: Whether it changes the type of numbers.
        pointwise: Whether each element is computed from those at the same position, where PyTorch's tags do
            not say so.
        bounds: Between which numbers its values stay, of an operation that gates maps: a sigmoid, a softmax.
        gate: Which operand scales the other one.
        maps: Whether it takes a map (n, c, h, w) and makes one.
        axes: Where the rows and columns of an operand lie in the value; pointwise ones need no rule.
        tokens: Where the tokens of an operand lie, where the rule for axes does not say it.
        geometry: Which positions of its map it reads, where they are not simply its own.
        positions: The same, where no `Geometry` can say it.
        stays: Whether images and channels stay where they are; only then it goes through windows.
        keeps_images: Whether the first axis still counts images, where operand and value have others.
        save: What the way down must know of the way up, by the rules that were chosen.
        top_down: How a signal goes down on whole maps; else by the vector-Jacobian product.
        windowed: The top-down pass over windows; else whole maps.
        delta: What a replaced window changes; else whole maps from there on.
    """

    name: str
    spellings: tuple[str, ...] = ()
    forms: Mapping[str, Form] = field(default_factory=dict)
    linear: Linear = "never"
    weights: bool = False
    filters: bool = False
    spreads: bool = False
    sums: bool = False
    casts: bool = False
    pointwise: bool = False
    bounds: BoundsRule | None = None
    gate: GateRule | None = None
    maps: bool = False
    axes: AxesRule | None = None
    tokens: TokensRule | None = None
    geometry: Callable[[Node], Geometry | None] | None = None
    positions: PositionsRule | None = None
    stays: Callable[[Node], bool] = always
    keeps_images: Callable[[Node], bool] | None = None
    save: Callable[[Rules], SaveRule | None] | None = None
    top_down: TopDownRule | None = None
    windowed: WindowedRules | None = None
    delta: DeltaRules | None = None


def linear_in(linear: Linear, node: Node) -> bool:
    """Whether the value is linear, up to a constant, in the operands that depend on the input."""
    if linear == "all":
        return True
    if node.arguments.get("rounding_mode") is not None:
        return False
    varying = [operand for operand in node.operands if operand.varies]
    if linear == "values":
        return all(operand.continuous for operand in varying)
    if linear == "either":
        return len(varying) == 1
    return linear == "first" and varying == [node.operands[0]]


def is_smooth(node: Node) -> bool:
    """Whether a value and its operands have differences: no masks, no indices."""
    return all(item.continuous for item in (node, *node.varying_operands))
