"""A probe inside the parameters of another: checked as if it stood in a pipeline of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, ValidationError, core_schema

from interpret.attributing import ClassAttribution, NeuronAttribution
from interpret.errors import UnknownNameError, suggest
from interpret.plugin import RESERVED, Probe, configure, probe_inputs, probe_output, registry
from interpret.results import Result
from interpret_captum.features import Features
from interpret_topk import Exemplars

QUESTIONS = ("layer", "unit", "position")
"""The parameters that ask about a neuron."""


class ProbeSpec(dict[str, Any]):
    """A probe's name with its parameters, as in a step: ``{probe: captum.occlusion, window: 24}``."""

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: object) -> CoreSchema:
        return _checked_by(checked)


class MethodSpec(ProbeSpec):
    """The same for a probe that attributes, and is told by another whom it is asked about."""

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: object) -> CoreSchema:
        return _checked_by(checked_method)


def _checked_by(check: Callable[[dict[str, Any]], dict[str, Any]]) -> CoreSchema:
    text = core_schema.dict_schema(core_schema.str_schema())
    mapping = core_schema.no_info_before_validator_function(_as_mapping, text)
    return core_schema.no_info_after_validator_function(check, mapping)


def _as_mapping(given: Any) -> Any:
    """What is given, if it says which probe and may say more.

    Raises:
        PydanticCustomError: If it is the name alone, or nothing of the kind.
    """
    if isinstance(given, Mapping):
        return given
    name = given if isinstance(given, str) and given in registry().of("probe") else "captum.saliency"
    message = f"must be a probe with its parameters, as in a step: {{probe: {name}}}"
    raise PydanticCustomError("probe", "{message}", {"message": message})


def checked_method(spec: dict[str, Any]) -> dict[str, Any]:
    """A probe's name with its parameters, if they make a probe that attributes and leave the question open.

    Raises:
        ValidationError: As `checked` does.
    """
    checked(spec)
    cls = registry().lookup("probe", spec["probe"])
    if not issubclass(cls, ClassAttribution):
        raise _mistake(("probe",), "must be a probe that attributes by itself", spec["probe"])
    for key in ("target", *(QUESTIONS if issubclass(cls, NeuronAttribution) else ())):
        if key in spec:
            raise _mistake((key,), "must be said one level up, beside 'method'", spec[key])
    return spec


def checked(spec: dict[str, Any]) -> dict[str, Any]:
    """A probe's name with its parameters, as they were given, if they make a probe that can be compared.

    Raises:
        ValidationError: With each mistake at its place in ``spec``, so that a pipeline can point to its line.
    """
    name = spec.get("probe")
    if not isinstance(name, str):
        raise _mistake(("probe",), "must say which probe", name)
    try:
        cls = registry().lookup("probe", name)
    except UnknownNameError as error:
        raise _mistake(("probe",), f"must be a probe ({_within(error.advice)})", name) from None
    if reason := unfit(cls):
        raise _mistake(("probe",), f"must be a probe that can be compared: {reason}", name)
    parameters = _parameters(spec)
    for key in parameters:
        if key not in cls.model_fields:
            known = [*cls.model_fields]
            hint = f" ({_within(suggest(key, known))})" if known and key not in RESERVED["probe"] else ""
            if said := cls.parameter_hint(key):
                hint = f". {said.rstrip('.')}"
            raise _mistake((key,), f"must be a parameter of {name}{hint}", parameters[key])
    cls.model_validate(parameters)
    return spec


def build(spec: Mapping[str, Any], **shared: Any) -> Probe:
    """The probe that ``spec`` describes; of ``shared``, it takes what it knows and is not told otherwise."""
    cls: type[Probe] = registry().lookup("probe", spec["probe"])
    own = cls.model_fields if "layer" not in spec else {}  # a neuron is asked about, no class
    common = {key: value for key, value in shared.items() if key in own}
    return configure(cls, "probe", {**common, **_parameters(spec)})


def unfit(cls: type[Probe]) -> str:
    """Why a probe cannot be compared; nothing where it can."""
    needs = [key for key, item in probe_inputs(cls).items() if item.required]
    if needs:
        return f"this one needs the result of another step ({', '.join(needs)})"
    gives = probe_output(cls)
    return (
        "" if kind_of(gives) else f"this one gives {gives.__name__}, not attributions, exemplars or features"
    )


def kind(spec: Mapping[str, Any]) -> str:
    """What a probe gives: attributions, exemplars or features."""
    return kind_of(probe_output(registry().lookup("probe", spec["probe"])))


def kind_of(result: type[Result]) -> str:
    """What a type of result is to a comparison; nothing where it cannot be compared."""
    if callable(getattr(result, "attributions", None)):
        return "attributions"
    kinds = {"exemplars": Exemplars, "features": Features}
    return next((word for word, cls in kinds.items() if issubclass(result, cls)), "")


def labels(specs: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """What to call the probes: by their names, with their parameters where a name comes twice."""
    names = [spec["probe"] for spec in specs]
    plain = [
        name if names.count(name) == 1 else _described(spec) for name, spec in zip(names, specs, strict=True)
    ]
    seen: dict[str, int] = {}
    for label in plain:
        seen[label] = seen.get(label, 0) + 1
    repeated, found = {label for label, count in seen.items() if count > 1}, list[str]()
    for index, label in enumerate(plain):
        earlier = plain[:index].count(label)
        found.append(f"{label} #{earlier + 1}" if label in repeated else label)
    return tuple(found)


def _described(spec: Mapping[str, Any]) -> str:
    given = ", ".join(f"{key}={value}" for key, value in _parameters(spec).items())
    return f"{spec['probe']} ({given})" if given else spec["probe"]


def _parameters(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in spec.items() if key != "probe"}


def _mistake(location: tuple[str, ...], message: str, found: Any) -> ValidationError:
    problem = PydanticCustomError("probe", "{message}", {"message": message})
    return ValidationError.from_exception_data(
        "probe", [InitErrorDetails(type=problem, loc=location, input=found)]
    )


def _within(sentence: str) -> str:
    """A sentence as a part of another."""
    return sentence[0].lower() + sentence[1:].rstrip(".")
