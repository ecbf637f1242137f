"""The part of the image that a token stands for: without what attention mixes in."""

from __future__ import annotations

import timm
import torch
from torch import Tensor, nn
from transformers import SwinConfig, SwinForImageClassification

import interpret
from interpret.graph import own_field, receptive_field

SIZE = 64


def vit(**kwargs: object) -> interpret.Network:
    return interpret.wrap(
        timm.create_model("vit_tiny_patch16_224", img_size=SIZE, depth=2, **kwargs).eval(), input_size=SIZE
    )


def pixels_that_stay(network: interpret.Network, layer: str, y: int, x: int) -> tuple[int, int, int, int]:
    """Where the gradient of a token arrives when attention is cut: a probe that knows no rule."""
    for part in network.module.modules():
        if isinstance(part, timm.layers.Attention):
            part.register_forward_hook(lambda _part, _inputs, output: torch.zeros_like(output))
    cut = network.module
    image = torch.randn(1, 3, SIZE, SIZE, requires_grad=True)
    seen: list[Tensor] = []
    handle = cut.get_submodule(layer).register_forward_hook(lambda *given: seen.append(given[2]))
    cut(image)
    handle.remove()
    seen[0][0, 1 + y * 4 + x].square().sum().backward()
    assert image.grad is not None
    rows, columns = image.grad[0].abs().sum(0).nonzero().unbind(1)
    return int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1


def test_a_token_has_the_pixels_that_are_left_without_attention() -> None:
    network = vit()
    own = own_field(network, "blocks.1")
    assert own is not None
    assert (own.size, own.stride, own.extent) == ((16, 16), (16, 16), (4, 4))
    assert receptive_field(network, "blocks.1").size == (SIZE, SIZE)
    for y, x in ((0, 0), (2, 3)):
        assert own.box(y, x) == own.support(y, x) == pixels_that_stay(vit(), "blocks.1", y, x)


def test_what_attention_makes_stands_where_its_input_did() -> None:
    own = own_field(vit(), "blocks.1.attn.proj")
    assert own is not None
    assert own.box(1, 2) == (16, 32, 32, 48)


def test_a_class_token_stands_nowhere() -> None:
    assert own_field(vit(), "blocks.1@class") is None
    assert own_field(vit(), "head") is None


def test_merged_patches_grow() -> None:
    model = timm.create_model(
        "swin_tiny_patch4_window7_224", img_size=SIZE, window_size=4, depths=(1, 2, 1), num_heads=(1, 2, 4)
    )
    network = interpret.wrap(model.eval(), input_size=SIZE)
    for layer, side in (("layers.0", 4), ("layers.1", 8), ("layers.2", 16)):
        own = own_field(network, layer)
        assert own is not None
        assert (own.size, own.stride) == ((side, side), (side, side))
        assert own.box(1, 0) == (side, 0, 2 * side, side)


def test_blocks_of_hugging_face_that_return_tuples() -> None:
    sizes = SwinConfig(image_size=SIZE, window_size=4, embed_dim=8, depths=[1, 1], num_heads=[1, 1])
    network = interpret.wrap(SwinForImageClassification(sizes).eval(), input_size=SIZE)
    fields = [own_field(network, layer) for layer in network.default_layers()]
    assert [field and field.size for field in fields] == [(8, 8), (8, 8)]


def test_a_gate_is_left_out_and_a_window_is_not() -> None:
    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.mixed = nn.Conv2d(3, 4, 5, 2, 2), nn.Identity()

        def forward(self, x: Tensor) -> Tensor:
            y = self.conv(x)
            return self.mixed(y * y.mean((2, 3), keepdim=True).sigmoid()).amax((2, 3))

    network = interpret.wrap(Gated().eval(), input_size=32)
    gated, plain = own_field(network, "mixed"), own_field(network, "conv")
    assert gated == plain == receptive_field(network, "conv")
    assert receptive_field(network, "mixed").size == (32, 32)
