"""The tensors of whole networks that were pickled, and of TorchScript, found without running either."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from interpret.weights.torchfiles import is_tensor
from interpret.weights.unpickling import Inert, mapping

MAX_MODULE_DEPTH = 100
"""Modules inside of each other."""


def is_module(described: Any) -> bool:
    """Whether an object describes a network: a pickled ``nn.Module``, or one of TorchScript."""
    return next(module_tensors(described), None) is not None


def module_tensors(described: Any, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """The tensors of a network by the names that its state dict has, each as the file describes it.

    Args:
        described: What a file says of the network.
        prefix: What stands before every name.
        depth: How many modules it lies in.
    """
    state = described.state if isinstance(described, Inert) else None
    if not isinstance(state, dict) or depth > MAX_MODULE_DEPTH:
        return
    own = state if described.name.startswith("__torch__") else _own(state)
    for name, item in own.items():
        if is_tensor(item):
            yield f"{prefix}{name}", item
    inner = own if own is state else mapping(state.get("_modules")) or {}
    for name, item in inner.items():
        if isinstance(item, Inert) and not is_tensor(item):
            yield from module_tensors(item, f"{prefix}{name}.", depth + 1)


def _own(state: dict[Any, Any]) -> dict[Any, Any]:
    """The parameters and buffers of a module itself, but for buffers that no state dict has."""
    hidden = _items(state.get("_non_persistent_buffers_set"))
    buffers = mapping(state.get("_buffers")) or {}
    kept = {name: item for name, item in buffers.items() if name not in hidden}
    return {**(mapping(state.get("_parameters")) or {}), **kept}


def _items(found: Any) -> list[Any]:
    """What a set holds, in whichever way it was written."""
    if not isinstance(found, Inert):
        return []
    return [*found.held, *(item for given in found.args if isinstance(given, list) for item in given)]
