import os
from dataclasses import replace

import numpy as np
import pytest
import torch
import torchvision.transforms as tv
from PIL import Image

from interpret.errors import DatasetError
from interpret.images import InputSpec, as_images, open_image, upright
from interpret.network import batches
from interpret.testing import small_network


def photograph(width=300, height=200, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (height // 10, width // 10, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)


@pytest.mark.parametrize(("size", "resize"), [((60, 60), None), ((60, 60), 66), ((40, 60), None)])
@pytest.mark.parametrize("photograph", [(120, 80), (50, 91), (7, 300)])
def test_squashing_is_torchvisions_resize_of_both_sides(size, resize, photograph):
    pixels = np.random.default_rng(0).integers(0, 256, (*photograph[::-1], 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    spec = InputSpec(size, resize=resize, interpolation="bicubic", squash=True)
    scaled = [side * (resize or size[0]) // size[0] for side in size]
    bicubic = tv.InterpolationMode.BICUBIC
    expected = tv.Compose([tv.Resize(scaled, bicubic), tv.CenterCrop(size)])(image)
    assert np.array_equal(np.array(spec.crop(image)), np.array(expected))
    if resize is None:  # the corners of the photograph are those of the input
        assert spec.locate(-0.5, -0.5, photograph) == (-0.5, -0.5)
        last = [side - 0.5 for side in photograph]
        assert spec.locate(*last, photograph) == (size[1] - 0.5, size[0] - 0.5)
    network = small_network()
    plain = network.of(network.module, replace(spec, squash=False))
    assert network.of(network.module, spec).fingerprint() != plain.fingerprint()
    wider = spec.uncropped
    assert wider.size == tuple(scaled)
    assert wider.squash


def test_preprocess_is_torchvisions_for_classification():
    pipeline = tv.Compose(
        [
            tv.Resize(256),
            tv.CenterCrop(224),
            tv.ToTensor(),
            tv.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )
    for size in [(300, 200), (200, 300), (256, 256), (640, 481)]:
        image = photograph(*size)
        assert torch.allclose(InputSpec().preprocess(image), pipeline(image), atol=1e-6)


def test_denormalize_is_the_inverse_of_normalize():
    pixels = torch.rand(2, 3, 5, 7, dtype=torch.float64)
    spec = InputSpec((5, 7))
    assert torch.allclose(spec.denormalize(spec.normalize(pixels)), pixels, atol=1e-15)


def test_a_network_without_margin_sees_the_whole_square_picture():
    image = photograph(96, 96)
    x = InputSpec((96, 96), (0, 0, 0), (1, 1, 1), resize=96).preprocess(image)
    assert torch.allclose(x, tv.functional.to_tensor(image), atol=1e-7)


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (3, 2)])
def test_tiny_and_thin_pictures_fill_the_input(size):
    assert InputSpec((64, 48)).preprocess(photograph(400, 400).resize(size)).shape == (3, 64, 48)


def test_greyscale_network_takes_a_colour_photograph():
    assert InputSpec((32, 32), (0.5,), (0.5,)).preprocess(photograph()).shape == (1, 32, 32)


def test_five_channels_take_tensors_only():
    spec = InputSpec((8, 8), (0.0,) * 5, (1.0,) * 5)
    assert spec.preprocess(torch.zeros(5, 8, 8)).shape == (5, 8, 8)
    with pytest.raises(DatasetError, match="5 channels"):
        spec.preprocess(photograph())


def test_a_tensor_of_another_shape_is_refused_with_both_shapes():
    with pytest.raises(DatasetError, match=r"\(3, 10, 10\).*\(3, 224, 224\)"):
        InputSpec().preprocess(torch.zeros(3, 10, 10))


def test_sixteen_bits_are_scaled_not_cut_off():
    values = np.array([[0, 255, 32768, 65535]], dtype=np.uint16)
    assert np.asarray(upright(Image.fromarray(values))).tolist() == [[0, 1, 128, 255]]


def test_transparency_is_shown_on_white():
    image = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    image.putpixel((1, 0), (10, 20, 30, 255))
    assert np.asarray(upright(image)).tolist() == [[[255, 255, 255], [10, 20, 30]]]


def test_exif_rotation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    photograph(30, 20).save(tmp_path / "turned.jpg", exif=exif)
    assert open_image(tmp_path / "turned.jpg").size == (20, 30)


def test_given_images_keep_order_ids_and_labels(tmp_path):
    photograph().save(tmp_path / "a.png")
    images = as_images([tmp_path / "a.png"])
    assert images.ids == [(tmp_path / "a.png").as_posix()]
    assert images[0].image.size == (300, 200)
    labelled = as_images(torch.utils.data.TensorDataset(torch.rand(3, 3, 4, 4), torch.tensor([5, 6, 7])))
    assert [sample.label for sample in labelled] == [5, 6, 7]


def test_a_subset_remembers_its_places():
    images = as_images(torch.rand(6, 3, 4, 4)).subset([4, 1, 3]).subset([2, 0])
    assert list(images.indices) == [3, 4]
    assert images.ids == ["3", "4"]
    with pytest.raises(DatasetError, match="no image 2"):
        images.subset([2])


@pytest.mark.parametrize(
    ("given", "message"), [([], "no images"), ("photos", "load_dataset"), (3, "sequence")]
)
def test_what_is_no_sequence_of_images_is_refused(given, message):
    with pytest.raises(DatasetError, match=message):
        as_images(given)


def test_one_path_twice_is_refused():
    with pytest.raises(DatasetError, match=r"Two images have the id 'a\.png'"):
        as_images(["a.png", "b.png", "a.png"])


def test_fingerprint_follows_the_content():
    x = torch.rand(2, 3, 4, 4)
    before = as_images(x).fingerprint()
    assert before == as_images(x.clone()).fingerprint()
    x[1, 0, 0, 0] += 1
    assert before != as_images(x).fingerprint()


class Labelled(torch.utils.data.Dataset):
    """A dataset as torchvision's are: pairs, and what is known of them."""

    def __init__(self, **known):
        self.reads = 0
        for name, value in known.items():
            setattr(self, name, value)

    def __len__(self):
        return 3

    def __getitem__(self, index):
        self.reads += 1
        return torch.zeros(3, 4, 4), index % 2


def test_a_dataset_s_labels_are_known_without_reading_where_it_tells_them():
    told = Labelled(targets=[1, 0, 1], classes=["cat", "dog"])
    images, before = as_images(told), told.reads
    assert (images.labels, images.categories) == ([1, 0, 1], ("cat", "dog"))
    assert as_images(Labelled(targets=torch.tensor([1, 0, 1]))).labels == [1, 0, 1]
    assert told.reads == before
    assert as_images(Labelled(classes=2)).labels == [0, 1, 0]
    assert as_images([torch.zeros(3, 4, 4)]).labels == [None]


def test_targets_that_are_no_categories_are_none():
    assert as_images(Labelled(targets=["a.xml", "b.xml", "c.xml"])).labels == [None] * 3


class Failing(torch.utils.data.Dataset):
    """A dataset that opens its pictures itself, one of which is broken in a way of its own."""

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return [photograph(), np.int64(index)] if index != 1 else {}["missing"]


def test_what_fails_in_the_code_of_a_dataset_can_be_skipped():
    images = as_images(Failing())
    assert images.fingerprint() == as_images(Failing()).fingerprint()
    with pytest.raises(DatasetError, match="Failing fails at its item 1: KeyError"):
        images[1]
    (batch,) = batches(small_network(), images, 3, on_error="skip")
    assert batch.indices == (0, 2)


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ({"photo": 0, "label": 1}, r"has 'photo', 'label', and its picture .* give pairs"),
        ({"image": 0, "label": 1}, "int is no image"),
        ((photograph(), 1, 2), "3 parts"),
        ((), "0 parts"),
        (None, "NoneType is no image"),
    ],
)
def test_items_that_are_no_pairs_are_refused(item, said):
    images = as_images([item])
    assert images.fingerprint()
    with pytest.raises(DatasetError, match=said):
        images[0]


def test_the_cure_for_items_of_names_works():
    items = [{"image": photograph(), "label": 1}]
    images = as_images([(item["image"], item["label"]) for item in items])
    assert (images[0].label, images[0].image.size) == (1, (300, 200))


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
def test_three_axes_are_one_image_or_several(kind):
    x = kind(np.zeros((5, 8, 8), dtype=np.uint8))
    with pytest.raises(DatasetError, match=r"one image or several grey ones. Give \[x\]") as refusal:
        as_images(x)
    several = as_images(eval(str(refusal.value).split("image, ")[-1].split(" for")[0], {"x": x}))
    assert [sample.image.size for sample in several] == [(8, 8)] * 5


def test_ids_of_paths_are_one_line_of_utf_8(tmp_path):
    names = [os.fsdecode(b"\xff\xfe.png"), "a\nb.png"]
    for name in names:
        photograph().save(tmp_path / name)
    images = as_images([tmp_path / name for name in names])
    assert [name.rpartition("/")[2] for name in images.ids] == [r"\xff\xfe.png", r"a\nb.png"]
    assert images[0].image.size == images[1].image.size == (300, 200)
    assert images.fingerprint().isalnum()


def test_a_path_that_is_gone_is_said_when_it_is_read(tmp_path):
    images = as_images([tmp_path / "gone.png", f"{tmp_path}/a\0b.png"])
    assert images.fingerprint()
    for index in (0, 1):
        with pytest.raises(DatasetError, match=r"gone\.png|NUL"):
            images[index]


def test_pictures_that_look_different_have_different_fingerprints():
    first, second = (Image.new("P", (2, 2), 0) for _ in range(2))
    first.putpalette([255, 0, 0])
    second.putpalette([0, 255, 0])
    assert as_images([first]).fingerprint() != as_images([second]).fingerprint()
    assert as_images(torch.zeros(1, 3, 4, 4, dtype=torch.bfloat16)).fingerprint()
