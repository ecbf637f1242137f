"""What is wrong with a plugin: with its classes, and with its hooks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from inspect import isabstract, isroutine
from typing import Literal, TypeAlias, get_args

import pluggy
from pydantic import PydanticUserError

from interpret.errors import PluginError, nearest
from interpret.plugin import hookspecs
from interpret.plugin.interfaces import (
    Dataset,
    Executor,
    Model,
    Plugin,
    Probe,
    Renderer,
    probe_inputs,
    probe_output,
    renderer_input,
)
from interpret.plugin.pages import Exporter, Page, page_input
from interpret.results import Result

WORD = r"[a-z][a-z0-9_]*"
"""A name is such a word, or two with a dot between them: the family and the member."""

Kind: TypeAlias = Literal["model", "dataset", "probe", "renderer", "page", "exporter", "executor"]
KINDS: tuple[Kind, ...] = get_args(Kind)
BASES: Mapping[Kind, type[Plugin]] = {
    "model": Model,
    "dataset": Dataset,
    "probe": Probe,
    "renderer": Renderer,
    "page": Page,
    "exporter": Exporter,
    "executor": Executor,
}
RESERVED: Mapping[Kind, frozenset[str]] = {
    "model": frozenset({"name", "device", "precision", "memory_format"}),
    "dataset": frozenset({"name"}),
    "probe": frozenset({"probe", "inputs", "render", "model", "weights", "dataset", "images"}),
    "renderer": frozenset({"name"}),
    "page": frozenset({"name"}),
    "exporter": frozenset({"name"}),
    "executor": frozenset({"name"}),
}
"""Keys that mean something else in a pipeline: no parameter can have these names."""


def class_flaw(kind: Kind, offered: object) -> str | None:
    """What is wrong with a plugin class, in one sentence; None if nothing is.

    Args:
        kind: What it is offered as.
        offered: The class, or whatever was given instead.
    """
    base = BASES[kind]
    if not isinstance(offered, type) or not issubclass(offered, base):
        return f"{shown(offered)} is no {base.__name__} class."
    if isabstract(offered):
        return f"{offered.__name__} lacks {', '.join(sorted(offered.__abstractmethods__))}."
    if not re.fullmatch(rf"{WORD}(\.{WORD})?", str(offered.name)):
        return (
            f"{offered.__name__}.name is {offered.name!r}; it must be a word in snake_case, or two "
            "such words with a dot between them."
        )
    return _field_flaw(kind, offered) or _annotation_flaw(offered)


def new_manager() -> pluggy.PluginManager:
    """A manager that knows the hooks and no plugin."""
    manager = pluggy.PluginManager("interpret")
    manager.add_hookspecs(hookspecs)
    return manager


def hook_flaws(manager: pluggy.PluginManager, plugin: object) -> list[str]:
    """Hooks that are misspelt or not marked, and a plugin without any; ``manager`` holds only this plugin."""
    hooks = [hook for hook in vars(manager.hook).values() if isinstance(hook, pluggy.HookCaller)]
    known = [hook.name for hook in hooks if hook.has_spec()]
    marked = {hook.name for hook in hooks if hook.get_hookimpls()}
    flaws = [_unknown(name, known) for name in sorted(marked.difference(known))]
    functions = {name for name in dir(plugin) if name.startswith("register_")} - marked
    for name in sorted(name for name in functions if isroutine(getattr(plugin, name, None))):
        if name in known:
            flaws.append(f"{name!r} is not marked with @interpret.hookimpl.")
        elif _close(name, known):
            flaws.append(_unknown(name, known))
    if not marked and not flaws:
        flaws.append(
            "it implements no hook: mark functions such as register_probes with @interpret.hookimpl."
        )
    return flaws


def _unknown(name: str, known: Sequence[str]) -> str:
    hint = f"Did you mean {close!r}?" if (close := _close(name, known)) else f"Hooks: {', '.join(known)}."
    return f"{name!r} is no hook. {hint}"


def _close(name: str, known: Sequence[str]) -> str:
    """The hook that a name is a slip of the pen for, or nothing."""
    best = next(iter(nearest(name, known, 1)), "")
    return best if abs(len(best) - len(name)) <= 2 else ""


def _field_flaw(kind: Kind, plugin: type[Plugin]) -> str | None:
    taken = RESERVED[kind].intersection(plugin.model_fields)
    if kind == "probe":
        taken |= {"network"}.intersection(plugin.model_fields)
    if taken:
        return (
            f"{plugin.__name__}.{min(taken)} has a name that is reserved in pipelines: rename the parameter."
        )
    if issubclass(plugin, Model) and plugin.after_colon not in plugin.model_fields:
        return f"{plugin.__name__}.after_colon is {plugin.after_colon!r}, which is none of its parameters."
    for name, item in plugin.model_fields.items():
        if not (item.description or "").strip():
            return f"{plugin.__name__}.{name} has no description: use Field(…, description=…)."
    try:
        plugin.model_json_schema()
    except PydanticUserError as error:
        return f"{plugin.__name__} has a parameter that YAML cannot hold: {error.message}."
    return None


def _annotation_flaw(plugin: type[Plugin]) -> str | None:
    try:
        if issubclass(plugin, Probe):
            probe_inputs(plugin)
            return _result_flaw(probe_output(plugin))
        if issubclass(plugin, Renderer):
            renderer_input(plugin)
        if issubclass(plugin, Page):
            page_input(plugin)
    except PluginError as error:
        return str(error)
    return None


def _result_flaw(result: type[Result]) -> str | None:
    """Results are compared, saved and loaded by their fields."""
    if "__dataclass_fields__" in vars(result):
        return None
    return f"{result.__name__} is no dataclass: write @dataclass(frozen=True) before it."


def shown(offered: object) -> str:
    """What was offered, in a few words."""
    return offered.__name__ if isinstance(offered, type) else f"{offered!r:.60}"
