"""Any of timm's networks by name."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from math import floor
from typing import Annotated, Any, ClassVar

import torch
from pydantic import AfterValidator, Field, JsonValue, field_validator
from torch import nn

from interpret.errors import InterpretError, ModelError, clause
from interpret.network import Network
from interpret.plugin import Device, plain_arguments
from interpret.weights import Weights, load_into, read_weights, weights_hash
from interpret_zoo.image_model import ImageModel, Stated
from interpret_zoo.timm_configs import (
    FILES,
    Listed,
    arch_flaw,
    category_names,
    config_size,
    input_stated,
    labels_flaw,
    library,
    look_up,
    own_weights,
    padding,
    require_channels,
    stage_aliases,
)

log = logging.getLogger(__name__)

OWN = "pretrained"
"""What ``weights`` says to mean timm's own."""


class Timm(ImageModel):
    """Any of timm's networks, such as ``arch: convnext_tiny`` or ``arch: resnet50.a1_in1k``.

    The part after the dot says which of timm's own weights are meant; their size, mean, crop and
    interpolation are the network's input. ``hf_hub:OWNER/NAME`` is a timm network of the Hugging Face Hub,
    ``local-dir:FOLDER`` one that was saved for it. ``weights`` is a file (safetensors or .pth), or
    ``pretrained``: timm's own, downloaded once. ``stage0``, ``stage1``, … are the layers that timm's
    ``features_only`` gives by that index.
    """

    name: ClassVar[str] = "timm"
    after_colon: ClassVar[str] = "arch"
    max_bytes: ClassVar[int] = 8 * 2**30

    removed_parameters: ClassVar[Mapping[str, str]] = {
        "pretrained": "Write weights: pretrained.",
        "num_classes": "Write categories: their number, or their names.",
        "checkpoint_path": "Write weights: the file.",
        "in_chans": "Write mean and std, one value for each channel, or arguments: {in_chans: 1}.",
        "img_size": "Write input_size.",
    }

    arch: str = Field(description="Name of the network in timm, such as resnet50 or convnext_tiny.fb_in22k.")
    arguments: Annotated[dict[str, JsonValue], AfterValidator(plain_arguments)] = Field(
        {}, description="Further arguments of timm's create_model, such as {img_size: 256}."
    )

    @field_validator("arch")
    @classmethod
    def _known_arch(cls, value: str) -> str:
        if flaw := arch_flaw(value):
            raise ValueError(flaw)
        return value

    @field_validator("arguments")
    @classmethod
    def _numbers_and_no_files(cls, value: dict[str, JsonValue]) -> dict[str, JsonValue]:
        if taken := FILES.intersection(value):
            raise ValueError(f"{min(taken)!r} is no argument here: files are read by 'weights' alone")
        for name, least in (("num_classes", 0), ("in_chans", 1)):
            given = value.get(name, least)
            if not isinstance(given, int) or given < least:
                raise ValueError(f"{name!r} must be a whole number from {least}")
        return value

    def build(self) -> nn.Module:
        """The network as timm makes it: initialised, or with its own weights."""
        listed, own = self.listed(), self.weights == OWN
        arguments = {**listed.arguments, **self._arguments(listed), **self.arguments}
        overlay = self._own_file(listed) if own else {}
        try:
            module: nn.Module = library().create_model(
                listed.arch,
                pretrained=own,
                pretrained_cfg=dict(listed.config),
                pretrained_cfg_overlay=overlay,
                **arguments,
            )
        except InterpretError:
            raise
        except Exception as error:
            raise ModelError(
                f"timm cannot build {self.arch} with {arguments!s:.500}: {type(error).__name__}: "
                f"{clause(error)!s:.500}."
            ) from error
        return module

    def load(self, device: Device = "auto", seed: int = 0) -> Network:
        """The network in eval mode."""
        network = super().load(device, seed)
        if self.given().resize is None and (padded := padding(self.listed().config)):
            log.warning(
                "timm pads photographs with black for %s (%s); here they are scaled to fill the input. Give "
                "tensors of timm's own transform where that matters.",
                self.arch,
                padded,
            )
        flaw = labels_flaw(self.listed().config)
        if flaw and self.weights is not None and self.categories is None:
            log.warning(
                "The configuration of %s has %s: its names are left out. Give 'categories'.", self.arch, flaw
            )
        return network

    def listed(self) -> Listed:
        """What is said of the network where it is listed."""
        return look_up(self.arch)

    def aliases(self, module: nn.Module) -> Mapping[str, str]:
        """``stage0``, ``stage1``, …: what timm's ``features_only`` gives by that index."""
        return stage_aliases(module)

    def given(self) -> Stated:
        """What the parameters say; the crop keeps its share of another size."""
        given = super().given()
        given = replace(given, size=given.size or self._image_size())
        if given.size and not given.resize:
            share = float(self.listed().config.get("crop_pct") or 1)
            given = replace(given, resize=floor(min(given.size) / share))
        return given

    def known(self) -> Stated:
        """What the file says about itself, or the categories of the weights timm has."""
        stated = Stated() if self.weights in {None, OWN} else super().known()
        return stated if self.weights is None else stated.or_else(Stated(categories=self._category_names()))

    def usual(self) -> Stated:
        """Size, mean, crop and interpolation of timm's configuration."""
        if self.mean is None or self.std is None:
            require_channels(self.listed().config)
        return input_stated(self.listed().config, self._channels())

    def weights_names(self) -> list[str]:
        """``pretrained``."""
        return [OWN]

    def load_weights(self, module: nn.Module) -> None:
        """Put in the weights of a file; timm's own are there already."""
        if self.weights in {None, OWN}:
            return
        weights = read_weights(str(self.weights), sha256=self.sha256 or "", names=module.state_dict().keys())
        try:
            load_into(module, weights)
        except ModelError:
            if (converted := _converted(weights, module)) is None:
                raise
            load_into(module, converted)

    def _arguments(self, listed: Listed) -> dict[str, Any]:
        """Number of outputs and channels, and the size where the network is built for one."""
        size = self.stated().size
        arguments: dict[str, Any] = {"num_classes": self._outputs(listed)}
        if (channels := len(self.stated().mean or ())) != listed.config.get("input_size", (3,))[0]:
            arguments["in_chans"] = channels
        if size and listed.config.get("fixed_input_size") and size != config_size(listed.config):
            arguments["img_size"] = size
        return arguments

    def _outputs(self, listed: Listed) -> int:
        usual = int(self.arguments.get("num_classes", listed.config.get("num_classes", 1000)))
        found = self.count(usual)
        if self.categories is not None and "num_classes" in self.arguments and found != usual:
            raise ModelError(f"'categories' says {found} outputs and 'arguments' say {usual}: leave one out.")
        if self.weights == OWN and found != usual:
            raise ModelError(
                f"timm's own weights of {self.arch} have {usual} outputs, and 'categories' says {found}: "
                "that many would be untrained. Leave 'categories' out; for the network without its "
                "classifier write arguments: {num_classes: 0}."
            )
        return found

    def _own_file(self, listed: Listed) -> dict[str, Any]:
        """Where timm finds its own weights on this machine, as a part of its configuration."""
        path, custom = own_weights(listed, self.arch), False
        if listed.config.get("custom_load") and path.suffix == ".npz":
            custom = bool(listed.config["custom_load"])
        if self.sha256 and not weights_hash(path).startswith(self.sha256.lower()):
            raise ModelError(
                f"{path} is not the expected file: its sha256 is {weights_hash(path)}, expected "
                f"{self.sha256}. Correct the hash, or take the file out of the cache."
            )
        return {"file": str(path), "custom_load": custom, "source": "file"}

    def _image_size(self) -> tuple[int, int] | None:
        """The size that the arguments of timm say."""
        size = self.arguments.get("img_size")
        if isinstance(size, int):
            return (size, size)
        return (int(size[0]), int(size[1])) if isinstance(size, list) and len(size) == 2 else None  # type: ignore[arg-type]

    def _channels(self) -> int:
        """Channels of the input."""
        given = self.mean or self.std
        asked = self.arguments.get("in_chans")
        return len(given) if given else asked if isinstance(asked, int) else 3

    def _category_names(self) -> tuple[str, ...]:
        config = self.listed().config
        outputs = self.arguments.get("num_classes", config.get("num_classes"))
        return category_names({**config, "num_classes": outputs})


def _converted(weights: Weights, module: nn.Module) -> Weights | None:
    """Weights as their authors published them, renamed by timm's own function for the network."""
    convert = getattr(sys.modules[type(module).__module__], "checkpoint_filter_fn", None)
    if convert is None:
        return None
    try:
        tensors = convert(dict(weights.tensors), module)
    except Exception:  # noqa: BLE001 - it was written for other files: what is wrong is said of the file itself
        return None
    tensors = {name: item for name, item in tensors.items() if isinstance(item, torch.Tensor)}
    fits = module.state_dict().keys() <= tensors.keys() | _unneeded(module)
    return replace(weights, tensors=tensors) if fits else None


def _unneeded(module: nn.Module) -> set[str]:
    return {name for name in module.state_dict() if re.search(r"num_batches_tracked$", name)}
