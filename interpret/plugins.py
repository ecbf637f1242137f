"""Find, load, classify: which plugins there are, what each offers, and what went wrong.

A plugin is an object, mostly a package, that a distribution names in its entry points of the group
``interpret``. One that is broken becomes a problem that names its distribution, and never stops another.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import Distribution, EntryPoint, distributions
from inspect import isabstract, isroutine
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, get_args

import pluggy
from pydantic import PydanticUserError

from interpret import hookspecs
from interpret.errors import PluginError, UnknownNameError, nearest
from interpret.interfaces import (
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
from interpret.results import Result

GROUP = "interpret"
BUNDLED = "interpret-cnn"
DISABLE = "INTERPRET_DISABLE_PLUGINS"
"""Environment variable: entry names or distributions that are not loaded, separated by commas."""

BROKEN_METADATA = (TypeError, ValueError, KeyError, OSError)
"""What reading the metadata of a damaged installation raises; no installer writes such."""

WORD = r"[a-z][a-z0-9_]*"
"""A name is such a word, or two with a dot between them: the family and the member."""

Kind: TypeAlias = Literal["model", "dataset", "probe", "renderer", "executor"]
KINDS: tuple[Kind, ...] = get_args(Kind)
BASES: Mapping[Kind, type[Plugin]] = {
    "model": Model,
    "dataset": Dataset,
    "probe": Probe,
    "renderer": Renderer,
    "executor": Executor,
}
RESERVED: Mapping[Kind, frozenset[str]] = {
    "model": frozenset({"name", "device"}),
    "dataset": frozenset({"name"}),
    "probe": frozenset({"probe", "inputs", "render", "model", "weights", "dataset", "images"}),
    "renderer": frozenset({"name"}),
    "executor": frozenset({"name"}),
}
"""Keys that mean something else in a pipeline: no parameter can have these names."""


@dataclass(frozen=True)
class Origin:
    """Where a plugin comes from; written ``distribution[entry]``."""

    distribution: str
    version: str
    entry: str

    def __str__(self) -> str:
        return f"{self.distribution}[{self.entry}]"


@dataclass(frozen=True)
class Found:
    """An entry point that is not loaded yet."""

    origin: Origin
    entry_point: EntryPoint


@dataclass(frozen=True)
class Loaded:
    """A plugin object that could be imported."""

    origin: Origin
    plugin: object


@dataclass(frozen=True)
class PluginProblem:
    """What is wrong with one plugin, and the exception behind it if there was one."""

    origin: Origin
    message: str
    error: BaseException | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.origin}: {self.message}"


@dataclass(frozen=True)
class Registry:
    """Everything that installed plugins offer.

    Attributes:
        models: Model classes by name; so do ``datasets``, ``probes``, ``renderers`` and ``executors``.
        origins: Where each class comes from.
        plugins: The plugins that were loaded.
        problems: What is wrong with plugins.
        manager: Calls the hooks ``before_step``, ``after_step`` and ``on_step_error`` of all plugins.
    """

    models: Mapping[str, type[Model]]
    datasets: Mapping[str, type[Dataset]]
    probes: Mapping[str, type[Probe]]
    renderers: Mapping[str, type[Renderer[Any]]]
    executors: Mapping[str, type[Executor]]
    origins: Mapping[type[Plugin], Origin]
    plugins: tuple[Origin, ...]
    problems: tuple[PluginProblem, ...]
    manager: pluggy.PluginManager

    def of(self, kind: Kind) -> Mapping[str, type[Any]]:
        """The classes of one kind by name."""
        shelf: Mapping[str, type[Any]] = getattr(self, f"{kind}s")
        return shelf

    def lookup(self, kind: Kind, name: str) -> type[Any]:
        """The class of that kind and name.

        Raises:
            UnknownNameError: If there is none; the message shows the nearest names.
        """
        shelf = self.of(kind)
        if name in shelf:
            return shelf[name]
        error = UnknownNameError(kind, name, shelf)
        for other in (other for other in KINDS if name in self.of(other)):
            error.add_note(f"There is a {other} of that name.")
        if self.problems:
            error.add_note("Some plugins have problems: see `interpret plugins`.")
        raise error


@cache
def registry() -> Registry:
    """What is installed, looked up once in a process."""
    return load_registry()


def load_registry(extra: Iterable[object] = ()) -> Registry:
    """What is installed now.

    Args:
        extra: Further plugin objects (modules, or anything with hook implementations), which come last.
    """
    found = find(distributions(), disabled())
    loaded, problems = load(found)
    given = [Loaded(Origin("given", "", _name_of(plugin)), plugin) for plugin in extra]
    return classify([*loaded, *given], problems)


def disabled() -> frozenset[str]:
    """The plugins that the environment variable ``INTERPRET_DISABLE_PLUGINS`` switches off."""
    return frozenset(name.strip() for name in os.environ.get(DISABLE, "").split(",") if name.strip())


def find(installed: Iterable[Distribution], blocked: Iterable[str] = ()) -> list[Found]:
    """The entry points of plugins: bundled ones first, then by distribution and name.

    Args:
        installed: Distributions in the order of the import path; one that is seen twice counts once.
        blocked: Entry names (``topk``), distributions (``interpret-foo``) or both (``interpret-foo[foo]``).
    """
    unique: dict[str, Distribution] = {}
    for distribution in installed:
        if name := _distribution_name(distribution):
            unique.setdefault(name, distribution)
    found = [item for name, distribution in unique.items() for item in _entries(name, distribution)]
    names = set(blocked)
    kept = [item for item in found if names.isdisjoint(_handles(item.origin))]
    return sorted(kept, key=lambda item: (item.origin.distribution != BUNDLED, str(item.origin)))


def load(found: Iterable[Found]) -> tuple[list[Loaded], list[PluginProblem]]:
    """Import plugins one by one; what cannot be imported becomes a problem."""
    loaded: list[Loaded] = []
    problems: list[PluginProblem] = []
    for item in found:
        try:
            loaded.append(Loaded(item.origin, item.entry_point.load()))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the code of others fails in any way
            message = f"{item.entry_point.value!r} cannot be imported: {type(error).__name__}: {error}"
            problems.append(PluginProblem(item.origin, message, error))
    return loaded, problems


def classify(loaded: Sequence[Loaded], problems: Sequence[PluginProblem] = ()) -> Registry:
    """Ask every plugin what it offers; the first to offer a name keeps it.

    Args:
        loaded: Plugins in order of precedence.
        problems: What went wrong before; further problems are added to them.
    """
    intake = _Intake()
    for item in loaded:
        intake.add(item)
    shelves: dict[str, Any] = {f"{kind}s": MappingProxyType(shelf) for kind, shelf in intake.shelves.items()}
    return Registry(
        **shelves,
        origins=MappingProxyType(intake.origins),
        plugins=tuple(item.origin for item in loaded),
        problems=(*problems, *intake.problems),
        manager=intake.manager,
    )


def flaw(kind: Kind, offered: object) -> str | None:
    """What is wrong with a plugin class, in one sentence; None if nothing is.

    Args:
        kind: What it is offered as.
        offered: The class, or whatever was given instead.
    """
    base = BASES[kind]
    if not isinstance(offered, type) or not issubclass(offered, base):
        return f"{_show(offered)} is no {base.__name__} class."
    if isabstract(offered):
        return f"{offered.__name__} lacks {', '.join(sorted(offered.__abstractmethods__))}."
    if not re.fullmatch(rf"{WORD}(\.{WORD})?", str(offered.name)):
        return (
            f"{offered.__name__}.name is {offered.name!r}; it must be a word in snake_case, or two "
            "such words with a dot between them."
        )
    return _field_flaw(kind, offered) or _annotation_flaw(offered)


class _Intake:
    """The registry while it is being filled."""

    def __init__(self) -> None:
        self.manager = _manager()
        self.shelves: dict[Kind, dict[str, type[Any]]] = {kind: {} for kind in KINDS}
        self.origins: dict[type[Plugin], Origin] = {}
        self.problems: list[PluginProblem] = []

    def add(self, item: Loaded) -> None:
        alone = _manager()
        try:
            alone.register(item.plugin, str(item.origin))
            self.manager.register(item.plugin, str(item.origin))
        except (pluggy.PluginValidationError, ValueError) as error:
            self.refuse(item.origin, " ".join(str(error).split()), error)
            return
        for message in _hook_flaws(alone, item.plugin):
            self.refuse(item.origin, message)
        for kind in KINDS:
            for offered in self.ask(item.origin, kind, getattr(alone.hook, f"register_{kind}s")):
                self.place(item.origin, kind, offered)

    def ask(self, origin: Origin, kind: Kind, hook: Callable[[], list[Any]]) -> Iterable[object]:
        """What one plugin offers of one kind."""
        try:
            answers = hook()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the code of others fails in any way
            self.refuse(origin, f"register_{kind}s failed: {type(error).__name__}: {error}", error)
            return []
        offered = answers[0] if answers else []
        if isinstance(offered, list | tuple):
            return offered
        self.refuse(origin, f"register_{kind}s must return a list of classes. Got {_show(offered)}.")
        return []

    def place(self, origin: Origin, kind: Kind, offered: Any) -> None:
        if message := flaw(kind, offered):
            self.refuse(origin, f"register_{kind}s: {message}")
        elif offered.name in self.shelves[kind]:
            holder = self.origins[self.shelves[kind][offered.name]]
            self.refuse(
                origin,
                f"the {kind} {offered.name!r} is left out, because {holder} has that name. Rename it, or "
                f"switch the other off with {DISABLE}={holder}.",
            )
        else:
            self.shelves[kind][offered.name] = offered
            self.origins.setdefault(offered, origin)

    def refuse(self, origin: Origin, message: str, error: BaseException | None = None) -> None:
        self.problems.append(PluginProblem(origin, message, error))


def _manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager("interpret")
    manager.add_hookspecs(hookspecs)
    return manager


def _hook_flaws(manager: pluggy.PluginManager, plugin: object) -> list[str]:
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
    except PluginError as error:
        return str(error)
    return None


def _result_flaw(result: type[Result]) -> str | None:
    """Results are compared, saved and loaded by their fields."""
    if "__dataclass_fields__" in vars(result):
        return None
    return f"{result.__name__} is no dataclass: write @dataclass(frozen=True) before it."


def _distribution_name(distribution: Distribution) -> str:
    """The normalised name, or nothing for a folder of metadata that is broken."""
    try:
        name = distribution.metadata["Name"]
    except BROKEN_METADATA:
        return ""
    return re.sub(r"[-_.]+", "-", name or "").lower()


def _entries(name: str, distribution: Distribution) -> list[Found]:
    try:
        points = [point for point in distribution.entry_points if point.group == GROUP]
    except BROKEN_METADATA:
        return []
    return [Found(Origin(name, distribution.version or "", point.name), point) for point in points]


def _handles(origin: Origin) -> set[str]:
    return {origin.entry, origin.distribution, str(origin)}


def _name_of(plugin: object) -> str:
    return str(getattr(plugin, "__name__", type(plugin).__name__))


def _show(offered: object) -> str:
    return offered.__name__ if isinstance(offered, type) else f"{offered!r:.60}"
