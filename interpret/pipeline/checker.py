"""The values of one pipeline file -> a Pipeline; what it cannot understand becomes a problem.

Two passes: the skeleton (models, datasets, steps), then each plugin's own fields. The wiring of steps is
checked from the annotations of probes and renderers, so nothing is loaded before the whole pipeline is right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from re import fullmatch
from typing import Any, get_args

from pydantic import ValidationError

from interpret.errors import InterpretError, suggest
from interpret.network.memory_format import MemoryFormat
from interpret.network.precision import Precision
from interpret.pipeline.schema import MAX_NAME, NAME, VERSION
from interpret.pipeline.steps import NetworkChoice, Pipeline, Step
from interpret.pipeline.yamltext import Spot, YamlText
from interpret.plugin.discovery import Registry
from interpret.plugin.flaws import RESERVED, Kind
from interpret.plugin.interfaces import (
    Device,
    Plugin,
    Probe,
    Renderer,
    WeightsResult,
    probe_inputs,
    probe_output,
    renderer_input,
)
from interpret.plugin.modelnames import read_model_name
from interpret.plugin.parameters import explain

SECTIONS = ("version", "seed", "models", "datasets", "steps")

MAX_ENTRIES = 1_000
"""So many models, datasets and steps can have."""

DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
"""Names that are no folders on some systems."""


@dataclass
class _StepDraft:
    """A step as far as it could be understood."""

    spot: Spot
    values: dict[str, Any]
    kind: type[Probe] | None = None
    probe: Probe | None = None
    renderers: list[Renderer[Any]] = field(default_factory=list)

    @property
    def inputs(self) -> dict[str, Any]:
        inputs = self.values.get("inputs")
        return inputs if isinstance(inputs, dict) else {}

    @property
    def needs(self) -> list[Any]:
        """What stands where names of earlier steps belong."""
        return [*self.inputs.values(), *filter(None, [self.values.get("weights")])]


def check(text: YamlText, registry: Registry) -> Pipeline:
    """The pipeline that a file describes; it is whole only where ``text.problems`` stays empty.

    Raises:
        PipelineError: If there are too many problems to go on.
    """
    return _Checker(text, registry).pipeline()


class _Checker:
    """Turns the values of one file into a pipeline and reports what it cannot."""

    def __init__(self, text: YamlText, registry: Registry) -> None:
        self.text, self.registry = text, registry
        self.drafts: dict[str, _StepDraft] = {}
        self.outputs: dict[str, list[str]] = {}

    def report(self, spot: Spot, message: str, *, key: bool = False) -> None:
        problem = self.text.problem(spot, message, key=key)
        if (problem.line, problem.column) not in self.text.unreadable:
            self.text.add(problem)

    def pipeline(self) -> Pipeline:
        """The pipeline; it is whole only where no problem was reported."""
        top = self.mapping((), self.text.value)
        for key in top:
            if key not in SECTIONS:
                self.report((key,), f"There is no section {key!r}. {suggest(key, SECTIONS)}", key=True)
        self.version(top)
        models = {name: self.model(name, values) for name, values in self.section("models", top)}
        datasets = {
            name: self.plugin("dataset", ("datasets", name), self.mapping(("datasets", name), values))
            for name, values in self.section("datasets", top)
        }
        for name, values in self.section("steps", top):
            self.drafts[name] = self.draft(name, self.mapping(("steps", name), values))
        steps = {name: self.step(name, [*models], [*datasets]) for name in self.order()}
        return Pipeline(models, datasets, steps, self.seed(top))

    def version(self, top: dict[str, Any]) -> None:
        if "version" not in top:
            self.report((), f"'version' is missing. Write: version: {VERSION}")
        elif top["version"] != VERSION or top["version"] is True:
            self.report(("version",), f"version must be {VERSION}. Got {_shown(top['version'])}.")

    def seed(self, top: dict[str, Any]) -> int:
        seed = top.get("seed", 0)
        if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
            self.report(("seed",), f"seed must be a whole number from 0. Got {_shown(seed)}.")
            return 0
        return seed

    def mapping(self, spot: Spot, value: Any) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        what = ".".join(map(str, spot)) or "A pipeline"
        self.report(spot, f"{what} must be a mapping (key: value). Got {_shown(value)}.")
        return {}

    def section(self, name: str, top: dict[str, Any]) -> list[tuple[str, Any]]:
        """The named entries of a section that must not be empty."""
        if not top.get(name):
            self.report((name,), f"'{name}' is missing or empty: a pipeline needs at least one.", key=True)
            return []
        entries = self.mapping((name,), top[name])
        if len(entries) > MAX_ENTRIES:
            self.report(
                (name,), f"'{name}' has {len(entries):,} entries; {MAX_ENTRIES:,} are the most.", key=True
            )
            return []
        self.names(name, list(entries))
        return list(entries.items())

    def names(self, section: str, entries: list[str]) -> None:
        """Names must do as names of folders, on every system."""
        lower: dict[str, str] = {}
        for entry in entries:
            first = lower.setdefault(entry.lower(), entry)
            message = ""
            if not fullmatch(NAME, entry):
                message = f"{_shown(entry)} is no name: use letters, digits, - and _, at most {MAX_NAME}"
            elif section == "steps" and entry.lower() in DEVICES:
                message = f"{entry!r} names a device on some systems: choose another name"
            elif section == "steps" and first != entry:
                message = f"{entry!r} and {first!r} are one folder on some systems: choose another name"
            if message:
                self.report((section, entry), f"{message} (steps name folders).", key=True)

    def model(self, name: str, given: Any) -> NetworkChoice:
        spot: Spot = ("models", name)
        values = self.in_full(spot, given) if isinstance(given, str) else self.mapping(spot, given)
        if values is None:
            return NetworkChoice(None)  # type: ignore[arg-type]
        device = self.one_of(spot, values, "device", get_args(Device), "auto")
        precision = self.one_of(spot, values, "precision", get_args(Precision), "float32")
        memory_format = self.one_of(spot, values, "memory_format", get_args(MemoryFormat), "contiguous")
        return NetworkChoice(self.plugin("model", spot, values), device, precision, memory_format)

    def one_of(
        self, spot: Spot, values: Mapping[str, Any], key: str, choices: Sequence[str], default: str
    ) -> Any:
        """What is chosen of a few words."""
        found = values.get(key, default)
        if found not in choices:
            self.report((*spot, key), f"{key} must be one of {', '.join(choices)}. Got {_shown(found)}.")
        return found

    def in_full(self, spot: Spot, text: str) -> dict[str, Any] | None:
        """A model that is written in short, ``torchvision:resnet18``; None if it cannot be understood."""
        try:
            found = read_model_name(text, self.registry.models)
        except InterpretError as error:
            self.report(spot, str(error))
            return None
        return {"name": found.name, **found.parameters}

    def plugin(self, kind: Kind, spot: Spot, values: dict[str, Any]) -> Any:
        """The plugin that ``values`` name and describe, or None."""
        cls = self.look_up(kind, spot, values, "name")
        return cls and self.fill(kind, cls, spot, values)

    def look_up(self, kind: Kind, spot: Spot, values: dict[str, Any], key: str) -> Any:
        name = values.get(key)
        if not isinstance(name, str):
            found = f" Got {_shown(name)}." if key in values else ""
            self.report((*spot, key), f"{key!r} must say which {kind}.{found}")
            return None
        try:
            return self.registry.lookup(kind, name)
        except InterpretError as error:
            self.report((*spot, key), " ".join([str(error), *getattr(error, "__notes__", [])]))
            return None

    def fill(self, kind: Kind, cls: type[Plugin], spot: Spot, values: dict[str, Any]) -> Any:
        """The plugin with those ``values`` that do not mean something else in a pipeline."""
        fields = {key: value for key, value in values.items() if key not in RESERVED[kind]}
        strange = [key for key in fields if key not in cls.model_fields]
        for key in strange:
            hint = cls.parameter_hint(key) or suggest(key, [*cls.model_fields, *sorted(RESERVED[kind])])
            self.report((*spot, key), f"{cls.name} has no parameter {key!r}. {hint}", key=True)
            del fields[key]
        try:
            return cls(**fields)
        except ValidationError as error:
            for item in explain(cls, error):
                self.report((*spot, *item.path), f"{cls.name}: {item.message}", key=not item.path)
        except InterpretError as error:
            self.report(spot, f"{cls.name}: {error}", key=True)
        return None

    def draft(self, name: str, values: dict[str, Any]) -> _StepDraft:
        spot: Spot = ("steps", name)
        draft = _StepDraft(spot, values)
        draft.kind = self.look_up("probe", spot, values, "probe")
        if draft.kind:
            draft.probe = self.fill("probe", draft.kind, spot, values)
        self.mapping((*spot, "inputs"), values.get("inputs", {}))
        render = values.get("render", [])
        if not isinstance(render, list):
            self.report((*spot, "render"), f"render must be a list of renderers. Got {_shown(render)}.")
            render = []
        for index, item in enumerate(render):
            self.draw(draft, (*spot, "render", index), item)
        return draft

    def draw(self, draft: _StepDraft, spot: Spot, item: Any) -> None:
        """Add one renderer to a step if it draws the step's result."""
        renderer = self.plugin("renderer", spot, self.mapping(spot, item))
        if renderer is None or draft.kind is None:
            return
        takes, gives = renderer_input(type(renderer)), probe_output(draft.kind)
        if not issubclass(gives, takes):
            message = f"{renderer.name} draws {takes.__name__}, but {draft.kind.name} gives {gives.__name__}."
            self.report((*spot, "name"), message)
        draft.renderers.append(renderer)

    def order(self) -> list[str]:
        """The steps as in the file, but each after its inputs."""
        needs = {
            name: [step for step in dict.fromkeys(filter(_is_text, draft.needs)) if step in self.drafts]
            for name, draft in self.drafts.items()
        }
        try:
            TopologicalSorter(needs).prepare()
        except CycleError as error:
            circle = error.args[1][::-1]
            message = f"These steps wait for each other: {' -> '.join(circle)}."
            self.report((*self.drafts[circle[0]].spot, "inputs"), message)
            return list(self.drafts)
        placed: dict[str, None] = {}
        for step in needs:
            _place(step, needs, placed)
        return list(placed)

    def step(self, name: str, models: list[str], datasets: list[str]) -> Step:
        draft = self.drafts[name]
        inputs, weights = self.inputs(draft), self.weights(draft)
        model = self.choice(draft, "model", models)
        dataset = self.choice(draft, "dataset", datasets)
        images = self.images(draft)
        return Step(name, draft.probe, model, dataset, images, inputs, tuple(draft.renderers), weights)  # type: ignore[arg-type]

    def choice(self, draft: _StepDraft, key: str, known: list[str]) -> str:
        """The model or dataset of a step; it may be left out where there is exactly one."""
        chosen = draft.values.get(key, known[0] if len(known) == 1 else None)
        if known and chosen is None:
            listed = ", ".join(known)
            self.report(draft.spot, f"'{key}' is missing: there are several ({listed}), name one.", key=True)
        elif known and chosen not in known:
            self.report((*draft.spot, key), f"There is no {key} {chosen!r}. {suggest(str(chosen), known)}")
        return str(chosen)

    def images(self, draft: _StepDraft) -> tuple[int, ...] | None:
        indices = draft.values.get("images")
        if indices is None:
            return None
        whole = isinstance(indices, list) and all(type(index) is int and index >= 0 for index in indices)
        if whole and indices and len(set(indices)) == len(indices):
            return tuple(indices)
        message = f"images must be a list of different places in the dataset, from 0. Got {_shown(indices)}."
        self.report((*draft.spot, "images"), message)
        return None

    def inputs(self, draft: _StepDraft) -> dict[str, str]:
        """The inputs of a step, each checked against the annotation of the probe."""
        if draft.kind is None:
            return {}
        wanted = probe_inputs(draft.kind)
        for key, step in draft.inputs.items():
            spot = (*draft.spot, "inputs", key)
            if key not in wanted:
                self.report(
                    spot, f"{draft.kind.name} takes no input {key!r}. {suggest(key, [*wanted])}", key=True
                )
            else:
                self.check_input(spot, wanted[key].type, step)
        for key, need in wanted.items():
            if need.required and key not in draft.inputs:
                self.report(draft.spot, self.missing(draft, key, need.type), key=True)
        return {key: str(step) for key, step in draft.inputs.items()}

    def weights(self, draft: _StepDraft) -> str:
        """The step that a step takes its model's weights from; empty where it takes none."""
        if "weights" in draft.values:
            self.check_input((*draft.spot, "weights"), WeightsResult, draft.values["weights"])
        return str(draft.values.get("weights", ""))

    def check_input(self, spot: Spot, wanted: type, step: Any) -> None:
        source = self.drafts.get(step) if isinstance(step, str) else None
        if source is None:
            self.report(spot, f"There is no step {_shown(step)}. {suggest(str(step), [*self.drafts])}")
        elif source.kind and not issubclass(found := probe_output(source.kind), wanted):
            message = f"{spot[-1]} must be {wanted.__name__}, but step {step!r} gives {found.__name__}."
            self.report(spot, f"{message} {self.sources(str(spot[-1]), wanted)}".strip())

    def missing(self, draft: _StepDraft, key: str, wanted: type) -> str:
        name = draft.kind.name if draft.kind else "The probe"
        return f"{name} needs the input {key!r} ({wanted.__name__}). {self.sources(key, wanted)}".strip()

    def sources(self, key: str, wanted: type) -> str:
        """A hint at the steps whose result would do."""
        fit = [
            name
            for name, draft in self.drafts.items()
            if draft.kind and issubclass(probe_output(draft.kind), wanted)
        ]
        if fit:
            return (
                f"Write weights: {fit[0]}."
                if wanted is WeightsResult
                else f"Write inputs: {{{key}: {fit[0]}}}."
            )
        probes = [name for name, cls in self.registry.probes.items() if issubclass(probe_output(cls), wanted)]
        return f"Add a step before it with a probe that gives one: {', '.join(probes)}." if probes else ""


def _place(step: str, needs: Mapping[str, list[str]], placed: dict[str, None]) -> None:
    """Put a step behind everything it needs."""
    waiting = [step]
    while waiting:
        need = next((need for need in needs[waiting[-1]] if need not in placed), None)
        if need is None:
            placed.setdefault(waiting.pop())
        else:
            waiting.append(need)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _shown(value: Any) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
