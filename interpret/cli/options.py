"""What options take: shares, parameters, models."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

if TYPE_CHECKING:
    from interpret.network.network import Network

F = TypeVar("F", bound=Callable[..., Any])
Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["float32", "bfloat16", "float16"]
MemoryFormat = Literal["contiguous", "channels_last"]


class ShardNumber(click.ParamType[tuple[int, int]]):
    """``i/n``: the i-th of n shares, from 1."""

    name = "i/n"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Text to the pair (i, n)."""
        parts = str(value).split("/")
        if (
            len(parts) == 2
            and all(part.isascii() and part.isdecimal() and len(part) < 10 for part in parts)
            and 1 <= int(parts[0]) <= int(parts[1])
        ):
            return int(parts[0]), int(parts[1])
        return self.fail(f"{value!r} is no share. Write 1/3, 2/3 and 3/3 for three processes.", param, ctx)


class Size(click.ParamType[tuple[int, int]]):
    """``96``, or rows and columns as ``96x128``."""

    name = "rows[xcolumns]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Text to the pair of rows and columns."""
        sides = str(value).lower().split("x")
        if len(sides) <= 2 and all(side.isascii() and side.isdecimal() and len(side) < 10 for side in sides):
            return int(sides[0]), int(sides[-1])
        return self.fail(f"{value!r} is no size. Write 224, or rows and columns: 240x320.", param, ctx)


class Option(click.ParamType[tuple[str, Any]]):
    """``NAME=VALUE``: a parameter of a plugin, with its value as YAML has it."""

    name = "name=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Text to the pair of name and value."""
        from interpret.pipeline.yamltext import read_value  # noqa: PLC0415 - only where an option is given

        name, sign, text = str(value).partition("=")
        if not (name.isidentifier() and sign):
            self.fail(f"{value!r} is no option. Write NAME=VALUE, such as workers=2.", param, ctx)
        return name, read_value(text)


@dataclass(frozen=True)
class ModelChoice:
    """A model as it is typed.

    Attributes:
        name: ``zfnet:scenes``, ``torchvision:resnet18``, ``package.nets:Net``.
        weights: A file of weights, or a name the model knows.
        parameters: Further parameters of the model.
        device: Where it computes.
        precision: What its forward passes multiply.
        memory_format: How their maps lie in memory.
    """

    name: str
    weights: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    device: Device = "auto"
    precision: Precision = "float32"
    memory_format: MemoryFormat = "contiguous"

    def load(self) -> Network:
        """The network, built, loaded and in eval mode.

        Raises:
            InterpretError: If there is no such model, or it cannot be loaded.
        """
        from interpret.plugin.library import load_model  # noqa: PLC0415 - imports torch

        given = {} if self.weights is None else {"weights": self.weights}
        _let_import_here(self.name)
        return load_model(
            self.name,
            device=self.device,
            precision=self.precision,
            memory_format=self.memory_format,
            **{**self.parameters, **given},
        )


def model_options(command: F) -> F:
    """Give a command ``--model``, ``--weights``, ``--model-option``, ``--device``, ``--precision`` and so on.

    It gets them as one argument, ``model``: a `ModelChoice`.
    """

    @wraps(command)
    def called(*args: Any, **given: Any) -> Any:
        parameters = dict(given.pop("model_parameters"))
        given["model"] = ModelChoice(
            given.pop("model_name"),
            given.pop("weights"),
            parameters,
            given.pop("device"),
            given.pop("precision"),
            given.pop("memory_format"),
        )
        return command(*args, **given)

    for option in reversed(_MODEL_OPTIONS):
        called = option(called)
    return called  # type: ignore[return-value]


_MODEL_OPTIONS = (
    click.option(
        "--model",
        "model_name",
        required=True,
        metavar="MODEL",
        help="Such as zfnet:scenes, torchvision:resnet18, or a class of your own, package.nets:Net.",
    ),
    click.option("--weights", metavar="FILE", help="Weights file, or a name the model knows."),
    click.option(
        "--model-option",
        "model_parameters",
        type=Option(),
        multiple=True,
        help="A parameter of the model, such as categories=10; as often as needed.",
    ),
    click.option(
        "--device",
        type=click.Choice(["auto", "cpu", "cuda", "mps"]),
        default="auto",
        show_default=True,
        help="Where it computes.",
    ),
    click.option(
        "--precision",
        type=click.Choice(["float32", "bfloat16", "float16"]),
        default="float32",
        show_default=True,
        help="What forward passes multiply; fewer bits are faster on cards made for them.",
    ),
    click.option(
        "--memory-format",
        type=click.Choice(["contiguous", "channels_last"]),
        default="contiguous",
        show_default=True,
        help="How maps lie in memory; channels_last is often faster.",
    ),
)


def _let_import_here(model: str) -> None:
    """Let ``mynets:Net`` be found in the current folder, behind all that is installed."""
    from interpret.code.sources import module_spec  # noqa: PLC0415 - imports torch
    from interpret.plugin.discovery import registry  # noqa: PLC0415 - imports torch

    head, colon, _ = model.partition(":")
    top = head.partition(".")[0]
    if colon and top.isidentifier() and head not in registry().models and module_spec(top) is None:
        here = Path.cwd()
        if (here / top).is_dir() or (here / f"{top}.py").is_file():
            sys.path.append(str(here))
