"""torchvision's segmenters and detectors by name: their weights, their input, and what their output is."""

import re

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from torchvision import models

import interpret
from interpret.cli.shell import call
from interpret.errors import ModelError, PluginError
from interpret_zoo.torchvision import Torchvision

SEGMENTER, DETECTOR = "lraspp_mobilenet_v3_large", "ssdlite320_mobilenet_v3_large"
SMALL = {"input_size": 64, "categories": 4}


def load(arch, **parameters):
    return interpret.load_model(f"torchvision:{arch}", device="cpu", **parameters)


def saved(path, arch, **arguments):
    """Random weights in a file, and the module that has them."""
    torch.manual_seed(5)
    module = models.get_model(arch, weights=None, weights_backbone=None, num_classes=4, **arguments).eval()
    torch.save(module.state_dict(), path)
    return module


@pytest.mark.parametrize("arch", [SEGMENTER, DETECTOR])
def test_without_an_output_layers_work_and_the_refusal_has_a_cure_that_works(arch):
    network, x = load(arch, **SMALL), torch.rand(1, 3, 64, 64)
    layer = network.default_layers()[0]
    assert network.record(x, [layer])[layer].dim() == 4
    with pytest.raises(ModelError, match=r"of a model by name, output: \{name: ") as caught:
        network(x)
    cure = re.search(r"by name, output: (\{.*?\})", str(caught.value))[1].replace("…", "4")
    assert load(arch, **SMALL, output=yaml.safe_load(cure))(x).shape == (1, 4)


def test_a_file_of_a_segmenter_is_loaded_with_or_without_the_head_for_training(tmp_path):
    module = saved(tmp_path / "net.pth", "deeplabv3_mobilenet_v3_large", aux_loss=True)
    output = {"name": "mean_over_image"}
    network = load("deeplabv3_mobilenet_v3_large", **SMALL, weights=str(tmp_path / "net.pth"), output=output)
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(network(x), module(x)["out"].mean((2, 3)))


def test_a_file_of_a_detector_is_loaded(tmp_path):
    module = saved(tmp_path / "net.pth", DETECTOR)
    network = load(
        DETECTOR, **SMALL, weights=str(tmp_path / "net.pth"), output={"name": "best_score", "classes": 4}
    )
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        (found,) = module(x)
    assert network(x)[0].max() == found["scores"].max()


@pytest.mark.parametrize(
    ("arch", "size", "count"), [("fcn_resnet50", 520, 21), (DETECTOR, 320, 91), ("ssd300_vgg16", 300, 91)]
)
def test_torchvisions_own_weights_say_their_input_and_categories(arch, size, count):
    published = models.get_model_weights(arch).DEFAULT
    card = Torchvision(arch=arch, weights=published.name).card()
    photograph = Image.fromarray(np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8))
    wanted = published.transforms()(photograph)
    torch.testing.assert_close(card.input.preprocess(photograph), wanted, rtol=0, atol=1e-6)
    assert (len(card.categories), card.categories[0]) == (count, "__background__")


@pytest.mark.parametrize(
    ("arch", "reason"),
    [
        ("r3d_18", "takes videos"),
        ("raft_small", "takes pairs of images"),
        ("fcn_resnet5", "Did you mean 'fcn_resnet50'"),
    ],
)
def test_what_takes_no_single_images_is_refused_by_name(arch, reason):
    with pytest.raises(PluginError, match=reason):
        load(arch)


def test_on_the_command_line(capsys):
    options = ["--model-option", "input_size=64", "--model-option", "categories=4"]
    assert call(["layers", "--model", f"torchvision:{SEGMENTER}", *options]) == 0
    assert "backbone.0" in capsys.readouterr().out
