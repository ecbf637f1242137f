"""A small network and the questions that the tests of Captum's probes ask of it."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
import torchvision
from torch import Tensor, nn

from interpret import load_probe, wrap
from interpret.attributions import Attributions
from interpret.images import as_images
from interpret.network import Network

RULES = {
    "captum.saliency": "gradient",
    "captum.deconvolution": "deconvnet",
    "captum.guided_backprop": "guided",
}
METHODS = [*RULES, "captum.input_x_gradient", "captum.integrated_gradients"]
COVERING = ["captum.occlusion", "captum.feature_ablation"]
EVERY = [*METHODS, *COVERING, "captum.layer_grad_cam", "captum.guided_grad_cam"]
FITTING: dict[str, dict[str, Any]] = {
    "captum.occlusion": {"window": 5, "stride": 3},
    "captum.feature_ablation": {"patch": 5},
    "captum.guided_grad_cam": {"layer": "conv1"},  # at the last maps nothing speaks for one of the classes
}


def of_seed(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


class Small(nn.Module):
    """Like AlexNet: overlapping pools, ReLUs in place, two channels of an image that is not square."""

    def __init__(self, inplace: bool = True) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv1, self.relu1 = nn.Conv2d(2, 5, 3, padding=1), nn.ReLU(inplace)
        self.pool = nn.MaxPool2d(3, 2)
        self.conv2, self.relu2 = nn.Conv2d(5, 4, 3), nn.ReLU(inplace)
        self.drop, self.fc = nn.Dropout(), nn.Linear(4 * 4 * 3, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.relu1(self.conv1(x)))
        return self.fc(self.drop(self.relu2(self.conv2(x)).flatten(1)))


ONE: dict[str, Any] = {"input_size": 9, "mean": [0.5], "std": [0.5]}
SPEC: dict[str, Any] = {"mean": [0.4, 0.6], "std": [0.2, 0.3], "input_size": (13, 11)}
NETWORK = wrap(Small().double(), **SPEC, categories=["cat", "dog", "owl"])
X = of_seed(1, 3, 2, 13, 11)
IMAGES = as_images(X)


@cache
def resnet() -> Network:
    torch.manual_seed(0)
    module = torchvision.models.resnet18(weights=None).double()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 2.0)
    return wrap(module, input_size=(48, 40))


@cache
def squeezenet() -> Network:
    """Pools in ceil mode, concatenation, and an output that no module gives."""
    torch.manual_seed(0)
    return wrap(torchvision.models.squeezenet1_1(weights=None).double(), input_size=(48, 40))


def ask(probe: str, network: Network = NETWORK, images: Any = IMAGES, **parameters: Any) -> Attributions:
    found = load_probe(probe, **parameters).run(network, images)
    assert isinstance(found, Attributions)
    assert found.method == probe
    return found


def equal(found: Tensor, right: Tensor, relative: float = 1e-9) -> None:
    peak = float(right.abs().max())
    assert peak > 0
    torch.testing.assert_close(found, right, rtol=0, atol=relative * peak)
