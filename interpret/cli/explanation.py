"""What became of the run of an explanation: what every step says of each photograph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from interpret.cli.explaining import Question
from interpret.cli.photographs import Photographs
from interpret.results import load
from interpret.run.store import read_json


@dataclass
class Explanation:
    """What became of one run.

    Attributes:
        folder: The run.
        model: The model as it was typed.
        photographs: What was explained.
        pipeline: What was asked, as YAML holds it.
        input_size: Rows and columns of what the network takes.
        allow: Packages that the pipeline may import from.
        page: The page; None where none could be made.
        file: The pipeline as a file.
        found: What each step that is done says, by the place of a photograph.
        never_asked: Why a step is not in the pipeline, by its name.
        untrained: Whether the network is as it was initialised.
    """

    folder: Path
    model: str
    photographs: Photographs
    pipeline: Mapping[str, Any]
    input_size: tuple[int, int]
    allow: tuple[str, ...] = ()
    page: Path | None = None
    file: Path | None = None
    found: dict[str, dict[int, dict[str, Any]]] = field(default_factory=dict)
    never_asked: dict[str, str] = field(default_factory=dict)
    untrained: bool = False

    @property
    def title(self) -> str:
        """What stands above the page: the file names of the first photographs, and the model's."""
        names = [PurePath(name).name for name in self.photographs.names]
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        return f"{shown} \N{MIDDLE DOT} {self.model}{', not trained' if self.untrained else ''}"

    def read(self, step: str) -> None:
        """Take in what a step says of each photograph."""
        result = load(self.folder / step).as_loaded()
        self.found[step] = {place: result.image_numbers(place) for place in self.photographs.places}

    def unanswered(self, questions: Sequence[Question]) -> list[Question]:
        """The questions without that about the class predicted of all photographs: it is asked anyway."""
        told = [numbers["predictions"] for numbers in self.found.get("predict", {}).values()]
        first = {predictions[0]["index"] for predictions in told if predictions}
        return [question for question in questions if first != {question.target}]

    def of(self, place: int) -> dict[str, Any]:
        """What all steps say of one photograph; lists of several steps are one."""
        told: dict[str, Any] = {}
        for numbers in self.found.values():
            for key, value in numbers.get(place, {}).items():
                told[key] = [*told.get(key, ()), *value] if isinstance(value, list) else value
        return told

    def able(self) -> dict[str, Any]:
        """The pipeline without the steps that could not be done, as one that its user can go on from."""
        left_out = self.left_out()
        steps = {name: step for name, step in self.pipeline["steps"].items() if name not in left_out}
        return {**self.pipeline, "steps": steps}

    def left_out(self) -> dict[str, str]:
        """Why steps could not be done, by name."""
        said = read_json(self.folder / "manifest.json").get("steps", {})
        errors = {name: said.get(name, {}).get("error", "") for name in self.pipeline["steps"]}
        told = {name: error.partition(" failed: ")[2] or error for name, error in errors.items() if error}
        return {**self.never_asked, **told}
