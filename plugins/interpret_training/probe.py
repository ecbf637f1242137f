"""The probe ``train``: a training as a step of a pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from interpret.errors import InterpretError
from interpret.images import Images, as_images
from interpret.network import Network, OnError
from interpret.plugin import DATASET_OF, Plugin, Probe, dataset_of
from interpret_training.recipe import Recipe, read_recipe
from interpret_training.results import Training
from interpret_training.splitting import split
from interpret_training.training import train

__all__ = ["GivenRecipe"]


def _recipe(value: Any) -> Any:
    """A recipe from its name, or from ``{like: NAME, …}`` with what differs from it."""
    if isinstance(value, str):
        return _known(value, {})
    if isinstance(value, Mapping) and "like" in value:
        return _known(str(value["like"]), {str(key): item for key, item in value.items() if key != "like"})
    return value


def _known(name: str, changes: Mapping[str, Any]) -> Recipe:
    try:
        return read_recipe(name, **changes)
    except InterpretError as error:
        raise ValueError(str(error)) from error


GivenRecipe = Annotated[Recipe, BeforeValidator(_recipe)]
"""A recipe, the name of one, or ``{like: NAME, epochs: 5}``."""


def _or_named(schema: dict[str, Any]) -> None:
    """Let editors accept the name of a recipe, and what differs from one, too."""
    given = {key: schema.pop(key) for key in ("$ref", "allOf") if key in schema}
    schema["anyOf"] = [{"type": "string"}, {"type": "object", "required": ["like"]}, given]


class Validated(Probe):
    """What probes that train have in common: a recipe, and images to validate on."""

    recipe: GivenRecipe = Field(
        Recipe(),
        description="A recipe that comes along (imagenet-zfnet, …), the path of a .yaml file, {like: NAME} "
        "with what differs from it, or every choice that is not the paper's.",
        json_schema_extra=_or_named,
    )
    validation: Annotated[Annotated[float, Field(gt=0, lt=1)] | dict[str, Any] | None, DATASET_OF] = Field(
        0.1,
        description="Images that decide when the rate falls and training ends: a share of every category, "
        "held out, or a dataset ({name: folder, path: …}); none: no such images.",
    )
    on_error: OnError = Field(
        "raise", description="What to do with images that cannot be read: raise, or skip and list them."
    )

    def nested(self) -> Sequence[Plugin]:
        """The validation dataset, if it is one of its own."""
        return [dataset_of(self.validation)] if isinstance(self.validation, Mapping) else []

    def parted(self, images: Images) -> tuple[Images, Images | None]:
        """The images to train on and those to validate on."""
        if isinstance(self.validation, Mapping):
            return images, dataset_of(self.validation).open()
        return split(images, self.validation, self.recipe.seed) if self.validation else (images, None)


class Train(Validated):
    """Trains the model's weights on the dataset, by a recipe (paper section 3)."""

    name: ClassVar[str] = "train"
    collective: ClassVar[bool] = True

    def run(self, network: Network, images: Images) -> Training:
        """Train a copy of the network; a step that was killed goes on where it was."""
        shown, checked = self.parted(as_images(images))
        return train(network, shown, self.recipe, validation=checked, folder=None, on_error=self.on_error)
