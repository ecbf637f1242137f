"""torchvision's networks by kind: classifiers, segmenters, detectors; others take no single images."""

from __future__ import annotations

import re
from types import ModuleType
from typing import Literal

from torch import nn

from interpret.errors import suggest
from interpret_zoo.torchvision_import import dynamo_later

Kind = Literal["classifier", "segmenter", "detector"]

KINDS: dict[Kind, str] = {"classifier": "", "segmenter": "segmentation", "detector": "detection"}
"""Where ``torchvision.models`` has the networks of each kind."""

OTHERS = {"video": "takes videos", "optical_flow": "takes pairs of images", "quantization": "is quantised"}
"""Where it has what is no network of single images in floating point, and why it is none."""

ZERO_EPSILON = (
    "fasterrcnn_resnet50_fpn",
    "maskrcnn_resnet50_fpn",
    "keypointrcnn_resnet50_fpn",
    "retinanet_resnet50_fpn",
)
"""Detectors in whose norms torchvision adds nothing to the variance, where it loads its first weights."""


def networks() -> ModuleType:
    """``torchvision.models``, which only its users should wait for."""
    with dynamo_later():
        from torchvision import models  # noqa: PLC0415

    module: ModuleType = models
    return module


def names_of(kind: Kind) -> list[str]:
    """The networks of a kind."""
    return _names_in(KINDS[kind])


def kind_of(arch: str) -> Kind | None:
    """What a network is; None if torchvision has none of that name, or none of images."""
    return next((kind for kind in KINDS if arch in names_of(kind)), None)


def arch_flaw(arch: str) -> str:
    """What is wrong with the name of a network, as the end of a sentence; empty if nothing is."""
    if kind_of(arch):
        return ""
    for place, reason in OTHERS.items():
        if arch in _names_in(place):
            return (
                f"must be a network of single images, and {arch} {reason}. Choose another, or give "
                "interpret.wrap a module of yours that makes of an image what it takes"
            )
    names = [name for kind in KINDS for name in names_of(kind)]
    return f"must be a classifier, segmenter or detector of torchvision. {suggest(arch, names)}"


def usual_side(arch: str) -> int | None:
    """The side in pixels that a network is made for, where its name or kind says it."""
    if arch == "inception_v3":
        return 299
    if kind_of(arch) != "detector":
        return None
    found = re.search(r"3[02]0(?=_)", arch)
    return int(found[0]) if found else 800


def take_zero_epsilon(module: nn.Module) -> None:
    """Add nothing to the variances of batch norms, as torchvision does for weights from elsewhere."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.eps = 0.0


def _names_in(place: str) -> list[str]:
    models = networks()
    names: list[str] = models.list_models(module=getattr(models, place) if place else models)
    return names
