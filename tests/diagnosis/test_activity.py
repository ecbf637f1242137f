"""How often units are active, against plain counting; and which layers are looked at."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import interpret
from interpret.errors import DatasetError, ModelError, UnknownNameError
from interpret.testing import small_images, small_network
from interpret_diagnosis import activity
from interpret_diagnosis.layers import first_convolution, second_layer


def thresholded():
    """One pixel in; unit 0 is active above 0.5, unit 1 above 0.9, unit 2 never."""
    conv = nn.Conv2d(1, 3, 1)
    with torch.no_grad():
        conv.weight[:] = torch.tensor([1.0, 1.0, 0.0])[:, None, None, None]
        conv.bias[:] = torch.tensor([-0.5, -0.9, -1.0])
    return interpret.wrap(nn.Sequential(conv, nn.ReLU()), input_size=2, mean=[0], std=[1])


def test_activity_by_hand():
    images = [torch.full((1, 2, 2), value) for value in (0.1, 0.6, 0.7, 1.0)]
    images[1][0, 0, 0] = 0.0
    found = activity(thresholded(), images, batch_size=3)["1"]
    assert found.images.tolist() == [0.75, 0.25, 0]
    assert found.positions.tolist() == [11 / 16, 4 / 16, 0]
    assert found.dead.tolist() == [False, False, True]
    assert found.nearly_dead(0.5).tolist() == [False, True, False]
    assert found.count == 4


@pytest.mark.parametrize("batch_size", [1, 2, 32])
def test_values_that_go_on_below_zero_are_signed(batch_size):
    """Those of the last image only; what a ReLU reads ends at zero."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(1, 3, 1), nn.ReLU(), nn.Conv2d(3, 2, 1), nn.GELU(), nn.Conv2d(2, 2, 1))
    for part in module[::2]:
        nn.init.ones_(part.weight)
        nn.init.zeros_(part.bias)
    module[2].weight.data.neg_()
    images = [torch.full((1, 2, 2), value) for value in (-0.5, -1.0, 1.0)]
    found = activity(
        interpret.wrap(module.eval(), input_size=2, mean=[0], std=[1]),
        images,
        list("01234"),
        batch_size=batch_size,
    )
    assert {layer: counted.signed for layer, counted in found.items()} == {
        "0": False,
        "1": False,
        "2": True,
        "3": True,
        "4": True,
    }


@pytest.mark.parametrize("batch_size", [1, 4, 32])
def test_activity_against_plain_counting(batch_size):
    network, images = small_network(), small_images()
    found = activity(network, images, ["relu1", "fc"], batch_size=batch_size)
    x = torch.stack([network.preprocess(sample.image) for sample in images])
    maps = network.record(x, ["relu1", "fc"])
    assert torch.equal(found["relu1"].images, (maps["relu1"].flatten(2).amax(2) > 0).float().mean(0))
    assert torch.equal(found["relu1"].positions, (maps["relu1"] > 0).float().mean((0, 2, 3)))
    assert torch.equal(found["fc"].images, (maps["fc"] > 0).float().mean(0))


def test_two_names_of_one_layer():
    network = interpret.wrap(small_network().module, input_size=16, aliases={"first": "relu1"})
    found = activity(network, small_images(), ["first", "relu1"])
    assert torch.equal(found["first"].images, found["relu1"].images)


def test_nan_are_not_active():
    found = activity(thresholded(), [torch.full((1, 2, 2), torch.nan)])["1"]
    assert found.images.tolist() == [0, 0, 0]


def test_images_that_cannot_be_read(tmp_path):
    small_images(1)[0].image.save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    images = [tmp_path / "good.png", tmp_path / "bad.png"]
    assert activity(small_network(), images, on_error="skip")["relu1"].count == 1
    with pytest.raises(DatasetError, match=r"bad.png"):
        activity(small_network(), images)
    with pytest.raises(DatasetError, match="None of the 1 images"):
        activity(small_network(), images[1:], on_error="skip")


def test_wrong_layers_are_refused():
    with pytest.raises(UnknownNameError, match="relu1"):
        activity(small_network(), small_images(), ["relu"])

    class Square(nn.Module):
        def forward(self, x):
            return x[:, 0]

    network = interpret.wrap(nn.Sequential(Square()), input_size=16)
    with pytest.raises(ModelError, match=r"'0' gives torch.float32 of shape \(6, 16, 16\)"):
        activity(network, small_images(), ["0"])


class Residual(nn.Module):
    """ReLUs as a function, as a module that is called twice, and behind a sum."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.relu, self.block = nn.ReLU(inplace=True), nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU())

    def forward(self, x):
        x = self.relu(self.first(x))
        x = self.relu(x + self.second(x))
        return F.relu(self.block(x)).mean((2, 3))


def test_which_layers_are_looked_at():
    scenes = interpret.load_model("zfnet", weights="scenes")
    assert scenes.default_layers() == [f"layer{number}" for number in range(1, 8)]
    assert second_layer(scenes, scenes.default_layers()) == "layer2"
    assert small_network().default_layers() == ["relu1", "relu2"]
    residual = interpret.wrap(Residual().eval(), input_size=8)
    assert residual.default_layers() == ["relu:1", "relu:2", "block.1"]
    assert second_layer(residual, residual.default_layers()) == "relu:2"
    bare = interpret.wrap(nn.Sequential(nn.Conv2d(3, 2, 3), nn.GELU(), nn.Conv2d(2, 2, 1)), input_size=8)
    assert bare.default_layers() == ["1"]
    assert second_layer(bare, ["0", "2"]) is None
    assert first_convolution(bare)[0] == "0"
    with pytest.raises(ModelError, match="neither ReLUs nor convolutions"):
        interpret.wrap(nn.Sequential(nn.Flatten(), nn.Linear(3, 2)), input_size=1).default_layers()


def test_a_network_that_cannot_be_traced():
    class Branching(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.relu = nn.Conv2d(3, 4, 3), nn.ReLU()

        def forward(self, x):
            return self.relu(self.conv(x)) if float(x.sum()) < 1e9 else x

    assert interpret.wrap(Branching().eval(), input_size=8).default_layers() == ["relu"]
