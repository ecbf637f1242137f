"""``interpret explain``: photographs and a network -> a pipeline, its run, and one page.

The pipeline is a mapping as YAML holds it, and stands in the run as ``explain.yaml``: probes are named in it,
and none is imported here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interpret.cli.options import ModelChoice
from interpret.cli.photographs import DATASET, PHOTOGRAPHS, Photographs
from interpret.errors import InterpretError, ModelError, UnknownNameError
from interpret.network.network import Network
from interpret.plugin.discovery import Registry
from interpret.plugin.modelnames import read_model_name, with_parameters
from interpret.targets import find_class

WINDOWS = 8
"""So many windows of the occluder lie side by side along the image's shorter side."""


@dataclass(frozen=True)
class Question:
    """One class that is asked about.

    Attributes:
        name: How its steps are called: empty for what is predicted.
        target: As steps have it: an index, or ``predicted``.
    """

    name: str
    target: int | str


PREDICTED = Question("", "predicted")


def find_questions(network: Network, targets: Sequence[str]) -> list[Question]:
    """What is predicted, and the classes that were named, by category or index.

    Raises:
        UnknownNameError: If no output has this category; the message shows the nearest names.
        InterpretError: If the index is out of range, or the network has no classes.
    """
    if not targets:
        return [PREDICTED]
    if not network.class_count:
        raise ModelError("The network does not answer with one value for each class: leave out --target.")
    classes = {_class(network, target): target for target in targets}
    return [PREDICTED, *(Question(f"_{number}", number) for number in classes)]


def _class(network: Network, target: str) -> int:
    """The index of a class; digits are an index, unless a category is called so."""
    is_index = target.isascii() and target.isdecimal() and len(target) < 10
    try:
        return find_class(network, network.class_count, target)
    except UnknownNameError:
        if not is_index:
            raise
    return find_class(network, network.class_count, int(target))


def is_untrained(model: ModelChoice, registry: Registry) -> bool:
    """Whether a network is as its recipe initialises it, as far as its model says."""
    found = read_model_name(model.name, registry.models)
    kind = registry.models[found.name]
    described = kind.model_fields["weights"].description or ""
    given = model.weights or {**found.parameters, **model.parameters}.get("weights")
    return not given and not kind.takes_import_path and described.endswith("none: initialised.")


def explaining_pipeline(
    model: ModelChoice, photographs: Photographs, steps: Mapping[str, Any], registry: Registry
) -> dict[str, Any]:
    """The pipeline, as YAML holds it; steps whose probe is not installed are left out.

    Args:
        model: The model as it was typed.
        photographs: What is explained.
        steps: What is asked about them.
        registry: What is installed.
    """
    found = read_model_name(model.name, registry.models)
    given = {} if model.weights is None else {"weights": model.weights}
    parameters = with_parameters(found, {**model.parameters, **given})
    some = {"images": list(photographs.places)} if photographs.unreadable else {}
    how = {"device": model.device, "precision": model.precision, "memory_format": model.memory_format}
    return {
        "version": 1,
        "models": {"net": {"name": found.name, **parameters, **how}},
        "datasets": {PHOTOGRAPHS: {"name": DATASET, "paths": list(photographs.paths)}},
        "steps": {name: {**step, **some} for name, step in steps.items() if step["probe"] in registry.probes},
    }


def first_steps(network: Network) -> dict[str, Any]:
    """What is known at once; the network need not be traced for it."""
    return {"predict": {"probe": "predict"}} if network.class_count else {}


def further_steps(network: Network, questions: Sequence[Question]) -> dict[str, Any]:
    """The rest, in the order in which it is read; of a network without classes what asks about none.

    Units are followed once: for other classes they are the same. After occlusion comes Captum's Grad-CAM,
    after the projections of units its deconvnet of the class: the nearest of its methods.
    """
    asked = [(question.name, {"target": question.target}) for question in questions if network.class_count]
    where = {
        f"{name}{end}": {**step, **about}
        for end, about in asked
        for name, step in (
            ("occlusion", _occlusion(network, [] if end else _last_maps(network))),
            ("captum_grad_cam", {"probe": "captum.layer_grad_cam"}),
        )
    }
    nearest = {
        f"captum_deconvolution{end}": {"probe": "captum.deconvolution", **about} for end, about in asked
    }
    return {**where, "strongest": {"probe": "strongest"}, **nearest}


def never_asked(network: Network, steps: Mapping[str, Any], registry: Registry) -> dict[str, str]:
    """Why steps are not in the pipeline, by name."""
    missing = {
        name: f"No plugin that is installed offers the probe {step['probe']}."
        for name, step in steps.items()
        if step["probe"] not in registry.probes
    }
    if network.class_count:
        return missing
    return {
        "predict": "The network does not answer with one value for each class, so nothing is asked about "
        "classes. Where it returns more, the model's option 'output' says what its output is.",
        **missing,
    }


def _occlusion(network: Network, layers: Sequence[str]) -> dict[str, Any]:
    """An occluder of an eighth of the image, in steps of half of it: 15 x 15 places of a square image."""
    window = max(min(network.input.size) // WINDOWS, 1)
    return {
        "probe": "occlusion",
        "window": window,
        "stride": max(window // 2, 1),
        "layers": list(layers),
    }


def _last_maps(network: Network) -> list[str]:
    """The last of the network's layers of maps, whose strongest unit is followed; none where it has none."""
    try:
        names = network.default_layers("spread")
        shapes: Mapping[str, tuple[int, ...]] = network.layer_shapes(names)
    except InterpretError:
        return []
    return [name for name in names if len(shapes[name]) == 3][-1:]
