"""Activations of several layers in one forward pass; the only place that touches torch hooks.

Layers are addressed by call, since one module may be called several times: a module that is called once has
its dotted name, one that is called n times has ``name:1`` to ``name:n``, and its bare name means the last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from interpret.graph.trace import number_calls

T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """The n-th call of a module that returns a tensor, counted from 1."""

    module: str
    number: int = 1


class _Stop(Exception):  # noqa: N818 - ends a forward pass, is no error
    """Everything asked for has been seen."""


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Hold every part of a module in eval mode and give each its own mode back, also after an exception."""
    training = [part for part in module.modules() if part.training]
    for part in training:
        part.training = False
    try:
        yield
    finally:
        for part in training:
            part.training = True


@contextmanager
def watching(
    module: nn.Module, see: Callable[[Call, Tensor], None], names: Sequence[str] = ()
) -> Iterator[None]:
    """Call ``see`` with the output tensor of every call of the named modules (of all, if none is named)."""
    counts: Counter[str] = Counter()
    wanted = set(names)

    def hook_for(name: str) -> Callable[..., None]:
        def hook(_part: nn.Module, _inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                counts[name] += 1
                see(Call(name, counts[name]), output)

        return hook

    parts = ((name, part) for name, part in module.named_modules() if name and (not wanted or name in wanted))
    handles = [part.register_forward_hook(hook_for(name)) for name, part in parts]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def calls_in_order(module: nn.Module, x: Tensor) -> list[Call]:
    """Every call of a submodule that returns a tensor, in the order in which the calls end."""
    seen: list[Call] = []
    with evaluating(module), torch.no_grad(), watching(module, lambda call, _: seen.append(call)):
        module(x)
    return seen


def layer_names(calls: Sequence[Call]) -> dict[str, Call]:
    """The name of every call, in order: the dotted name, with ``:n`` where a module is called again."""
    return dict(zip(number_calls([call.module for call in calls]), calls, strict=True))


def record(module: nn.Module, x: Tensor, taps: Mapping[Call, Callable[[Tensor], T]]) -> dict[Call, T]:
    """Run a module once and keep what each tap makes of its layer's output.

    The tap is called at once, before a later in-place operation can change the tensor, and the pass ends as
    soon as the last tap has seen its layer. No gradient is recorded, so nothing of the pass stays in memory.

    Args:
        module: The network; it is in eval mode during the pass and in its own mode afterwards.
        x: Its input (n, c, h, w).
        taps: What to make of a layer's output (n, c, h, w), for example ``torch.clone``.

    Returns:
        One value for each tap whose call happened.
    """
    values: dict[Call, T] = {}

    def see(call: Call, output: Tensor) -> None:
        if call in taps:
            values[call] = taps[call](output.detach())
        if len(values) == len(taps):
            raise _Stop

    names = [call.module for call in taps]
    with evaluating(module), torch.no_grad(), watching(module, see, names), suppress(_Stop):
        module(x)
    return values
