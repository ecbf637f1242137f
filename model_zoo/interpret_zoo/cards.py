"""Weights that come along: each has a card that says what they are and how they were made."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["FOLDER", "WeightsCard", "series_names", "write_card"]

FOLDER = Path(__file__).parent / "weights"


class WeightsCard(BaseModel):
    """Everything that is known of one file of weights; ``FOLDER/MODEL-NAME.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(description="The model the weights are for.")
    name: str = Field(description="What users write as ``weights``.")
    sha256: str = Field(description="Hash of the file, 64 hexadecimal digits.")
    parameters: dict[str, Any] = Field(description="Parameters of the model that the weights need.")
    recipe: str = Field(description="What made them: the command, where there is one.")
    seed: int = Field(description="Seed of the recipe.")
    trained_on: str = Field(description="Images they were trained on.")
    measured_on: str = Field(description="Held-out images the accuracy was measured on.")
    accuracy: float = Field(ge=0, le=1, description="Share of these that are classified right.")
    license: str = Field(description="SPDX identifier.")
    limits: str = Field("", description="What they should not be used for, and what is open.")
    epochs: tuple[int, ...] = Field((), description="Epochs whose convolutions come along, as a series.")

    @property
    def path(self) -> Path:
        """The weights file."""
        return FOLDER / f"{self.model}-{self.name}.safetensors"

    def page(self) -> str:
        """The card for people, in Markdown."""
        told = self.model_dump(exclude={"model", "name"}, exclude_defaults=True)
        parameters = told.pop("parameters")
        rows = [f"| {name.replace('_', ' ')} | {value} |" for name, value in told.items()]
        rows += [f"| `{name}` | {json.dumps(value)} |" for name, value in parameters.items()]
        return (
            f"# {self.model}, weights: {self.name}\n\n"
            f'`interpret.load_model("{self.model}", weights="{self.name}")`, or in a pipeline '
            f"`{{name: {self.model}, weights: {self.name}}}`.\n\n"
            "| | |\n|---|---|\n" + "\n".join(rows) + "\n"
        )


def write_card(card: WeightsCard, folder: Path = FOLDER) -> None:
    """Write a card beside its weights, for programs (JSON) and for people (Markdown)."""
    path = folder / card.path.name
    path.with_suffix(".json").write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text(card.page(), encoding="utf-8")


def find_card(model: str, weights: object) -> WeightsCard | None:
    """The card of the weights of that name, or None if no such weights come along."""
    if not isinstance(weights, str) or not re.fullmatch(r"\w+", weights):
        return None
    path = FOLDER / f"{model}-{weights}.json"
    return WeightsCard.model_validate_json(path.read_text(encoding="utf-8")) if path.is_file() else None


def series_names() -> list[str]:
    """The series of checkpoints that come along: folders ``MODEL-NAME`` beside the weights."""
    return sorted(path.name for path in FOLDER.iterdir() if path.is_dir())


def card_names(model: str) -> list[str]:
    """The names of the weights that come along with a model."""
    return sorted(path.stem.removeprefix(f"{model}-") for path in FOLDER.glob(f"{model}-*.json"))
