"""Attributions of one probe: every map beside its image, signed and at its own scale."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from seen import find_one

from interpret.attributions import Attributions
from interpret.errors import DatasetError
from interpret.images import InputSpec
from interpret.plugin.interfaces import renderer_input
from interpret_figures.attribution_grid import AttributionGrid, asked

FACTOR = 14


def attributions(spec, images=3, channels=3):
    maps = torch.randn(images, channels, 16, 16, generator=torch.Generator().manual_seed(0))
    places = torch.tensor([4, 2, 7, 1, 0][:images])
    return Attributions(
        maps=maps * 10.0 ** torch.arange(images)[:, None, None, None],
        image=places,
        ids={str(place): f"square-{place}" for place in places.tolist()},
        target=torch.tensor([1, 0, 1, 0, 1][:images]),
        layer="",
        position=torch.zeros(images, 2, dtype=torch.long),
        score=torch.ones(images),
        method="captum.saliency",
        input=spec,
        categories=("circle", "square"),
    )


def render(made, result, folder, **parameters):
    parameters = {"percentile": 100, **parameters}
    files = AttributionGrid(**parameters).render(result, made.Squares(), folder)
    with Image.open(files[0]) as image:
        return files, np.asarray(image).astype(int)


def drawn(values):
    """A map as it is drawn: zero is 128, its largest magnitude full colour."""
    pixels = (values / values.abs().max() * 127).round().permute(1, 2, 0).numpy().astype(int) + 128
    return np.broadcast_to(pixels, (16, 16, 3)).repeat(FACTOR, 0).repeat(FACTOR, 1)


@pytest.mark.parametrize("columns", [1, 2])
def test_every_map_stands_beside_its_image(made: SimpleNamespace, tmp_path, columns):
    result = attributions(made.SPEC)
    files, page = render(made, result, tmp_path / "new", columns=columns)
    assert [file.name for file in files] == ["attributions-1.png"]
    places = [find_one(page, drawn(values)) for values in result.maps]
    for (y, x), image in zip(places, (4, 2, 7), strict=True):
        left = x - 224 - round(0.06 * 140)
        assert (page[y : y + 224, left : left + 224] == (image, 100, 200)).all()
    assert (places[0][0] == places[1][0]) == (columns == 2)
    assert places[2][1] == places[0][1]


def test_a_percentile_gives_more_pixels_full_colour(made: SimpleNamespace, tmp_path):
    result = attributions(made.SPEC, images=1)
    _, page = render(made, result, tmp_path, percentile=50)
    size = result.maps[0].abs().flatten().quantile(0.5)
    find_one(page, drawn_at(result.maps[0], size))


def drawn_at(values, size):
    pixels = (values / size).clamp(-1, 1).mul(127).round().permute(1, 2, 0).numpy().astype(int) + 128
    return pixels.repeat(FACTOR, 0).repeat(FACTOR, 1)


def test_of_other_numbers_of_channels_the_page_says_which_are_shown(made: SimpleNamespace):
    two = InputSpec((16, 16), (0.5,) * 2, (0.25,) * 2)
    chosen = replace(two, shown_channels=(1,))
    for spec, shown in ((two, "Channel 0 of 2"), (chosen, "Channel 1 of 2")):
        result = attributions(spec, channels=2)
        assert any(shown in line for line in AttributionGrid()._details(result))
    assert not any("Channel" in line for line in AttributionGrid()._details(attributions(made.SPEC)))


def test_what_was_asked(made: SimpleNamespace):
    result = attributions(made.SPEC)
    assert [asked(result, place) for place in range(3)] == ["square", "circle", "square"]
    assert asked(replace(result, categories=()), 0) == "class 1"
    neuron = replace(result, layer="conv", position=torch.tensor([[2, 3]] * 3))
    assert asked(neuron, 1) == "conv, unit 0 at (2, 3)"


def test_many_images_take_several_pages(made: SimpleNamespace, tmp_path):
    files, _ = render(made, attributions(made.SPEC, images=5), tmp_path, columns=2, rows=1)
    assert [file.name for file in files] == [f"attributions-{number}.png" for number in (1, 2, 3)]


def test_the_same_result_gives_the_same_bytes(made: SimpleNamespace, tmp_path):
    one, _ = render(made, attributions(made.SPEC), tmp_path / "a")
    two, _ = render(made, attributions(made.SPEC), tmp_path / "b")
    assert one[0].read_bytes() == two[0].read_bytes()


def test_a_photograph_that_changed(made: SimpleNamespace, tmp_path):
    with pytest.raises(DatasetError, match="square-4"):
        AttributionGrid().render(attributions(made.SPEC), made.Squares(3), tmp_path)


def test_it_draws_attributions():
    assert renderer_input(AttributionGrid) is Attributions
