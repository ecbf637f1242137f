"""What every check of a plugin uses."""

from __future__ import annotations

import json

from interpret.errors import PluginError
from interpret.plugin.flaws import Kind, class_flaw
from interpret.plugin.interfaces import Plugin


def require(plugin: Plugin, ok: bool, message: str) -> None:
    """Raise PluginError with the class and what it does wrong, unless all is well."""
    if not ok:
        raise PluginError(f"{type(plugin).__name__} {message}")


def require_class(kind: Kind, plugin: Plugin) -> None:
    """The class is one that the loader takes, and its parameters can be written in a file."""
    message = class_flaw(kind, type(plugin))
    if message:
        raise PluginError(message)
    written = json.loads(plugin.model_dump_json())
    require(plugin, type(plugin).model_validate(written) == plugin, "is another after a trip through JSON.")
