"""What modules return, taken apart: tensors, keys, attributes and indices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeAlias, TypeGuard

import torch
from torch import Tensor

Key: TypeAlias = str | int
"""A key, the name of an attribute, or an index."""

MAP = ("logits", "out")
"""What Hugging Face and torchvision call the map of a segmenter."""

MEAN = "interpret.modules.MeanOverImage"
"""How users write what makes classes of maps."""


def is_dense(value: Any) -> TypeGuard[Tensor]:
    """Whether it is a tensor with all of its numbers in memory: not sparse, nested or quantised."""
    if not isinstance(value, Tensor) or value.is_nested or value.is_quantized:
        return False
    return value.layout is torch.strided


def layer_value(output: Any) -> Tensor | None:
    """What a layer's value is, of what its module returned; None where that is no layer.

    It is the tensor, or the first map or tokens (a floating-point tensor with three or four axes) in a tuple
    or dataclass: transformers return hidden states first, and attention or sizes behind them. Lists and
    dictionaries hold several things of one kind, of which none is the layer's.
    """
    if is_dense(output):
        return output
    found = (value for _, value in _items(output) if _is_hidden_state(value))
    return next(found, None)


def with_layer_value(output: Any, value: Tensor) -> Any:
    """What a module returned, with another tensor in the place of its `layer_value`."""
    if is_dense(output):
        return value
    key = next(key for key, item in _items(output) if _is_hidden_state(item))
    if isinstance(output, tuple):
        changed = [value if place == key else item for place, item in enumerate(output)]
        return type(output)(*changed) if hasattr(output, "_fields") else type(output)(changed)
    return replace(output, **{str(key): value})


def _items(output: Any) -> Iterator[tuple[Key, Any]]:
    """What a tuple or dataclass holds."""
    if isinstance(output, tuple):
        yield from enumerate(output)
    elif is_dataclass(output) and not isinstance(output, type):
        yield from ((item.name, getattr(output, item.name, None)) for item in fields(output))


def _is_hidden_state(value: Any) -> bool:
    return is_dense(value) and value.is_floating_point() and value.dim() in {3, 4}


def item_at(returned: Any, output: Key | Sequence[Key]) -> Any:
    """What lies under a key, or behind several, in what a module returned; None where there is nothing."""
    for key in keys_of(output):
        returned = item_of(returned, key)
    return returned


def keys_of(output: Key | Sequence[Key]) -> Sequence[Key]:
    """The keys on the way to an output."""
    return (output,) if isinstance(output, str | int) else output


def item_of(returned: Any, key: Key) -> Any:
    """What lies under a key; None where there is nothing."""
    if isinstance(returned, Mapping):
        return returned.get(key, getattr(returned, str(key), None))
    if isinstance(key, int):
        inside = isinstance(returned, Sequence) and -len(returned) <= key < len(returned)
        return returned[key] if inside else None
    return getattr(returned, key, None)


def describe_returned(returned: Any, depth: int = 2) -> str:
    """What a module returned, with the shapes of its tensors, for messages."""
    if isinstance(returned, Tensor):
        return f"a tensor {tuple(returned.shape)}"
    parts = [f"{name!r}: {kind_of(value, depth - 1)}" for name, value in _parts(returned)]
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


def example_output(returned: Any) -> str:
    """An ``output`` that works: the part that looks most like (n, classes)."""
    if isinstance(returned, Tensor):
        return f"{MEAN}()" if returned.dim() == 4 else "lambda returned: returned.flatten(1)"
    if _is_detections(returned):
        return "interpret.modules.BestScore(classes=…)"
    key = _likest(returned)
    if key is None:
        return "lambda returned: ..."
    return f"{MEAN}(of={key!r})" if _is_map(returned, key) else repr(key)


def example_parameter(returned: Any) -> str:
    """The same as the parameter of a model that is loaded by its name; empty where a function is needed."""
    if _is_detections(returned):
        return "{name: best_score, classes: …}"
    if isinstance(returned, Tensor):
        return "{name: mean_over_image}" if returned.dim() == 4 else ""
    key = _likest(returned)
    if key is None:
        return ""
    written = f"[{', '.join(map(str, key))}]" if isinstance(key, list) else str(key)
    return f"{{name: mean_over_image, of: {written}}}" if _is_map(returned, key) else written


def _likest(returned: Any) -> Key | list[Key] | None:
    """What leads to the part that looks most like (n, classes)."""
    leaves = [(path, leaf) for path, leaf in _leaves(returned) if leaf.is_floating_point()]
    found = [(path, leaf) for path, leaf in leaves if leaf.dim() in {2, 4}]
    if not found:
        return None
    path, _ = max(found, key=lambda item: (item[1].dim() == 2, item[0][-1] in MAP))
    return path[0] if len(path) == 1 else path


def _is_map(returned: Any, key: Key | list[Key]) -> bool:
    found = item_at(returned, key)
    return isinstance(found, Tensor) and found.dim() == 4


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


def kind_of(value: Any, depth: int = 0) -> str:
    """A tensor with its shape, or the name of a type."""
    if isinstance(value, Tensor):
        return f"tensor {tuple(value.shape)}"
    return describe_returned(value, depth) if depth else type(value).__name__
