"""Weights in and out: no pickle is run, files are verified by hash, and a mismatch names the tensors."""

from __future__ import annotations

import hashlib
import logging
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from interpret.errors import ModelError, clause
from interpret.files.folders import user_path
from interpret.files.reading import open_file
from interpret.weights.formats import (
    begins_as_safetensors,
    existing_file,
    read_held,
    read_modules,
    read_safetensors,
)
from interpret.weights.statedicts import listed

log = logging.getLogger(__name__)

PREFIXES = ("module.", "_orig_mod.", "model.", "net.")
"""What DataParallel, torch.compile and training frameworks put before every name."""


_WRAPPER_NAMES = re.compile(r"(?<=\.)(?:module|_orig_mod|_checkpoint_wrapped_module|_fsdp_wrapped_module)\.")
"""What the same put before the names inside of a part that they wrapped: ``features.module.0.weight``."""


@dataclass(frozen=True)
class Weights:
    """Tensors by name as one file holds them.

    Attributes:
        path: The file.
        sha256: Hash of the file's bytes, 64 hexadecimal digits.
        tensors: Name -> tensor, on the CPU, in the type they were stored in.
        metadata: What a safetensors file says about itself; empty for other formats.
        key: Under which keys of the file they lie, joined by dots; empty at its top.
        beside: Other keys under which tensors lie, such as those of a moving average.
        left_out: What lies among the tensors and is none, by its name.
    """

    path: Path
    sha256: str
    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]
    key: str = ""
    beside: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)


def read_weights(path: str | Path, *, sha256: str = "", names: Collection[str] = ()) -> Weights:
    """Read a safetensors file, or what ``torch.save`` wrote: a state dict, alone or in a checkpoint.

    The format is taken from the content, not from the file's name. Nothing in the file is executed:
    objects of any class may lie beside the tensors, and stay descriptions. Arrays of numpy by name count as
    tensors.

    Args:
        path: The file.
        sha256: Expected hash of the file, or its first 8 or more digits; empty to accept any.
        names: The names of the network's tensors, by which one of several state dicts in a file is chosen.

    Raises:
        ModelError: If the file is missing, is another than expected, is broken, or holds no tensors by name.
    """
    path = existing_file(path)
    digest = weights_hash(path)
    check_hash(path, digest, sha256)
    held = read_held(path, names)
    if held.beside:
        log.warning(
            "%s: the weights under %r were taken; there are others under %s. To take those, save them alone.",
            path,
            held.key,
            listed(list(held.beside)),
        )
    return Weights(path, digest, held.tensors, held.metadata, held.key, held.beside, held.left_out)


def read_metadata(path: str | Path) -> dict[str, str]:
    """What a safetensors file says about itself, without reading its tensors; empty for other formats.

    Raises:
        ModelError: If the file is missing or broken.
    """
    path = existing_file(path)
    return dict(read_safetensors(path, tensors=False).metadata) if begins_as_safetensors(path) else {}


def extract(path: str | Path, out: str | Path) -> None:
    """Take the weights out of a network that was pickled whole, or of TorchScript; nothing in it is run.

    Args:
        path: What ``torch.save(network, path)`` or ``torch.jit.save`` wrote.
        out: The safetensors file that is written: the network's state dict.

    Raises:
        ModelError: If there is no such network in the file, or ``out`` exists or cannot be written.

    Example:
        >>> extract("whole.pt", "weights.safetensors")  # doctest: +SKIP
    """
    tensors = read_modules(existing_file(path))
    if not tensors:
        raise ModelError(
            f"{path} holds no network that was pickled whole, nor TorchScript: nothing to take out."
        )
    target = user_path(out)
    if target.exists():
        raise ModelError(f"{target} exists already: give the name of a new file.")
    try:
        save_file({name: tensor.clone().contiguous() for name, tensor in tensors.items()}, target)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{target} cannot be written: {clause(error)}.") from error


def load_into(module: nn.Module, weights: Weights, *, ignore: Iterable[str] = ()) -> None:
    """Copy the tensors into the module's parameters and buffers; all or nothing.

    Prefixes that DataParallel, torch.compile and training frameworks add are dropped. Tensors are converted
    to the type of the parameter they go into, where that keeps their values: to another precision, but not
    from whole numbers, complex or quantised ones.

    Args:
        module: The network to fill.
        weights: What ``read_weights`` read.
        ignore: Beginnings of names that the file may have and the module not (``"AuxLogits."``).

    Raises:
        ModelError: If names, shapes or kinds of numbers differ; the message names the tensors.
    """
    expected = {name: item for name, item in module.state_dict().items() if isinstance(item, Tensor)}
    found = strip_prefixes(weights.tensors, expected)
    found = {name: t for name, t in found.items() if name in expected or not name.startswith(tuple(ignore))}
    problems = mismatches(expected, found) or _torn(expected, found)
    if problems:
        if weights.left_out:
            problems.append(f"no tensors ({len(weights.left_out)}): {listed(list(weights.left_out))}")
        raise ModelError(
            f"The weights in {weights.path} do not fit {type(module).__name__}:\n  "
            + "\n  ".join(problems)
            + "\nCheck that the architecture and its parameters are those the weights were trained with."
        )
    _tell(weights, found)
    with torch.no_grad():
        for name, tensor in found.items():
            expected[name].copy_(tensor)


def mismatches(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> list[str]:
    """One line for each way in which names, shapes and kinds of numbers differ; empty where they agree."""
    missing = [n for n in expected if n not in found and not n.endswith("num_batches_tracked")]
    unexpected = [name for name in found if name not in expected]
    both = {name: (found[name], tensor) for name, tensor in expected.items() if name in found}
    shapes = [
        f"{name} (found {_shape(one)}, expected {_shape(other)})"
        for name, (one, other) in both.items()
        if one.shape != other.shape
    ]
    kinds = [
        f"{name} (found {_kind(one)}, expected {_kind(other)})"
        for name, (one, other) in both.items()
        if one.shape == other.shape and not _keeps_values(one, other)
    ]
    lines = {
        "missing": missing,
        "unexpected": unexpected,
        "another shape": shapes,
        "numbers of another kind": kinds,
    }
    return [f"{kind} ({len(names)}): {listed(names)}" for kind, names in lines.items() if names]


def strip_prefixes(tensors: Mapping[str, Tensor], expected: Iterable[str]) -> dict[str, Tensor]:
    """Drop the beginning of names under which most of the expected names are found.

    What does not begin so is left out where all expected names are there without it, as a counter of averaged
    weights or a layer of the loss; else it stays.

    Raises:
        ModelError: If all expected names are found under two beginnings, as of a student and its teacher.
    """
    wanted = {name for name in expected if not name.endswith("num_batches_tracked")}
    hits = _prefixes(tensors, wanted)
    unwrapped = {_WRAPPER_NAMES.sub("", name): tensor for name, tensor in tensors.items()}
    if len(unwrapped) == len(tensors) and (more := _prefixes(unwrapped, wanted)).total() > hits.total():
        tensors, hits = unwrapped, more
    most = max(hits.values(), default=0)
    best = [prefix for prefix, count in hits.items() if count == most]
    if not most or hits.get("") == most:
        return dict(tensors)
    usual = [prefix for prefix in best if re.fullmatch(f"({'|'.join(map(re.escape, PREFIXES))})+", prefix)]
    if len(best) > 1 and len(usual) != 1 and most == len(wanted):
        raise ModelError(
            f"The file holds the network's weights {len(best)} times, under {listed(sorted(best))}. "
            "Save those you mean alone, from interpret.weights.loading.read_weights(path).tensors: "
            "torch.save({name: tensor for name, tensor in tensors.items() if "
            f"name.startswith({min(best)!r})}}, path)."
        )
    prefix = (usual or best)[0]
    found = {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
    outside = {name: t for name, t in tensors.items() if not name.startswith(prefix)}
    if outside and most == len(wanted):
        level = logging.WARNING if len(best) > 1 else logging.INFO  # such as a moving average
        log.log(level, "Left out, not under %r as the network is: %s.", prefix, listed(list(outside)))
        return found
    return {**outside, **found}


def _prefixes(names: Iterable[str], wanted: set[str]) -> Counter[str]:
    """For each beginning of the names that ends with a dot, or is empty, how many wanted names follow it."""
    hits = Counter[str]()
    deepest = max((name.count(".") for name in wanted), default=0) + 1
    for name in names:
        parts = name.rsplit(".", deepest)  # a stranger's name can have a million
        ends = (".".join(parts[place:]) for place in range(len(parts)))
        hits.update(name.removesuffix(end) for end in ends if end in wanted)
    return hits


def weights_hash(path: Path) -> str:
    """SHA-256 of the file's bytes, 64 hexadecimal digits.

    Raises:
        ModelError: If the file cannot be read.
    """
    try:
        with open_file(path) as file:
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


def _keeps_values(found: Tensor, expected: Tensor) -> bool:
    """Whether numbers can be converted without becoming others, but for the precision of fractions."""
    if any(t.is_quantized or t.layout != torch.strided or t.is_meta for t in (found, expected)):
        return False
    one, other = found.dtype, expected.dtype
    if one.is_complex or other.is_complex:
        return other.is_complex and (one.is_complex or one.is_floating_point)
    if one == other:
        return True
    if one.is_floating_point and other.is_floating_point:
        return bool((_finite(found.to(other)) == _finite(found)).all())
    if torch.bool in {one, other} or other.is_floating_point:
        return False
    return bool((found.to(other).to(one) == found).all())


def _torn(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> list[str]:
    """One line where the network has one tensor under two names, and the file has two."""
    first: dict[tuple[int, torch.Size, tuple[int, ...]], str] = {}
    names = []
    for name in filter(found.__contains__, expected):
        tensor = expected[name]
        other = first.setdefault((tensor.data_ptr(), tensor.shape, tensor.stride()), name)
        if other != name and tensor.numel() and not torch.equal(found[other], found[name]):
            names.append(f"{other} and {name}")
    return [f"one tensor in the network, two in the file ({len(names)}): {listed(names)}"] if names else []


def _finite(tensor: Tensor) -> Tensor:
    return (tensor.float() if tensor.element_size() == 1 else tensor).isfinite()


def _tell(weights: Weights, found: Mapping[str, Tensor]) -> None:
    """Log what a user should know of weights that fit."""
    odd = [name for name, tensor in found.items() if not _finite(tensor).all()]
    if odd:
        log.warning("%s: %d tensors hold NaN or infinity: %s.", weights.path, len(odd), listed(odd))
    if weights.left_out:
        log.info("%s: left out, since they are no tensors: %s.", weights.path, listed(list(weights.left_out)))


def _kind(tensor: Tensor) -> str:
    return "no values (meta)" if tensor.is_meta else str(tensor.dtype).removeprefix("torch.")


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "scalar"
