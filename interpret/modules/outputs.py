"""What a module returns, and which part of it is the network's output (n, classes)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Literal, TypeAlias, TypeGuard

import torch
from jaxtyping import Float
from torch import Tensor, nn

from interpret.errors import ModelError
from interpret.files.contents import digest

Key: TypeAlias = str | int
"""A key, the name of an attribute, or an index."""

Output: TypeAlias = Key | Sequence[Key] | Callable[[Any], Tensor] | None
"""A key, several that lead inside, or a function of what is returned; None: the tensor, or its ``logits``."""


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


def _path(returned: Any, output: Key | Sequence[Key] | None) -> str:
    """How the output is written in a function of what was returned."""
    path = "returned"
    if isinstance(returned, Tensor):
        return path
    for key in _keys("logits" if output is None else output):
        inside = isinstance(key, int) or (isinstance(returned, Mapping) and key in returned)
        path, returned = path + (f"[{key!r}]" if inside else f".{key}"), _item(returned, key)
    return path


def _found(returned: Any, output: Output) -> Any:
    if output is None:
        return returned if isinstance(returned, Tensor) else _item(returned, "logits")
    return output(returned) if callable(output) else item_at(returned, output)


def item_at(returned: Any, output: Key | Sequence[Key]) -> Any:
    """What lies under a key, or behind several, in what a module returned; None where there is nothing."""
    for key in _keys(output):
        returned = _item(returned, key)
    return returned


def _keys(output: Key | Sequence[Key]) -> Sequence[Key]:
    return (output,) if isinstance(output, str | int) else output


def _item(returned: Any, key: Key) -> Any:
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


def describe_returned(returned: Any, depth: int = 2) -> str:
    """What a module returned, with the shapes of its tensors, for messages."""
    if isinstance(returned, Tensor):
        return f"a tensor {tuple(returned.shape)}"
    parts = [f"{name!r}: {_kind(value, depth - 1)}" for name, value in _parts(returned)]
    shown = ", ".join(parts[:12]) + (", …" if len(parts) > 12 else "")
    return f"{type(returned).__name__} ({shown})" if parts else type(returned).__name__


def tensors_in(returned: Any, depth: int = 4) -> list[Tensor]:
    """Every tensor in what a module returned, in order, down to some depth."""
    if isinstance(returned, Tensor):
        return [returned]
    inside = _parts(returned) if depth else ()
    return [tensor for _, value in inside for tensor in tensors_in(value, depth - 1)]


def _parts(returned: Any) -> Iterator[tuple[Key, Any]]:
    """What a container holds, each by the key, attribute or index that ``output`` can be."""
    if isinstance(returned, Mapping):
        yield from returned.items()
    elif isinstance(returned, list | tuple):
        names = getattr(returned, "_fields", range(len(returned)))
        yield from zip(names, returned, strict=True)
    elif is_dataclass(returned) and not isinstance(returned, type):
        yield from ((item.name, getattr(returned, item.name, None)) for item in fields(returned))
    elif not isinstance(returned, str | bytes | int | float | type(None)):
        yield from getattr(returned, "__dict__", {}).items()


def _example(returned: Any) -> str:
    """An ``output`` that works: the part that looks most like (n, classes)."""
    if _is_detections(returned):
        return "interpret.modules.BestScore(classes=…)"
    leaves = ((path, leaf) for path, leaf in _leaves(returned) if leaf.is_floating_point())
    found = [(path, leaf) for path, leaf in leaves if leaf.dim() in {2, 4}]
    if not found:
        return "lambda returned: ..."
    path, best = max(found, key=lambda item: item[1].dim() == 2)
    key = path[0] if len(path) == 1 else path
    return f"interpret.modules.MeanOverImage(of={key!r})" if best.dim() == 4 else repr(key)


def _is_detections(returned: Any) -> bool:
    """Whether it is what torchvision's detectors return: boxes with scores, for each image."""
    listed = isinstance(returned, list | tuple) and bool(returned)
    return listed and all(
        isinstance(item, Mapping) and {"labels", "scores"} <= item.keys() for item in returned
    )


def _leaves(returned: Any, depth: int = 3) -> Iterator[tuple[list[Key], Tensor]]:
    """The tensors in what was returned, each with the keys that lead to it."""
    for key, value in _parts(returned):
        if isinstance(value, Tensor):
            yield [key], value
        elif depth > 1:
            yield from (([key, *path], leaf) for path, leaf in _leaves(value, depth - 1))


def _kind(value: Any, depth: int = 0) -> str:
    if isinstance(value, Tensor):
        return f"tensor {tuple(value.shape)}"
    return describe_returned(value, depth) if depth else type(value).__name__


def _written(output: Output) -> str:
    return getattr(output, "__name__", repr(output)) if callable(output) else repr(output)
