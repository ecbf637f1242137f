"""Mining by Captum's LayerActivation finds exactly the exemplars of `topk`."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import Tensor, nn

from interpret import ModelError, UnknownNameError, load_probe, wrap
from interpret.images import Images, as_images
from interpret.network import Network
from interpret_captum import LayerActivation, layer_features
from interpret_topk import Exemplars, mine

LAYERS = ["conv", "relu", "fc", "alias"]


class Broken(nn.Module):
    """Gives NaN for images whose first pixel is NaN, and else whole numbers, so that many are equal."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.relu = nn.Conv2d(2, 4, 3), nn.ReLU(inplace=True)
        self.fc = nn.Linear(4 * 4 * 3, 5)
        for parameter in self.parameters():
            parameter.data.mul_(4).round_()
        self.conv.bias.data[1] = -1000  # type: ignore[union-attr]

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.relu(self.conv(x)).flatten(1))  # type: ignore[no-any-return]


def network(dtype: torch.dtype = torch.float32) -> Network:
    return wrap(Broken().to(dtype), input_size=(6, 5), mean=[0, 0], std=[1, 1], aliases={"alias": "conv"})


def images(count: int = 21) -> Images:
    x = (torch.randn(count, 2, 6, 5, generator=torch.Generator().manual_seed(1)) * 1.5).round()
    if count > 4:
        x[4, 0, 0, 0] = torch.nan
        x[7] = torch.nan
        x[9] = x[3]
        x[12] = x[3]
    return as_images(x)


def same(one: Exemplars, other: Exemplars) -> None:
    assert list(one.layers) == list(other.layers)
    for layer in one.layers:
        for axis in ("values", "image", "position", "nan", "maxima"):
            mine_, theirs = getattr(one[layer], axis), getattr(other[layer], axis)
            assert torch.equal(mine_, theirs), (layer, axis)
            assert mine_.dtype == theirs.dtype
        for name in ("field", "own"):
            assert repr(getattr(one[layer], name)) == repr(getattr(other[layer], name))
        assert one[layer].mixed_by == other[layer].mixed_by
    for field in ("ids", "skipped", "count", "nan_images", "labels", "categories", "input"):
        assert getattr(one, field) == getattr(other, field)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("k", "batch"), [(1, 32), (4, 5), (30, 4)])
def test_the_exemplars_of_topk_with_ties_and_nan(dtype: torch.dtype, k: int, batch: int) -> None:
    net = network(dtype)
    found = LayerActivation(layers=LAYERS, k=k, batch_size=batch).run(net, images())
    same(found, mine(net, images(), LAYERS, k=k, batch_size=batch))
    assert found.nan_images
    assert found["conv"].nan.sum() > 0
    values = found["conv"].values
    if k > 1:
        assert (values[:, 1:] == values[:, :-1]).any()  # ties, or this tests little


def test_a_part_of_a_dataset_keeps_its_places() -> None:
    part, net = images().subset([9, 20, 3, 11]), network()
    found = LayerActivation(layers=LAYERS, k=2, batch_size=3).run(net, part)
    same(found, mine(net, part, LAYERS, k=2, batch_size=3))
    assert set(found["conv"].image.flatten().tolist()) <= {3, 9, 11, 20}


def test_every_convolution_by_default_on_resnet18() -> None:
    torch.manual_seed(0)
    net = wrap(torchvision.models.resnet18(weights=None), input_size=40)
    x = torch.randn(5, 3, 40, 40)
    found = load_probe("captum.layer_activation", k=3, batch_size=2).run(net, as_images(x))
    assert isinstance(found, Exemplars)
    same(found, mine(net, x, k=3, batch_size=2))


def test_features_are_those_that_are_recorded() -> None:
    torch.manual_seed(0)
    net = wrap(torchvision.models.resnet18(weights=None).train(), input_size=40)
    x = torch.randn(3, 3, 40, 40)
    layers = ["conv1", "bn1", "relu", "layer1.0.bn2", "layer2", "fc"]  # some are overwritten by what follows
    found, right = layer_features(net, x, layers), net.record(x, layers)
    assert list(found) == layers
    for layer in layers:
        torch.testing.assert_close(found[layer], right[layer], rtol=0, atol=0)
    assert net.module.training


def test_wrong_layers_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'conv'"):
        LayerActivation(layers=["convv"]).run(network(), images())

    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.flatten, self.fc = nn.Flatten(2), nn.Linear(30, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(self.flatten(x)).mean(1)  # type: ignore[no-any-return]

    tokens = wrap(Tokens(), input_size=(6, 5), mean=[0, 0], std=[1, 1])
    with pytest.raises(ModelError, match=r"'fc' gives values of shape \(2, 3\)"):
        LayerActivation(layers=["fc"]).run(tokens, images())


def test_what_shows_patches_without_the_network_is_kept_too() -> None:
    labelled = as_images([(sample.image, place % 3) for place, sample in enumerate(images())])
    found = LayerActivation(layers=LAYERS, k=2, batch_size=4).run(network(), labelled)
    same(found, mine(network(), labelled, LAYERS, k=2, batch_size=4))
    assert found["conv"].maxima is not None
    assert found["conv"].maxima.sum() > 0
    assert found["conv"].field is not None
    assert found["conv"].field.size == (3, 3)
    assert found.labels
