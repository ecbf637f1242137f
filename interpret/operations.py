"""The operations of one forward pass as PyTorch runs them, and the layer each belongs to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from interpret.modules import named_parts
from interpret.outputs import tensors_in


@dataclass(frozen=True)
class Operation:
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


class Operations(TorchDispatchMode):
    """Lists the operations of this thread's forward passes.

    Args:
        module: A module that nobody else uses meanwhile: it gets hooks.
        keep: Whether to keep a copy of what each operation makes.
    """

    def __init__(self, module: nn.Module, *, keep: bool = False) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.listed: list[Operation] = []
        self._keep = keep
        self._running = [("", type(module).__name__)]
        self._module = module

    @contextmanager
    def listening(self) -> Iterator[None]:
        """While this holds, operations are listed."""
        with ExitStack() as stack:
            for name, part in named_parts(self._module).items():
                if name and not isinstance(part, torch.jit.ScriptModule):
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

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        values = tuple(tensor.clone() for tensor in tensors_in(result)) if self._keep else ()
        name = func.overloadpacket.__name__
        self.listed.append(Operation(name, *self._running[-1], _is_random(func, args, kwargs or {}), values))
        return result


def _is_random(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Whether an operation draws random numbers that no generator of the module's own gives."""
    if torch.Tag.nondeterministic_seeded not in func.tags:
        return False
    names = [argument.name for argument in func._schema.arguments]
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    never = any(given.get(name, 1) == 0 for name in ("p", "dropout_p", "dropout"))
    attention = "attention" in func.overloadpacket.__name__ and not given.get("dropout_p")
    return given.get("generator") is None and not never and not attention
