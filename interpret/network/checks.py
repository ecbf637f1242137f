"""What every analysis takes for granted of a module, tested once on two images.

It answers the same each time; what it says of an image does not depend on the images beside it; it leaves
its input and its buffers alone. Two images are passed together, in the other order, and one of them alone:
two and a half forward passes of two images, of which one lists its operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NoReturn

import torch
from jaxtyping import Float
from torch import Tensor, nn

from interpret.errors import ModelError
from interpret.graph.program.program import Graph
from interpret.modules.contexts import plain
from interpret.modules.copies import clone, eval_copy, share
from interpret.modules.dispatched import AtenCall, AtenLog, draws_of, python_draws
from interpret.modules.outputs import Output, pick_output, require_rows
from interpret.modules.returned import tensors_in
from interpret.network.passes import (
    SKIP,
    Findings,
    SinglePass,
    listened_pass,
    picked,
    run_pass,
    sample_values,
    single_pass,
)
from interpret.network.recording import Call, watching
from interpret.network.rounding import ROUNDING, ROUNDING_DOUBLE, alike, differs

LOOSE = 1e-3
"""Difference, relative to the largest output, from which on an output function mixes images."""


@torch.no_grad()
def examine(module: nn.Module, x: Float[Tensor, "2 c h w"], output: Output = None) -> Findings:
    """Test what is assumed of a module; it is only read.

    Args:
        module: In any mode; it is tested in eval mode.
        x: Two different images.
        output: What of the things it returns is the output.

    Raises:
        ModelError: If it cannot run, gives other numbers each time, or lets images influence each other; the
            message names the layer and the operation.
    """
    first = listened_pass(module, x[:1])
    copy, listed = first.copy, first.operations.listed
    state, python = _random_state(x), python_draws()
    more: list[str] = []
    suspicious = _changes(copy, x, first.alone, ROUNDING, more)
    random = [item for item in listed if item.random]
    drawn = random if random and not torch.equal(state, _random_state(x)) else []
    if python != python_draws() and not drawn:
        drawn = _drawn_in_python(copy, x)
    if suspicious or drawn:
        _confirm(module, x, drawn)
    _require_fixed_output(copy, x, first.alone.returned, output)
    found = replace(first.findings(output), each_image=frozenset(more))
    return (
        found if alike(x[:1], first.image, 0) else replace(found, writes_input=True)
    )  # by NumPy: nobody listened


@torch.no_grad()
def require_same_numbers(
    graph: Graph, module: nn.Module, x: Float[Tensor, "1 c h w"], output: Output
) -> None:
    """Refuse a graph that computes other numbers than the module that it was traced from.

    Args:
        graph: The graph.
        module: A copy in eval mode that nobody else uses.
        x: An image.
        output: What of the things it returns is the output.

    Raises:
        ModelError: If it does.
    """
    if graph.answer is None:
        return
    with plain(x.device):
        true = pick_output(run_pass(module, x.clone()), output)
        found = graph.run(x)[graph.output]
    rounding = max(ROUNDING, 100 * torch.finfo(true.dtype).eps) if true.is_floating_point() else 0
    if not alike(true, found, rounding):
        raise ModelError(
            f"{type(graph.module).__name__} cannot be traced: its operations give other numbers than the "
            "module gives (one may write into what it reads, as x.mul_(x[:, :1].expand_as(x)) does, and "
            "PyTorch promises nothing then). What needs no graph still works."
        )


def _require_fixed_output(module: nn.Module, x: Tensor, returned: Any, output: Output) -> None:
    """Refuse a function of what is returned that draws random numbers or mixes the images of a batch."""
    alone = picked(returned, output) if callable(output) else None
    if alone is None:
        return
    again, beside = picked(returned, output), picked(run_pass(module, x), output)
    name = getattr(output, "__name__", repr(output))
    if again is None or not alike(alone, again, 0):
        raise ModelError(f"output={name} gives other numbers for the same image each time. {SKIP}")
    if beside is not None and differs(alone, require_rows(beside, len(x)), 0, LOOSE):
        raise ModelError(
            f"output={name} gives other numbers for an image when another one is beside it: it must make "
            f"each row of its own image alone. {SKIP}"
        )


def _drawn_in_python(module: nn.Module, x: Tensor) -> list[AtenCall]:
    """Where each pass draws from Python's or NumPy's random numbers; another thread may have drawn."""
    found = [draws_of(module, lambda: run_pass(module, x[:1].clone())) for _ in range(3)]
    return [item for item in found[:1] if item is not None and all(found)]


def _random_state(x: Tensor) -> Tensor:
    """Where the global random numbers of a tensor's device are."""
    return torch.cuda.get_rng_state(x.device) if x.is_cuda else torch.get_rng_state()


def _changes(
    module: nn.Module,
    x: Float[Tensor, "2 c h w"],
    alone: SinglePass,
    rounding: float,
    more: list[str] | None = None,
) -> bool:
    """Whether the first image gives other numbers beside the second, in front of it or behind.

    ``more`` gets the modules that are called more often.
    """
    more = [] if more is None else more
    return any(
        _changes_at(module, x[order], row, alone, rounding, more=more)
        for row, order in enumerate(([0, 1], [1, 0]))
    )


def _changes_at(
    module: nn.Module, x: Tensor, row: int, alone: SinglePass, rounding: float, *, more: list[str]
) -> bool:
    changed: list[Call] = []

    def see(call: Call, output: Tensor) -> None:
        known = alone.layers.get(call)
        if known is None:
            more.append(call.module)
        elif not changed and differs(known, sample_values(output), row, rounding):
            changed.append(call)

    with watching(module, see):
        together = run_pass(module, x)
    pairs = zip(tensors_in(alone.returned), tensors_in(together), strict=False)
    return bool(changed) or any(differs(known, found, row, rounding) for known, found in pairs)


def _confirm(module: nn.Module, x: Tensor, drawn: Sequence[AtenCall]) -> None:
    """Raise ModelError with layer and operation, unless it was rounding."""
    for take, rounding in ((_double, ROUNDING_DOUBLE), (clone, ROUNDING)):
        images = x.double() if take is _double and x.device.type != "mps" else x
        try:
            copy = eval_copy(module, take, take)
            changes = _changes(copy, images, single_pass(copy, images[:1].clone()), rounding)
        except (ModelError, RuntimeError, TypeError):  # it does not work in double precision
            continue
        if changes or drawn:
            one, again, two = (_listed(copy, images[:count]) for count in (1, 1, 2))
            _refuse(type(module).__name__, one, again, two, rounding=rounding, drawn=drawn)
        return


def _double(tensor: Tensor) -> Tensor:
    return share(tensor.double() if tensor.is_floating_point() else tensor.clone())


def _listed(module: nn.Module, x: Tensor) -> list[AtenCall]:
    operations = AtenLog(module, keep=True)
    with operations.listening():
        run_pass(module, x.clone())
    return operations.listed


def _refuse(
    name: str,
    one: Sequence[AtenCall],
    again: Sequence[AtenCall],
    two: Sequence[AtenCall],
    *,
    rounding: float,
    drawn: Sequence[AtenCall],
) -> NoReturn:
    """Raise ModelError for what differs first between one image, the same again, and two."""
    random = next(iter(drawn), None) or _first(one, again, rounding)
    if random is not None:
        raise ModelError(
            f"{name} gives other numbers for the same image each time: {random} draws random numbers or "
            "depends on earlier passes, in eval mode too. Switch it off there: "
            f"F.dropout(x, training=self.training), or nn.Dropout, which does so by itself. {SKIP}"
        )
    mixing = _first(one, two, rounding)
    raise ModelError(
        f"{name} gives other numbers for an image when another one is beside it: "
        f"{mixing or 'something in it'} reads the whole batch. Use statistics that are fixed in eval mode "
        "(nn.BatchNorm2d with track_running_stats=True) or those of each image (nn.GroupNorm, "
        f"nn.InstanceNorm2d). {SKIP}"
    )


def _first(one: Sequence[AtenCall], other: Sequence[AtenCall], rounding: float) -> AtenCall | None:
    """The first operation of two passes that makes something else of the first image."""
    for left, right in zip(one, other, strict=False):
        if left.name != right.name or len(left.values) != len(right.values):
            return right
        if any(_mixes(a, b, rounding) for a, b in zip(left.values, right.values, strict=True)):
            return left
    return None


def _mixes(alone: Tensor, together: Tensor, rounding: float) -> bool:
    if alone.shape == together.shape:
        return not alike(alone, together, rounding)
    return differs(alone, together, 0, rounding)
