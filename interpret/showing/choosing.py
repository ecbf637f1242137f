"""Which renderers draw a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from interpret.errors import InterpretError, PluginError
from interpret.plugin.discovery import registry
from interpret.plugin.interfaces import Renderer, renderer_input
from interpret.plugin.parameters import configure
from interpret.results import Result

Choice: TypeAlias = str | Renderer[Any] | type[Renderer[Any]]
"""A renderer by name, with its parameters, or its class."""


def choose(
    result: Result, asked: Choice | Sequence[Choice] | None, parameters: Mapping[str, Any]
) -> list[Renderer[Any]]:
    """The renderers that draw a result; none where nobody offers one.

    Args:
        result: The result.
        asked: Which, or several of them; None: of those that draw the most special type the first offered.
        parameters: What they are given.

    Raises:
        UnknownNameError: If no plugin offers a renderer.
        PluginError: If a renderer refuses a parameter, or draws other results.
        InterpretError: If something else is asked for.
    """
    if asked is None:
        return _fitting(result, parameters)
    choices = list(asked) if isinstance(asked, list | tuple) else [asked]
    if not choices:
        raise InterpretError("renderer is an empty list: name one, or leave it out.")
    classes = [_class_of(choice) for choice in choices]
    for cls in classes:
        _require_draws(cls, result)
    _require_taken(classes, parameters)
    return [_made(choice, cls, parameters) for choice, cls in zip(choices, classes, strict=True)]


def drawn_by(result: Result) -> list[type[Renderer[Any]]]:
    """All renderers that draw a result, those of the most special type first, as they are offered."""
    order = type(result).__mro__
    inputs = {cls: renderer_input(cls) for cls in registry().renderers.values()}
    fitting = [cls for cls, kind in inputs.items() if isinstance(result, kind)]
    return sorted(fitting, key=lambda cls: order.index(inputs[cls]))


def _fitting(result: Result, parameters: Mapping[str, Any]) -> list[Renderer[Any]]:
    """The first that has the parameters, of those of the most special type."""
    found = drawn_by(result)
    if not found:
        _require_taken(found, parameters)
        return []
    special = [cls for cls in found if renderer_input(cls) is renderer_input(found[0])]
    able = (cls for cls in special if parameters.keys() <= cls.model_fields.keys())
    cls = next(able, special[0])
    return [configure(cls, "renderer", parameters or cls.first_look)]


def _class_of(choice: Any) -> type[Renderer[Any]]:
    if isinstance(choice, str):
        found: type[Renderer[Any]] = registry().lookup("renderer", choice)
        return found
    cls = choice if isinstance(choice, type) else type(choice)
    if issubclass(cls, Renderer):
        return cls
    raise InterpretError(
        f"renderer is {choice!r}: give a name, such as 'feature_grid', a renderer, its class, or a list of "
        "them."
    )


def _made(choice: Any, cls: type[Renderer[Any]], parameters: Mapping[str, Any]) -> Renderer[Any]:
    if not isinstance(choice, Renderer):
        own = {name: item for name, item in parameters.items() if name in cls.model_fields}
        return configure(cls, "renderer", own)
    if parameters:
        raise InterpretError(
            f"The renderer {cls.name!r} has its parameters already: give {', '.join(parameters)} where it is "
            f"made, {cls.__name__}(…), or its name in place of it."
        )
    return choice


def _require_draws(cls: type[Renderer[Any]], result: Result) -> None:
    kind = renderer_input(cls)
    if not isinstance(result, kind):
        others = [repr(other.name) for other in drawn_by(result)]
        able = f"What draws that: {', '.join(others)}." if others else "Nothing here draws that."
        raise PluginError(
            f"The renderer {cls.name!r} draws {kind.__name__}, and this is {type(result).__name__}. {able}"
        )


def _require_taken(classes: Sequence[type[Renderer[Any]]], parameters: Mapping[str, Any]) -> None:
    """Every parameter is one of some renderer."""
    known = {name for cls in classes for name in cls.model_fields}
    unknown = [name for name in parameters if name not in known]
    if not unknown:
        return
    if len(classes) == 1:
        configure(classes[0], "renderer", parameters)  # says which it has
    names = ", ".join(repr(cls.name) for cls in classes) or "Nothing draws this result: it"
    raise PluginError(f"{names} has no parameter {unknown[0]!r}. Leave it out, or name another renderer.")
