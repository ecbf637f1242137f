"""Attributions of one probe: every map beside its image, signed and at its own scale."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter1d
from seen import find_one

from interpret.attributions import Attributions
from interpret.errors import DatasetError
from interpret.images import InputSpec
from interpret.plugin.interfaces import renderer_input
from interpret_figures import display
from interpret_figures.attribution_grid import AttributionGrid
from interpret_figures.colours import HEAT, Scale, overlaid

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
    parameters = {"percentile": 100, "heat": False, **parameters}
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
    assert [result.asked(place) for place in range(3)] == ["square", "circle", "square"]
    assert replace(result, categories=()).asked(0) == "class 1"
    neuron = replace(result, layer="conv", position=torch.tensor([[2, 3]] * 3))
    assert neuron.asked(1) == "conv, unit 0 at (2, 3)"


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


def test_heat_and_overlay_stand_beside_the_signed_values(made: SimpleNamespace, tmp_path):
    result = attributions(made.SPEC)
    _, page = render(made, result, tmp_path, heat=True, columns=1)
    for values, image in zip(result.maps, (4, 2, 7), strict=True):
        heat = display.heat(values[None])[0]
        pixels = Scale(0.0, float(heat.max()), HEAT).pixels(heat.numpy())
        shown = display.resize(pixels[None], (224, 224), smooth=True)[0]
        photograph = np.full((224, 224, 3), (image, 100, 200), np.uint8)
        y, x = find_one(page, shown.astype(int))
        step = 224 + round(0.06 * 140)
        assert find_one(page, drawn(values)) == (y, x - step)
        assert find_one(page, overlaid(shown, photograph).astype(int)) == (y, x + step)
    said = " ".join(AttributionGrid()._details(result))
    assert "smoothed" in said
    assert "Heat" not in " ".join(AttributionGrid(heat=False)._details(result))


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (224, 160)])
def test_heat_is_the_magnitude_smoothed(size):
    maps = torch.randn(2, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    maps[0, 0, 0, 0] = torch.nan
    heat = display.heat(maps)
    total = maps.nan_to_num(0).abs().sum(1).numpy()
    sigma = min(size) / 100
    how = {"sigma": sigma, "mode": "nearest", "radius": int(np.ceil(3 * sigma))}
    expected = gaussian_filter1d(gaussian_filter1d(total, axis=1, **how), axis=2, **how)
    expected[0, 0, 0] = np.nan  # stays what it is, and counts nothing beside it
    assert np.allclose(heat.numpy(), expected, rtol=1e-9, atol=1e-12, equal_nan=True)


def test_of_four_channels_the_chosen_one_is_shown_and_all_count(made: SimpleNamespace, tmp_path):
    spec = InputSpec((16, 16), (0.0,) * 4, (1.0,) * 4, shown_channels=(3,))
    result = attributions(spec, images=1, channels=4)

    class Tensors(made.Squares):
        def __getitem__(self, index):
            return replace(super().__getitem__(index), image=torch.full((4, 16, 16), 0.5))

    (file,) = AttributionGrid(percentile=100).render(result, Tensors(), tmp_path)
    with Image.open(file) as image:
        page = np.asarray(image).astype(int)
    find_one(page, drawn(result.maps[0, 3:]))
    heat = display.heat(result.maps[:1])[0]
    shown = display.resize(
        Scale(0.0, float(heat.max()), HEAT).pixels(heat.numpy())[None], (224, 224), smooth=True
    )
    find_one(page, shown[0].astype(int))
    assert "Channel 3 of 4 is shown." in " ".join(AttributionGrid()._details(result))


def test_the_only_output_is_no_class(made: SimpleNamespace):
    result = replace(attributions(made.SPEC), categories=(), outputs=1)
    assert result.asked(1) == "the output"
