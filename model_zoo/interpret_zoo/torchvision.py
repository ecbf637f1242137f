"""Any of torchvision's classifiers, segmenters and detectors by name."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import torch
from pydantic import AfterValidator, Field, JsonValue, field_validator
from torch import nn

from interpret.errors import ModelError, clause
from interpret.plugin import plain_arguments
from interpret.weights import Weights, load_into, read_weights
from interpret_zoo.image_model import ImageModel, Stated
from interpret_zoo.torchvision_kinds import (
    ZERO_EPSILON,
    Kind,
    arch_flaw,
    kind_of,
    networks,
    take_zero_epsilon,
    usual_side,
)

if TYPE_CHECKING:
    from torchvision.models import WeightsEnum

AUXILIARY = ("aux1.", "aux2.", "AuxLogits.", "aux_classifier.")
"""Heads that GoogLeNet, Inception and segmenters have for training only."""


class Torchvision(ImageModel):
    """Any of torchvision's networks of images, such as ``arch: resnet50`` or ``arch: fcn_resnet50``.

    Layers of segmenters and detectors need nothing else; who asks about a class says by ``output`` what of
    their maps or boxes is meant.

    ``weights`` is a file (safetensors or .pth), or the name of torchvision's own, such as IMAGENET1K_V1,
    which are downloaded once. A file that torchvision published is known by its name, which holds its hash.
    """

    name: ClassVar[str] = "torchvision"
    after_colon: ClassVar[str] = "arch"

    arch: str = Field(description="Name of the network in torchvision.models, such as resnet18.")
    arguments: Annotated[dict[str, JsonValue], AfterValidator(plain_arguments)] = Field(
        {}, description="Further arguments of torchvision's builder."
    )

    @field_validator("arch")
    @classmethod
    def _known_arch(cls, value: str) -> str:
        if flaw := arch_flaw(value):
            raise ValueError(flaw)
        return value

    def build(self) -> nn.Module:
        """The network as torchvision initialises it."""
        usual = len(_names(self._default_weights())) if self.kind != "classifier" else 1000
        arguments = self._usual_arguments() | {"num_classes": self.count(usual)} | self.arguments
        try:
            module: nn.Module = networks().get_model(self.arch, weights=None, **arguments)
        except (TypeError, ValueError, RuntimeError, AssertionError) as error:
            raise ModelError(
                f"torchvision cannot build {self.arch} with {arguments}: {clause(error)}."
            ) from error
        return module

    def _usual_arguments(self) -> dict[str, Any]:
        """What torchvision passes itself where it loads weights, and what depends on the input size."""
        if self.kind != "classifier":
            return {"weights_backbone": None}
        if self.arch in {"googlenet", "inception_v3"}:
            published = self.published() is not None
            return {"aux_logits": False, "init_weights": self.weights is None, "transform_input": published}
        size = self.stated().size
        if self.arch == "maxvit_t":
            return {"input_size": size}
        return {"image_size": size[0]} if size and self.arch.startswith("vit_") else {}

    def known(self) -> Stated:
        """What the file says about itself, or torchvision about its own; else ImageNet's categories."""
        published = self.published()
        if published:
            return stated_by(published)
        names = None if self.weights is None else _names(self._default_weights())
        return super().known().or_else(Stated(categories=names))

    def given(self) -> Stated:
        """What the parameters say; segmenters and detectors see all of the shorter side."""
        return self._uncropped(super().given())

    def usual(self) -> Stated:
        """224 pixels, ImageNet's mean and deviation; detectors have other sizes and normalise themselves."""
        usual, side = super().usual(), usual_side(self.arch)
        if self.kind == "detector":
            usual = replace(usual, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
        return self._uncropped(replace(usual, size=(side, side)) if side else usual)

    def _uncropped(self, stated: Stated) -> Stated:
        if self.kind == "classifier" or stated.resize or not stated.size:
            return stated
        return replace(stated, resize=min(stated.size))

    @property
    def kind(self) -> Kind:
        """What the network is."""
        return kind_of(self.arch) or "classifier"

    def _default_weights(self) -> WeightsEnum:
        """The weights of torchvision's own whose categories are the usual ones of the kind."""
        if self.kind == "classifier":
            return networks().AlexNet_Weights.IMAGENET1K_V1
        return networks().get_model_weights(self.arch).DEFAULT

    def weights_names(self) -> list[str]:
        """The names of torchvision's own weights for this network."""
        return [item.name for item in networks().get_model_weights(self.arch)]

    def published(self) -> WeightsEnum | None:
        """The weights of torchvision's own that ``weights`` names, or whose file it is."""
        known = networks().get_model_weights(self.arch)
        if self.weights == "DEFAULT":
            return known.DEFAULT
        given = self.weights or ""
        names = {given, given.removeprefix(f"{known.__name__}."), Path(given).name}
        return next((item for item in known if names & {item.name, Path(item.url).name}), None)

    def load_weights(self, module: nn.Module) -> None:
        """Put in the weights of a file, or torchvision's own."""
        published, path = self.published(), Path(self.weights or "")
        if published and path.name != Path(published.url).name:  # a name, not a file
            path = download(published.url, Path(torch.hub.get_dir()) / "checkpoints")
        expected = self.sha256 or (hash_in_name(published.url) if published else "")
        weights = read_weights(path, sha256=expected, names=module.state_dict().keys())
        load_into(
            module, _renamed(weights) if self.arch.startswith("densenet") else weights, ignore=AUXILIARY
        )
        if published and published.name == "COCO_V1" and self.arch in ZERO_EPSILON:
            take_zero_epsilon(module)


def stated_by(published: WeightsEnum) -> Stated:
    """What torchvision says about the input and the categories of its own weights."""
    transforms = published.transforms()
    if not hasattr(transforms, "mean"):  # a detector normalises itself
        return Stated(categories=_names(published))
    side = getattr(transforms, "crop_size", transforms.resize_size)[0]
    mean, std = tuple(transforms.mean), tuple(transforms.std)
    resize, interpolation = transforms.resize_size[0], transforms.interpolation.value
    return Stated((side, side), mean, std, resize, _names(published), interpolation)


def download(url: str, folder: Path) -> Path:
    """The file of that name in the folder, fetched if it is not there yet, checked by the hash in its name.

    Raises:
        ModelError: If it cannot be fetched; the message says what to do without a network connection.
    """
    path = folder / Path(url).name
    if path.is_file():
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(
            url, str(path), hash_in_name(url) or None, progress=sys.stderr.isatty()
        )
    except (OSError, RuntimeError) as error:
        raise ModelError(
            f"The weights {path.name} cannot be downloaded: {clause(error)}. Without a network connection, "
            f"fetch {url} elsewhere, put it into {folder}, or give its path as 'weights'."
        ) from error
    return path


def hash_in_name(url: str) -> str:
    """The beginning of the sha256 that torchvision writes into its file names; empty where there is none."""
    found = re.search(r"-([0-9a-f]{8,})\.[^./]+$", url)
    return found[1] if found else ""


def _names(published: WeightsEnum) -> tuple[str, ...]:
    return tuple(published.meta["categories"] or ())


def _renamed(weights: Weights) -> Weights:
    """DenseNet's files of 2017 write ``norm.1`` where the module says ``norm1``."""
    pattern = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")
    return replace(weights, tensors={pattern.sub(r"\1\2", name): t for name, t in weights.tensors.items()})
