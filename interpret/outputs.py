"""What a module returns, and which part of it is the network's output (n, classes)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, TypeAlias

from jaxtyping import Float
from torch import Tensor, nn

from interpret.errors import ModelError

Output: TypeAlias = str | int | Callable[[Any], Tensor] | None
"""A key, an attribute, an index, or a function of what is returned; None: the tensor, or its ``logits``."""


def pick_output(returned: Any, output: Output = None) -> Float[Tensor, "n classes"]:
    """The output among what a module returned.

    Args:
        returned: What the module returned.
        output: Which part of it is meant. None: a tensor is the output itself; of anything else with a tensor
            called ``logits``, as a key or an attribute, that.

    Raises:
        ModelError: If there is no such tensor; the message lists what was returned.
    """
    found = _found(returned, output)
    if isinstance(found, Tensor):
        return found
    if output is None:
        raise ModelError(
            f"The module returns {describe(returned)}, and it is not known what of it is the output "
            f"(n, classes). Say so: interpret.wrap(module, output={_example(returned)}). "
            "Layers work without it."
        )
    raise ModelError(
        f"output={_written(output)} is {_kind(found)}, no tensor: the module returns {describe(returned)}. "
        f"For example, output={_example(returned)}."
    )


def _found(returned: Any, output: Output) -> Any:
    if output is None:
        return returned if isinstance(returned, Tensor) else _item(returned, "logits")
    if callable(output):
        return output(returned)
    return _item(returned, output)


def _item(returned: Any, key: str | int) -> Any:
    if isinstance(returned, Mapping):
        return returned.get(key, getattr(returned, str(key), None))
    if isinstance(key, int):
        inside = isinstance(returned, Sequence) and -len(returned) <= key < len(returned)
        return returned[key] if inside else None
    return getattr(returned, key, None)


class OutputModule(nn.Module):
    """From images to outputs (n, classes), whatever else the module returns."""

    def __init__(self, module: nn.Module, output: Output, *, copies: bool) -> None:
        super().__init__()
        self.module = module
        self._output, self._copies = output, copies
        self.training = False

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        """The outputs; ``x`` is left alone."""
        returned = self.module(x.clone() if self._copies else x)
        return require_rows(pick_output(returned, self._output), len(x))


def require_rows(output: Tensor, images: int) -> Tensor:
    """The output, if its first axis counts images.

    Raises:
        ModelError: If it does not.
    """
    if output.shape[:1] != (images,):
        raise ModelError(
            f"The output has shape {tuple(output.shape)} for {images} images, and must have a row for each. "
            "Say what of the things the module returns is (n, classes): interpret.wrap(module, output=…). "
            "A forward that ends in squeeze() loses the row of a single image: let it end in flatten(1)."
        )
    return output


def describe(returned: Any) -> str:
    """What a module returned, with the shapes of its tensors, for messages."""
    if isinstance(returned, Tensor):
        return f"a tensor {tuple(returned.shape)}"
    parts = [f"{name}: {_kind(value)}" for name, value in _parts(returned)]
    shown = ", ".join(parts[:12]) + (", …" if len(parts) > 12 else "")
    return f"{type(returned).__name__} ({shown})" if parts else type(returned).__name__


def tensors_in(returned: Any, depth: int = 4) -> list[Tensor]:
    """Every tensor in what a module returned, in order, down to some depth."""
    if isinstance(returned, Tensor):
        return [returned]
    inside = _parts(returned) if depth else ()
    return [tensor for _, value in inside for tensor in tensors_in(value, depth - 1)]


def _parts(returned: Any) -> Iterator[tuple[str, Any]]:
    """What a container holds, each by the key, attribute or index that ``output`` can be."""
    if isinstance(returned, Mapping):
        yield from ((repr(key), value) for key, value in returned.items())
    elif isinstance(returned, list | tuple):
        names = getattr(returned, "_fields", range(len(returned)))
        yield from ((repr(name), value) for name, value in zip(names, returned, strict=True))
    elif is_dataclass(returned) and not isinstance(returned, type):
        yield from ((repr(item.name), getattr(returned, item.name, None)) for item in fields(returned))
    elif not isinstance(returned, str | bytes | int | float | type(None)):
        yield from ((repr(name), value) for name, value in getattr(returned, "__dict__", {}).items())


def _example(returned: Any) -> str:
    """An ``output`` that works: the part that looks most like (n, classes)."""
    tensors = [(name, value) for name, value in _parts(returned) if isinstance(value, Tensor)]
    best = max(tensors, key=lambda item: (item[1].dim() == 2, item[1].is_floating_point()), default=None)
    return best[0] if best else "lambda returned: ..."


def _kind(value: Any) -> str:
    return f"tensor {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__


def _written(output: Output) -> str:
    return getattr(output, "__name__", "function") if callable(output) else repr(output)
