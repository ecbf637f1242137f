"""What a module returns, and which part of it is the network's output (n, classes)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from interpret.errors import InterpretError, ModelError, clause
from interpret.files.contents import digest
from interpret.modules.returned import (
    Key,
    describe_returned,
    example_output,
    example_parameter,
    is_dense,
    item_at,
    item_of,
    keys_of,
    kind_of,
)

Output: TypeAlias = Key | Sequence[Key] | Callable[[Any], Tensor] | None
"""A key, several that lead inside, or a function of what is returned; None: the tensor, or its ``logits``."""


OutputKind = Literal["logits", "log_probabilities", "probabilities", "values"]
"""What the numbers of an output are: ``logits`` become probabilities by a softmax, ``values`` are none."""

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


def has_probabilities(kind: OutputKind, classes: int) -> bool:
    """Whether outputs stand for probabilities: the softmax of one number is 1, whatever it is."""
    return kind != "values" and (classes > 1 or kind != "logits")


def require_probabilities(kind: OutputKind, classes: int) -> None:
    """Refuse outputs that stand for no probabilities.

    Raises:
        ModelError: If they stand for none.
    """
    if not has_probabilities(kind, classes):
        raise ModelError(
            "The network's outputs are values: one number has no probability, nor have means of maps or what "
            "was wrapped with output_kind='values'. If they are logits of several classes: "
            "interpret.wrap(module, output_kind='logits')."
        )


def as_scores(
    outputs: Float[Tensor, "*place classes"], kind: OutputKind, axis: int = -1
) -> Float[Tensor, "*place classes"]:
    """What is asked for of each class: its probability where outputs stand for some, else the output itself.

    Args:
        outputs: What a network answers.
        kind: What its numbers are; see ``Network.output_kind``.
        axis: The axis of the classes.
    """
    if has_probabilities(kind, outputs.shape[axis]):
        return as_probabilities(outputs, kind, axis)
    return outputs


def as_probabilities(
    outputs: Float[Tensor, "*place classes"], kind: OutputKind, axis: int = -1
) -> Float[Tensor, "*place classes"]:
    """The probabilities that outputs stand for: nothing is done to what are probabilities already.

    Args:
        outputs: What a network answers.
        kind: What its numbers are; see ``Network.output_kind``.
        axis: The axis of the classes.

    Raises:
        ModelError: If they stand for none.
    """
    require_probabilities(kind, outputs.shape[axis])
    if kind == "probabilities":
        return outputs
    return outputs.exp() if kind == "log_probabilities" else outputs.softmax(axis)


def as_log_probabilities(
    outputs: Float[Tensor, "*place classes"], kind: OutputKind, axis: int = -1
) -> Float[Tensor, "*place classes"]:
    """The logarithms of the probabilities that outputs stand for; see ``as_probabilities``.

    Raises:
        ModelError: If they stand for none.
    """
    require_probabilities(kind, outputs.shape[axis])
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
        parameter = example_parameter(returned)
        by_name = f"; of a model by name, output: {parameter}" if parameter else ""
        raise ModelError(
            f"The module returns {describe_returned(returned)}, and it is not known what of it is the output "
            f"(n, classes). Say so: interpret.wrap(module, output={example_output(returned)}){by_name}. "
            "Layers work without it."
        )
    raise ModelError(
        f"output={_written(output)} is {kind_of(found)}, no tensor: the module returns "
        f"{describe_returned(returned)}. For example, output={example_output(returned)}."
    )


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


def _path(returned: Any, output: Key | Sequence[Key] | None) -> str:
    """How the output is written in a function of what was returned."""
    path = "returned"
    if isinstance(returned, Tensor):
        return path
    for key in keys_of("logits" if output is None else output):
        inside = isinstance(key, int) or (isinstance(returned, Mapping) and key in returned)
        path, returned = path + (f"[{key!r}]" if inside else f".{key}"), item_of(returned, key)
    return path


def _found(returned: Any, output: Output) -> Any:
    if output is None:
        return returned if isinstance(returned, Tensor) else item_of(returned, "logits")
    return _called(output, returned) if callable(output) else item_at(returned, output)


def _called(output: Callable[[Any], Any], returned: Any) -> Any:
    """What a user's function makes of what is returned."""
    try:
        return output(returned)
    except (InterpretError, torch.OutOfMemoryError):
        raise
    except MISTAKES as error:
        raise ModelError(
            f"output={_written(output)} fails on what the module returns, {describe_returned(returned)}: "
            f"{type(error).__name__}: {clause(error).partition(chr(10))[0]:.300}."
        ) from error


MISTAKES = (TypeError, ValueError, LookupError, AttributeError, AssertionError, RuntimeError)
"""What a function raises that was given something else than it is made for."""


def require_output(output: Any) -> None:
    """Refuse what cannot say which part of what is returned is the output.

    Raises:
        ModelError: If it is no key, attribute, index or function.
    """
    listed = isinstance(output, list | tuple) and bool(output)
    named = all(map(_is_key, output if listed else [output]))
    if output is None or named or (callable(output) and not isinstance(output, type)):
        return
    cure = f" Make one: {output.__name__}(…)." if isinstance(output, type) else ""
    raise ModelError(
        f"output is {output!r}; it must be a key, an attribute's name, an index, a list of these that leads "
        f"inside, or a function of what the module returns.{cure}"
    )


def _is_key(item: Any) -> bool:
    return isinstance(item, str | int) and not isinstance(item, bool)


def require_output_kind(kind: Any) -> None:
    """Refuse what outputs cannot be.

    Raises:
        ModelError: If it is none of the kinds.
    """
    if kind is not None and kind not in get_args(OutputKind):
        known = ", ".join(map(repr, get_args(OutputKind)))
        raise ModelError(f"output_kind is {kind!r}; it must be {known}, or None: found out on first use.")


def output_text(output: Output) -> str:
    """What an output is, in words that are the same in each process, for hashes."""
    if not callable(output):
        return repr(list(output) if isinstance(output, tuple) else output)
    masks = [item for item in getattr(output, "__dict__", {}).values() if isinstance(item, Tensor)]
    kind = output if hasattr(output, "__qualname__") else type(output)
    text = f"{kind.__module__}:{kind.__qualname__}"
    if " at 0x" not in repr(output):
        text += repr(output)
    return text + digest(*(str(mask.tolist()) for mask in masks))


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


def _written(output: Output) -> str:
    return getattr(output, "__name__", repr(output)) if callable(output) else repr(output)
