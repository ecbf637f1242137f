"""Modules that have moved: an import of the old name works, and a warning names the new place."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType

MOVED = {
    "arrays": "images.arrays",
    "batches": "network.batching",
    "budget": "modules.budget",
    "categories": "images.categories",
    "checker": "pipeline.checker",
    "checks": "network.checks",
    "checksums": "files.checksums",
    "contents": "files.contents",
    "contexts": "modules.contexts",
    "dependencies": "code.dependencies",
    "depths": "images.depths",
    "drawing": "run.drawing",
    "entry": "network.entry",
    "extracting": "weights.extracting",
    "fills": "images.fills",
    "flaws": "plugin.flaws",
    "hookspecs": "plugin.hookspecs",
    "imports": "code.imports",
    "inputs": "images.inputs",
    "interfaces": "plugin.interfaces",
    "items": "images.items",
    "jobs": "run.jobs",
    "known": "network.known",
    "labels": "images.labels",
    "library": "plugin.library",
    "loaders": "images.loaders",
    "numpyarrays": "weights.numpyarrays",
    "operations": "modules.dispatched",
    "outputs": "modules.outputs",
    "parameters": "plugin.parameters",
    "pictures": "images.pictures",
    "plugins": "plugin.discovery",
    "provenance": "run.keys",
    "reading": "files.reading",
    "recording": "network.recording",
    "references": "code.references",
    "runner": "run.runner",
    "runs": "run.summary",
    "scans": "images.scans",
    "schema": "pipeline.schema",
    "shards": "plugin.shards",
    "snapshots": "modules.snapshots",
    "sources": "code.sources",
    "statedicts": "weights.statedicts",
    "steps": "pipeline.steps",
    "store": "run.store",
    "synsets": "images.synsets",
    "torchfiles": "weights.torchfiles",
    "turns": "images.turns",
    "unpickling": "weights.unpickling",
    "values": "plugin.values",
    "weightsfiles": "weights.formats",
    "workspace": "run.cache",
    "yamltext": "pipeline.yamltext",
}
"""Of each module its new place, both below ``interpret``."""

RENAMED = {
    "workspace": {
        "kept": "cached",
        "kept_part": "cached_part",
        "kept_pieces": "cached_pieces",
        "room": "cache_dir",
    },
}
"""Of each old module the names that were documented and have changed."""

LEFT = {
    "interpret.attributions": {
        name: f"interpret.targets.{name}"
        for name in ("Target", "check_classes", "find_class", "find_targets", "match", "tell", "used_labels")
    },
    "interpret.files": {
        name: f"interpret.files.{module}.{name}"
        for module, names in {
            "folders": "file_hash has_hash read_plain remove_leftovers require_kind",
            "sealed": "seal unseal",
        }.items()
        for name in names.split()
    },
    "interpret.graph": {"Memory": "interpret.graph.ForwardCache", "remember": "interpret.graph.save_forward"},
    "interpret.images": {
        "content_hashes": "interpret.files.content_hashes",
        "digest": "interpret.files.digest",
    },
    "interpret.weights": {"file_hash": "interpret.weights.weights_hash"},
}
"""What has left modules and packages that still have their names, and where it went."""


def present_name(module: str) -> str:
    """Where a module is now; its own name where it has not moved."""
    package, _, old = module.partition(".")
    return f"interpret.{MOVED[old]}" if package == "interpret" and old in MOVED else module


def elsewhere(package: str, homes: Mapping[str, str] | None = None) -> Callable[[str], object]:
    """A module's ``__getattr__`` (PEP 562) that finds what was there once, and warns where it is now.

    Args:
        package: The module's name.
        homes: Where each name is now, in full; default: what left this module of the core.
    """
    homes = LEFT[package] if homes is None else homes

    def find(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, _, now = homes[name].rpartition(".")
        warnings.warn(f"{package}.{name} is now {module}.{now}.", FutureWarning, stacklevel=2)
        return getattr(import_module(module), now)

    return find


class Finder:
    """Finds a module under the name it had; `sys.meta_path` asks it after everything else."""

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - the protocol of Python
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """A module that holds what its new place holds; nothing for all other names."""
        new = present_name(name)
        return None if new == name else ModuleSpec(name, self, origin=new)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> None:
        """Python makes an empty one."""

    def exec_module(self, module: ModuleType) -> None:
        """Fill it with the names of the new place."""
        old = module.__name__.partition(".")[2]
        new = import_module(present_name(module.__name__))
        names = "".join(f"; {name} is {now}" for name, now in RENAMED.get(old, {}).items())
        room = new.__name__.rpartition(".")[0]
        message = f"{module.__name__} is now {new.__name__}{names}. Plugins take what it offers from {room}."
        warnings.warn(message, FutureWarning, stacklevel=2)
        vars(module).update({name: value for name, value in vars(new).items() if not name.startswith("__")})
        offered = import_module(room)
        vars(module).update({former: getattr(offered, now) for former, now in RENAMED.get(old, {}).items()})


def install() -> None:
    """Answer to old names from now on."""
    sys.meta_path.append(Finder())
