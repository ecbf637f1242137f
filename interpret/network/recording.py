"""Activations of several layers in one forward pass, by hooks.

Layers are addressed by call, since one module may be called several times: a module that is called once has
its dotted name, one that is called n times has ``name:1`` to ``name:n``, and its bare name means the last.

Hooks are placed on a copy that one call of ours has to itself (`Network.running`): neither another
thread nor the user's own module sees them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from interpret.graph.program.trace import number_calls
from interpret.modules.returned import layer_value
from interpret.modules.wrappers import hookable_parts

T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """The n-th call of a module that returns a tensor (`interpret.modules.layer_value`), from 1 on."""

    module: str
    number: int = 1


class _Stop(Exception):  # noqa: N818 - ends a forward pass, is no error
    """Everything asked for has been seen."""


@contextmanager
def watching(
    module: nn.Module, see: Callable[[Call, Tensor], None], names: Sequence[str] = ()
) -> Iterator[None]:
    """Call ``see`` with the value of every call of the named modules (of all, if none is named).

    Args:
        module: A module that nobody else uses meanwhile: the hooks are on it.
        see: Called during the pass, before a later in-place operation can change the tensor.
        names: Dotted names of modules.
    """
    counts: Counter[str] = Counter()
    wanted = set(names)

    def hook_for(name: str) -> Callable[..., None]:
        def hook(_part: nn.Module, _inputs: Any, output: Any) -> None:
            value = layer_value(output)
            if value is not None:
                counts[name] += 1
                see(Call(name, counts[name]), value)

        return hook

    parts = hookable_parts(module).items()
    watched = ((name, part) for name, part in parts if not wanted or name in wanted)
    handles = [part.register_forward_hook(hook_for(name)) for name, part in watched]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def layer_names(calls: Sequence[Call]) -> dict[str, Call]:
    """The name of every call, in order: the dotted name, with ``:n`` where a module is called again."""
    return dict(zip(number_calls([call.module for call in calls]), calls, strict=True))


def record(
    module: nn.Module, x: Tensor, taps: Mapping[Call, Callable[[Tensor], T]], *, whole: bool = False
) -> tuple[Any, dict[Call, T]]:
    """Run a module once and keep what each tap makes of its layer's output.

    The tap is called at once, before a later in-place operation can change the tensor. No gradient is
    recorded, so nothing of the pass stays in memory.

    Args:
        module: A module in eval mode that nobody else uses meanwhile.
        x: Its input (n, c, h, w).
        taps: What to make of a layer's output (n, c, h, w), for example ``torch.clone``.
        whole: Whether to go on to the end. Otherwise the pass ends when the last tap has seen its layer.

    Returns:
        What the module returned, None if the pass ended early; one value for each tap whose call happened.
    """
    values: dict[Call, T] = {}
    returned: Any = None

    def see(call: Call, output: Tensor) -> None:
        if call in taps:
            values[call] = taps[call](output.detach())
        if len(values) == len(taps) and not whole:
            raise _Stop

    names = [call.module for call in taps]
    with torch.no_grad(), suppress(_Stop):
        if not taps:
            return module(x), values
        with watching(module, see, names):
            returned = module(x)
    return returned, values
