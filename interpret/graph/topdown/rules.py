"""How a signal goes down through each operation: the transposed operator, and the rules for the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from interpret.errors import ModelError
from interpret.graph.operations.vocabulary import is_linear
from interpret.graph.program.program import TRACED_BATCH, Node, apply, resolve

Share = tuple[Node, Tensor]
"""An operand, and the part of the signal that goes down to it."""


@dataclass(frozen=True)
class Rules:
    """What the top-down pass does where the network is not linear.

    Attributes:
        relu: ``deconvnet`` rectifies the signal (Zeiler & Fergus 2014, section 2.1); ``gradient`` lets
            through what was active on the way up; ``guided`` does both (Springenberg et al. 2015).
        unpool: Where windows of a max pool share a switch, their signals ``sum`` (as in autograd), or the
            last window ``overwrite``s the others (as in ``max_unpool2d``).
        lrn: A local response norm is the ``identity``, divides by its forward ``scale``, or gives its true
            ``gradient``. By default identity for the deconvnet, gradient for the other two.
        nonlinear: An operation without a rule (GELU, a product of two maps, ...) is ``refuse``d, or passes
            its ``gradient``. Under ``relu="gradient"`` it always does.
    """

    relu: Literal["deconvnet", "gradient", "guided"] = "deconvnet"
    unpool: Literal["sum", "overwrite"] = "sum"
    lrn: Literal["identity", "scale", "gradient"] | None = None
    nonlinear: Literal["refuse", "gradient"] = "refuse"

    @property
    def true_gradient(self) -> bool:
        """Whether these are the rules of autograd."""
        return self.relu == self.norm == "gradient" and self.unpool == "sum"

    @property
    def norm(self) -> str:
        """What a local response norm does."""
        return self.lrn or ("identity" if self.relu == "deconvnet" else "gradient")

    def remembered(self, node: Node) -> Literal["nothing", "switches", "signs", "operands"]:
        """What the way down needs to know of the way up.

        Raises:
            ModelError: If the node has no rule; the message names the layer and the operation.
        """
        if moves_images(node):
            raise ModelError(
                f"{node.place} has no image axis in front, so no signal can go down through it. "
                'Ask with rule="gradient".'
            )
        if node.op == "max_pool2d":
            return "switches"
        if node.op == "relu":
            return "nothing" if self.relu == "deconvnet" else "signs"
        if node.op == "local_response_norm":
            return "nothing" if self.norm == "identity" else "operands"
        if is_linear(node):
            return "nothing"
        if node.op in MAXIMA or "gradient" in (self.nonlinear, self.relu):
            return "operands"
        raise ModelError(
            f'{node.place} has no {self.relu} rule. Ask with rule="gradient", or allow the gradient at such '
            'places with nonlinear="gradient".'
        )


def moves_images(node: Node) -> bool:
    """Whether an operation works on images in another place than the first axis, or by their numbers."""
    in_front = all(item.batched for item in (node, *node.operands) if item.varies)
    counted = (item for item in node.operands if not item.varies and not item.continuous)
    return not in_front or any(item.traced[:1] == (TRACED_BATCH,) for item in counted)


OF_CONSTANTS = frozenset({"conv2d", "linear", "batch_norm"})
"""Operations whose rules are for weights that do not depend on the image."""


def _others_vary(node: Node) -> bool:
    return any(operand.varies for operand in node.operands[1:])


MAXIMA = frozenset({"adaptive_max_pool2d", "amax"})
"""Other maxima than max pools: their gradient is their unpooling."""


@dataclass(frozen=True)
class Descent:
    """What the rules need to know beside the signal.

    Attributes:
        rules: The choices made.
        images: For each signal, the image whose memory it goes down by.
        fixed: Values of the nodes that do not depend on the input: weights and constants.
        memory: What was remembered of the way up, per node.
    """

    rules: Rules
    images: Int[Tensor, " k"]
    fixed: Mapping[Node, Tensor]
    memory: Mapping[Node, Any]

    def down(self, node: Node, signal: Tensor) -> list[Share]:
        """The parts of the signal at ``node`` for each operand that depends on the input."""
        rule = RULES.get(node.op)
        if rule is None or not node.operands[0].varies or (node.op in OF_CONSTANTS and _others_vary(node)):
            return _vector_jacobian(self, node, signal)
        return rule(self, node, signal)

    def recall(self, remembered: Tensor) -> Tensor:
        """What was remembered of each image, for each signal."""
        first = self.images[:1]
        if bool((self.images == first).all()):  # no copies when all signals belong to one image
            return remembered[first].expand(len(self.images), *remembered.shape[1:])
        return remembered[self.images]

    def constant(self, node: Node) -> Tensor:
        """The value of a node that does not depend on the input, for each signal if it has an image axis."""
        made = node.op not in ("parameter", "constant")
        return (
            self.recall(self.fixed[node]) if made and node.traced[:1] == (TRACED_BATCH,) else self.fixed[node]
        )


def unpool(
    signal: Float[Tensor, "k c h w"],
    switches: Int[Tensor, "k c h w"],
    size: tuple[int, int],
    pool: Mapping[str, Any],
    *,
    overwrite: bool = False,
) -> Float[Tensor, "k c rows columns"]:
    """Put every value where its maximum was.

    Args:
        signal: Values of the pool's windows.
        switches: For each window, the position of its maximum in the flattened map.
        size: Rows and columns of the map.
        pool: ``kernel_size``, ``stride``, ``padding`` and ``dilation`` of the pool, as pairs.
        overwrite: Where windows share a maximum, the last window counts instead of the sum.
    """
    if signal.device.type == "cpu" and not overwrite:
        flat = signal.new_zeros(*signal.shape[:2], size[0] * size[1])
        return flat.scatter_add_(2, switches.flatten(2), signal.flatten(2)).view(*signal.shape[:2], *size)
    return unpool_by_offsets(signal, switches, size, pool, overwrite=overwrite)


def unpool_by_offsets(
    signal: Tensor, switches: Tensor, size: tuple[int, int], pool: Mapping[str, Any], *, overwrite: bool
) -> Tensor:
    """`unpool` without atomic additions, one place of the kernel after the other: always the same bits."""
    (top, left), (down, right) = pool["padding"], pool["stride"]
    rows, columns = (torch.arange(count, device=signal.device) for count in signal.shape[2:])
    at_row, at_column = switches // size[1], switches % size[1]
    places = [
        [gap * place for place in reversed(range(kernel))]  # so that the last window comes last
        for gap, kernel in zip(pool["dilation"], pool["kernel_size"], strict=True)
    ]
    reach = [
        (count - 1) * step + spots[0] + 1
        for count, step, spots in zip(signal.shape[2:], pool["stride"], places, strict=True)
    ]
    result = signal.new_zeros(*signal.shape[:2], *reach)
    for row, column in product(*places):
        held = result[:, :, row::down, column::right][:, :, : len(rows), : len(columns)]
        here = (at_row == (rows * down + row - top)[:, None]) & (at_column == columns * right + column - left)
        held.copy_(torch.where(here, signal if overwrite else held + signal, held))
    return F.pad(result, (-left, left + size[1] - reach[1], -top, top + size[0] - reach[0]))


def transposed_convolution(
    signal: Float[Tensor, "k made h w"],
    weight: Float[Tensor, "made read kh kw"],
    size: Sequence[int],
    *,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Float[Tensor, "k read rows columns"]:
    """The transpose of a convolution: by the same filters, back to an input of exactly ``size``."""
    square = stride[0] == stride[1] > 1 == groups == max(dilation)
    if square and weight.shape[1] <= FEW and signal.device.type == "cpu":
        whole = _by_phases(signal, weight, stride[0])
        edges = [
            (-pad, end + pad - made) for end, pad, made in zip(size, padding, whole.shape[2:], strict=True)
        ]
        return F.pad(whole, (*edges[1], *edges[0]))
    spare = [
        whole - ((made - 1) * step - 2 * pad + gap * (kernel - 1) + 1)
        for whole, made, step, pad, gap, kernel in zip(
            size, signal.shape[2:], stride, padding, dilation, weight.shape[2:], strict=True
        )
    ]
    return F.conv_transpose2d(signal, weight, None, stride, padding, spare, groups, dilation)


FEW = 8
"""Up to so many channels read, `_by_phases` is two to four times as fast on CPUs; beyond, it is slower."""


def _by_phases(signal: Tensor, weight: Tensor, stride: int) -> Tensor:
    """A transposed convolution with a stride, without padding, as one of stride 1.

    Its channels are the pixels at each place of the stride's grid, which are then put side by side.
    """
    made, read, height, width = weight.shape
    padded = F.pad(weight, (0, -width % stride, 0, -height % stride))
    rows, columns = padded.shape[2] // stride, padded.shape[3] // stride
    filters = padded.view(made, read, rows, stride, columns, stride).permute(0, 1, 3, 5, 2, 4).flatten(1, 3)
    return F.pixel_shuffle(F.conv_transpose2d(signal, filters), stride)


def rectified(signal: Tensor, rule: str, active: Tensor | None) -> Tensor:
    """What a ReLU lets through; ``active`` is where it was active on the way up, None for anywhere."""
    if rule != "gradient":
        signal = signal.clamp_min(0)
    return signal if active is None else signal * active


def batch_norm_scale(variance: Tensor, weight: Tensor | None, eps: float) -> Float[Tensor, " c"]:
    """The factor of each channel in a batch norm: its linear part."""
    scale = torch.rsqrt(variance + eps)
    return scale if weight is None else scale * weight


def norm_scale(value: Float[Tensor, "n c *map"], size: int, alpha: float, beta: float, k: float) -> Tensor:
    """What a local response norm divides by."""
    squares = F.pad(value.square().flatten(2)[:, None], (0, 0, size // 2, (size - 1) // 2))
    mean = F.avg_pool2d(squares, (size, 1), stride=1)[:, 0].reshape_as(value)
    scale: Tensor = (mean * alpha + k).pow(beta)
    return scale


def _convolution(descent: Descent, node: Node, signal: Tensor) -> list[Share]:
    given, operand = node.arguments, node.operands[0]
    geometry = {key: given[key] for key in ("stride", "padding", "dilation", "groups")}
    weight = descent.fixed[given["weight"]]
    return [(operand, transposed_convolution(signal, weight, operand.traced[-2:], **geometry))]


def _linear(descent: Descent, node: Node, signal: Tensor) -> list[Share]:
    return [(node.operands[0], signal @ descent.fixed[node.arguments["weight"]])]


def _relu(descent: Descent, node: Node, signal: Tensor) -> list[Share]:
    active = descent.recall(descent.memory[node]) if node in descent.memory else None
    return [(node.operands[0], rectified(signal, descent.rules.relu, active))]


def _max_pool(descent: Descent, node: Node, signal: Tensor) -> list[Share]:
    switches, overwrite = descent.recall(descent.memory[node]), descent.rules.unpool == "overwrite"
    rows, columns = node.operands[0].traced[-2:]
    return [
        (node.operands[0], unpool(signal, switches, (rows, columns), node.arguments, overwrite=overwrite))
    ]


def _batch_norm(descent: Descent, node: Node, signal: Tensor) -> list[Share]:
    given = node.arguments
    weight = None if given["weight"] is None else descent.fixed[given["weight"]]
    scale = batch_norm_scale(descent.fixed[given["running_var"]], weight, given["eps"])
    return [(node.operands[0], signal * scale.view(-1, *[1] * (signal.ndim - 2)))]


def _local_response_norm(descent: Descent, node: Node, signal: Tensor) -> list[Share]:
    if descent.rules.norm == "identity":
        return [(node.operands[0], signal)]
    if descent.rules.norm == "gradient":
        return _vector_jacobian(descent, node, signal)
    given = {key: node.arguments[key] for key in ("size", "alpha", "beta", "k")}
    value = descent.recall(descent.memory[node][node.operands[0]])
    return [(node.operands[0], signal / norm_scale(value, **given))]


def _reshape(_descent: Descent, node: Node, signal: Tensor) -> list[Share]:
    return [(node.operands[0], signal.reshape(len(signal), *node.operands[0].shape))]


def _add(descent: Descent, node: Node, signal: Tensor) -> list[Share]:
    if any(operand.varies and operand.shape != node.shape for operand in node.operands):
        return _vector_jacobian(descent, node, signal)
    shares = [
        (node.arguments["self"], signal),
        (node.arguments["other"], signal * node.arguments.get("alpha", 1)),
    ]
    return [(operand, part) for operand, part in shares if isinstance(operand, Node) and _takes(operand)]


def _takes(operand: Node) -> bool:
    """Whether a signal goes down to an operand: masks, indices and constants take none."""
    return operand.varies and operand.continuous


def _cat(_descent: Descent, node: Node, signal: Tensor) -> list[Share]:
    axis = node.arguments["dim"]
    parts = torch.split(signal, [operand.traced[axis] for operand in node.operands], dim=axis)
    return [(operand, part) for operand, part in zip(node.operands, parts, strict=True) if _takes(operand)]


def _vector_jacobian(descent: Descent, node: Node, signal: Tensor) -> list[Share]:
    """The gradient of one operation, at what was remembered; a linear one is asked at zero."""
    values = {operand: _value(descent, node, operand, signal) for operand in node.operands}
    leaves = {operand: values[operand].requires_grad_() for operand in values if _takes(operand)}
    with torch.enable_grad():
        made = apply(node, resolve(node.arguments, values, signal))
        if not made.requires_grad:  # a step function: no signal goes through
            return []
        try:
            parts = torch.autograd.grad(made, list(leaves.values()), signal, allow_unused=True)
        except (RuntimeError, NotImplementedError) as error:
            raise ModelError(f"{node.place} has no gradient in PyTorch: {error}") from error
    return [(operand, part) for operand, part in zip(leaves, parts, strict=True) if part is not None]


def _value(descent: Descent, node: Node, operand: Node, signal: Tensor) -> Tensor:
    """An operand for autograd: what it was on the way up, or zero where it does not matter."""
    if not operand.varies:
        return descent.constant(operand)
    if node in descent.memory:
        return descent.recall(descent.memory[node][operand]).detach()
    kept = operand.dtype is None or operand.dtype == node.dtype
    zero = signal.new_zeros((), dtype=signal.dtype if kept else operand.dtype)
    return zero.expand(len(signal), *operand.shape)


RULES: dict[str, Callable[[Descent, Node, Tensor], list[Share]]] = {
    "conv2d": _convolution,
    "linear": _linear,
    "relu": _relu,
    "max_pool2d": _max_pool,
    "batch_norm": _batch_norm,
    "local_response_norm": _local_response_norm,
    "reshape": _reshape,
    "add": _add,
    "cat": _cat,
}
