"""The rows of an ablation as they are written: what all models have in common, and each of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from interpret.errors import UnknownNameError, suggest
from interpret.plugin import Model, ParameterProblem, configure, explain, registry
from interpret_training.ablation.results import PaperErrors


def _plain(value: Any) -> Any:
    """Mappings with text as keys, and lists, as YAML and JSON have them."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


ModelSpec = Annotated[dict[str, JsonValue], BeforeValidator(_plain)]
"""A model's name and parameters, or some of them: ``{name: zfnet, width: 0.25}``."""


class Variant(BaseModel):
    """One row: a label, what its model has of its own, and what the paper says of it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    label: str = Field(min_length=1, description="What the row is called, unlike the others.")
    model: ModelSpec = Field(
        {}, description="The row's model: what differs from 'base', such as {remove: [3, 4]}."
    )
    paper: PaperErrors | None = Field(
        None,
        description="What the paper says, in percent: {train: 35.1, validation: 40.5, validation5: 18.1}.",
    )


def merged(base: Mapping[str, Any], variant: Variant) -> dict[str, Any]:
    """What is common, and over it what the row says; a parameter is replaced as a whole."""
    return {**base, **variant.model}


def build(base: Mapping[str, Any], variant: Variant) -> Model:
    """The model of a row that was checked."""
    spec = merged(base, variant)
    name = spec.pop("name")
    model: Model = configure(registry().lookup("model", str(name)), "model", spec)
    return model


def check(base: Mapping[str, Any], variants: Sequence[Variant]) -> None:
    """Refuse rows that share a label, and models that do not exist or refuse their parameters.

    Raises:
        ValidationError: With every mistake at its place in ``base`` or ``variants``, so that a pipeline can
            point to its line.
    """
    found = [*_same_labels(variants)]
    for number, variant in enumerate(variants):
        found += _model_problems(base, variant, number)
    if found:
        unique = {(problem["loc"], str(problem["type"])): problem for problem in found}
        raise ValidationError.from_exception_data("ablation", list(unique.values()))


def _same_labels(variants: Sequence[Variant]) -> Iterator[InitErrorDetails]:
    labels = [variant.label for variant in variants]
    for number, label in enumerate(labels):
        if (first := labels.index(label)) < number:
            message = f"must be unlike the others, but row {first + 1} is called the same"
            yield _problem(("variants", number, "label"), message, label)


def _model_problems(base: Mapping[str, Any], variant: Variant, number: int) -> Iterator[InitErrorDetails]:
    """What is wrong with the model of one row, each where it is written."""
    row, spec = ("variants", number, "model"), merged(base, variant)

    def location(key: str) -> tuple[str | int, ...]:
        return (*row, key) if key in variant.model or key not in base else ("base", key)

    name = spec.pop("name", None)
    if not isinstance(name, str):
        yield _problem(
            row, f"must name a model, here or in 'base' (name: zfnet). It is {name!r}", variant.model
        )
        return
    try:
        cls = registry().lookup("model", name)
    except UnknownNameError as error:
        yield _problem(location("name"), f"must be a model ({_hint(name, error.known)})", name)
        return
    strange = [key for key in spec if key not in cls.model_fields]
    for key in strange:
        yield _problem(location(key), _strange(cls, key), spec.pop(key))
    try:
        cls.model_validate(spec)
    except ValidationError as error:
        for problem in explain(cls, error):
            where = (*location(str(problem.path[0])), *problem.path[1:]) if problem.path else row
            yield _problem(where if _written(spec, problem.path) else row, _words(problem), spec)


def _strange(cls: type[Model], key: str) -> str:
    if key == "device":
        return "must be left out: every row is trained where the step's own model is"
    return f"must be a parameter of {cls.name} ({_hint(key, [*cls.model_fields])})"


def _written(spec: Mapping[str, Any], path: Sequence[str | int]) -> bool:
    return bool(path) and path[0] in spec


def _words(problem: ParameterProblem) -> str:
    """The problem of a parameter as the end of a sentence that begins with its place."""
    text = problem.message.rstrip(".")
    label = ".".join(map(str, problem.path))
    if not text.startswith(f"{label!r} must"):
        return text
    return text.removeprefix(f"{label!r} ")


def _problem(location: Sequence[str | int], message: str, found: Any) -> InitErrorDetails:
    problem = PydanticCustomError("variant", "{message}", {"message": message})
    return InitErrorDetails(type=problem, loc=tuple(location), input=found)


def _hint(name: str, known: Sequence[str]) -> str:
    text = suggest(name, known).rstrip(".")
    return text[0].lower() + text[1:]
