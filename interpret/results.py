"""Typed results with their axes; they save and load without pickle.

A result is a frozen dataclass. Tensors go to ``result.safetensors``, the rest to ``result.json``, which is
written last and holds the hash of the tensors: a folder with a valid ``result.json`` holds a whole result.
The axes of a tensor are the words of its jaxtyping annotation: ``Float[Tensor, "unit rank"]``. What is a file
of its own, such as a checkpoint, is a ``Path``: saving brings the file along, and the folder can be moved.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_type_hints

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save
from torch import Tensor

from interpret.errors import InterpretError
from interpret.files import link_or_copy, write_atomically
from interpret.images import InputSpec

FORMAT = 1
R = TypeVar("R", bound="Record")


def _kind(cls: type[Any]) -> str:
    """The name of a type in files: its package and its own name, so that modules can be moved."""
    return f"{cls.__module__.partition('.')[0]}:{cls.__qualname__}"


class Record:
    """A frozen dataclass that can be part of a result."""

    registered: ClassVar[dict[str, type[Any]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        Record.registered[_kind(cls)] = cls

    @classmethod
    def axes(cls) -> dict[str, tuple[str, ...]]:
        """The names of the axes of every tensor of this class."""
        hints = get_type_hints(cls)
        return {name: tuple(hint.dim_str.split()) for name, hint in hints.items() if hasattr(hint, "dim_str")}


class Result(Record):
    """What one probe found: raw, signed values that know what they belong to."""

    def save(self, folder: Path) -> None:
        """Write the result into ``folder``; a killed process leaves no file that looks whole.

        Raises:
            InterpretError: If a file that belongs to the result is missing.
        """
        tensors: dict[str, Tensor] = {}
        folder.mkdir(parents=True, exist_ok=True)
        tree = _encode(self, "", tensors, folder)
        blob = save(tensors)
        record = {"format": FORMAT, "tensors_sha256": hashlib.sha256(blob).hexdigest(), "result": tree}
        write_atomically(folder / "result.safetensors", blob)
        write_atomically(folder / "result.json", (json.dumps(record, indent=1) + "\n").encode())


def load(folder: Path) -> Result:
    """The result saved in ``folder``; the plugin that defines its type has to be imported already.

    Raises:
        InterpretError: If there is no whole result, or no plugin here defines its type.
    """
    try:
        record = json.loads((folder / "result.json").read_text())
        blob = (folder / "result.safetensors").read_bytes()
        if hashlib.sha256(blob).hexdigest() != record["tensors_sha256"]:
            raise InterpretError(f"The tensors in {folder} belong to another result. Run the step again.")
        result = _decode(record["result"], load_tensors(blob), folder)
    except FileNotFoundError as error:
        raise InterpretError(
            f"There is no result in {folder}: {Path(str(error.filename)).name} is missing."
        ) from None
    except (json.JSONDecodeError, SafetensorError, TypeError, KeyError, ValueError) as error:
        raise InterpretError(
            f"The result in {folder} cannot be read: {error!r}. Run the step again."
        ) from error
    if not isinstance(result, Result):
        raise InterpretError(f"{folder} holds a {type(result).__name__}, which is no result.")
    return result


def files_of(tree: Any) -> Iterator[str]:
    """The files that belong to an encoded result, as paths inside its folder."""
    if isinstance(tree, dict):
        if "$file" in tree:
            yield tree["$file"]
        tree = list(tree.values())
    for item in tree if isinstance(tree, list) else ():
        yield from files_of(item)


Record.registered[_kind(InputSpec)] = InputSpec


def _bring(file: Path, folder: Path) -> str:
    """Put a file into the folder, below the name of the folder it comes from; returns its path inside."""
    inside = Path(file.parent.name, file.name)
    target = folder / inside
    if not file.is_file():
        raise InterpretError(f"The file {file} belongs to the result and is missing. Run the step again.")
    if not target.exists() or not target.samefile(file):
        target.parent.mkdir(exist_ok=True)
        link_or_copy(file, target)
    return inside.as_posix()


def _encode(value: Any, path: str, tensors: dict[str, Tensor], folder: Path) -> Any:
    """A value as JSON, its tensors put aside under their paths, its files brought into ``folder``."""
    if isinstance(value, Path | Tensor):
        return _put_aside(value, path, tensors, folder)
    if _kind(type(value)) in Record.registered:
        fields = dataclasses.fields(value)
        items = {
            item.name: _encode(getattr(value, item.name), f"{path}/{item.name}", tensors, folder)
            for item in fields
        }
        return {"$type": _kind(type(value)), "fields": items}
    if isinstance(value, dict):
        items = {str(key): _encode(item, f"{path}/{key}", tensors, folder) for key, item in value.items()}
        return {"$dict": items}
    if isinstance(value, list | tuple):
        return [_encode(item, f"{path}/{index}", tensors, folder) for index, item in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": repr(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(
        f"{path} is a {type(value).__name__}: a result holds tensors, numbers, text, files "
        "and records of them."
    )


def _put_aside(value: Path | Tensor, path: str, tensors: dict[str, Tensor], folder: Path) -> dict[str, str]:
    """What stands for a tensor or a file, which are kept elsewhere."""
    if isinstance(value, Path):
        return {"$file": _bring(value, folder)}
    tensors[path] = value.detach().cpu().contiguous().clone()
    return {"$tensor": path}


def _decode(tree: Any, tensors: dict[str, Tensor], folder: Path) -> Any:
    """The inverse of ``_encode``; sequences come back as tuples."""
    if isinstance(tree, list):
        return tuple(_decode(item, tensors, folder) for item in tree)
    if not isinstance(tree, dict):
        return tree
    if "$tensor" in tree or "$file" in tree:
        return tensors[tree["$tensor"]] if "$tensor" in tree else folder / tree["$file"]
    if "$float" in tree:
        return float(tree["$float"])
    if "$dict" in tree:
        return {key: _decode(item, tensors, folder) for key, item in tree["$dict"].items()}
    cls = Record.registered.get(tree["$type"])
    if cls is None:
        raise InterpretError(
            f"No plugin here defines {tree['$type']}: install the plugin that made this result."
        )
    return cls(**{key: _decode(item, tensors, folder) for key, item in tree["fields"].items()})
