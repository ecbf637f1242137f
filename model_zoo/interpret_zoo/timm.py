"""Any of timm's networks by name."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import floor
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, ClassVar, get_args

import torch
from pydantic import AfterValidator, Field, JsonValue, field_validator
from torch import nn

from interpret.errors import InterpretError, ModelError, clause, suggest
from interpret.files import user_path
from interpret.images import Interpolation
from interpret.network import Network
from interpret.plugin import Device, plain_arguments
from interpret.weights import Weights, load_into, read_weights, weights_hash
from interpret_zoo.hub import fetched, optional
from interpret_zoo.image_model import ImageModel, Stated
from interpret_zoo.torchvision import download

log = logging.getLogger(__name__)

OWN = "pretrained"
"""What ``weights`` says to mean timm's own."""

HUB, FOLDER = ("hf_hub", "hf-hub"), "local-dir"
"""What stands before the colon of an architecture that timm itself does not list."""

FILES = {"pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "checkpoint_path", "cache_dir"}
"""Arguments of timm's ``create_model`` by which it reads and writes files."""

WEIGHTS_FILES = ("model.safetensors", "pytorch_model.bin")


@dataclass(frozen=True)
class Listed:
    """What timm, the Hub or a folder says of one network.

    Attributes:
        arch: The name of its builder in timm.
        config: Its ``pretrained_cfg``.
        arguments: Arguments of the builder.
        place: The folder, or the repository of the Hub; empty where timm lists it.
    """

    arch: str
    config: Mapping[str, Any]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    place: str = ""


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
        if self.given().resize is None and (padded := _padded(self.listed().config)):
            log.warning(
                "timm pads photographs with black for %s (%s); here they are scaled to fill the input. Give "
                "tensors of timm's own transform where that matters.",
                self.arch,
                padded,
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
        if size and listed.config.get("fixed_input_size") and size != _size(listed.config):
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


def library() -> ModuleType:
    """``timm``; importing it takes seconds, which only its users should wait."""
    return optional("timm", "timm", "The model timm")


def arch_flaw(value: str) -> str:
    """What is wrong with the name of a network, as the end of a sentence; empty if nothing is."""
    timm = library()
    source, colon, rest = value.partition(":")
    if colon:
        known = source in {*HUB, FOLDER} and rest
        return "" if known else f"must be a name of timm, {HUB[0]}:OWNER/NAME or {FOLDER}:FOLDER"
    if "/" in value:
        return f"must be a name of timm. Of the Hub write {HUB[0]}:{value}; of a folder {FOLDER}:{value}"
    arch, tag = timm.models.split_model_name_tag(value)
    if not timm.is_model(arch):
        return f"must be a network of timm. {suggest(arch, timm.list_models())}"
    names = [name.partition(".")[2] for name in timm.list_models(f"{arch}.*", pretrained=True)]
    if tag and tag not in names:
        return f"names weights {tag!r} that timm has not for {arch}. {suggest(tag, names)}"
    return ""


def look_up(arch: str) -> Listed:
    """What timm, the Hub or a folder says of a network.

    Raises:
        ModelError: If there is nothing, or what is there is no network of timm.
    """
    timm = library()
    source, colon, place = arch.partition(":")
    if not colon:
        name, _ = timm.models.split_model_name_tag(arch)
        config = timm.models.get_pretrained_cfg(arch, allow_unregistered=True)
        return Listed(name, config.to_dict() if config else {})
    if source == FOLDER:
        return _described(user_path(place) / "config.json", place)
    repository, _, revision = place.partition("@")
    path = fetched(repository, "config.json", revision)
    if path is None:
        raise ModelError(f"{repository} has no config.json: it is no network of timm.")
    return _described(path, place)


def _described(path: Path, place: str) -> Listed:
    """The network of a configuration that timm wrote."""
    try:
        config, arch, arguments = library().models._hub.load_model_config_from_path(path.parent)
        arguments = plain_arguments({k: v for k, v in (arguments or {}).items() if k not in FILES})
    except (OSError, ValueError, TypeError, KeyError, AttributeError, json.JSONDecodeError) as error:
        raise ModelError(
            f"{path} describes no network of timm: {type(error).__name__}: {clause(error):.200}. A model of "
            "transformers is loaded by the model huggingface."
        ) from error
    if not library().is_model(arch):
        raise ModelError(f"{path} asks for {arch!r:.100}, which timm {library().__version__} does not have.")
    kept = {key: value for key, value in config.items() if key not in {"file", "source", "url", "state_dict"}}
    return Listed(arch, kept, arguments, place)


def own_weights(listed: Listed, arch: str) -> Path:
    """The file of timm's own weights of a network, downloaded if it is not there yet.

    Raises:
        ModelError: If there is none, or it cannot be downloaded.
    """
    if listed.place and arch.startswith(FOLDER):
        folder = user_path(listed.place)
        found = next((folder / name for name in WEIGHTS_FILES if (folder / name).is_file()), None)
        if found is None:
            raise ModelError(f"{folder} holds no weights: {' or '.join(WEIGHTS_FILES)}.")
        return found
    repository, _, revision = (listed.place or listed.config.get("hf_hub_id") or "").partition("@")
    for name in WEIGHTS_FILES if repository else ():
        if path := fetched(repository, listed.config.get("hf_hub_filename") or name, revision):
            return path
    if url := listed.config.get("url"):
        return download(url, Path(torch.hub.get_dir()) / "checkpoints")
    names = library().list_models(f"{listed.arch}*", pretrained=True)
    raise ModelError(f"timm has no weights of its own for {arch}. {suggest(arch, names)}")


def input_stated(config: Mapping[str, Any], channels: int) -> Stated:
    """What a configuration of timm says of the input, for a number of channels.

    The crop is that of timm's ``transforms_imagenet_eval``: the shorter side is scaled to
    floor(size / crop_pct), and where ``crop_mode`` is ``squash`` both sides are.
    """
    found = library().data.resolve_data_config({}, pretrained_cfg=dict(config))
    size = (int(found["input_size"][1]), int(found["input_size"][2]))
    interpolation = next((name for name in get_args(Interpolation) if name == found["interpolation"]), None)
    return Stated(
        size,
        _for_channels(found["mean"], channels),
        _for_channels(found["std"], channels),
        floor(min(size) / found["crop_pct"]),
        interpolation=interpolation,
        squash=found["crop_mode"] == "squash",
    )


def _padded(config: Mapping[str, Any]) -> str:
    """What in a configuration makes timm pad photographs; empty if nothing does."""
    if config.get("crop_mode") == "border":
        return "crop_mode: border"
    share = float(config.get("crop_pct") or 1)
    return f"crop_pct: {share:g}" if share > 1 and config.get("crop_mode") != "squash" else ""


def _for_channels(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    """One value for each channel; where there are others than the configuration has, the middle of its."""
    return tuple(values) if len(values) == channels else (sum(values) / len(values),) * channels


def category_names(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the outputs: the configuration's own, or those of the ImageNet that has so many."""
    names = config.get("label_names")
    described = config.get("label_descriptions") or {}
    count = config.get("num_classes")
    if isinstance(names, list | tuple) and len(names) == count:
        return tuple(str(described.get(name, name)) for name in names)
    data = library().data
    subset = data.infer_imagenet_subset({"num_classes": count})
    return tuple(data.ImageNetInfo(subset).label_descriptions()) if subset else ()


def stage_aliases(module: nn.Module) -> dict[str, str]:
    """``stage0``, ``stage1``, …: the modules of timm's ``feature_info``; names the network has are kept."""
    info = getattr(module, "feature_info", None) or []
    items = info if isinstance(info, list) else getattr(info, "info", [])
    known = dict(module.named_modules())
    aliases: dict[str, str] = {}
    for index, item in enumerate(items):
        name, alias = str(item.get("module", "")), f"stage{index}"
        if name in known and alias not in known and name not in aliases.values():
            aliases[alias] = name
    return aliases


def _size(config: Mapping[str, Any]) -> tuple[int, int]:
    size = config.get("input_size", (3, 224, 224))
    return (int(size[1]), int(size[2]))


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
