"""Functions by import path, as a pipeline may name them: only of packages that the user allows."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from typing import Any

from interpret.code.imports import FORM, ImportPath, allow_cure, allowed, check_place, imported
from interpret.code.sources import Library, Source
from interpret.errors import ModelError, suggest


def check_function_path(target: str) -> ImportPath:
    """Judge the import path of a function by source alone; nothing is imported.

    Args:
        target: ``"package.outputs:scores"``.

    Raises:
        ModelError: If the user does not allow its package, or its module defines no such function. A module
            that is not installed here passes.
    """
    if not re.fullmatch(FORM, target):
        raise ModelError('must be a module, a colon and a function, such as "package.outputs:scores"')
    module, _, name = target.partition(":")
    check_place(module)
    if not allowed(module):
        raise ModelError(
            f"{name} is a function of {module}, and a pipeline calls functions only of packages that you "
            f"allow: {allow_cure(module.partition('.')[0])}"
        )
    source = Library().source(module)
    if source is None:
        return ImportPath(module, name)
    if not isinstance(source.define(name), ast.FunctionDef):
        raise ModelError(f"{module} defines no function {name!r}. {suggest(name, _functions(source))}")
    return ImportPath(module, name, source.path)


def import_function(target: str) -> Callable[..., Any]:
    """Import what ``check_function_path`` admits.

    Raises:
        ModelError: If it is refused, cannot be imported, or is something else than its source says.
    """
    path = check_function_path(target)
    if path.file is None:
        raise ModelError(f"There is no Python file of a module {path.module!r} among what is installed.")
    found: Any = imported(path)
    for part in path.name.split("."):
        found = getattr(found, part, None)
    if not inspect.isfunction(found) or found.__module__ != path.module:
        raise ModelError(f"{target} is no function that is defined in {path.module}; nothing else is called.")
    return found


def _functions(source: Source) -> list[str]:
    return [item.name for item in ast.walk(source.tree) if isinstance(item, ast.FunctionDef)]
