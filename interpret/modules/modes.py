"""Modes of PyTorch's dispatcher that do not import its compiler.

PyTorch keeps the code of a mode from being compiled, and for that imports ``torch._dynamo`` at the first
operation, which takes a second and a half. Where nobody has imported it, nothing is compiled.
"""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class Mode(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every tensor operation of this thread while it is entered."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Whether PyTorch keeps it from being compiled: that is done here, where there is a compiler."""
        return False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)  # type: ignore[no-untyped-call]
        if "see" in vars(cls):
            cls._see_uncompiled = torch._disable_dynamo(vars(cls)["see"])  # type: ignore[attr-defined,method-assign]

    @abstractmethod
    def see(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """What an operation gives; the mode itself is off meanwhile."""

    def _see_uncompiled(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """The same, kept from being compiled."""
        return self.see(func, args, kwargs)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        see = self._see_uncompiled if "torch._dynamo" in sys.modules else self.see
        return see(func, args, kwargs or {})


def _skip(function: Any) -> None:
    """Keep the compiler, once somebody imports it, from a function: it could not pass over `see` in it."""
    frames: Any = torch._C._dynamo.eval_frame
    if hasattr(frames, "set_code_exec_strategy"):
        action = frames._FrameAction
        strategy = frames._FrameExecStrategy(action.SKIP, action.DEFAULT)
        frames.set_code_exec_strategy(function.__code__, strategy)
    else:  # another version of PyTorch: as it does itself, with the import
        Mode.__torch_dispatch__ = torch._disable_dynamo(function)  # type: ignore[attr-defined,method-assign]


_skip(Mode.__torch_dispatch__)
