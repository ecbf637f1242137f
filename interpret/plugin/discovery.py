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
from types import MappingProxyType
from typing import Any

import pluggy

from interpret.errors import UnknownNameError
from interpret.plugin.flaws import KINDS, RESERVED, Kind, class_flaw, hook_flaws, new_manager, shown
from interpret.plugin.interfaces import Dataset, Executor, Model, Plugin, Probe, Renderer
from interpret.plugin.pages import Exporter, Page

__all__ = [
    "BUNDLED_DISTRIBUTION",
    "DISABLE",
    "GROUP",
    "KINDS",
    "RESERVED",
    "Found",
    "Kind",
    "Loaded",
    "Origin",
    "PluginProblem",
    "Registry",
    "class_flaw",
    "classify",
    "disabled",
    "find",
    "load",
    "load_registry",
    "registry",
]

GROUP = "interpret"
BUNDLED_DISTRIBUTION = "interpret-cnn"
DISABLE = "INTERPRET_DISABLE_PLUGINS"
"""Environment variable: entry names or distributions that are not loaded, separated by commas."""

BROKEN_METADATA = (TypeError, ValueError, KeyError, OSError)
"""What reading the metadata of a damaged installation raises; no installer writes such."""


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
        models: Model classes by name; so do ``datasets``, ``probes``, ``renderers``, ``pages``,
            ``exporters`` and ``executors``.
        origins: Where each class comes from.
        plugins: The plugins that were loaded.
        problems: What is wrong with plugins.
        manager: Calls the hooks ``before_step``, ``after_step`` and ``on_step_error`` of all plugins.
    """

    models: Mapping[str, type[Model]]
    datasets: Mapping[str, type[Dataset]]
    probes: Mapping[str, type[Probe]]
    renderers: Mapping[str, type[Renderer[Any]]]
    pages: Mapping[str, type[Page[Any]]]
    exporters: Mapping[str, type[Exporter]]
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
        other_names = (cls.also_called.get(name, "") for cls in shelf.values())
        error = UnknownNameError(kind, name, shelf, instead=next(filter(None, other_names), ""))
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
    return sorted(kept, key=lambda item: (item.origin.distribution != BUNDLED_DISTRIBUTION, str(item.origin)))


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


class _Intake:
    """The registry while it is being filled."""

    def __init__(self) -> None:
        self.manager = new_manager()
        self.shelves: dict[Kind, dict[str, type[Any]]] = {kind: {} for kind in KINDS}
        self.origins: dict[type[Plugin], Origin] = {}
        self.problems: list[PluginProblem] = []

    def add(self, item: Loaded) -> None:
        alone = new_manager()
        try:
            alone.register(item.plugin, str(item.origin))
            self.manager.register(item.plugin, str(item.origin))
        except (pluggy.PluginValidationError, ValueError) as error:
            self.refuse(item.origin, " ".join(str(error).split()), error)
            return
        for message in hook_flaws(alone, item.plugin):
            self.refuse(item.origin, message)
        for kind in KINDS:
            for offered in self.ask(item.origin, kind, getattr(alone.hook, f"register_{kind}s")):
                self.register(item.origin, kind, offered)

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
        self.refuse(origin, f"register_{kind}s must return a list of classes. Got {shown(offered)}.")
        return []

    def register(self, origin: Origin, kind: Kind, offered: Any) -> None:
        if message := class_flaw(kind, offered):
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
