"""Which rows and columns of a map an opaque operation reads, measured: evidence, and no proof.

Positions of an operand are replaced, and the positions of the value that change have read them. What is found
must be windows of one size that move by one whole stride, and then everything outside a window is replaced at
once: the value that the window makes may not change. Whatever is in doubt reads the whole map. What cannot be
seen is in decision 20; so nothing that must be exact uses this.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from weakref import WeakKeyDictionary

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from interpret.graph.operations.geometry import Axis
from interpret.graph.perturbed import Experiment, Kind, Sets, changes, experiment, is_telling
from interpret.graph.program.program import Graph, Node
from interpret.graph.program.trace import numbers_like

Positions = Int[np.ndarray, "positions"]

Read = tuple[Node, Node, int]
"""A node, an operand of it, and 0 for rows or 1 for columns."""

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

MAX_NUMBERS = 2**32
"""Where an experiment would compute more numbers, the map is too large to be measured: some seconds."""

_known: WeakKeyDictionary[Graph, dict[Read, Axis | None]] = WeakKeyDictionary()


def measured_reads(graph: Graph, reads: Iterable[tuple[Node, Node]]) -> dict[Read, Axis]:
    """What opaque operations read of their operands, where that was found to be less than all.

    Args:
        graph: The network; it is remembered what was measured.
        reads: Nodes, each with an operand.
    """
    known, wanted = _known.setdefault(graph, {}), list(dict.fromkeys(reads))
    missing = [read for read in wanted if (*read, 0) not in known]
    possible = [read for read in missing if _is_measurable(*read)]
    recorded = _record(graph, {item for node, _ in possible for item in node.operands})
    for node, operand in missing:
        for axis in (0, 1):
            measurable = recorded and (node, operand) in possible
            known[node, operand, axis] = _measured(node, operand, axis, recorded) if measurable else None
    keys = [(*read, axis) for read in wanted for axis in (0, 1)]
    return {key: found for key in keys if (found := known[key]) is not None}


def _is_measurable(node: Node, operand: Node) -> bool:
    """Whether it makes a map from maps of real numbers, image by image."""
    return all(item.batched and item.spatial is not None for item in (node, operand)) and all(
        item.batched and item.dtype is not None and item.dtype.is_floating_point
        for item in node.varying_operands
    )


def _record(graph: Graph, nodes: set[Node]) -> Mapping[Node, Tensor]:
    """The values of some nodes for one image of noise; none if the network has no numbers."""
    like = numbers_like(graph.module)
    noise = torch.randn(1, *graph.input.shape, generator=torch.Generator().manual_seed(0))
    if not nodes or like["device"].type == "meta":
        return {}
    with torch.no_grad():
        values: dict[Node, Tensor] = graph.run(noise.to(**like), keep=list(nodes))
    return values


def _measured(node: Node, operand: Node, axis: int, recorded: Mapping[Node, Tensor]) -> Axis | None:
    """What one axis reads; None, for all of it, where that is in doubt."""
    trials = [experiment(node, operand, recorded, kind) for kind in CHECKING]
    try:
        with torch.no_grad():
            found = _found(trials[: len(FINDING)], axis)
            return found if found and _is_certain(trials, axis, found) else None
    except Exception:  # noqa: BLE001 - an operation may refuse drawn operands in any way; then it is opaque
        return None


def _found(trials: Sequence[Experiment], axis: int) -> Axis | None:
    """The windows in which single rows (or columns) change the value; None if they are none of ours."""
    size, made = trials[0].extents(axis)
    places = _places(size)
    if min(size, made) < 2 or _is_too_large(trials, len(places)):
        return None
    sets, read = places[:, None] == np.arange(size), np.zeros((len(places), made), dtype=bool)
    for trial in trials:
        start = 0
        for changed in changes(trial, axis, sets):
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


def _is_certain(trials: Sequence[Experiment], axis: int, found: Axis) -> bool:
    """Whether nothing outside of its window changes any position, in any experiment."""
    size, made = trials[0].extents(axis)
    if _is_too_large(trials, made):
        return False
    telling = {trial.kind.before for trial in trials if trial.kind.before in RANDOM and is_telling(trial)}
    if len(telling) < TELLING:
        return False
    windows = _windows(found, size, made)
    for number, trial in enumerate(trials):
        groups = _groups(found, made, number)
        outside = ~(groups @ windows)
        if (np.concatenate(list(changes(trial, axis, outside))) & groups).any():
            return False
    return True


def _windows(found: Axis, size: int, made: int) -> Sets:
    """For each position of the value, the positions of the operand that it reads."""
    offsets = np.arange(size) - (np.arange(made) * found.stride - found.padding)[:, None]
    read: Sets = (offsets >= 0) & (offsets <= found.reach) & (offsets % found.dilation == 0)
    return read


def _groups(found: Axis, made: int, number: int) -> Sets:
    """Positions of the value that are asked about together: what no window of theirs holds is replaced.

    One by one in the first experiments; then in combs, others in each, that leave half of the operand free.
    """
    sparse = -(-2 * (found.reach + 1) // found.stride) + number
    apart = made if number < len(FINDING) else min(sparse, made)
    return np.array([np.arange(made) % apart == first for first in range(apart)])


def _is_too_large(trials: Sequence[Experiment], sets: int) -> bool:
    return trials[0].numbers * sets * len(trials) > MAX_NUMBERS
