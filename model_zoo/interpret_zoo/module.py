"""A network of the user's own: any ``nn.Module`` that is installed."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any, ClassVar, TypeAlias, get_type_hints

import torch
from pydantic import Field, JsonValue
from torch import nn

from interpret.errors import ModelError, suggest
from interpret.interfaces import Device
from interpret.network import Network
from interpret_zoo.image_model import ImageModel

Maker: TypeAlias = Callable[..., nn.Module]


class Module(ImageModel):
    """A network of your own: any installed ``nn.Module``, such as ``target: "package.nets:Net"``.

    The target is an ``nn.Module`` class, or a function whose return type is annotated as one. Nothing else is
    called, so a pipeline file cannot run arbitrary functions.
    """

    name: ClassVar[str] = "module"

    target: str = Field(
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$",
        description='Module and class, or function that returns one: "package.nets:Net".',
    )
    arguments: dict[str, JsonValue] = Field(
        {}, description="Arguments of the class or function, plain values."
    )

    def build(self) -> nn.Module:
        """The module as its class makes it."""
        maker = find_maker(self.target)
        try:
            module = maker(**self.arguments)
        except Exception as error:
            raise ModelError(
                f"{self.target}{_signature(maker)} cannot be made with the arguments {self.arguments}: "
                f"{type(error).__name__}: {error}."
            ) from error
        if not isinstance(module, nn.Module):
            raise ModelError(f"{self.target} returned a {type(module).__name__}, not an nn.Module.")
        return module

    def load(self, device: Device = "auto", seed: int = 0) -> Network:
        """The network in eval mode; its outputs must be as many as its categories."""
        network = super().load(device, seed)
        outputs = network(torch.zeros(1, *network.input.shape)).shape[-1] if self.categories else None
        if self.categories and outputs != self.count(0):
            raise ModelError(f"{self.target} has {outputs} outputs, but 'categories' says {self.count(0)}.")
        return network


def find_maker(target: str) -> Maker:
    """The ``nn.Module`` class that ``"package.nets:Net"`` names, or the function annotated to return one.

    Raises:
        ModelError: If it cannot be imported, is not there, or is anything else.
    """
    module_name, _, name = target.partition(":")
    found: Any = _imported(module_name)
    for part in name.split("."):
        if not hasattr(found, part):
            raise ModelError(f"{module_name} has no {name!r}. {suggest(name, _makers(found))}")
        found = getattr(found, part)
    if not _makes_modules(found):
        raise ModelError(
            f"{target} is neither an nn.Module class nor a function annotated to return one (-> nn.Module), "
            "and nothing else is called. Name the class, or annotate the function."
        )
    maker: Maker = found
    return maker


def _imported(name: str) -> ModuleType:
    try:
        return import_module(name)
    except Exception as error:
        raise ModelError(
            f"The module {name!r} cannot be imported: {type(error).__name__}: {error}. "
            "Install its package into this environment, or put its folder on PYTHONPATH."
        ) from error


def _makes_modules(found: object) -> bool:
    if inspect.isfunction(found):
        try:
            found = get_type_hints(found).get("return")
        except (NameError, TypeError, AttributeError):  # annotations that cannot be read say nothing
            return False
    return isinstance(found, type) and issubclass(found, nn.Module)


def _makers(owner: object) -> list[str]:
    return [name for name, item in vars(owner).items() if not name.startswith("_") and _makes_modules(item)]


def _signature(maker: Maker) -> str:
    try:
        return str(inspect.signature(maker))
    except (TypeError, ValueError):
        return ""
