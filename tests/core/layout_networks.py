"""Small networks whose layers are not (n, c, h, w): each with a layer, its layout, the tokens beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import timm
import torch
import transformers
from torch import nn
from torchvision.models.convnext import CNBlockConfig, ConvNeXt
from torchvision.models.swin_transformer import SwinTransformer
from torchvision.models.vision_transformer import VisionTransformer

import interpret
from interpret.network import Network


@dataclass(frozen=True)
class Case:
    """A network, one of its layers, and what is true of it."""

    build: Callable[[], nn.Module]
    size: tuple[int, int]
    layer: str
    kind: str
    grid: tuple[int, int]
    names: tuple[str, ...] = ()

    def network(self, **given: object) -> Network:
        """The network in double precision, with weights that are drawn; the same one, if nothing is given."""
        return self._made(**given) if given else _made_once(self)

    def _made(self, **given: object) -> Network:
        torch.manual_seed(0)
        module = self.build().double().eval()
        for parameter in module.parameters():
            nn.init.normal_(parameter, std=0.3)
        return interpret.wrap(module, input_size=self.size, **given)

    def images(self, count: int) -> torch.Tensor:
        """Images of noise."""
        return torch.randn(
            count, 3, *self.size, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
        )


@cache
def _made_once(case: Case) -> Network:
    return case._made()


def _timm(name: str, **given: object) -> Callable[[], nn.Module]:
    return lambda: timm.create_model(name, embed_dim=12, depth=2, num_heads=2, num_classes=5, **given)


HUGGING = {
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "patch_size": 16,
}


class Cut(nn.Module):
    """Patches are cut by reshapes, and the class token comes last."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.last = nn.Linear(48, 8), nn.Parameter(torch.zeros(1, 1, 8))
        self.block, self.head = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From images to classes."""
        n, c, h, w = x.shape
        x = x.reshape(n, c, h // 4, 4, w // 4, 4).permute(0, 2, 4, 3, 5, 1).reshape(n, h * w // 16, 48)
        x = self.block(torch.cat([self.embed(x), self.last.expand(n, -1, -1)], 1))
        return self.head(x[:, -1])


REGISTERS = ("class", "register1", "register2", "register3", "register4")

CASES = {
    "timm vit": Case(
        _timm("vit_tiny_patch16_224", img_size=32), (32, 32), "blocks.1", "tokens", (2, 2), ("class",)
    ),
    "timm wide vit": Case(
        _timm("vit_tiny_patch16_224", img_size=(32, 48)),
        (32, 48),
        "blocks.0.attn",
        "tokens",
        (2, 3),
        ("class",),
    ),
    "timm deit": Case(
        _timm("deit_tiny_distilled_patch16_224", img_size=32),
        (32, 32),
        "blocks.0",
        "tokens",
        (2, 2),
        ("class", "distillation"),
    ),
    "timm registers": Case(
        _timm("vit_small_patch14_reg4_dinov2", img_size=28), (28, 28), "blocks.0", "tokens", (2, 2), REGISTERS
    ),
    "timm clip": Case(
        _timm("vit_base_patch16_clip_224", img_size=32),
        (32, 32),
        "blocks.0.mlp",
        "tokens",
        (2, 2),
        ("class",),
    ),
    "timm swin": Case(
        lambda: timm.create_model(
            "swin_tiny_patch4_window7_224",
            img_size=56,
            depths=(1, 1),
            embed_dim=8,
            num_heads=(2, 2),
            num_classes=5,
        ),
        (56, 56),
        "layers.1",
        "nhwc",
        (7, 7),
    ),
    "torchvision vit": Case(
        lambda: VisionTransformer(32, 16, 2, 2, 12, 16, num_classes=5),
        (32, 32),
        "encoder.layers.encoder_layer_0.dropout",
        "tokens",
        (2, 2),
        ("class",),
    ),
    "torchvision swin": Case(
        lambda: SwinTransformer([4, 4], 8, [1, 1], [2, 2], [4, 4], num_classes=5),
        (32, 48),
        "features.3.0.attn",
        "nhwc",
        (4, 6),
    ),
    "torchvision convnext": Case(
        lambda: ConvNeXt([CNBlockConfig(8, 12, 1), CNBlockConfig(12, None, 1)], num_classes=5),
        (32, 48),
        "features.3.0.block.3",
        "nhwc",
        (4, 6),
    ),
    "hugging face vit": Case(
        lambda: transformers.ViTForImageClassification(transformers.ViTConfig(image_size=32, **HUGGING)),
        (32, 32),
        "vit.layers.0",
        "tokens",
        (2, 2),
        ("class",),
    ),
    "hugging face registers": Case(
        lambda: transformers.Dinov2WithRegistersForImageClassification(
            transformers.Dinov2WithRegistersConfig(image_size=32, num_register_tokens=4, **HUGGING)
        ),
        (32, 32),
        "dinov2_with_registers.encoder.layer.0.norm2",
        "tokens",
        (2, 2),
        REGISTERS,
    ),
    "hugging face swin": Case(
        lambda: transformers.SwinForImageClassification(
            transformers.SwinConfig(
                image_size=32, patch_size=4, embed_dim=8, depths=[1, 1], num_heads=[2, 2], window_size=4
            )
        ),
        (32, 32),
        "swin.encoder.layers.1.blocks.0.mlp",
        "tokens",
        (4, 4),
    ),
    "hugging face clip": Case(
        lambda: transformers.CLIPVisionModel(transformers.CLIPVisionConfig(image_size=32, **HUGGING)),
        (32, 32),
        "encoder.layers.0",
        "tokens",
        (2, 2),
        ("class",),
    ),
    "patches cut by reshapes": Case(Cut, (16, 24), "block", "tokens", (4, 6), ("class",)),
}
"""By name."""
