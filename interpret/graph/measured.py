"""Which rows and columns of a map an opaque operation reads, measured: evidence, and no proof.

Positions of an operand are replaced, and the positions of the value that change have read them. What is found
must be windows of one size that move by one whole stride, and then everything outside a window is replaced at
once: the value that the window makes may not change. Whatever is in doubt reads the whole map. What cannot be
seen is in decision 20; so nothing that must be exact uses this.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from interpret.graph.operations.geometry import Axis
from interpret.graph.operations.sampling import Positions
from interpret.graph.perturbed import Experiment, Kind, Sets, changes, experiment, is_telling, numbers
from interpret.graph.program.program import Graph, Node
from interpret.graph.program.trace import numbers_like

Read = tuple[Node, Node, int]
"""A node, an operand of it, and 0 for rows or 1 for columns."""

Trials = Callable[[Kind], Experiment]
"""An experiment of each kind."""

FINDING = (
    Kind("normal", "large"),
    Kind("normal", "nan", drawn_weights=True),
    Kind("wide", "wide"),
)
"""Experiments that find windows."""

CHECKING = (
    *FINDING,
    Kind("normal", "normal"),
    Kind("recorded", "normal"),
    Kind("recorded", "wide"),
    Kind("zeros", "wide"),
    Kind("zeros", "ones"),
    Kind("ones", "negative"),
    Kind("around one", "infinity"),
    Kind("around one", "minus infinity"),
    Kind("around one", "large", drawn_weights=True),
    Kind("positive", "positive"),
    Kind("positive", "zeros"),
    Kind("negative", "negative"),
    Kind("large", "wide"),
    Kind("huge", "huge"),
)
"""Experiments that must not contradict them."""

RANDOM = {"recorded", "normal", "around one", "positive", "negative", "large", "huge", "wide"}
"""Of these operands, so many at least must have finite values, in which a change shows:"""

TELLING = 2

ONE_BY_ONE = 12
"""Rows (or columns) that are replaced one by one: so many at both ends, and twice as many in the middle."""

MAX_NUMBERS = 2**28
"""Where one number for each position would be more than these, a map is too large: that would take long."""

_known: WeakKeyDictionary[Graph, dict[Read, Axis | None]] = WeakKeyDictionary()


def measured_axis(graph: Graph, node: Node, operand: Node, axis: int) -> Axis | None:
    """What a row (or column) of an opaque operation reads of an operand; None for all of it.

    Args:
        graph: The network; it is remembered what was measured.
        node: The operation.
        operand: One of the nodes it reads.
        axis: 0 for rows, 1 for columns.
    """
    known = _known.setdefault(graph, {})
    if (node, operand, axis) not in known:
        recorded = _record(graph, node) if _is_measurable(node, operand) else {}
        for each in (0, 1):
            known[node, operand, each] = _measured(node, operand, each, recorded) if recorded else None
    return known[node, operand, axis]


def _is_measurable(node: Node, operand: Node) -> bool:
    """Whether it makes a map from maps of real numbers, image by image, and may be given any numbers.

    A second operand may say where to read: compiled code of others goes to any address for it, and the
    process ends (torchvision's ``deform_conv2d`` at an offset of NaN). PyTorch's own operations do not.
    """
    varying = node.varying_operands
    real = all(item.batched and item.dtype is not None and item.dtype.is_floating_point for item in varying)
    maps = all(item.batched and item.spatial is not None for item in (node, operand))
    return maps and real and (len(varying) == 1 or getattr(node.target, "namespace", "") == "aten")


def _record(graph: Graph, node: Node) -> Mapping[Node, Tensor]:
    """The values of the operands for one image of noise, in main memory; none if the network has no numbers.

    An error on a GPU, such as an index out of bounds, would leave it unusable to the process.
    """
    like = numbers_like(graph.module)
    if like["device"].type == "meta":
        return {}
    noise = torch.randn(1, *graph.input.shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        values = graph.run(noise.to(**like), keep=list(dict.fromkeys(node.operands)))
    return {item: value.cpu() for item, value in values.items()}


def _measured(node: Node, operand: Node, axis: int, recorded: Mapping[Node, Tensor]) -> Axis | None:
    """What one axis reads; None, for all of it, where that is in doubt."""
    trials = partial(experiment, node, operand, recorded)
    size, made = operand.extent[axis], node.extent[axis]
    if min(size, made) < 2 or numbers(node, operand) * made > MAX_NUMBERS:
        return None
    try:
        with torch.no_grad():
            found = _found(trials, axis, size, made)
            return found if found and _is_certain(trials, axis, found, (size, made)) else None
    except Exception:  # noqa: BLE001 - an operation may refuse drawn operands in any way; then it is opaque
        return None


def _found(trials: Trials, axis: int, size: int, made: int) -> Axis | None:
    """The windows in which single rows (or columns) change the value; None if they are none of ours."""
    places = _places(size)
    sets, read = places[:, None] == np.arange(size), np.zeros((len(places), made), dtype=bool)
    for kind in FINDING:
        start = 0
        for changed in changes(trials(kind), axis, sets):
            if changed.all(1).any():  # one is read everywhere
                return None
            read[start : start + len(changed)] |= changed
            start += len(changed)
    return fit(read, places, size)


def _places(size: int) -> Positions:
    """Positions to replace one by one, the one in the middle first."""
    middle = np.arange(max(size // 2 - ONE_BY_ONE, 0), min(size // 2 + ONE_BY_ONE, size))
    ends = np.arange(size)[[*range(min(ONE_BY_ONE, size)), *range(-min(ONE_BY_ONE, size), 0)]]
    return np.array(list(dict.fromkeys([size // 2, *middle.tolist(), *ends.tolist()])))


def fit(read: Sets, places: Positions, size: int) -> Axis | None:
    """The smallest window that moves by one stride and is what was read; None if there is none.

    Args:
        read: For each place, which positions of the value read it.
        places: Positions of the operand.
        size: How many it has; at least two windows must lie between the first and the last.
    """
    made = np.arange(read.shape[1])
    fitting = []
    for stride in range(1, size):
        offsets = places[:, None] - made * stride
        pattern = np.unique(offsets[read])
        if not len(pattern) or not np.array_equal(np.isin(offsets, pattern), read):
            continue
        inside = (made * stride + pattern[0] >= 0) & (made * stride + pattern[-1] < size)
        if inside.sum() > 1:
            fitting.append(_axis(pattern, stride))
    return min(fitting, key=lambda axis: axis.reach, default=None)


def _axis(pattern: Positions, stride: int) -> Axis:
    """Offsets as a window: dilated, if all gaps are alike, or else with its holes filled."""
    gaps = np.unique(np.diff(pattern))
    step = int(gaps[0]) if len(gaps) == 1 else 1
    return Axis(int(pattern[-1] - pattern[0]) // step + 1, stride, -int(pattern[0]), step)


def _is_certain(trials: Trials, axis: int, found: Axis, extents: tuple[int, int]) -> bool:
    """Whether nothing outside of its window changes any position, in any experiment."""
    windows, telling = _windows(found, *extents), set()
    for number, kind in enumerate(CHECKING):
        trial, groups = trials(kind), _groups(found, extents[1], number)
        outside = ~(groups @ windows)
        if (np.concatenate(list(changes(trial, axis, outside))) & groups).any():
            return False
        telling |= {kind.before} if kind.before in RANDOM and is_telling(trial) else set()
    return len(telling) >= TELLING


def _windows(found: Axis, size: int, made: int) -> Sets:
    """For each position of the value, the positions of the operand that it reads."""
    offsets = np.arange(size) - (np.arange(made) * found.stride - found.padding)[:, None]
    read: Sets = (offsets >= 0) & (offsets <= found.reach) & (offsets % found.dilation == 0)
    return read


def _groups(found: Axis, made: int, number: int) -> Sets:
    """Positions of the value that are asked about together: what no window of theirs holds is replaced.

    One by one in the first experiment; then in combs, others in each, that leave half of the operand free.
    """
    sparse = -(-2 * (found.reach + 1) // found.stride) + number
    apart = min(sparse, made) if number else made
    return np.array([np.arange(made) % apart == first for first in range(apart)])
