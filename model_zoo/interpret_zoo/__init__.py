"""Bundled models: the paper's, those of torchvision, timm and transformers, any installed ``nn.Module``."""

from interpret.plugin import Model, hookimpl
from interpret_zoo.alexnet import AlexNet
from interpret_zoo.huggingface import HuggingFace
from interpret_zoo.mean_image import MeanImage
from interpret_zoo.module import Module
from interpret_zoo.timm import Timm
from interpret_zoo.torchvision import Torchvision
from interpret_zoo.zfnet import ZFNet

__all__ = ["AlexNet", "HuggingFace", "MeanImage", "Module", "Timm", "Torchvision", "ZFNet", "register_models"]


@hookimpl
def register_models() -> list[type[Model]]:
    """The paper's two networks, torchvision's, timm's, transformers', and the user's own."""
    return [ZFNet, AlexNet, Torchvision, Timm, HuggingFace, Module]
