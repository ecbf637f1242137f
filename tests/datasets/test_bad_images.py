"""Pictures that tools choke on: each is read as people see it, or refused with its name and what to do."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from interpret.errors import DatasetError
from interpret.images import MAX_PIXELS, open_image
from interpret_datasets import Folder


def ramp(mode="RGB"):
    values = np.linspace(0, 255, 32 * 24 * 3).astype(np.uint8).reshape(24, 32, 3)
    return Image.fromarray(values).convert(mode)


def png_header(width, height):
    """A PNG that says it is large and holds almost nothing."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0"))
        + chunk(b"IEND", b"")
    )


def refuse(path, *words):
    with pytest.raises(DatasetError) as refusal:
        open_image(path)
    for word in (path.name, *words):
        assert word in str(refusal.value), refusal.value
    assert "Traceback" not in str(refusal.value)


def test_truncated_jpeg(tmp_path):
    data = io.BytesIO()
    ramp().resize((200, 200)).save(data, "JPEG")
    for share in (0.3, 0.6, 0.9):
        (tmp_path / "torn.jpg").write_bytes(data.getvalue()[: int(share * len(data.getvalue()))])
        refuse(tmp_path / "torn.jpg", "cut short", "replace or remove")


def test_truncated_png_and_gif(tmp_path):
    for kind in ("PNG", "GIF"):
        data = io.BytesIO()
        Image.effect_noise((100, 100), 60).save(data, kind)
        (tmp_path / f"torn.{kind.lower()}").write_bytes(data.getvalue()[: len(data.getvalue()) // 2])
        refuse(tmp_path / f"torn.{kind.lower()}", "remove")


@pytest.mark.parametrize("content", [b"hello, I am text", b"", b"\x00" * 1000, b"\xff\xd8\xff"])
def test_a_file_that_is_no_picture(tmp_path, content):
    (tmp_path / "text.jpg").write_bytes(content)
    refuse(tmp_path / "text.jpg")


def test_decompression_bomb(tmp_path):
    (tmp_path / "bomb.png").write_bytes(png_header(40_000, 40_000))
    refuse(tmp_path / "bomb.png", f"{MAX_PIXELS:,} pixels", "Scale it down")


def test_a_little_too_large_is_refused_too(tmp_path):
    (tmp_path / "large.png").write_bytes(png_header(10_001, 10_000))
    refuse(tmp_path / "large.png", f"{MAX_PIXELS:,} pixels")


def test_missing_file_folder_and_broken_link(tmp_path):
    refuse(tmp_path / "gone.jpg", "no file")
    (tmp_path / "folder.jpg").mkdir()
    refuse(tmp_path / "folder.jpg")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "gone.jpg")
    refuse(tmp_path / "link.jpg")


def test_cmyk_is_shown_in_its_colours(tmp_path):
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "red.jpg", quality=100)
    image = open_image(tmp_path / "red.jpg")
    assert image.mode == "RGB"
    np.testing.assert_allclose(np.asarray(image)[0, 0], (255, 0, 0), atol=6)


def test_sixteen_bits_keep_their_order(tmp_path):
    values = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    Image.fromarray(values).save(tmp_path / "deep.png")
    image = open_image(tmp_path / "deep.png")
    assert image.mode == "L"
    np.testing.assert_array_equal(np.asarray(image).ravel(), np.arange(256))


def test_sixteen_bit_tiff(tmp_path):
    Image.fromarray(np.full((4, 4), 32768, dtype=np.uint16)).save(tmp_path / "deep.tif")
    assert open_image(tmp_path / "deep.tif").getpixel((0, 0)) == 128


def test_palette(tmp_path):
    ramp().quantize(16).save(tmp_path / "palette.png")
    image = open_image(tmp_path / "palette.png")
    assert image.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(image), np.asarray(ramp().quantize(16).convert("RGB")))


def test_transparent_pixels_are_white(tmp_path):
    clear = Image.new("RGBA", (4, 4), (200, 0, 0, 0))
    clear.putpixel((0, 0), (200, 0, 0, 255))
    clear.save(tmp_path / "clear.png")
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([200, 0, 0, 0, 0, 0])
    palette.putpixel((0, 0), 0)
    palette.save(tmp_path / "clear_palette.png", transparency=1)
    Image.new("LA", (4, 4), (0, 0)).save(tmp_path / "clear_grey.png")
    for name, first in (
        ("clear", (200, 0, 0)),
        ("clear_palette", (200, 0, 0)),
        ("clear_grey", (255, 255, 255)),
    ):
        image = open_image(tmp_path / f"{name}.png")
        assert image.mode == "RGB"
        assert image.getpixel((0, 0)) == first
        assert image.getpixel((3, 3)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["L", "1"])
def test_greyscale(tmp_path, mode):
    ramp(mode).save(tmp_path / "grey.png")
    image = open_image(tmp_path / "grey.png")
    assert image.mode == "L"
    np.testing.assert_array_equal(np.asarray(image), np.asarray(ramp(mode).convert("L")))


TURNS = {1: (0, 0), 2: (0, 1), 3: (2, 0), 4: (2, 1), 5: (3, 1), 6: (1, 0), 7: (1, 1), 8: (3, 0)}
"""EXIF orientation -> quarter turns and mirrorings the camera made before it stored the picture."""


@pytest.mark.parametrize("orientation", TURNS)
def test_exif_rotation_is_applied(tmp_path, orientation):
    upright = np.zeros((16, 24, 3), dtype=np.uint8)
    upright[:8, :8] = 255
    quarters, mirrored = TURNS[orientation]
    stored = np.rot90(upright, quarters)
    stored = stored[:, ::-1] if mirrored else stored
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(np.asarray(open_image(tmp_path / "turned.png")), upright)


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P"])
def test_one_pixel(tmp_path, mode):
    Image.new(mode, (1, 1)).save(tmp_path / "one.png")
    assert open_image(tmp_path / "one.png").size == (1, 1)


def test_the_first_frame_of_an_animation(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    assert open_image(tmp_path / "moving.gif").getpixel((4, 4)) == (255, 0, 0)


def test_an_ending_that_lies_does_not_matter(tmp_path):
    ramp().save(tmp_path / "really.png", "JPEG")
    assert open_image(tmp_path / "really.png").size == (32, 24)


def test_one_bad_picture_does_not_spoil_the_folder(tmp_path):
    ramp().save(tmp_path / "a.png")
    (tmp_path / "b.jpg").write_text("not a picture")
    ramp().save(tmp_path / "c.png")
    images = Folder(path=tmp_path).open()
    assert images[0].image.size == images[2].image.size == (32, 24)
    with pytest.raises(DatasetError, match=r"b\.jpg"):
        images[1]


def test_no_file_stays_open(tmp_path):
    ramp().save(tmp_path / "a.png")
    image = open_image(tmp_path / "a.png")
    (tmp_path / "a.png").unlink()
    assert np.asarray(image).shape == (24, 32, 3)
