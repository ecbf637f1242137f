"""The first page: what was asked, of what, with which software, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from markupsafe import Markup

from interpret.plugin import Model
from interpret.run import OpenedRun
from interpret_gallery.templates import render

__all__ = ["overview_body", "recipe"]


def overview_body(
    runs: Sequence[OpenedRun],
    names: Sequence[str],
    cards: Sequence[Mapping[str, Any]],
    unreadable: Mapping[str, str],
) -> Markup:
    """The body of the first page.

    Args:
        runs: What the gallery shows.
        names: What each run is called.
        cards: What is said of each step.
        unreadable: Why photographs of a dataset cannot be shown, by its name.
    """
    return render(
        "interpret_gallery",
        "overview.html",
        cards=cards,
        asked=[
            {"run": name if len(runs) > 1 else "", "models": _models(run), "datasets": _datasets(run)}
            for name, run in zip(names, runs, strict=True)
        ],
        versions=_versions(runs),
        recipes=list(map(recipe, runs, names)),
        unreadable=unreadable,
    )


def recipe(run: OpenedRun, name: str) -> dict[str, str]:
    """The YAML that makes a run of that name again, and the command."""
    text = yaml.safe_dump(run.pipeline.resolved(), sort_keys=False, allow_unicode=True, width=100)
    return {"run": name, "yaml": text, "command": "interpret run pipeline.yaml --out runs/again"}


def _versions(runs: Sequence[OpenedRun]) -> list[Mapping[str, Any]]:
    """The software of the runs, each set of versions once."""
    known = [_mapping(run.manifest.get("versions")) for run in runs]
    return [versions for place, versions in enumerate(known) if versions not in known[:place]]


def _models(run: OpenedRun) -> list[dict[str, str]]:
    return [
        {
            "name": name,
            "what": _in_one_text(choice.model),
            "hash": str(_mapping(_mapping(run.manifest.get("models")).get(name)).get("weights", ""))[:12],
        }
        for name, choice in run.pipeline.models.items()
    ]


def _in_one_text(model: Model) -> str:
    """A model as ``zfnet:scenes``; all its parameters are in the recipe."""
    told = getattr(model, model.after_colon)
    other = f", weights {model.weights}" if model.weights and model.after_colon != "weights" else ""
    return f"{model.name}:{told}{other}" if told else f"{model.name}, not trained"


def _datasets(run: OpenedRun) -> list[dict[str, str]]:
    found = []
    for name, dataset in run.pipeline.datasets.items():
        said = _mapping(_mapping(run.manifest.get("datasets")).get(name))
        given = dataset.model_dump(mode="json", exclude_defaults=True)
        found.append(
            {
                "name": name,
                "what": _parameters(given, type(dataset).name),
                "images": str(said.get("images", "")),
                "hash": str(said.get("fingerprint", ""))[:12],
            }
        )
    return found


def _parameters(given: Mapping[str, Any], name: str) -> str:
    """A plugin as one line: its name, and the parameters that are set."""
    told = ", ".join(f"{key}: {value}" for key, value in given.items() if value not in (None, "", [], {}))
    return f"{name} ({told})" if told else name


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
