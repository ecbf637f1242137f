"""The state dict in what torch.save wrote, wherever a training script put it; and why there is none."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from torch import Tensor

from interpret.errors import ModelError, clause
from interpret.weights.extracting import is_module
from interpret.weights.numpyarrays import is_array
from interpret.weights.torchfiles import TensorError, TorchFile, is_tensor, what
from interpret.weights.unpickling import Inert, Named, Stored, mapping

SHOWN_TENSORS = 5
"""How many tensors of each kind a message lists."""

LONGEST = 200
"""Letters of a name that a message shows."""

STATE_DICT_KEYS = ("state_dict", "model_state_dict", "model", "net", "weights")
"""Keys under which training scripts keep the state dict, most usual first."""

SAVE = "torch.save(network.state_dict(), path)"

EXTRACT = (
    "Take the weights out, which runs nothing: from interpret.weights.loading import extract; "
    'extract(path, "weights.safetensors")'
)

MAX_NESTING = 6
"""Mappings in mappings that are looked through for tensors."""


@dataclass(frozen=True)
class Held:
    """What a file holds.

    Attributes:
        tensors: Tensors by name.
        metadata: What a safetensors file says about itself.
        key: Under which keys they lie, joined by dots; empty at the top.
        beside: Other keys under which tensors lie, such as those of a moving average.
        left_out: What lies among the tensors and is none, by its name.
    """

    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str] = field(default_factory=dict)
    key: str = ""
    beside: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)


def listed(names: list[str]) -> str:
    """Some names, and how many more there are."""
    more = f" and {len(names) - SHOWN_TENSORS} more" if len(names) > SHOWN_TENSORS else ""
    return (
        ", ".join(name if len(name) <= LONGEST else f"{name[:LONGEST]}…" for name in names[:SHOWN_TENSORS])
        + more
    )


def state_dict(path: Path, file: TorchFile, names: Collection[str] = ()) -> Held:
    """The tensors by name, also where a training script wrapped them.

    Args:
        path: Where the file is, for messages.
        file: What is in it.
        names: The names of the network's tensors, by which one of several state dicts is chosen.

    Raises:
        ModelError: If there is none, or it is not known which of several is meant.
    """
    keys, beside, content = _unwrapped(file.content)
    if not (_has_tensors(content) and _fits(content, names)):
        starts = (keys, content), ((), file.content)
        place = next(filter(None, (_fitting(*start, names) for start in starts)), None)
        if place is None and not _has_tensors(content):
            place = next(filter(None, (_only(*start) for start in starts)), None)
            if place is None:
                raise ModelError(_no_tensors(path, file.content))
        keys, content = place or (keys, content)
    items = mapping(content) or {}
    tensors = {str(name): item for name, item in items.items() if _holds_numbers(item)}
    found = {}
    for name, described in tensors.items():
        try:
            found[name] = file.tensor(described)
        except TensorError as error:
            raise ModelError(
                f"{path} was refused whole: {name} is {clause(error)}. Save ordinary tensors only: {SAVE}."
            ) from error
    left_out = {str(name): what(item) for name, item in items.items() if str(name) not in tensors}
    return Held(found, {}, ".".join(map(str, keys)), tuple(beside), left_out)


Keys: TypeAlias = tuple[Any, ...]
"""Those under which something lies, from outside to inside."""

Place: TypeAlias = tuple[Keys, Any]
"""A mapping, after the keys to it."""


def _unwrapped(content: Any) -> tuple[Keys, list[str], Any]:
    """The keys that training scripts use for state dicts, others beside them, and what lies under them."""
    keys, beside = list[Any](), list[str]()
    while len(keys) < len(STATE_DICT_KEYS) and (key := _wrapper(content)) is not None:
        keys.append(key)
        items = mapping(content) or {}
        holders = _holders(content)
        beside += [str(name) for name in items if name != key and name in holders]
        content = items[key]
    return tuple(keys), beside, content


def _fitting(keys: Keys, content: Any, names: Collection[str]) -> Place | None:
    """The only mapping in another that has the network's names."""
    found = [place for place in _places(keys, content) if names and _fits(place[1], names)]
    return found[0] if len(found) == 1 else None


def _only(keys: Keys, content: Any) -> Place | None:
    """The only mapping in another that has tensors; where none has, the only one that has arrays.

    Not beside a network that was pickled whole, which may be what is meant.
    """
    if any(map(is_module, (mapping(content) or {}).values())):
        return None
    places = list(_places(keys, content))
    found = [place for place in places if _has_tensors(place[1])] or places
    return found[0] if len(found) == 1 else None


def _places(keys: Keys, content: Any) -> Iterator[Place]:
    """Every mapping that holds tensors or arrays, however deep, with the keys to it; each once."""
    waiting, deepest = [(keys, content)], len(keys) + MAX_NESTING
    seen: set[int] = set()
    for path, item in waiting:  # which grows meanwhile
        items = mapping(item)
        if items is None or id(items) in seen or len(path) > deepest:
            continue
        seen.add(id(items))
        if any(map(_holds_numbers, items.values())):
            yield path, item
        waiting += [((*path, key), value) for key, value in items.items() if mapping(value) is not None]


def holds_numbers(content: Any) -> bool:
    """Whether tensors or arrays lie by name anywhere in what was saved."""
    return any(True for _ in _places((), content))


def _fits(content: Any, names: Collection[str]) -> bool:
    """Whether a mapping has all names of the network's tensors, also behind a prefix."""
    wanted = {name for name in names if not name.endswith("num_batches_tracked")}
    deepest = max((name.count(".") for name in wanted), default=0) + 1
    for name, item in (mapping(content) or {}).items():
        if _holds_numbers(item):
            parts = str(name).split(".")[-deepest:]
            wanted.difference_update(".".join(parts[place:]) for place in range(len(parts)))
    return not wanted


def _holds_numbers(item: Any) -> bool:
    return is_tensor(item) or is_array(item)


def _wrapper(content: Any) -> Any:
    """The key under which the state dict lies; None where it is not wrapped.

    Of the usual keys the first that leads to tensors; else the only key of all that does.
    """
    items, holders = mapping(content) or {}, _holders(content)
    usual = [key for key in STATE_DICT_KEYS if mapping(items.get(key))]
    for key in usual:
        if key in holders or not _holders(items[key]).isdisjoint(STATE_DICT_KEYS):
            return key
    alone = len(holders) == 1 and not any(is_tensor(item) or is_module(item) for item in items.values())
    return next(iter(holders)) if alone else next(iter(usual), None)


def _holders(content: Any) -> set[Any]:
    """The keys under which tensors lie; a mapping that many keys share is looked through once."""
    items = mapping(content) or {}
    holds = {place: _has_tensors(item) for place, item in {id(item): item for item in items.values()}.items()}
    return {name for name, item in items.items() if holds[id(item)]}


def _has_tensors(item: Any) -> bool:
    return any(map(is_tensor, (mapping(item) or {}).values()))


def _no_tensors(path: Path, content: Any) -> str:
    """Why there is no state dict in a file."""
    items = mapping(content)
    if is_tensor(content):
        return f"{path} holds one Tensor, not tensors by name (a state dict). Save {SAVE}."
    if not items and not _is_object(content):
        return f"{path} holds {what(content)}, not tensors by name (a state dict). Save {SAVE}."
    if held := [*_places((), content)]:
        where = listed([".".join(map(str, keys)) for keys, _ in held])
        first = "".join(f"[{key!r}]" for key in held[0][0])
        loaded = "torch.load(path)" if _has_tensors(held[0][1]) else "checkpoint"  # with arrays it refuses
        return (
            f"{path} holds tensors under {where}, and it is not known which of these are the network's. "
            f"Save those alone: torch.save({loaded}{first}, new_path)."
        )
    named = items or {"it": content}
    if foreign := [f"{name} is {what(item)}" for name, item in named.items() if _is_object(item)]:
        whole = any(map(is_module, named.values()))
        cure = EXTRACT if whole else f"Save tensors only: {SAVE}, or safetensors"
        return (
            f"{path} was refused, and nothing in it was run: {listed(foreign)}, "
            f"{'a whole network' if whole else 'and none is a tensor'}, not a state_dict. {cure}."
        )
    return (
        f"{path} holds no tensors by name, but {listed(list(map(str, named)))}. Save the state dict alone, "
        f"or under one of the keys {', '.join(STATE_DICT_KEYS)}."
    )


def _is_object(item: object) -> bool:
    """Whether a file makes it by a name, and not as a plain value."""
    return isinstance(item, Inert | Named | Stored)
