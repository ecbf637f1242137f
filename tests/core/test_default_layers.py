"""The layers that are looked at where nobody names any, of networks with and without names of their own."""

import pytest
import torch
import torchvision
import transformers
from torch import nn

import interpret
from interpret import InterpretError, ModelError, wrap

ZFNET = interpret.load_model("zfnet", weights="scenes")
NAMES = [f"layer{number}" for number in range(1, 8)]
CONVOLUTIONS = [name for name, part in ZFNET.module.named_modules() if isinstance(part, nn.Conv2d)]


def deep(count, **given):
    """So many convolutions, each before its ReLU."""
    blocks = (nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU()) for _ in range(count))
    return wrap(nn.Sequential(*blocks), input_size=8, **given)


@pytest.mark.parametrize(
    ("choice", "papers", "bare"),
    [
        ("all", NAMES, [f"{place}.1" for place in range(10)]),
        ("spread", NAMES, ["0.1", "2.1", "4.1", "5.1", "7.1", "9.1"]),
        ("maps", NAMES[:5], [f"{place}.0" for place in range(10)]),
        ("first and last", ["layer1", "layer7"], ["0.1", "8"]),  # "8" ends just before the last weights
        ("late", ["layer5", "layer7"], ["5.1", "9.1"]),
        ("convolutions", CONVOLUTIONS, [f"{place}.0" for place in range(10)]),
    ],
)
def test_every_choice_with_the_papers_names_and_without(choice, papers, bare):
    assert ZFNET.default_layers(choice) == papers
    assert deep(10).default_layers(choice) == bare


def test_the_papers_names_go_before_other_aliases_and_those_before_relus():
    others = {"end": "3.1", "start": "0.0"}
    assert deep(4, aliases=others).default_layers() == ["start", "end"]
    assert deep(4, aliases={**others, "layer2": "1.1", "layer1": "0.1"}).default_layers() == [
        "layer1",
        "layer2",
    ]
    assert deep(4, aliases=others).default_layers("maps") == ["start", "end"]


def test_shapes_are_of_one_image():
    assert ZFNET.layer_shapes(["layer5", "layer7"]) == {"layer5": (64, 2, 2), "layer7": (256,)}


def test_a_residual_network():
    block = torchvision.models.resnet.BasicBlock
    network = wrap(torchvision.models.ResNet(block, [1, 1, 1, 1], num_classes=10), input_size=64)
    assert network.default_layers("first and last") == ["relu", "avgpool"]


def test_other_nonlinearities_stand_for_relus_and_gates_do_not_count():
    """SiLUs of maps are layers; the SiLU and the sigmoid behind a global pool belong to a gate."""
    squeezing = torchvision.ops.SqueezeExcitation(4, 2, activation=nn.SiLU)
    parts = [nn.Conv2d(3, 4, 3), nn.SiLU(), squeezing, nn.Conv2d(4, 4, 3), nn.Hardswish(), nn.Flatten()]
    network = wrap(nn.Sequential(*parts, nn.Linear(64, 8), nn.GELU(), nn.Linear(8, 2)), input_size=8)
    assert network.default_layers() == ["1", "4", "7"]


def test_a_network_without_any_says_what_to_do():
    flat = wrap(nn.Sequential(nn.Flatten(), nn.Linear(3, 2)), input_size=1)
    with pytest.raises(ModelError, match=r"neither ReLUs nor convolutions .* for example \['0', '1'\]"):
        flat.default_layers()
    with pytest.raises(ModelError, match="Sequential has no Conv2d layer: say which layers to look at"):
        flat.default_layers("maps")


def test_a_choice_that_does_not_exist():
    with pytest.raises(InterpretError, match="choice is 'every'; it must be one of 'all', 'spread'"):
        ZFNET.default_layers("every")


SMALL = {"depths": [1, 2], "hidden_sizes": [8, 16]}
PYRAMID = {**SMALL, "num_encoder_blocks": 2, "num_attention_heads": [1, 2], "sr_ratios": [2, 1]}


@pytest.mark.parametrize(
    ("kind", "given", "layers"),
    [
        ("ConvNext", {**SMALL, "num_stages": 2}, ["convnext.encoder.stages.0", "convnext.encoder.stages.1"]),
        ("Segformer", PYRAMID, ["segformer.stages.0", "segformer.stages.1"]),
        (
            "Pvt",
            {**PYRAMID, "sequence_reduction_ratios": [2, 1], "patch_sizes": [4, 2], "strides": [4, 2]},
            ["pvt.encoder.block.0.0", "pvt.encoder.block.1.1"],
        ),
    ],
)
def test_stages_that_mix_convolutions_with_tokens_stand_for_their_inside(kind, given, layers):
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(image_size=32, **given)
    module = getattr(transformers, f"{kind}ForImageClassification")(config)
    network = wrap(module.eval(), input_size=32)
    assert network.default_layers() == network.default_layers("maps") == layers


def test_stages_of_plain_lists():
    settings = [
        torchvision.models.convnext.CNBlockConfig(width, after, 2) for width, after in ((8, 16), (16, None))
    ]
    network = wrap(torchvision.models.ConvNeXt(settings, num_classes=3), input_size=32)
    assert network.default_layers() == ["features.1", "features.3"]
