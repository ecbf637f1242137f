"""Importing torchvision without ``torch._dynamo``, of which it asks one function for later.

``torchvision.ops.roi_align`` means to import dynamo when it first compiles something, and takes one function
of it at once all the same: 1.5 of the 1.7 seconds that ``import torchvision`` takes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

__all__ = ["dynamo_later"]

DYNAMO, UTILS = "torch._dynamo", "torch._dynamo.utils"


class _Later(ModuleType):
    """Stands for a module that is imported when anything but the one function is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # who looks through all modules asks for the like of __file__
            raise AttributeError(name)
        return getattr(_imported(self.__name__), name)


@contextmanager
def dynamo_later() -> Iterator[None]:
    """While this lasts, what imports ``is_compile_supported`` of dynamo gets one that imports dynamo then."""
    if DYNAMO in sys.modules:
        yield
        return
    later, utils = _Later(DYNAMO), _Later(UTILS)
    later.__path__ = []
    vars(later)["utils"], vars(utils)["is_compile_supported"] = utils, _is_compile_supported
    sys.modules.update({DYNAMO: later, UTILS: utils})
    try:
        yield
    finally:
        _forget()


def _is_compile_supported(device: Any) -> Any:
    return _imported(UTILS).is_compile_supported(device)


def _imported(name: str) -> ModuleType:
    _forget()
    return import_module(name)


def _forget() -> None:
    for name in (DYNAMO, UTILS):
        if isinstance(sys.modules.get(name), _Later):
            del sys.modules[name]
