"""The operations of one forward pass as PyTorch runs them, and the layer each belongs to."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch._ops import OpOverload

from interpret.modules.modes import Mode
from interpret.modules.returned import tensors_in
from interpret.modules.wrappers import hookable_parts

CARRYING = (
    frozenset({"clone", "_to_copy", "cat", "stack", "index", "index_select", "nan_to_num"})
    | frozenset(
        {"clamp", "clamp_min", "clamp_max", "mean", "amax", "max", "avg_pool2d", "_adaptive_avg_pool2d"}
    )
    | frozenset({"adaptive_max_pool2d", "max_pool2d_with_indices"})
)
"""Operations after which numbers are of the kind that they were before: copies, choices, bounds, averages."""


MOVING = frozenset(
    {"permute", "transpose", "view", "_unsafe_view", "as_strided", "unfold", "stack"}
) | frozenset({"squeeze", "unsqueeze", "expand"})
"""Operations after which the axes of a map may be others than images, channels, rows and columns."""


@dataclass(frozen=True)
class AtenCall:
    """One operation of a forward pass.

    Attributes:
        name: As PyTorch calls it, such as ``bernoulli_``.
        layer: Dotted name of the innermost module that was running; empty: the network itself.
        owner: Class name of that module.
        random: Whether it drew from the global random numbers.
        values: Copies of the tensors it made, if they were asked for.
    """

    name: str
    layer: str
    owner: str
    random: bool
    values: tuple[Tensor, ...] = ()

    def __str__(self) -> str:
        where = (
            f"layer {self.layer!r} ({self.owner})" if self.layer else f"the forward of {self.owner} itself"
        )
        return f"the operation {self.name.strip('_')!r} in {where}"


class WritesError(Exception):
    """An operation is about to write into what must not be written."""


class AtenLog(Mode):
    """Lists the operations of this thread's forward passes, and where they write.

    Args:
        module: A module that nobody else uses meanwhile: it gets hooks.
        keep: Whether to keep a copy of what each operation makes.
        guarded: Tensors into which nothing may write: ``WritesError`` is raised before it happens.

    Attributes:
        listed: The operations.
        moves_axes: Whether one of them made something with four axes that may be no map (n, c, h, w).
    """

    supports_higher_order_operators = True

    def __init__(self, module: nn.Module, *, keep: bool = False, guarded: Iterable[Tensor] = ()) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.listed: list[AtenCall] = []
        self.moves_axes = False
        self._guarded = {_memory(tensor) for tensor in guarded}
        self._written: set[int] = set()
        self._made: dict[int, str] = {}
        self._keep = keep
        self._running = [("", type(module).__name__)]
        self._module = module

    @contextmanager
    def listening(self) -> Iterator[None]:
        """While this holds, operations are listed."""
        with ExitStack() as stack:
            for name, part in hookable_parts(self._module).items():
                for handle in self._hook(name, part):
                    stack.callback(handle.remove)
            stack.enter_context(self)
            yield

    def _hook(self, name: str, part: nn.Module) -> Iterator[Any]:
        here = (name, type(part).__name__)
        enter: Callable[..., None] = lambda *_: self._running.append(here)  # noqa: E731
        leave: Callable[..., None] = lambda *_: self._leave()  # noqa: E731
        yield part.register_forward_pre_hook(enter)
        yield part.register_forward_hook(leave)

    def _leave(self) -> None:
        self._running.pop()

    def see(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """List the operation."""
        if not isinstance(func, OpOverload):  # torch.cond and its like, whose steps are not listed
            return func(*args, **kwargs)
        if func._schema.is_mutable:
            self._note_writes(func, args, kwargs)
        result = func(*args, **kwargs)
        self.moves_axes |= _moves_axes(func, args, result)
        values = tuple(tensor.clone() for tensor in tensors_in(result)) if self._keep else ()
        name = func.overloadpacket.__name__
        if not func.is_view:
            maker = self._maker(name.rstrip("_"), args)
            self._made.update(dict.fromkeys(map(_memory, tensors_in(result)), maker))
        self.listed.append(AtenCall(name, *self._running[-1], _is_random(func, args, kwargs), values))
        return result

    def wrote(self, tensors: Iterable[Tensor]) -> bool:
        """Whether an operation wrote into the memory of one of some tensors."""
        return not self._written.isdisjoint(map(_memory, tensors))

    def maker(self, tensor: Tensor) -> str:
        """The last operation that made the values of a tensor: no view, copy or average of others."""
        return self._made.get(_memory(tensor), "")

    def _maker(self, name: str, args: Sequence[Any]) -> str:
        """The operation itself, or what made all that it carries on."""
        makers = {self.maker(tensor) for tensor in tensors_in(args[:1])} if name in CARRYING else set()
        return makers.pop() if len(makers) == 1 else name

    def _note_writes(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        names = {item.name for item in func._schema.arguments if item.alias_info and item.alias_info.is_write}
        order = (item.name for item in func._schema.arguments)
        given = {**dict(zip(order, args, strict=False)), **kwargs}
        into = {_memory(tensor) for name in names for tensor in tensors_in(given.get(name))}
        if not into.isdisjoint(self._guarded):
            raise WritesError
        self._written |= into


def _moves_axes(func: Any, args: Sequence[Any], result: Any) -> bool:
    """Whether an operation makes something with four axes that may not be those of maps."""
    if func.overloadpacket.__name__ not in MOVING or not isinstance(result, Tensor) or result.dim() != 4:
        return False
    same = func.is_view and isinstance(args[0], Tensor) and args[0].shape == result.shape
    moved = func.overloadpacket.__name__ in {"permute", "transpose"}
    return (moved or not same) and tuple(result.shape[2:]) != (1, 1)


def _memory(tensor: Tensor) -> int:
    """Where a tensor's memory begins; views and ``.data`` share it."""
    return tensor.untyped_storage().data_ptr() if tensor.layout is torch.strided else id(tensor)


def _is_random(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Whether an operation draws random numbers that no generator of the module's own gives."""
    if torch.Tag.nondeterministic_seeded not in func.tags:
        return False
    names = [argument.name for argument in func._schema.arguments]
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    never = any(given.get(name, 1) == 0 for name in ("p", "dropout_p", "dropout"))
    attention = "attention" in func.overloadpacket.__name__ and not given.get("dropout_p")
    return given.get("generator") is None and not never and not attention


def python_draws() -> tuple[Any, ...]:
    """Where the global random numbers of Python and NumPy are."""
    kind, keys, *place = np.random.get_state()
    return random.getstate(), kind, np.asarray(keys).tobytes(), *place


def draws_of(module: nn.Module, run: Callable[[], Any]) -> AtenCall | None:
    """The innermost layer that draws from Python's or NumPy's global random numbers in a pass.

    Args:
        module: A module that nobody else uses meanwhile: it gets hooks.
        run: Makes the pass.
    """
    found: list[AtenCall] = []
    before = [python_draws()]

    def leave(name: str, part: nn.Module) -> None:
        if before.pop() != python_draws() and not found:
            found.append(AtenCall("random", name, type(part).__name__, random=True))

    with ExitStack() as stack:
        for name, part in hookable_parts(module).items():
            enter = part.register_forward_pre_hook(lambda *_: before.append(python_draws()))
            stack.callback(enter.remove)
            hook = part.register_forward_hook(lambda *_, name=name, part=part: leave(name, part))
            stack.callback(hook.remove)
        run()
    leave("", module)
    return found[0] if found else None
