"""The strongest units of single images: against loops over all values, and projections by whole maps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import interpret
from interpret.errors import DatasetError, InterpretError, ModelError, UnknownNameError
from interpret.images import as_images
from interpret.network import Network, wrap
from interpret.results import load
from interpret_deconv import Neuron, project
from interpret_explain import Strongest, StrongestUnits, strongest_units
from interpret_explain.neurons import find_strongest
from interpret_explain.renderers import StrongestGrid
from interpret_explain.strongest import few_layers


def small(act: type[nn.Module] = nn.ReLU) -> Network:
    torch.manual_seed(3)
    module = nn.Sequential(
        nn.Conv2d(3, 5, 3, padding=1), act(), nn.MaxPool2d(2), nn.Conv2d(5, 7, 3, padding=1), act(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(7, 4),
    )  # fmt: skip
    return wrap(module.double(), input_size=12)


class Branching(nn.Module):
    """Cannot be traced: it looks at its values."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.conv(x)
        if bool(maps.mean() > 1e6):
            maps = maps * 2
        return self.head(maps.relu().mean((2, 3)))  # type: ignore[no-any-return]


def inputs(count: int = 3) -> Tensor:
    return torch.randn(count, 3, 12, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def by_loops(maps: Tensor, units: int) -> list[tuple[int, tuple[int, int], float]]:
    """Unit, position and value of the strongest neurons of one image."""
    best = []
    for unit, rows in enumerate(maps.tolist()):
        value, y, x = max(
            ((value, -y, -x) for y, row in enumerate(rows) for x, value in enumerate(row)), default=(0, 0, 0)
        )
        best.append((unit, (-y, -x), value))
    best = [item for item in best if item[2] > 0]
    return sorted(best, key=lambda item: (-item[2], item[0]))[:units]


@pytest.mark.parametrize("layer", ["1", "2", "4"])
def test_units_positions_and_values_are_those_of_loops(layer: str) -> None:
    net, x = small(), inputs()
    found = strongest_units(net, x, [layer], units=3)[layer]
    maps = net.record(x, [layer])[layer]
    for place in range(len(x)):
        mine = found.of_images([place])
        expected = by_loops(maps[place], 3)
        assert mine.unit.tolist() == [unit for unit, _, _ in expected]
        assert [tuple(at) for at in mine.position.tolist()] == [at for _, at, _ in expected]
        assert mine.value.tolist() == pytest.approx([value for _, _, value in expected], abs=1e-6)
        assert mine.rank.tolist() == list(range(len(expected)))


def test_projections_are_those_of_whole_maps_cropped_to_their_boxes() -> None:
    net, x = small(), inputs()
    found = strongest_units(net, x, ["4"], units=3, batch_size=2)["4"]
    neurons = [
        Neuron(image, "4", unit, *at)
        for image, unit, at in zip(
            found.image.tolist(), found.unit.tolist(), found.position.tolist(), strict=True
        )
    ]
    whole = project(net, x, neurons, engine="full")
    for index, (top, left, bottom, right) in enumerate(found.box.tolist()):
        wide = torch.zeros(3, 36, 36, dtype=torch.float64)
        wide[:, 12:24, 12:24] = whole[index]
        expected = wide[:, 12 + top : 12 + bottom, 12 + left : 12 + right]
        assert expected.abs().max() == pytest.approx(float(found.scale[index]), rel=1e-6)
        assert torch.allclose(
            found.projection(index).double(), expected, atol=2**-11 * float(found.scale[index])
        )
        assert expected.abs().sum() == pytest.approx(float(whole[index].abs().sum()), rel=1e-9)


def test_equal_units_keep_their_order_and_nan_and_negatives_are_left_out() -> None:
    maps = torch.tensor([[2.0, 5.0], [5.0, torch.nan], [-1.0, -2.0], [0.0, 0.0], [torch.nan, torch.nan]])
    found = find_strongest(maps[None, :, None], "layer", 5)
    assert found.unit.tolist() == [0, 1]
    assert found.position.tolist() == [[0, 1], [0, 0]]
    assert find_strongest(torch.tensor([[1.0, 3.0, 2.0]]), "fc", 2).unit.tolist() == [1, 2]


def test_vectors_have_units_too_and_see_the_whole_image() -> None:
    found = strongest_units(small(), inputs(1), ["7"], units=4)["7"]
    assert (found.position == 0).all()
    assert found.box.tolist() == [[0, 0, 12, 12]] * len(found.unit)


def test_what_cannot_be_projected_has_its_boxes_and_says_why() -> None:
    found = strongest_units(small(nn.SiLU), inputs(2), ["1", "4"], nonlinear="refuse")
    rectified = strongest_units(small(nn.SiLU), inputs(2), ["1", "4"])
    assert not rectified.notes
    assert rectified.nonlinearities["1"] == {"rectified": ("SiLU",)}
    for name in ("1", "4"):
        assert "silu" in found.notes[name].lower()
        assert found[name].patches.shape[1:] == (3, 0, 0)
        assert torch.equal(found[name].box, rectified[name].box)
        assert torch.equal(found[name].unit, rectified[name].unit)
    assert "not_projected" in found.image_numbers(0)


def test_what_cannot_be_traced_has_whole_images() -> None:
    torch.manual_seed(0)
    net = wrap(Branching(), input_size=12)
    found = strongest_units(net, inputs(1).float(), ["conv"], units=2)
    assert found["conv"].box.tolist() == [[0, 0, 12, 12]] * 2
    assert found.notes["conv"]


def test_few_layers_go_from_early_to_late() -> None:
    assert few_layers(small()) == ["1", "4"]
    zfnet = interpret.load_model("zfnet:scenes")
    assert few_layers(zfnet) == ["layer1", "layer2", "layer3", "layer5"]
    assert few_layers(wrap(nn.Sequential(nn.Flatten(), nn.Linear(12, 4), nn.ReLU()), input_size=2)) == ["2"]


def test_wrong_questions_are_refused(tmp_path: Path) -> None:
    net, x = small(), inputs(1)
    with pytest.raises(UnknownNameError, match="layre"):
        strongest_units(net, x, ["layre"])
    with pytest.raises(InterpretError, match="units must be"):
        strongest_units(net, x, ["1"], units=0)
    with pytest.raises(InterpretError, match="rule is 'upwards'"):
        strongest_units(net, x, ["1"], rule="upwards")  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="maps"):
        find_strongest(torch.zeros(1, 2, 3), "tokens", 2)
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    with pytest.raises(DatasetError, match="None of the 1 images"):
        strongest_units(net, [bad], ["1"], on_error="skip")


def silent(channels: int, size: tuple[int, int]) -> Network:
    """A network whose units are never positive."""
    places = (size[0] - 2) * (size[1] - 2)
    module = nn.Sequential(nn.Conv2d(channels, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(2 * places, 2))
    with torch.no_grad():
        module[0].bias.fill_(-1e3)  # type: ignore[union-attr, operator]
    return wrap(module, input_size=size, mean=(0.5,) * channels, std=(0.5,) * channels)


def test_an_image_that_excites_nothing_has_no_units() -> None:
    net = silent(3, (6, 6))
    found = strongest_units(net, torch.zeros(1, 3, 6, 6), ["1"])
    assert len(found["1"].unit) == 0
    assert found.image_numbers(0) == {}


def test_it_is_stored_loaded_and_written_as_json(tmp_path: Path) -> None:
    found = Strongest(layers=["4"], units=2).run(small(), inputs(2))
    found.save(tmp_path)
    again = load(tmp_path)
    assert isinstance(again, StrongestUnits)
    numbers = again.image_numbers(1)
    assert numbers == json.loads(json.dumps(found.image_numbers(1)))
    assert set(numbers["strongest"]["4"][0]) == {"unit", "value", "position", "box"}
    with pytest.raises(UnknownNameError):
        again["1"]


@pytest.mark.parametrize("nonlinear", ["rectify", "refuse"])
def test_one_page_for_each_image_with_the_patches_in_it(tmp_path: Path, nonlinear: str) -> None:
    net, images = small(nn.SiLU), as_images(list(inputs(2)))
    found = Strongest(layers=["1", "4"], units=3, nonlinear=nonlinear).run(net, images)  # type: ignore[arg-type]
    files = StrongestGrid().render(found, images, tmp_path)
    assert [file.name for file in files] == ["strongest-1.png", "strongest-2.png"]
    assert files[0].read_bytes() != files[1].read_bytes()
    again = StrongestGrid().render(found, images, tmp_path / "again")
    assert [file.read_bytes() for file in again] == [file.read_bytes() for file in files]


def test_a_page_of_a_rectangular_grey_image_where_nothing_is_active(tmp_path: Path) -> None:
    net = silent(1, (6, 9))
    images = as_images([torch.zeros(1, 6, 9)])
    (file,) = StrongestGrid().render(strongest_units(net, images, ["1"]), images, tmp_path)
    with Image.open(file) as page:
        assert page.width > 100
