"""What the bundled models share: an input and categories that are given, stated by the weights, or usual."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import Field, field_serializer, field_validator, model_validator

from interpret.arguments import as_channels
from interpret.code import ImportPath
from interpret.errors import InterpretError, ModelError, UnknownNameError, clause
from interpret.files import parse_json, read_text, user_path
from interpret.images import InputSpec, Interpolation
from interpret.modules import OutputKind
from interpret.network import LayoutKind, require_layouts
from interpret.plugin import Card, Model
from interpret.weights import read_metadata
from interpret_zoo.outputs import OutputFunction, OutputParameter, as_output_parameter, made_output

LARGEST_SIDE = 2**13
"""Pixels of a side that weights may state."""

LARGEST = 2**24
"""Bytes of a file of categories that are read."""


MAX_SIDE = 4096
"""Pixels of a side; an image of 4096 x 4096 takes the largest networks several GB for each layer."""

MAX_CATEGORIES = 1_000_000


@dataclass(frozen=True)
class Stated:
    """What is said about a network's input and outputs somewhere; None where nothing is said."""

    size: tuple[int, int] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    resize: int | None = None
    categories: tuple[str, ...] | None = None
    interpolation: Interpolation | None = None
    squash: bool | None = None

    def or_else(self, other: Stated) -> Stated:
        """This, filled up with what the other says; ``resize`` belongs to the size it came with."""
        return Stated(
            self.size or other.size,
            self.mean or other.mean,
            self.std or other.std,
            self.resize or (None if self.size else other.resize),
            self.categories if self.categories is not None else other.categories,
            self.interpolation or other.interpolation,
            self.squash if self.squash is not None else other.squash,
        )


class ImageModel(Model):
    """A model whose input and categories can be given, stated by its weights file, or usual for it."""

    input_size: int | tuple[int, int] | None = Field(
        None,
        description="Height and width in pixels, or one number for both; none: as the weights say.",
    )
    mean: tuple[float, ...] | None = Field(
        None,
        min_length=1,
        max_length=1024,
        description="Mean of each channel in pixel units [0, 1]; none: as the weights say.",
    )
    std: tuple[float, ...] | None = Field(
        None,
        min_length=1,
        max_length=1024,
        description="Standard deviation of each channel in pixel units; none: as the weights say.",
    )
    resize: int | None = Field(
        None,
        ge=1,
        le=16_384,
        description="Shorter side of a photograph before the crop; none: 256/224 of the input.",
    )
    interpolation: Interpolation | None = Field(
        None, description="How it is scaled there; none: as the weights say, else bilinear."
    )
    squash: bool | None = Field(
        None,
        description="Whether it is scaled to the input's shape, whatever its own; none: as the weights say.",
    )
    categories: int | list[str] | str | None = Field(
        None,
        description="Number of outputs, their names, or a file of names; none: as the weights say.",
    )

    output: OutputParameter = Field(
        None,
        description="What of the things the network returns is (n, classes): a key, an attribute, an index, "
        "a list of these, or {name: mean_over_image | max_over_image | best_score | function, …}.",
    )

    output_kind: OutputKind | None = Field(
        None,
        description="What its numbers are; values (of a regression) have no probability; none: as found.",
    )

    layouts: dict[str, LayoutKind | dict[str, str | int | list[int] | list[str]] | None] = Field(
        {},
        description="How layers are maps, by name, where that is not found by itself: nchw, nhwc, tokens, or "
        "{kind: tokens, grid: [rows, columns], before: 1}; null leaves what a layer returns as it is.",
    )

    shown_channels: tuple[Annotated[int, Field(ge=0, le=1023)], ...] | None = Field(
        None,
        min_length=1,
        max_length=3,
        description="Channels that figures show: one in grey, or three as colours; none: the first.",
    )

    @field_validator("output", mode="plain", json_schema_input_type=OutputParameter)
    @classmethod
    def _some_output(cls, value: Any) -> OutputParameter:
        return as_output_parameter(value)

    @field_validator("layouts")
    @classmethod
    def _some_layouts(cls, value: dict[str, Any]) -> dict[str, Any]:
        try:
            require_layouts(value)
        except InterpretError as error:
            raise ValueError(str(error)) from None
        return value

    @field_serializer("output")
    def _written_output(self, value: OutputParameter) -> Any:
        return value.model_dump(mode="json") if isinstance(value, OutputFunction) else value

    @field_validator("input_size")
    @classmethod
    def _height_and_width(cls, value: int | tuple[int, int] | None) -> tuple[int, int] | None:
        size = None if value is None else _pair(value)
        if size and not 1 <= min(size) <= max(size) <= MAX_SIDE:
            raise ValueError(f"must be 1 to {MAX_SIDE:,} pixels")
        return size

    @field_validator("categories")
    @classmethod
    def _some(cls, value: int | list[str] | str | None) -> int | list[str] | str | None:
        if value == [] or (isinstance(value, int) and value < 1):
            raise ValueError("must be at least one")
        if isinstance(value, int) and value > MAX_CATEGORIES:
            raise ValueError(f"must be at most {MAX_CATEGORIES:,}")
        return value

    @field_validator("shown_channels")
    @classmethod
    def _one_or_three(cls, value: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if value is not None and len(value) not in {1, 3}:
            raise ValueError("must be one channel, shown in grey, or three, shown as red, green and blue")
        return value

    @model_validator(mode="after")
    def _channels_agree(self) -> ImageModel:
        if self.mean is not None and self.std is not None and len(self.mean) != len(self.std):
            raise ValueError(f"'mean' has {len(self.mean)} channels and 'std' has {len(self.std)}")
        if self.std is not None and min(self.std) <= 0:
            raise ValueError("'std' must be greater than 0")
        try:
            as_channels(self.mean or (0,), (1,) * len(self.mean or (0,)))
            as_channels((0,) * len(self.std or (1,)), self.std or (1,))
        except ModelError as error:
            raise ValueError(str(error)) from None
        return self

    def card(self) -> Card:
        """Its input specification and categories."""
        stated = self.stated()
        return Card(
            self.input_spec(stated),
            stated.categories or (),
            output=made_output(self.output),
            output_kind=self.output_kind,
            layouts=self.layouts,
        )

    def input_spec(self, stated: Stated) -> InputSpec:
        """What it takes, and which channels of it are shown."""
        spec = _input_spec(stated)
        return spec if self.shown_channels is None else replace(spec, shown_channels=self.shown_channels)

    def imports(self) -> Sequence[ImportPath]:
        """The function that ``output`` names, if it does."""
        own = self.output.imports() if isinstance(self.output, OutputFunction) else ()
        return [*super().imports(), *own]

    def stated(self) -> Stated:
        """What the parameters say, else what the weights say, else what is usual."""
        return self.given().or_else(self.known()).or_else(self.usual())

    def given(self) -> Stated:
        """What the parameters say."""
        size = None if self.input_size is None else _pair(self.input_size)
        return Stated(size, self.mean, self.std, self.resize, self._names(), self.interpolation, self.squash)

    def known(self) -> Stated:
        """What is known of the weights; here, what their file says about itself."""
        if self.weights is None:
            return Stated()
        if self.weights.isidentifier() and not Path(self.weights).exists():
            raise UnknownNameError("weights file or name of weights", self.weights, self.weights_names())
        return read_stated(self.weights)

    def weights_names(self) -> list[str]:
        """The names that ``weights`` can be besides a path."""
        return []

    def usual(self) -> Stated:
        """What holds where nothing else is said."""
        usual = InputSpec()
        return Stated(usual.size, usual.mean, usual.std)

    def count(self, usual: int) -> int:
        """Number of outputs; ``usual`` where nothing is said."""
        if isinstance(self.categories, int):
            return self.categories
        return len(self.stated().categories or ()) or usual

    def _names(self) -> tuple[str, ...] | None:
        if isinstance(self.categories, str):
            return read_categories(self.categories)
        if isinstance(self.categories, list):
            return tuple(self.categories)
        return None if self.categories is None else ()


def read_categories(path: str | Path) -> tuple[str, ...]:
    """The names in a text file (one a line) or JSON file (a list, or names by index).

    Raises:
        ModelError: If the file cannot be read or holds something else.
    """
    path = user_path(path)
    try:
        text = read_text(path, LARGEST)
        is_json = path.suffix.lower() == ".json"
        names = _json_names(parse_json(text.encode())) if is_json else text.splitlines()
    except (OSError, ValueError, TypeError, KeyError, IndexError) as error:
        raise ModelError(
            f"The categories in {path} cannot be read ({type(error).__name__}: {clause(error)}). "
            'Give a text file with one name a line, or JSON: ["tench", …] or {"0": "tench", …}.'
        ) from error
    found = tuple(name.strip() for name in names if name.strip())
    if not found:
        raise ModelError(f"{path} holds no categories.")
    return found


def _json_names(content: Any) -> list[str]:
    """A list of names, names by index, or ImageNet's [number, name] by index."""
    if isinstance(content, Mapping):
        content = [content[str(index)] for index in range(len(content))]
    if not isinstance(content, list):
        raise TypeError("names must be a list")
    names = [item[-1] if isinstance(item, list) else item for item in content]
    if not all(isinstance(name, str) for name in names):
        raise TypeError("names must be text")
    return names


def read_stated(path: str | Path) -> Stated:
    """What a safetensors file says about its input and categories; nothing for other formats.

    Keys are ``input_size``, ``mean`` (or ``mean_rgb``), ``std`` (or ``std_rgb``) and ``resize``, with commas
    between numbers, ``interpolation``, a name, ``squash``, true or false, and ``categories``, a JSON list.

    Raises:
        ModelError: If the file is missing or broken, or a value is no number.
    """
    said = read_metadata(path)
    try:
        size, resize = _sides(said.get("input_size")), _sides(said.get("resize"))
        std = _numbers(said.get("std", said.get("std_rgb")))
        if std and min(std) <= 0:
            raise ValueError("'std' must be greater than 0")
        return Stated(
            (size[0], size[-1]) if size else None,
            _numbers(said.get("mean", said.get("mean_rgb"))),
            std,
            resize[0] if resize else None,
            tuple(_json_names(parse_json(said["categories"].encode()))) if "categories" in said else None,
            _interpolation(said.get("interpolation")),
            _truth(said.get("squash")),
        )
    except (ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
        raise ModelError(f"The metadata of {path} cannot be read: {clause(error)}.") from error


def _interpolation(name: str | None) -> Interpolation | None:
    found = next((known for known in get_args(Interpolation) if known == name), None)
    if name and not found:
        raise ValueError(f"interpolation {name!r} is none of {', '.join(get_args(Interpolation))}")
    return found


def _truth(text: str | None) -> bool | None:
    if text not in {None, "true", "false"}:
        raise ValueError(f"squash {text!r} is neither true nor false")
    return None if text is None else text == "true"


def _numbers(text: str | None) -> tuple[float, ...] | None:
    found = tuple(float(number) for number in text.strip("()[] ").split(",")) if text else None
    if found and not all(map(isfinite, found)):
        raise ValueError(f"{text!r} is not finite")
    return found


def _sides(text: str | None) -> tuple[int, ...] | None:
    """Lengths in pixels: one, or height and width, also behind the number of channels."""
    found = _numbers(text)
    if found and (len(found) > 3 or not all(n == int(n) and 1 <= n <= LARGEST_SIDE for n in found)):
        raise ValueError(f"{text!r} is no length in pixels, from 1 to {LARGEST_SIDE}")
    return tuple(map(int, found[-2:])) if found else None


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size


def _input_spec(stated: Stated) -> InputSpec:
    default = InputSpec()
    mean, std = stated.mean or default.mean, stated.std or default.std
    if len(mean) != len(std):
        raise ModelError(f"'mean' has {len(mean)} channels and 'std' has {len(std)}: give both.")
    size = stated.size or default.size
    if not 1 <= min(size) <= max(size) <= LARGEST_SIDE or not 1 <= (stated.resize or 1) <= 2 * LARGEST_SIDE:
        raise ModelError(
            f"The model's files say that images are scaled to {stated.resize} and cropped to {size} pixels; "
            f"sides are 1 to {LARGEST_SIDE:,}. Say what is right: input_size and resize."
        )
    return InputSpec(
        size,
        *as_channels(mean, std),
        stated.resize,
        stated.interpolation or default.interpolation,
        squash=bool(stated.squash),
    )
