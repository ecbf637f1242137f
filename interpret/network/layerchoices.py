"""Which layers are looked at where nobody names any: one list of candidates, and what is taken of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Literal, Protocol, TypeVar

from torch import nn

from interpret.errors import InterpretError, ModelError
from interpret.graph.operations.signals import is_rectifier
from interpret.graph.program.program import Graph, Node
from interpret.network.recording import Call
from interpret.network.views import LayerView

M = TypeVar("M", bound=nn.Module)

LayerChoice = Literal["all", "spread", "maps", "first and last", "late", "convolutions"]

SPREAD = 6
"""So many layers of a network without the paper's names, at equal distances."""

LISTS = (nn.Sequential, nn.ModuleList)
"""Modules that are nothing but a list of others."""

LATE = ("layer5", "layer7")
"""The layers that the paper compares in its section 4.4."""


class Layered(Protocol):
    """What is asked of a network here; see `interpret.network.network.Network`."""

    module: nn.Module
    aliases: dict[str, str]

    @property
    def calls(self) -> Mapping[str, Call]:
        """The calls behind the layers, in execution order."""

    @property
    def graph(self) -> Graph:
        """The network as a program."""

    def layer(self, name: str) -> str:
        """The layer of that name or alias."""

    def modules_of(self, kind: type[M]) -> dict[str, M]:
        """The modules of one kind that run."""

    def view(self, name: str) -> LayerView:
        """How a layer is looked at."""

    def layer_shapes(self, layers: Sequence[str]) -> dict[str, tuple[int, ...]]:
        """The shape of what each layer makes of one image."""


def choose_layers(network: Layered, choice: LayerChoice) -> list[str]:
    """The layers of a choice; see ``Network.default_layers``.

    Raises:
        InterpretError: If there is no such choice.
        ModelError: If the network has no layer to choose.
    """
    if not isinstance(choice, str) or choice not in _CHOICES:
        raise InterpretError(f"choice is {choice!r}; it must be one of {', '.join(map(repr, _CHOICES))}.")
    return _CHOICES[choice](network)


def _named(network: Layered) -> list[str]:
    """The paper's layers by their aliases, else all aliases, in execution order."""
    paper = [name for name in network.aliases if re.fullmatch(r"layer\d+", name)]
    order = {name: index for index, name in enumerate(network.calls)}
    return sorted(
        paper or network.aliases,
        key=lambda alias: order[network.layer(alias).rpartition("@")[0] or network.layer(alias)],
    )


def _all(network: Layered) -> list[str]:
    return (
        _named(network)
        or _blocks(network, list(network.modules_of(nn.Conv2d)))
        or _stages(network)
        or _rectified(network)
        or _convolutions(network, "neither ReLUs nor convolutions that can be named")
    )


def _spread(network: Layered) -> list[str]:
    names = _all(network)
    if re.fullmatch(r"layer\d+", names[0]) and names[0] in network.aliases:
        return names
    count = min(SPREAD, len(names))
    return [names[(index + 1) * len(names) // count - 1] for index in range(count)]


def _maps(network: Layered) -> list[str]:
    names = _named(network)
    shapes = network.layer_shapes(names) if names else {}
    maps = [name for name in names if len(shapes[name]) == 3]
    return (
        maps
        or _blocks(network, list(network.modules_of(nn.Conv2d)))
        or _stages(network)
        or _convolutions(network)
    )


def _first_and_last(network: Layered) -> list[str]:
    names = _all(network)
    last = names[-1] if network.aliases else _before_the_classifier(network)
    return list(dict.fromkeys([names[0], last or names[0]]))


def _late(network: Layered) -> list[str]:
    if all(alias in network.aliases for alias in LATE):
        return [*LATE]
    names = _all(network)
    return list(dict.fromkeys([names[len(names) // 2], names[-1]]))


def _convolutions(network: Layered, lacking: str = "no Conv2d layer") -> list[str]:
    names, layers = list(network.modules_of(nn.Conv2d)), list(network.calls)[-3:]
    if found := _blocks(network, names) or names:
        return found
    cure = (
        f"say which layers to look at, for example {layers}"
        if layers
        else "nor any other. What is computed by functions is a layer once it is a module: nn.ReLU()"
    )
    raise ModelError(f"{type(network.module).__name__} has {lacking}: {cure}.")


_CHOICES: dict[str, Callable[[Layered], list[str]]] = {
    "all": _all,
    "spread": _spread,
    "maps": _maps,
    "first and last": _first_and_last,
    "late": _late,
    "convolutions": _convolutions,
}


def _rectified(network: Layered) -> list[str]:
    """The layers that end in a ReLU, or a SiLU, GELU, …, module or function; each output under one name.

    Those of gates, which stand behind a global pool, are left out where there are larger ones.
    """
    try:
        graph = network.graph
    except ModelError:  # it cannot be traced
        return list(network.modules_of(nn.ReLU))
    names: dict[Node, str] = {}
    for name, node in (graph.returned or graph.layers).items():
        if is_rectifier(node) and name in network.calls:
            names.setdefault(node, name)
    return [name for node, name in names.items() if not _is_pooled(node)] or [*names.values()]


def _is_pooled(node: Node) -> bool:
    """Whether it is a map (c, 1, 1)."""
    return len(node.shape) == 3 and prod(node.shape[1:]) == 1


def _blocks(network: Layered, convolutions: Sequence[str]) -> list[str]:
    """The repeated parts of a transformer whose convolutions, if any, only cut the image into patches.

    They are the outermost modules of which several of one class follow each other, hold no convolution, and
    give maps with channels last or tokens.
    """
    order = list(network.calls)
    last = max((order.index(name) for name in convolutions), default=-1)
    repeated = _repeated(network.module)
    if (
        not repeated
        or last >= len(order) // 2
        or any(network.view(name).moves_axes for name in order[: last + 1])
    ):
        return []
    return _ends(order[last + 1 :], repeated, lambda name: network.view(name).moves_axes)


def _stages(network: Layered) -> list[str]:
    """The repeated parts of a network with convolutions in them where tokens or channels last are, too.

    They are the members of the list that holds most of these layers, the outermost of several.
    """
    lists = _lists(network.module)
    moving = [name for name in network.calls if network.view(name).moves_axes] if lists else []
    members = [_members(prefix, listed, moving) for prefix, listed in lists.items()]
    held = [sum(_is_in(layer, part) for part in parts for layer in moving) for parts in members]
    found = members[held.index(max(held))] if moving else []
    return _ends(list(network.calls), found, lambda name: _is_map(network, name))


def _members(prefix: str, listed: nn.Module, moving: Sequence[str]) -> list[str]:
    """All of a class that stands in a list more than once, and its plain lists that hold certain layers.

    None, if fewer than two hold any.
    """
    parts = {f"{prefix}{name}": part for name, part in listed.named_children() if [*part.children()]}
    holding = {name for name in parts if any(_is_in(layer, name) for layer in moving)}
    classes = Counter(type(part) for part in parts.values())
    chosen = [
        name
        for name, part in parts.items()
        if (name in holding if type(part) in LISTS else classes[type(part)] > 1)
    ]
    return chosen if len(holding.intersection(chosen)) > 1 else []


def _ends(order: Sequence[str], parts: Sequence[str], fits: Callable[[str], bool]) -> list[str]:
    """The layer that each part is, or the last one that fits in what is none; those that fit alone."""
    inside = {part: [name for name in order if _is_in(name, part)] for part in parts}
    own = {part: [name for name in names if _is_call(name, part)] for part, names in inside.items()}
    fitting = ([name for name in own[part] or inside[part] if fits(name)] for part in parts)
    return [names[-1] for names in fitting if names]


def _is_in(name: str, part: str) -> bool:
    """Whether a layer is a part or in it."""
    return name.startswith(f"{part}.") or _is_call(name, part)


def _is_call(name: str, part: str) -> bool:
    """Whether a layer is a part."""
    return name == part or name.startswith(f"{part}:")


def _is_map(network: Layered, name: str) -> bool:
    layout = network.view(name).layout
    return layout is not None and layout.kind != "vector"


def _lists(module: nn.Module, prefix: str = "") -> dict[str, nn.Module]:
    """The lists of modules by what their members' names begin with, those further out first."""
    found = {prefix: module} if isinstance(module, LISTS) else {}
    inner = [_lists(part, f"{prefix}{name}.") for name, part in module.named_children()]
    return found | dict(item for each in inner for item in each.items())


def _repeated(module: nn.Module, prefix: str = "") -> list[str]:
    """The outermost modules that have parts but no convolution, and others of their class beside them."""
    found: list[str] = []
    for name, part in module.named_children():
        dotted = f"{prefix}{name}"
        beside = [other for other in module.children() if type(other) is type(part)]
        listed = isinstance(module, LISTS)
        plain = not any(isinstance(item, nn.Conv2d) for item in part.modules())
        if listed and plain and len(beside) > 1 and any(True for _ in part.children()):
            found.append(dotted)
        else:
            found += _repeated(part, f"{dotted}.")
    return found


def _before_the_classifier(network: Layered) -> str | None:
    """The layer that ends just before the last one with weights of its own; none where nothing does."""
    modules = network.modules_of(nn.Module)
    weighted = [name for name, part in modules.items() if any(True for _ in part.parameters(recurse=False))]
    names = list(network.calls)
    index = names.index(weighted[-1]) if weighted else 0
    return names[index - 1] if index else None
