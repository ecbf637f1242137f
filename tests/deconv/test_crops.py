"""Crops of projections in networks whose receptive fields differ in size: nothing of a projection is lost."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from interpret.network import Network, wrap
from interpret.targets import Targets
from interpret_deconv import Neuron, project, project_cropped


class SmallUNet(nn.Module):
    """Down by two strides, up by a transposed convolution and by interpolation, with skips."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 6, 3, 2, 1)
        self.third = nn.Conv2d(6, 8, 3, 2, 1)
        self.up = nn.ConvTranspose2d(8, 6, 2, 2)
        self.merged, self.out = nn.Conv2d(12, 4, 3, padding=1), nn.Conv2d(8, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        first = self.first(x).relu()
        second = self.second(first).relu()
        x = self.merged(torch.cat([self.up(self.third(second).relu()), second], 1)).relu()
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        return self.out(torch.cat([x, first], 1))


def shuffling() -> nn.Module:
    """An autoencoder whose decoder makes pixels of channels."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 4, 4), nn.ReLU(), nn.Conv2d(8, 16, 3, padding=1, padding_mode="replicate"), nn.ReLU(),
        nn.PixelShuffle(2), nn.Conv2d(4, 8, 3, padding=1), nn.ReLU(), nn.PixelShuffle(2), nn.Conv2d(2, 1, 3),
    )  # fmt: skip


def wrapped_around() -> nn.Module:
    """A network whose left border is its right one."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, padding_mode="circular"), nn.ReLU(), nn.Upsample(scale_factor=2),
        nn.Conv2d(4, 2, 3, padding=1, padding_mode="reflect"),
    )  # fmt: skip


def as_network(module: nn.Module) -> Network:
    return wrap(module.double().eval(), input_size=(20, 16), mean=(0.0,), std=(1.0,))


@pytest.mark.parametrize(
    ("module", "layers", "sizes"),
    [
        (SmallUNet, ["up", "merged", "out"], [(9, 9), (13, 13), None]),
        (shuffling, ["4", "5", "8"], [(12, 12), None, None]),
        (wrapped_around, ["0", "2", "3"], [None, None, None]),
    ],
)
def test_a_crop_holds_the_whole_projection(
    module: type[nn.Module], layers: list[str], sizes: list[tuple[int, int] | None]
) -> None:
    torch.manual_seed(0)
    network = as_network(module())
    x = torch.randn(4, 1, 20, 16, dtype=torch.float64)
    for layer, size in zip(layers, sizes, strict=True):
        _, rows, columns = network.graph.layer(layer).shape
        places = [
            (0, 0),
            (rows // 2, columns // 3),
            (rows // 2 + 1, columns // 3 + 1),
            (rows - 1, columns - 1),
        ]
        neurons = [Neuron(index, layer, 0, y, x_) for index, (y, x_) in enumerate(places)]
        whole = project(network, x, neurons)
        crops, boxes = project_cropped(
            network, x, Targets(layer, torch.zeros(4, dtype=torch.int64), torch.tensor(places))
        )
        assert tuple(crops.shape[-2:]) == (size or (20, 16))
        assert bool(whole.any())
        for full, crop, box in zip(whole, crops, boxes.tolist(), strict=True):
            torch.testing.assert_close(pasted(crop, box, (20, 16)), full, rtol=0, atol=0)


def pasted(crop: Tensor, box: list[int], size: tuple[int, int]) -> Tensor:
    """A crop at its place in an image; what lies outside must be zero."""
    top, left, bottom, right = box
    assert (bottom - top, right - left) == tuple(crop.shape[-2:])
    height, width = size
    canvas = F.pad(crop, (left + width, 2 * width - right, top + height, 2 * height - bottom))
    inside = canvas[:, height : 2 * height, width : 2 * width]
    assert crop.count_nonzero() == inside.count_nonzero()
    return inside
