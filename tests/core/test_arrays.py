"""Arrays and tensors: photographs are preprocessed, preprocessed numbers are checked, the rest is refused."""

import numpy as np
import pytest
import torch
from PIL import Image

from interpret.errors import DatasetError
from interpret.images import InputSpec, as_images
from interpret.testing import small_network

SPEC = InputSpec((16, 12))
PIXELS = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
GREY = PIXELS[..., 0]


def equal(x, photograph):
    return torch.equal(SPEC.preprocess(x), SPEC.preprocess(Image.fromarray(photograph)))


@pytest.mark.parametrize(
    ("given", "photograph"),
    [
        (PIXELS, PIXELS),
        (torch.from_numpy(PIXELS).permute(2, 0, 1), PIXELS),
        (GREY, GREY),
        (GREY[..., None], GREY),
        (torch.from_numpy(GREY), GREY),
        (torch.from_numpy(GREY)[None], GREY),
        (PIXELS.astype(np.uint16) * 257, PIXELS),
        (PIXELS / 255, PIXELS),
        ((PIXELS / 255).astype(np.float32), PIXELS),
        (PIXELS[:, ::-1], PIXELS[:, ::-1]),
    ],
)
def test_pixels_are_photographs(given, photograph):
    assert equal(given, np.ascontiguousarray(photograph))
    assert torch.equal(
        SPEC.preprocess(as_images([given])[0].image), SPEC.preprocess(Image.fromarray(photograph.copy()))
    )


def test_transparent_pixels_are_white():
    clear = np.dstack([PIXELS, np.zeros_like(GREY)])
    assert equal(clear, np.full_like(PIXELS, 255))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_floating_point_tensors_are_preprocessed_already(dtype):
    x = torch.linspace(-2, 2, 3 * 16 * 12, dtype=dtype).reshape(3, 16, 12)
    assert torch.equal(SPEC.preprocess(x), x)
    assert not SPEC.preprocess(x.clone().requires_grad_()).requires_grad


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (torch.from_numpy(PIXELS), r"permute\(2, 0, 1\)"),
        (torch.zeros(3, 16, 12, dtype=torch.int64), "bytes"),
        (torch.zeros(3, 16, 12, dtype=torch.bool), "bytes"),
        (torch.zeros(3, 16, 12, dtype=torch.complex64), "bytes"),
        (torch.zeros(3, 16, 12, dtype=torch.float8_e4m3fn), "bytes"),
        (torch.zeros(1, 3, 16, 12, dtype=torch.uint8), r"\(c, h, w\)"),
        (torch.zeros(3, 0, 12, dtype=torch.uint8), r"\(c, h, w\)"),
        (PIXELS.transpose(2, 0, 1), r"\(h, w, c\)"),
        (PIXELS[None], r"\(h, w, c\)"),
        (PIXELS.astype(np.int64), "bytes"),
        (PIXELS.astype(np.float32), "0 to 1"),
        (GREY > 9, "bytes"),
        (PIXELS.astype(object), "bytes"),
        (torch.zeros(3, 16, 12).to_sparse(), "to_dense"),
        (torch.zeros(3, 16, 12, device="meta"), "meta"),
        (torch.zeros(12, 16, 3), "network takes"),
        (7, "int is no image"),
    ],
)
def test_what_is_neither_is_refused(given, said):
    with pytest.raises(DatasetError, match=said):
        SPEC.preprocess(given)
    with pytest.raises(DatasetError, match=said):
        SPEC.preprocess(as_images([given])[0].image)


def test_the_cures_work():
    assert equal(torch.from_numpy(PIXELS).permute(2, 0, 1), PIXELS)
    sparse = torch.zeros(3, 16, 12).to_sparse()
    assert SPEC.preprocess(sparse.to_dense()).shape == (3, 16, 12)


def test_bytes_that_were_made_floats_get_a_word():
    x = torch.full((3, 16, 12), 200.0)
    with pytest.warns(UserWarning, match="give them as uint8"):
        assert torch.equal(SPEC.preprocess(x), x)
    assert torch.equal(InputSpec((16, 12), (0.5,) * 3, (1 / 255,) * 3).preprocess(x), x)


def test_bytes_are_never_taken_for_a_preprocessed_batch():
    network = small_network()
    x = torch.randint(0, 256, (2, 3, 16, 16), dtype=torch.uint8)
    for ask in (network, lambda x: network.record(x, network.layers[:1])):
        with pytest.raises(DatasetError, match=r"uint8 has not been preprocessed.*normalize\(x / 255\)"):
            ask(x)
    spec = InputSpec((16, 16), network.input.mean, network.input.std, resize=16)
    seen = torch.stack([spec.preprocess(each) for each in x])
    assert torch.allclose(network.input.normalize(x / 255), seen)
    assert network(network.input.normalize(x / 255)).shape == network(x.float()).shape


@pytest.mark.parametrize(
    "wrong",
    [
        {"std": (1.0, 0.0, 1.0)},
        {"std": (1.0, float("nan"), 1.0)},
        {"mean": (float("inf"), 0.0, 0.0)},
        {"mean": (1e308, 0.0, 0.0)},
        {"std": (1e-320, 1.0, 1.0)},
        {"mean": (0.0,)},
        {"mean": (), "std": ()},
        {"size": (0, 5)},
        {"resize": -1},
        {"interpolation": "cubic"},
    ],
)
def test_an_input_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(DatasetError, match=r"mean and std|at least 1 pixel|must be one of nearest"):
        InputSpec(**wrong)
