"""Pictures made to harm: other formats, damaged files, pipes, and small files that would fill the memory."""

import io
import os
import resource
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from interpret.errors import DatasetError
from interpret.images import InputSpec, as_images, open_image
from interpret.network import batches
from interpret.testing import small_network

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(pwned) print\n%%EOF\n"


def ramp():
    values = np.linspace(0, 255, 32 * 24 * 3).astype(np.uint8).reshape(24, 32, 3)
    return Image.fromarray(values)


def refuse(path, *words):
    with pytest.raises(DatasetError) as refusal:
        open_image(path)
    for word in (path.name, *words):
        assert word in str(refusal.value), refusal.value


@pytest.mark.parametrize("kind", ["EPS", "AVIF", "DDS", "ICO", "JPEG2000", "PCX", "SGI", "TGA"])
def test_formats_that_are_not_promised_are_never_opened(tmp_path, kind, monkeypatch):
    """An EPS would be given to Ghostscript, a program that runs what the file says."""
    path = tmp_path / "x.jpg"
    if kind == "EPS":
        monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *a, **k: pytest.fail("it runs"))
        path.write_bytes(EPS)
    else:
        ramp().save(path, kind)
    refuse(path, "none of BMP, GIF, JPEG, PNG, PPM, TIFF, WEBP", "convert it")


@pytest.mark.filterwarnings("ignore")  # Pillow warns of some damage
@pytest.mark.parametrize("kind", ["BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP", "MPO"])
def test_formats_that_are_promised_are_read_or_refused_when_damaged(tmp_path, kind):
    """Whatever Pillow raises is an error of the data set: ``on_error: skip`` passes over it."""
    data, draw = io.BytesIO(), np.random.default_rng(0)
    ramp().save(data, kind)
    (tmp_path / "whole.png").write_bytes(data.getvalue())
    assert open_image(tmp_path / "whole.png").size == (32, 24)
    for number in range(40):
        harmed = np.frombuffer(data.getvalue(), np.uint8).copy()
        harmed[draw.integers(0, min(len(harmed), 400), 3)] = draw.integers(0, 256, 3)
        (tmp_path / "harmed.png").write_bytes(harmed[: None if number % 2 else -number].tobytes())
        try:
            assert open_image(tmp_path / "harmed.png").mode in {"L", "RGB"}
        except DatasetError as error:
            assert "harmed.png" in str(error)  # noqa: PT017 - either is right


def test_what_breaks_in_any_way_is_skipped(tmp_path, monkeypatch):
    ramp().save(tmp_path / "a.png")
    ramp().save(tmp_path / "b.gif")
    monkeypatch.setattr("PIL.GifImagePlugin.GifImageFile.load_prepare", lambda self: {}["missing"])
    images = as_images([tmp_path / "a.png", tmp_path / "b.gif"])
    (batch,) = batches(small_network(), images, 2, on_error="skip")
    assert batch.indices == (0,)
    assert "b.gif cannot be read" in batch.skipped[0][1]


def test_a_picture_the_caller_opened_that_breaks_later_is_skipped():
    torn = []
    for kind in ("JPEG", "PNG"):
        data = io.BytesIO()
        Image.effect_noise((200, 200), 60).save(data, kind)
        torn.append(Image.open(io.BytesIO(data.getvalue()[:-900])))
    (batch,) = batches(small_network(), as_images([ramp(), *torn]), 3, on_error="skip")
    assert batch.indices == (0,)
    assert [reason.startswith("The picture cannot be read") for _, reason in batch.skipped] == [True, True]


def test_pipes_and_devices_are_never_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    refuse(tmp_path / "pipe.jpg", "named pipe, not a file", "remove it")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    refuse(tmp_path / "zero.png", "a device, not a file")


MEASURED = """
import resource, sys
from concurrent.futures import ThreadPoolExecutor
from interpret.images.inputs import InputSpec
spec, files = InputSpec(), sys.argv[1:]
spec.preprocess(files[0])  # what the first picture imports
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with ThreadPoolExecutor(4) as pool:
    shapes = [tuple(x.shape) for x in pool.map(spec.preprocess, files[1:])]
assert shapes == [(3, 224, 224)] * len(shapes)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def megabytes(*files):
    """How much memory four threads take at most to read pictures, in a process of their own."""
    command = [sys.executable, "-W", "ignore", "-c", MEASURED, *map(str, files)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout)


def test_thin_pictures_take_little_memory(tmp_path):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for size in [(60_000, 1), (1, 60_000), (2_000_000, 1)]:
        Image.new("L", size, 51).save(tmp_path / "thin.png")
        x = InputSpec((224, 224), (0,) * 3, (1,) * 3).preprocess(tmp_path / "thin.png")
        assert torch.equal(x, torch.full((3, 224, 224), 0.2))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024


def test_tiles_larger_than_their_picture_take_little_memory(tmp_path):
    """libtiff decodes a whole tile, also where the picture shows 10 x 10 pixels of it."""
    side, data = 46_000, zlib.compress(bytes(1000))
    tags = {256: 10, 257: 10, 258: 8, 259: 8, 262: 1, 277: 1, 322: side, 323: side, 324: 134, 325: len(data)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0)
    (tmp_path / "tiles.tif").write_bytes(head + data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refuse(tmp_path / "tiles.tif", "tiles of 46000 x 46000 pixels", "Scale it down")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024


@pytest.mark.slow
def test_the_largest_pictures_take_bounded_memory(tmp_path):
    """One decoded picture of 100 megapixels is 400 MB; four are held, of which one is being decoded."""
    ramp().save(tmp_path / "a.png")
    for mode in ("I;16", "RGBA", "RGB", "LA"):
        ending = "tif" if mode == "I;16" else "png"
        Image.new(mode, (10_000, 10_000)).save(tmp_path / f"large-{mode[:4]}.{ending}")
    assert megabytes(tmp_path / "a.png", *[tmp_path / "large-I;16.tif"] * 4) < 1000
    assert megabytes(tmp_path / "a.png", *[tmp_path / "large-RGBA.png"] * 4) < 2500
    assert megabytes(tmp_path / "a.png", *sorted(tmp_path.glob("large*"))) < 2500


@pytest.mark.parametrize("size", [(1200, 40), (40, 1200), (2000, 3), (3, 999)])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos"])
def test_thin_pictures_look_as_if_all_of_them_was_scaled(size, interpolation):
    # Pillow takes rows or columns first, whichever is less work; stronger noise is cut off in between.
    noise = np.random.default_rng(0).integers(112, 144, (size[1], size[0], 3), dtype=np.uint8)
    spec = InputSpec((40, 40), interpolation=interpolation)
    sides = [spec.shorter_side * side // min(size) for side in size]
    scaled = Image.fromarray(noise).resize(sides, Image.Resampling[interpolation.upper()])
    left, top = (round((side - 40) / 2) for side in scaled.size)
    expected = np.asarray(scaled.crop((left, top, left + 40, top + 40))).astype(int)
    assert np.abs(np.asarray(spec.crop(Image.fromarray(noise))) - expected).max() <= 1
