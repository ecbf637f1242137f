"""A network of the user's own: any ``nn.Module`` class that is installed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

import torch
from pydantic import AfterValidator, Field, JsonValue, field_validator
from torch import nn

from interpret.code import FORM, ImportPath, check_import_path, import_target, signature
from interpret.errors import InterpretError, ModelError, clause
from interpret.network import Network
from interpret.plugin import Device, plain_arguments
from interpret_zoo.image_model import ImageModel

LOADED_ELSEWHERE = {
    "transformers": "a folder that save_pretrained wrote is loaded as huggingface:FOLDER, and a model of the "
    "Hugging Face Hub as huggingface:OWNER/NAME"
}
"""How networks of libraries are named whose classes are not made of plain arguments."""


class Module(ImageModel):
    """A network of your own: any installed ``nn.Module`` class, such as ``target: "package.nets:Net"``.

    The target is a class that the module itself defines and that derives from ``nn.Module``; its source is
    judged before anything is imported. A function that is annotated ``-> nn.Module`` is called only if its
    package is allowed: ``interpret run … --allow PACKAGE`` or ``INTERPRET_ALLOW``.
    """

    name: ClassVar[str] = "module"
    after_colon: ClassVar[str] = "target"
    takes_import_path: ClassVar[bool] = True

    target: str = Field(
        json_schema_extra={"pattern": f"^{FORM}$"}, description='Module and class: "package.nets:Net".'
    )
    arguments: Annotated[dict[str, JsonValue], AfterValidator(plain_arguments)] = Field(
        {}, description="Arguments of the class, plain values."
    )

    @field_validator("target")
    @classmethod
    def _safe(cls, value: str) -> str:
        try:
            check_import_path(value)
        except InterpretError as error:
            raise ValueError(clause(error) + _elsewhere(value)) from error
        return value

    def imports(self) -> Sequence[ImportPath]:
        """The class, and the function that ``output`` names."""
        return [check_import_path(self.target), *super().imports()]

    def build(self) -> nn.Module:
        """The module as its class makes it."""
        maker = import_target(self.target)
        try:
            module = maker(**self.arguments)
        except InterpretError:
            raise
        except Exception as error:
            raise ModelError(
                f"{self.target}{signature(maker)} cannot be made with the arguments {self.arguments!s:.200}: "
                f"{type(error).__name__}: {clause(error):.500}{_elsewhere(self.target)}."
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


def _elsewhere(target: str) -> str:
    """How a network of another library is loaded, as the end of a sentence."""
    cure = LOADED_ELSEWHERE.get(target.partition(":")[0].partition(".")[0])
    return f". Of {target.partition('.')[0].partition(':')[0]}, {cure}" if cure else ""
