"""What a module returns, and which part of it is the network's output (n, classes)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Literal, TypeAlias, TypeGuard

import torch
from jaxtyping import Float
from torch import Tensor, nn

from interpret.errors import ModelError

Output: TypeAlias = str | int | Callable[[Any], Tensor] | None
"""A key, an attribute, an index, or a function of what is returned; None: the tensor, or its ``logits``."""


OutputKind = Literal["logits", "log_probabilities", "probabilities"]
"""What the numbers of an output are; ``logits`` become probabilities by a softmax, the others are some."""

OUTPUT_KINDS: Mapping[str, OutputKind] = {
    "sigmoid": "probabilities",
    "special_expit": "probabilities",
    "hardsigmoid": "probabilities",
    "_softmax": "probabilities",
    "log_sigmoid_forward": "log_probabilities",
    "_log_softmax": "log_probabilities",
    "addmm": "logits",
    "convolution": "logits",
}
"""What an operation at the end makes, whatever the numbers add up to: biases alone may add up to 1."""


def output_kind(outputs: Float[Tensor, "n classes"], operation: str = "") -> OutputKind:
    """What the numbers of outputs are, by their values: those of a softmax add up to 1.

    Args:
        outputs: What a network answers to some images.
        operation: The operation that made them, as PyTorch calls it, if it is known: sigmoids do not add up.
    """
    if outputs.dim() != 2 or not outputs.is_floating_point() or not outputs.numel():
        return "logits"
    if operation in OUTPUT_KINDS and (outputs.shape[1] > 1 or "softmax" not in operation):
        return OUTPUT_KINDS[operation]
    values, rounding = outputs.double(), max(1e-5, 8 * torch.finfo(outputs.dtype).eps)
    if outputs.shape[1] == 1 or bool((values > 1 + rounding).any()):
        return "logits"
    kinds: tuple[tuple[OutputKind, Tensor], ...] = (
        ("probabilities", values),
        ("log_probabilities", values.exp()),
    )
    for kind, shares in kinds:
        if bool((shares >= 0).all()) and bool(((shares.sum(1) - 1).abs() <= rounding).all()):
            return kind
    return "logits"


def as_probabilities(
    outputs: Float[Tensor, "*place classes"], kind: OutputKind, axis: int = -1
) -> Float[Tensor, "*place classes"]:
    """The probabilities that outputs stand for: nothing is done to what are probabilities already.

    Args:
        outputs: What a network answers.
        kind: What its numbers are; see ``Network.output_kind``.
        axis: The axis of the classes.
    """
    if kind == "probabilities":
        return outputs
    return outputs.exp() if kind == "log_probabilities" else outputs.softmax(axis)


def as_log_probabilities(
    outputs: Float[Tensor, "*place classes"], kind: OutputKind, axis: int = -1
) -> Float[Tensor, "*place classes"]:
    """The logarithms of the probabilities that outputs stand for; see ``as_probabilities``."""
    if kind == "log_probabilities":
        return outputs
    if kind == "probabilities":
        return outputs.clamp_min(torch.finfo(outputs.dtype).tiny).log()  # also where one is 0 when rounded
    return outputs.log_softmax(axis)


def pick_output(returned: Any, output: Output = None) -> Float[Tensor, "n classes"]:
    """The output among what a module returned.

    Args:
        returned: What the module returned.
        output: Which part of it is meant. None: a tensor is the output itself; of anything else with a tensor
            called ``logits``, as a key or an attribute, that.

    Raises:
        ModelError: If there is no such tensor, and the message lists what was returned; or if it is sparse,
            nested or quantised.
    """
    found = _found(returned, output)
    if is_dense(found):
        return found
    if isinstance(found, Tensor):
        raise ModelError(_not_dense(found, returned, output))
    if output is None:
        raise ModelError(
            f"The module returns {describe_returned(returned)}, and it is not known what of it is the output "
            f"(n, classes). Say so: interpret.wrap(module, output={_example(returned)}). "
            "Layers work without it."
        )
    raise ModelError(
        f"output={_written(output)} is {_kind(found)}, no tensor: the module returns "
        f"{describe_returned(returned)}. For example, output={_example(returned)}."
    )


def is_dense(value: Any) -> TypeGuard[Tensor]:
    """Whether it is a tensor with all of its numbers in memory: not sparse, nested or quantised."""
    if not isinstance(value, Tensor) or value.is_nested or value.is_quantized:
        return False
    return value.layout is torch.strided


def _not_dense(found: Tensor, returned: Any, output: Output) -> str:
    """That an output is not dense, and how to make it so."""
    kind, call = str(found.layout).removeprefix("torch.").strip("_"), "to_dense()"
    if found.is_nested:
        kind, call = "nested", "to_padded_tensor(0.0)"
    elif found.is_quantized:
        kind, call = "quantised", "dequantize()"
    cure = f"let the function end in .{call}"
    if not callable(output):
        cure = f"interpret.wrap(module, output=lambda returned: {_path(returned, output)}.{call})"
    return (
        f"The output is a {kind} tensor; analyses need all of its numbers in memory. Make it dense: {cure}."
    )


def _path(returned: Any, output: str | int | None) -> str:
    """How the output is written in a function of what was returned."""
    if isinstance(returned, Tensor):
        return "returned"
    key = "logits" if output is None else output
    inside = isinstance(key, int) or (isinstance(returned, Mapping) and key in returned)
    return f"returned[{key!r}]" if inside else f"returned.{key}"


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


def require_output(output: Any) -> None:
    """Refuse what cannot say which part of what is returned is the output.

    Raises:
        ModelError: If it is no key, attribute, index or function.
    """
    named = isinstance(output, str | int) and not isinstance(output, bool)
    if not (output is None or named or callable(output)):
        raise ModelError(
            f"output is {output!r}; it must be a key, an attribute's name, an index, or a function of what "
            "the module returns."
        )


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


def describe_returned(returned: Any) -> str:
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
