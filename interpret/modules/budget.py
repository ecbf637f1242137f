"""A limit on the memory that building a network takes, counted before each tensor is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_iter, tree_map

from interpret.errors import ModelError
from interpret.modules.modes import Mode

MAX_OPERATIONS = 20_000
"""Tensor operations of one building; torchvision's EfficientNetV2-L takes 3,776."""


@contextmanager
def bounded(max_bytes: int, model: str) -> Iterator[None]:
    """Refuse to make tensors of more than ``max_bytes`` together, before their memory is taken.

    Args:
        max_bytes: The limit; tensors that are freed meanwhile count too.
        model: What is built, for the message.

    Raises:
        ModelError: At the tensor that is too much.
    """
    with _Budget(max_bytes, model):
        yield


class _Budget(Mode):
    """Sees every tensor operation of this thread."""

    def __init__(self, max_bytes: int, model: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.max_bytes, self.model = max_bytes, model
        self.taken = self.operations = 0

    def see(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Count what the operation makes, then let it happen."""
        self.operations += 1
        if self.operations > MAX_OPERATIONS:
            raise ModelError(
                f"{self.model} is not built: it takes more than {MAX_OPERATIONS:,} operations. "
                "Choose smaller parameters."
            )
        if not func.is_view and not func._schema.is_mutable:
            self.take(_outcome(func, args, kwargs))
        return func(*args, **kwargs)

    def take(self, made: Any) -> None:
        """Count the bytes of new tensors."""
        new = (item for item in tree_iter(made) if isinstance(item, Tensor))
        self.taken += sum(item.numel() * item.element_size() for item in new)
        if self.taken > self.max_bytes:
            raise ModelError(
                f"{self.model} is not built: it takes more than {self.max_bytes / 2**30:g} GB of memory. "
                "Choose smaller parameters."
            )


def _outcome(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """What an operation would make, as tensors without memory; nothing where PyTorch cannot say."""
    if any(argument.name == "device" for argument in func._schema.arguments):
        kwargs = {**kwargs, "device": torch.device("meta")}
    try:
        return func(*tree_map(_weightless, args), **tree_map(_weightless, kwargs))
    except (RuntimeError, NotImplementedError):  # the operation itself says what is wrong
        return ()


def _weightless(item: Any) -> Any:
    if isinstance(item, Tensor):
        return torch.empty_strided(item.shape, item.stride(), dtype=item.dtype, device="meta")
    return item
