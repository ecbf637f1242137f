"""Weights in and out: no pickle is run, files are verified by hash, and a mismatch names the tensors."""

from __future__ import annotations

import hashlib
import pickle
import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from interpret.errors import ModelError, nearest

SHOWN = 5
"""How many tensors of each kind a mismatch lists."""

WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "weights")
"""Keys under which training scripts keep the state dict, most usual first."""

PREFIXES = ("module.", "_orig_mod.", "model.", "net.")
"""What DataParallel, torch.compile and training frameworks put before every name."""


@dataclass(frozen=True)
class Weights:
    """Tensors by name as one file holds them.

    Attributes:
        path: The file.
        sha256: Hash of the file's bytes, 64 hexadecimal digits.
        tensors: Name -> tensor, on the CPU, in the type they were stored in.
        metadata: What a safetensors file says about itself; empty for other formats.
    """

    path: Path
    sha256: str
    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]


def read_weights(path: str | Path, *, sha256: str = "") -> Weights:
    """Read a safetensors file, or a ``.pth`` / ``.pt`` state dict with ``weights_only``.

    The format is taken from the content, not from the file's name. Nothing in the file is executed.

    Args:
        path: The file.
        sha256: Expected hash of the file, or its first 8 or more digits; empty to accept any.

    Raises:
        ModelError: If the file is missing, is another than expected, is broken, or holds more than tensors.
    """
    path = existing_file(path)
    digest = file_hash(path)
    check_hash(path, digest, sha256)
    if is_safetensors(path):
        return Weights(path, digest, *_open_safetensors(path, tensors=True))
    return Weights(path, digest, _state_dict(path, _read_torch(path)), {})


def read_metadata(path: str | Path) -> dict[str, str]:
    """What a safetensors file says about itself, without reading its tensors; empty for other formats.

    Raises:
        ModelError: If the file is missing or broken.
    """
    path = existing_file(path)
    return _open_safetensors(path, tensors=False)[1] if is_safetensors(path) else {}


def load_into(module: nn.Module, weights: Weights, *, ignore: Iterable[str] = ()) -> None:
    """Copy the tensors into the module's parameters and buffers; all or nothing.

    Prefixes that DataParallel, torch.compile and training frameworks add are dropped. Tensors are
    converted to the type of the parameter they go into.

    Args:
        module: The network to fill.
        weights: What ``read_weights`` read.
        ignore: Beginnings of names that the file may have and the module not (``"AuxLogits."``).

    Raises:
        ModelError: If names or shapes differ; the message names the tensors.
    """
    expected = module.state_dict()
    found = strip_prefixes(weights.tensors, expected)
    found = {name: t for name, t in found.items() if name in expected or not name.startswith(tuple(ignore))}
    problems = mismatches(expected, found)
    if problems:
        raise ModelError(
            f"The weights in {weights.path} do not fit {type(module).__name__}:\n  "
            + "\n  ".join(problems)
            + "\nCheck that the architecture and its parameters are those the weights were trained with."
        )
    with torch.no_grad():
        for name, tensor in found.items():
            expected[name].copy_(tensor)


def mismatches(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> list[str]:
    """One line for each way in which names and shapes differ; empty where they agree."""
    missing = [n for n in expected if n not in found and not n.endswith("num_batches_tracked")]
    unexpected = [name for name in found if name not in expected]
    shapes = [
        f"{name} (found {_shape(found[name])}, expected {_shape(tensor)})"
        for name, tensor in expected.items()
        if name in found and found[name].shape != tensor.shape
    ]
    lines = {"missing": missing, "unexpected": unexpected, "another shape": shapes}
    return [f"{kind} ({len(names)}): {_listed(names)}" for kind, names in lines.items() if names]


def strip_prefixes(tensors: Mapping[str, Tensor], expected: Iterable[str]) -> dict[str, Tensor]:
    """Drop beginnings that all names share and no expected name has."""
    expected, tensors = tuple(expected), dict(tensors)
    wanted = [prefix for prefix in PREFIXES if not any(name.startswith(prefix) for name in expected)]
    while found := [p for p in wanted if tensors and all(name.startswith(p) for name in tensors)]:
        tensors = {name.removeprefix(found[0]): tensor for name, tensor in tensors.items()}
    return tensors


def existing_file(path: str | Path) -> Path:
    """The path, if a file is there.

    Raises:
        ModelError: If none is; the message shows the nearest names in its folder.
    """
    path = Path(path).expanduser()
    if path.is_file():
        return path
    if path.is_dir():
        raise ModelError(f"{path} is a folder: give a weights file in it, such as {_some_file(path)}.")
    if not path.parent.is_dir():
        raise ModelError(f"There is no weights file {path}: its folder {path.parent} does not exist.")
    close = nearest(path.name, (item.name for item in path.parent.iterdir() if item.is_file()))
    hint = (
        f"Did you mean {' or '.join(map(repr, close))}?" if close else f"{path.parent} has no file like it."
    )
    raise ModelError(f"There is no weights file {path}. {hint}")


def file_hash(path: Path) -> str:
    """SHA-256 of the file's bytes, 64 hexadecimal digits.

    Raises:
        ModelError: If the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"The weights file {path} cannot be read: {error.strerror}.") from error


def check_hash(path: Path, found: str, expected: str) -> None:
    """Refuse a file whose hash does not begin with ``expected``; empty accepts any.

    Raises:
        ModelError: If it differs, or ``expected`` is no hash.
    """
    expected = expected.lower()
    if expected and not re.fullmatch(r"[0-9a-f]{8,64}", expected):
        raise ModelError(f"'sha256' must be 8 to 64 hexadecimal digits; found {expected!r}.")
    if not found.startswith(expected):
        raise ModelError(
            f"{path} is not the expected file: its sha256 is {found}, expected {expected}. "
            "It was changed or damaged: fetch it again, or correct the hash."
        )


def is_safetensors(path: Path) -> bool:
    """Whether the file begins as safetensors does: a length in 8 bytes, then a JSON header."""
    with path.open("rb") as file:
        return file.read(9)[8:] == b"{"


def _open_safetensors(path: Path, *, tensors: bool) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            names = file.keys() if tensors else ()
            return {name: file.get_tensor(name) for name in names}, dict(file.metadata() or {})
    except SafetensorError as error:
        raise ModelError(f"{path} is not a whole safetensors file ({error}). Fetch it again.") from error


def _read_torch(path: Path) -> Any:
    with warnings.catch_warnings(), path.open("rb") as file:
        warnings.simplefilter("ignore")  # remarks on pickle protocols of files that are refused anyway
        try:
            return torch.load(file, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            raise ModelError(
                f"{path} was refused, and nothing in it was run: {_refusal(str(error))}"
            ) from error
        except Exception as error:  # a broken file fails in as many ways as bytes can
            raise ModelError(
                f"{path} is not a whole weights file ({type(error).__name__}: {_first_line(error)}). "
                "Expected safetensors, or what torch.save(network.state_dict(), path) writes."
            ) from error


def _refusal(message: str) -> str:
    """What torch found in a file that it will not unpickle, in one sentence."""
    names = re.search(r"GLOBAL (\S+)", message)
    what = f"it holds {names[1]}, which is no tensor" if names else "it is not a plain state dict"
    return f"{what}. Save tensors only: torch.save(network.state_dict(), path), or safetensors."


def _state_dict(path: Path, content: Any) -> dict[str, Tensor]:
    """The tensors by name, also where a training script wrapped them."""
    for key in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            return _state_dict(path, content[key])
    if not isinstance(content, Mapping) or not content:
        raise ModelError(f"{path} holds {type(content).__name__}, not tensors by name (a state dict).")
    others = [str(name) for name, value in content.items() if not isinstance(value, Tensor)]
    if others:
        raise ModelError(
            f"{path} holds more than tensors by name: {_listed(others)}. "
            f"Save the state dict alone, or under one of the keys {', '.join(WRAPPERS)}."
        )
    return {str(name): tensor for name, tensor in content.items()}


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "scalar"


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "no more is known").strip()


def _some_file(folder: Path) -> str:
    names = sorted(item.name for item in folder.iterdir() if item.is_file())
    return repr(names[0]) if names else "none yet"
