"""What timm, the Hub or a folder says of a network: its builder, its input, its own weights, its stages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import floor
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import torch
from torch import nn

from interpret.errors import ModelError, clause, suggest
from interpret.files import user_path
from interpret.images import Interpolation
from interpret.plugin import plain_arguments
from interpret_zoo.hub import fetched, optional
from interpret_zoo.image_model import Stated
from interpret_zoo.torchvision import download

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


def padding(config: Mapping[str, Any]) -> str:
    """What in a configuration makes timm pad photographs; empty if nothing does."""
    if config.get("crop_mode") == "border":
        return "crop_mode: border"
    share = float(config.get("crop_pct") or 1)
    return f"crop_pct: {share:g}" if share > 1 and config.get("crop_mode") != "squash" else ""


def require_channels(config: Mapping[str, Any]) -> None:
    """Refuse a mean or deviation that is neither one number nor one for each channel of the configuration.

    Raises:
        ModelError: If it is.
    """
    channels = config.get("input_size", (3,))[0]
    for name in ("mean", "std"):
        values = config.get(name)
        if isinstance(values, list | tuple) and len(values) not in {1, channels}:
            raise ModelError(
                f"The configuration of timm says {name} {tuple(values)!s:.200} for {channels} channels. "
                "Give mean and std as parameters, one number for each channel."
            )


def labels_flaw(config: Mapping[str, Any]) -> str:
    """What is wrong with the names of the outputs in a configuration; empty if nothing is."""
    names, count = config.get("label_names"), config.get("num_classes")
    if not isinstance(names, list | tuple) or len(names) == count:
        return ""
    return f"{len(names)} label_names for num_classes {count}"


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


def config_size(config: Mapping[str, Any]) -> tuple[int, int]:
    """Height and width of the input."""
    size = config.get("input_size", (3, 224, 224))
    return (int(size[1]), int(size[2]))
