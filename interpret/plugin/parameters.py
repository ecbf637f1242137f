"""The parameters of a plugin: checked, described, and explained to a person where they are wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from interpret.errors import PluginError, suggest
from interpret.plugin.interfaces import Plugin

P = TypeVar("P", bound=Plugin)
LIMITS = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤", "multiple_of": "a multiple of"}

WORDS = {"path_type": "must be a path", "model_type": "must be a mapping", "dict_type": "must be a mapping"}
"""What pydantic would say in the words of a programmer."""

LENGTHS = {"too_short": ("at least", "min_length"), "too_long": ("at most", "max_length")}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a plugin, in words.

    Attributes:
        name: As it is written in YAML.
        type: What it takes, for people.
        default: What it is when left out; None where it is required.
        required: Whether it must be given.
        description: What it means.
    """

    name: str
    type: str
    default: Any
    required: bool
    description: str


@dataclass(frozen=True)
class ParameterProblem:
    """What is wrong with one parameter; ``path`` leads to it (``("layers", 2)``), empty for the whole."""

    path: tuple[str | int, ...]
    message: str


def describe(plugin: type[Plugin]) -> list[Parameter]:
    """The parameters of a plugin class, its own before inherited ones with defaults.

    What a parameter consists of, if it is a model with fields of its own, comes after it: ``recipe.epochs``.
    """
    inherited = {name for base in plugin.__mro__[1:] for name in getattr(base, "__annotations__", {})}
    fields = plugin.model_fields.items()
    ordered = sorted(fields, key=lambda item: (not item[1].is_required(), item[0] in inherited))
    return [parameter for name, field in ordered for parameter in _described(name, field)]


def _described(name: str, field: FieldInfo) -> list[Parameter]:
    """A parameter, and after it those it consists of."""
    parts = _fields(field)
    default = "as below" if parts and not field.is_required() else _default(field)
    own = Parameter(name, _type(field), default, field.is_required(), field.description or "")
    return [own, *(part for key, item in parts.items() for part in _described(f"{name}.{key}", item))]


def _fields(field: FieldInfo | None) -> dict[str, FieldInfo]:
    """The fields that a parameter consists of; none where it is a plain value."""
    kind = field.annotation if field else None
    return kind.model_fields if isinstance(kind, type) and issubclass(kind, BaseModel) else {}


def configure(plugin: type[P], kind: str, parameters: Mapping[str, Any]) -> P:
    """A plugin with its parameters.

    Args:
        plugin: Its class.
        kind: ``"probe"``, ``"model"``, …; for the message.
        parameters: By name.

    Raises:
        PluginError: If parameters are wrong; the message names each, what was found and what is expected.
    """
    try:
        return plugin.model_validate(dict(parameters))
    except ValidationError as error:
        lines = [problem.message for problem in explain(plugin, error)]
        raise PluginError(
            "\n  ".join([f"The {kind} {plugin.name!r} refuses its parameters:", *lines])
        ) from None


def explain(plugin: type[Plugin], error: ValidationError) -> list[ParameterProblem]:
    """Every mistake in a plugin's parameters, in the words of its user."""
    items: list[dict[str, Any]] = [dict(item) for item in error.errors(include_url=False)]
    inside = {item["loc"][:-1] for item in items}
    # pydantic counts what is left of a list without its wrong members, which is no mistake of its own
    items = [item for item in items if item["type"] != "too_short" or item["loc"] not in inside]
    whole = {item["loc"][0] for item in items if _branches(plugin, item["loc"])}
    items = [item for item in items if len(item["loc"]) < 3 or item["loc"][0] not in whole]
    found = [_problem(plugin, item) for item in items]
    return list({problem.message: problem for problem in found}.values())


def _branches(plugin: type[Plugin], path: tuple[str | int, ...]) -> FieldInfo | None:
    """The parameter whose alternatives (``int | tuple``) pydantic names one by one in ``path``."""
    field = plugin.model_fields.get(str(path[0])) if len(path) == 2 else None
    kinds = {kind for kind in get_args(field.annotation) if kind is not NoneType} if field else set()
    union = field is not None and get_origin(field.annotation) in {Union, UnionType} and len(kinds) > 1
    return field if union else None


def _as_written(words: str) -> str:
    """Pairs and lists as YAML has them: ``[int, int]``, and ``list[int]`` for any number."""
    return re.sub(r"tuple(?=\[[^\[\]]*,)", "", words).replace("tuple[", "list[")


def _problem(plugin: type[Plugin], error: dict[str, Any]) -> ParameterProblem:
    path = tuple(error["loc"])
    if field := _branches(plugin, path):
        words = _as_written(_type(field)).replace(" | ", " or ")
        return ParameterProblem(path[:1], f"{path[0]!r} must be {words}. Got {_short(error['input'])}.")
    label = ".".join(map(str, path))
    if error["type"] == "extra_forbidden" and len(path) == 1:
        return ParameterProblem(path, f"{label!r} is no parameter of it. {_known(plugin, label)}")
    if error["type"] == "extra_forbidden" and (parts := _fields(plugin.model_fields.get(str(path[0])))):
        return ParameterProblem(path, f"{label!r} is unknown. {suggest(str(path[-1]), [*parts])}")
    if error["type"] == "missing":
        field = plugin.model_fields.get(str(path[0])) if len(path) == 1 else None
        meaning = f" ({field.description.rstrip('.')})" if field and field.description else ""
        return ParameterProblem(path, f"{label!r} is missing{meaning}.")
    message = _said(error)
    if not path:
        return ParameterProblem(path, f"{message}.")
    stop = "" if message.endswith("?") else "."
    return ParameterProblem(path, f"{label!r} {_clause(message)}{stop} Got {_short(error['input'])}.")


def _said(error: Mapping[str, Any]) -> str:
    """What pydantic says, in the words of its user."""
    if error["type"] in LENGTHS:
        word, key = LENGTHS[error["type"]]
        count = error["ctx"][key]
        return f"must have {word} {count} item{'s' * (count != 1)}"
    message = WORDS.get(error["type"]) or re.sub(r"^(Value error|Assertion failed), ", "", error["msg"])
    return re.sub(r"^Input should be", "must be", message).rstrip(".")


def _clause(message: str) -> str:
    """A message as the end of a sentence that begins with the parameter's name."""
    return message if message.startswith("must") else f"is wrong: {message}"


def _known(plugin: type[Plugin], name: str) -> str:
    names = list(plugin.model_fields)
    return plugin.parameter_hint(name) or (suggest(name, names) if names else "It has none.")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def _default(field: FieldInfo) -> Any:
    return None if field.is_required() else field.get_default(call_default_factory=True, validated_data={})


def _type(field: FieldInfo) -> str:
    words, limited = _words(field.annotation), _limits(field.metadata)
    if words.endswith(" | none"):
        return f"{words.removesuffix(' | none')} {limited}".strip() + " | none"
    return f"{words} {limited}".strip()


def _limits(metadata: Sequence[Any]) -> str:
    """Bounds as a person writes them: ``≥ 1, < 5``."""
    found = [
        f"{sign} {getattr(item, key)}"
        for item in metadata
        for key, sign in LIMITS.items()
        if getattr(item, key, None) is not None
    ]
    return ", ".join(found)


def _words(annotation: Any) -> str:
    """An annotation as a person writes it: ``list[str]``, ``sum | overwrite``, ``int | none``."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        limits = [limit for item in parts[1:] for limit in getattr(item, "metadata", [item])]
        return f"{_words(parts[0])} {_limits(limits)}".strip()
    if origin is Literal:
        return " | ".join(map(str, parts))
    if origin in {Union, UnionType}:
        return " | ".join(map(_words, parts))
    if origin is not None:
        return f"{_words(origin)}[{', '.join(_words(part) for part in parts if part is not Ellipsis)}]"
    return "none" if annotation is NoneType else getattr(annotation, "__name__", str(annotation))
