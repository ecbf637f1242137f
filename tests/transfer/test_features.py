"""Features are what the network gives, image by image; ten crops are the mean over the views by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from transfer_fixtures import LAYERS, SIZE, WHOLE, Coloured, equal, network, views_of

from interpret.errors import DatasetError, UnknownNameError
from interpret_captum.mining import layer_features
from interpret_training.loading import mean_image
from interpret_transfer import extract
from interpret_transfer.features import joined
from interpret_zoo import MeanImage

pytestmark = pytest.mark.usefixtures("own_room")


def whole(features):
    return features.columns(0, features.dimension)


def one_by_one(made, images, layer):
    """One pass for each image and layer."""
    rows = [made.record(made.preprocess(sample.image)[None], [layer])[layer].flatten() for sample in images]
    return torch.stack(rows)


@pytest.mark.parametrize("double", [False, True])
def test_features_are_the_layers_outputs(double):
    made, images = network(double=double), equal(7, noise=100)
    found = extract(made, images, [*LAYERS, "conv1", "out"], batch_size=4)
    assert list(found) == [*LAYERS, "conv1", "out"]
    for layer, features in found.items():
        expected = one_by_one(made, images, layer)
        assert features.dimension == expected.shape[1]
        assert features.places == tuple(range(21))
        assert features.skipped == ()
        assert whole(features).dtype == torch.float32
        torch.testing.assert_close(
            whole(features), expected.float(), rtol=1e-6 if double else 1e-5, atol=1e-6
        )


def test_columns_are_a_part_of_all():
    features = extract(network(), equal(90), ["layer2"], batch_size=32)["layer2"]
    assert len(features.files) == 5  # of 64 images, and 14
    assert len(features) == 270
    assert torch.equal(features.columns(100, 113), whole(features)[:, 100:113])


def test_an_alias_and_its_layer_are_one_on_disk():
    found = extract(network(), equal(3), ["layer1", "pool1", "layer1"])
    assert list(found) == ["layer1", "pool1"]
    assert found["layer1"].files == found["pool1"].files


def test_an_unknown_layer_is_named_before_anything_is_read():
    images = equal(3)
    with pytest.raises(UnknownNameError, match="layer 'layer9'"):
        extract(network(), images, ["layer1", "layer9"])
    assert images.reads == 0


def test_a_layer_before_a_relu_in_place_is_not_rectified():
    found = whole(extract(network(), equal(4, noise=120), ["conv2", "fc"])["conv2"])
    assert found.min() < 0


@pytest.mark.parametrize("layers", [["layer1"], ["fc", "layer1", "layer2"]])
def test_captums_features_are_the_same(layers):
    made, images = network(), equal(5, noise=100)
    theirs = layer_features(made, views_of(made, images), layers)
    for layer, features in extract(made, images, layers).items():
        torch.testing.assert_close(whole(features), theirs[layer].detach().flatten(1), rtol=1e-6, atol=1e-6)


def views_by_hand(picture, made):
    """Corners and centre of the photograph at 20 pixels, and the same mirrored, as the network takes them."""
    width, height = picture.size
    scale = WHOLE / min(width, height)
    scaled = picture.resize((int(width * scale), int(height * scale)), Image.Resampling.BILINEAR)
    left, top = round((scaled.width - WHOLE) / 2), round((scaled.height - WHOLE) / 2)
    pixels = np.asarray(scaled.crop((left, top, left + WHOLE, top + WHOLE)), dtype=np.float64) / 255
    x = torch.from_numpy((pixels - 0.5) / 0.25).permute(2, 0, 1)
    mean = mean_image(made)
    rest, middle = WHOLE - SIZE, (WHOLE - SIZE) // 2
    for down, across in ((0, 0), (0, rest), (rest, 0), (rest, rest), (middle, middle)):
        window = (slice(None), slice(down, down + SIZE), slice(across, across + SIZE))
        for mirrored in (False, True):
            view, under = x[window], mean.mean[window] if mean else torch.zeros(1)
            if mirrored:
                view, under = view.flip(-1), under.flip(-1)
            yield view - under


def without_mean(made):
    """The layers behind the mean image."""
    return torch.nn.Sequential(*[part for part in made.module if not isinstance(part, MeanImage)])


@pytest.mark.parametrize("mean", [False, True])
def test_ten_crops_are_the_mean_over_the_views(mean):
    """Each view is without its own part of the mean image: what the paper does, mean first, then crops."""
    made, images = network(mean=mean, double=True), Coloured([0, 1, 2], noise=120)
    found = extract(made, images, ["out", "layer1"], crops=10, batch_size=2)
    rest = without_mean(made)
    for place, sample in enumerate(images):
        with torch.no_grad():
            views = torch.stack(list(views_by_hand(sample.image, made)))
            expected = rest(views).mean(0)
        torch.testing.assert_close(whole(found["out"])[place], expected.float(), rtol=1e-5, atol=1e-5)
        with torch.no_grad():
            pooled = rest[:3](views).flatten(1).mean(0)
        torch.testing.assert_close(whole(found["layer1"])[place], pooled.float(), rtol=1e-5, atol=1e-5)
    assert len(found["out"]) == 3


@pytest.mark.parametrize("mean", [False, True])
def test_one_crop_is_the_centre_of_the_ten(mean):
    made, images = network(mean=mean, double=True), Coloured([0, 1, 2], noise=120)
    rest = without_mean(made)
    centre = torch.stack([list(views_by_hand(sample.image, made))[8] for sample in images])
    with torch.no_grad():
        expected = rest(centre)
    torch.testing.assert_close(
        whole(extract(made, images, ["out"])["out"]), expected.float(), rtol=1e-5, atol=1e-5
    )


def test_one_crop_and_ten_are_kept_apart():
    made, images = network(), equal(3, noise=120)
    one, ten = (whole(extract(made, images, ["fc"], crops=crops)["fc"]) for crops in (1, 10))
    assert (one - ten).abs().max() > 1e-3


def test_a_shuffled_subset_knows_its_own_places():
    """Rows follow the subset's order, and places count in the subset, not in the whole data set."""
    made, images = network(), equal(10, noise=100)
    order = [17, 3, 29, 0, 11]
    found = extract(made, images.subset(order), ["fc"])["fc"]
    assert found.places == (0, 1, 2, 3, 4)
    torch.testing.assert_close(whole(found), one_by_one(made, images, "fc")[order], rtol=1e-5, atol=1e-6)
    nested = extract(made, images.subset(order).subset([4, 1]), ["fc"])["fc"]
    assert nested.places == (0, 1)
    torch.testing.assert_close(whole(nested), one_by_one(made, images, "fc")[[11, 3]], rtol=1e-5, atol=1e-6)


def test_images_that_cannot_be_read_are_left_out_and_listed():
    made = network()
    images, good = equal(100, broken=(0, 7, 299), noise=100), equal(100, noise=100)
    found = extract(made, images, ["fc"], batch_size=16, on_error="skip")["fc"]
    assert found.skipped == tuple((f"0-{place:04d}", f"Image {place} is cut short.") for place in (0, 7, 299))
    assert found.places == tuple(place for place in range(300) if place not in {0, 7, 299})
    expected = whole(extract(made, good, ["fc"], batch_size=16)["fc"])[list(found.places)]
    torch.testing.assert_close(whole(found), expected, rtol=1e-5, atol=1e-6)


def test_places_of_broken_images_in_a_subset():
    images = equal(4, broken=(2, 5)).subset([5, 8, 2, 1])
    found = extract(network(), images, ["fc"], on_error="skip")["fc"]
    assert found.places == (1, 3)
    assert [name for name, _ in found.skipped] == ["0-0005", "0-0002"]


def test_a_chunk_without_any_image_that_can_be_read():
    images = equal(90, broken=range(256))
    found = extract(network(), images, ["fc"], batch_size=32, on_error="skip")["fc"]
    assert found.places == tuple(range(256, 270))
    assert found.dimension == 10
    assert whole(found).shape == (14, 10)


def test_a_broken_image_is_fatal_by_choice():
    with pytest.raises(
        DatasetError, match=r"Image '0-0004' cannot be used. Image 4 is cut short.*on_error: skip"
    ):
        extract(network(), equal(3, broken=(4,)), ["fc"])


def test_no_image_that_can_be_read():
    with pytest.raises(
        DatasetError, match=r"None of the 6 images can be read. The first: Image 0 is cut short"
    ):
        extract(network(), equal(2, broken=range(6)), ["fc"], on_error="skip")


def test_two_parts_joined():
    made = network()
    one, other = equal(3, broken=(1,), noise=90), equal(2, broken=(4,), seed=1, noise=90)
    parts = [extract(made, images, ["fc"], on_error="skip")["fc"] for images in (one, other)]
    both = joined(*parts)
    assert both.places == tuple(range(13))
    assert torch.equal(whole(both), torch.cat([whole(part) for part in parts]))
    assert [name for name, _ in both.skipped] == ["0-0001", "1-0004"]


def test_the_network_is_as_it_was():
    made = network(mean=True)
    made.module.train()
    before = made.fingerprint()
    extract(made, equal(3), ["layer1", "fc"], crops=10)
    assert made.fingerprint() == before
    assert all(part.training for part in made.module.modules())
    assert not any(part._forward_hooks for part in made.module.modules())
