"""The filters of the first layer: found in execution order, drawn under one scale."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from interpret.errors import ModelError, UnknownNameError
from interpret.network import Network, wrap
from interpret.plugin import probe_output
from interpret.plugin.interfaces import renderer_input
from interpret.results import load
from interpret_filters import Filters, FirstLayerFilters, first_filters
from interpret_filters.renderers import FilterGrid


class Backwards(nn.Module):
    """Registers its second convolution first."""

    def __init__(self) -> None:
        super().__init__()
        self.second = nn.Conv2d(4, 2, 3)
        self.first = nn.Sequential(nn.Conv2d(3, 4, 5), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x)).mean((2, 3))  # type: ignore[no-any-return]


@pytest.fixture
def network() -> Network:
    return wrap(Backwards().double(), input_size=12, aliases={"layer1": "first"})


def test_the_first_convolution_that_runs_is_taken(network: Network) -> None:
    found = first_filters(network)
    assert found.layer == "first.0"
    assert found.weights.dtype == torch.float32
    assert torch.equal(found.weights, network.module.first[0].weight.float())  # type: ignore[index, union-attr]


def test_the_result_is_a_copy() -> None:
    network = wrap(Backwards(), input_size=12)
    found = first_filters(network)
    found.weights.zero_()
    assert first_filters(network).weights.abs().sum() > 0


@pytest.mark.parametrize(
    ("layer", "found"), [("second", "second"), ("layer1", "first.0"), ("first.0", "first.0")]
)
def test_a_layer_can_be_named(network: Network, layer: str, found: str) -> None:
    assert first_filters(network, layer).layer == found


def test_wrong_layers_are_named(network: Network) -> None:
    with pytest.raises(ModelError, match=r"'first.1' has no filters .* Its convolutions are first.0, second"):
        first_filters(network, "first.1")
    with pytest.raises(UnknownNameError, match="second"):
        first_filters(network, "secnd")


def test_a_network_without_convolution_modules_is_refused() -> None:
    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(2, 3, 3, 3))
            self.act = nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            return self.act(F.conv2d(x, self.weight)).mean((2, 3))

    with pytest.raises(ModelError, match=r"Functional has no filters .* no nn.Conv2d at all"):
        first_filters(wrap(Functional(), input_size=8))


def test_the_probe_saves_and_loads(network: Network, made: SimpleNamespace, tmp_path: Path) -> None:
    images = made.Squares()
    result = FirstLayerFilters(layer="second").run(network, images)
    result.save(tmp_path)
    again = load(tmp_path)
    assert isinstance(again, Filters)
    assert again.layer == "second"
    assert torch.equal(again.weights, result.weights)
    assert images.reads == []


def test_wiring_is_read_from_annotations() -> None:
    assert probe_output(FirstLayerFilters) is Filters
    assert renderer_input(FilterGrid) is Filters


def tiles(file: Path, count: int, columns: int) -> np.ndarray[Any, Any]:
    """The middle pixel of each pixel of each filter, found from the bottom left of the page."""
    page = np.asarray(Image.open(file)).astype(int)
    size, gap = 64, 4
    margin = round(0.4 * round(size / 0.36))
    rows = -(-count // columns)
    top = page.shape[0] - margin - rows * size - (rows - 1) * gap
    corners = [(top + i // columns * (size + gap), margin + i % columns * (size + gap)) for i in range(count)]
    return np.stack([page[y + 16 : y + size : 32, x + 16 : x + size : 32] for y, x in corners])


@pytest.fixture
def uneven() -> Filters:
    """Five filters of 2 x 2; the first is strongest, the last dead."""
    weights = torch.randn(5, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    strength = torch.tensor([1.0, 0.5, 0.1, 0.01, 0.0])[:, None, None, None]
    return Filters("conv", weights / weights.abs().amax((1, 2, 3), keepdim=True) * strength)


def test_one_scale_shows_which_filters_dominate(
    uneven: Filters, made: SimpleNamespace, tmp_path: Path
) -> None:
    (file,) = FilterGrid(columns=3).render(uneven, made.Squares(), tmp_path)
    assert file.name == "conv-filters-1.png"
    expected = (uneven.weights * 127).round().permute(0, 2, 3, 1).numpy() + 128
    assert (tiles(file, 5, 3) == expected).all()


def test_a_scale_for_each_shows_its_shape(uneven: Filters, made: SimpleNamespace, tmp_path: Path) -> None:
    (file,) = FilterGrid(columns=3, scale="filter").render(uneven, made.Squares(), tmp_path)
    drawn = tiles(file, 5, 3)
    reach = abs(drawn - 128).max((1, 2, 3))
    assert reach.tolist() == [127, 127, 127, 127, 0]


def test_many_filters_take_several_pages(made: SimpleNamespace, tmp_path: Path) -> None:
    result = Filters("features.0", torch.randn(5, 7, 3, 3))
    renderer = FilterGrid(columns=1, rows=2, formats=("svg", "png"))
    files = renderer.render(result, made.Squares(), tmp_path)
    names = [f"features.0-filters-{page}.{ending}" for page in (1, 2, 3) for ending in ("svg", "png")]
    assert [file.name for file in files] == names
    again = renderer.render(result, made.Squares(), tmp_path / "again")
    assert [file.read_bytes() for file in files] == [file.read_bytes() for file in again]
