"""The parameter ``output`` of models: what of the things a network returns is (n, classes)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from interpret.code import ImportPath, check_function_path, import_function
from interpret.errors import InterpretError, clause, suggest
from interpret.modules import BestScore, Key, MaxOverImage, MeanOverImage, Output, require_output

MAX_CLASSES = 1_000_000

Keys: TypeAlias = Annotated[list[Key], Field(min_length=1, max_length=16)]
"""Keys that lead inside, from outside."""

_OF = "The map (n, classes, h, w): a key, an attribute, an index, or a list of these; none: logits or out."
_WHERE = "image, or a box [left, top, right, bottom] in pixels of the map"


class OutputFunction(BaseModel):
    """A function that makes (n, classes) of what a network returns."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @abstractmethod
    def make(self) -> Callable[[Any], Tensor]:
        """The function."""

    def check(self) -> None:
        """Refuse parameters that make no function.

        Raises:
            ModelError: If they do not.
        """
        self.make()

    def imports(self) -> Sequence[ImportPath]:
        """What it imports because a parameter names it."""
        return ()


class MeanOutput(OutputFunction):
    """The mean of each class's map: what a segmenter says of the class."""

    name: Literal["mean_over_image"]
    of: Key | Keys | None = Field(None, description=_OF)
    where: Literal["image", "predicted"] | list[int] = Field(
        "image", description=f"{_WHERE}, or predicted: other classes' pixels count as 0."
    )

    def make(self) -> MeanOverImage:
        """The function."""
        return MeanOverImage(of=self.of, where=self.where)  # type: ignore[arg-type]  # lists are boxes


class MaxOutput(OutputFunction):
    """The maximum of each class's map: the pixel that is surest of it."""

    name: Literal["max_over_image"]
    of: Key | Keys | None = Field(None, description=_OF)
    where: Literal["image"] | list[int] = Field("image", description=f"{_WHERE}.")

    def make(self) -> MaxOverImage:
        """The function."""
        return MaxOverImage(of=self.of, where=self.where)  # type: ignore[arg-type]  # lists are boxes


class ScoreOutput(OutputFunction):
    """The best score of each class over a detector's boxes, 0 where it finds none."""

    name: Literal["best_score"]
    classes: int = Field(ge=1, le=MAX_CLASSES, description="How many classes there are, with the background.")
    near: list[int] | None = Field(
        None, description="Only boxes around this one count: [left, top, right, bottom] in pixels."
    )
    iou: float = Field(0.5, ge=0, le=1, description="How much of both boxes must be common, as a share.")

    def make(self) -> BestScore:
        """The function."""
        return BestScore(classes=self.classes, near=self.near, iou=self.iou)  # type: ignore[arg-type]


class ImportedOutput(OutputFunction):
    """A function of yours, from a package that is allowed."""

    name: Literal["function"]
    target: str = Field(description='Module and function: "package.outputs:scores".')

    def make(self) -> Callable[[Any], Tensor]:
        """The function."""
        return import_function(self.target)

    def check(self) -> None:
        """Refuse what the source or the user does not allow; nothing is imported.

        Raises:
            ModelError: If it is refused.
        """
        check_function_path(self.target)

    def imports(self) -> Sequence[ImportPath]:
        """The function."""
        return [check_function_path(self.target)]


OutputParameter: TypeAlias = Key | Keys | MeanOutput | MaxOutput | ScoreOutput | ImportedOutput | None
"""What models take as ``output``."""

_KINDS: Mapping[str, type[OutputFunction]] = {
    "mean_over_image": MeanOutput,
    "max_over_image": MaxOutput,
    "best_score": ScoreOutput,
    "function": ImportedOutput,
}


def as_output_parameter(value: Any) -> OutputParameter:
    """The parameter ``output`` from what a pipeline says.

    Raises:
        ValueError: If it is no key, attribute, index, list of these or function by name.
    """
    if isinstance(value, OutputFunction) or not isinstance(value, Mapping):
        try:
            require_output(None if isinstance(value, OutputFunction) else value)
        except InterpretError as error:
            raise ValueError(_FORMS) from error
        if callable(value):
            raise ValueError(
                f"{_FORMS}; in Python give functions to interpret.wrap(network.module, output=…)"
            )
        return value  # type: ignore[return-value]  # what it may be has been tested
    return _function(dict(value))


_FORMS = (
    "must be a key, an attribute's name, an index, a list of these, or a function by name, such as "
    "{name: mean_over_image} (" + ", ".join(_KINDS) + ")"
)


def _function(given: dict[str, Any]) -> OutputParameter:
    kind = _KINDS.get(str(given.get("name")))
    if kind is None:
        raise ValueError(f"{_FORMS}. {suggest(str(given.get('name', '')), [*_KINDS])}")
    try:
        found = kind.model_validate(given)
        found.check()
    except ValidationError as error:
        raise ValueError(_explained(kind, error)) from None
    except InterpretError as error:
        raise ValueError(f"must make a function, and {given['name']} does not: {clause(error)}") from error
    return found  # type: ignore[return-value]  # one of those listed


def _explained(kind: type[OutputFunction], error: ValidationError) -> str:
    """The first mistake in the parameters of a function."""
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    known = [item for item in kind.model_fields if item != "name"]
    if first["type"] == "extra_forbidden":
        return f"must not have {name!r}. {suggest(name, known)}"
    if first["type"] == "missing":
        return f"must have {name!r}: {_said(kind, name)}"
    return f"must have another {name!r}: {_said(kind, name)}"


def _said(kind: type[OutputFunction], name: str) -> str:
    """What a parameter is, as the end of a sentence."""
    said = (kind.model_fields[name].description or "").rstrip(".")
    return said[:1].lower() + said[1:]


def made_output(parameter: OutputParameter) -> Output:
    """What ``interpret.wrap`` takes as ``output``.

    Raises:
        ModelError: If a function cannot be imported.
    """
    return parameter.make() if isinstance(parameter, OutputFunction) else parameter
