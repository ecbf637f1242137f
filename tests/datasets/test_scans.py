"""A JPEG of very many scans is refused before it is decoded; those that people make are not."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from interpret.errors import DatasetError
from interpret.images import as_images, open_image, pictures
from interpret.images.scans import CHUNK, more_scans_than
from interpret.network import batches
from interpret.testing import small_network


def jpeg(*, size: tuple[int, int] = (24, 32), **options: Any) -> bytes:
    """A picture of noise as JPEG."""
    out = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(out, "JPEG", **options)
    return out.getvalue()


def bomb(scans: int, **options: Any) -> bytes:
    """A progressive JPEG whose last scan comes again and again, until there are so many."""
    data = jpeg(progressive=True, **options)
    starts = [found.start() for found in re.finditer(b"\xff\xda", data)]
    return data[:-2] + data[starts[-1] : -2] * (scans - len(starts)) + data[-2:]


def scans_in(data: bytes) -> int:
    """The number of scans, by asking."""
    return next(count for count in range(1000) if not more_scans_than(io.BytesIO(data), count))


def test_scans_are_counted() -> None:
    assert scans_in(jpeg()) == 1
    assert scans_in(jpeg(progressive=True)) == 10  # libjpeg's own script for colour
    assert scans_in(bomb(57)) == 57
    assert scans_in(b"") == scans_in(b"\xff\xd8\xff") == scans_in(b"\xff\xd8" + bytes(9)) == 0
    assert scans_in(bomb(57)[:-500]) <= 57
    assert scans_in(b"\xff\xd8\xff\xfe\0\0\xff\xe0\0\1" + jpeg()[2:]) == 1  # lengths that are none


@pytest.mark.parametrize("offset", [-2, -1, 0, 1])
def test_a_marker_between_two_chunks_is_seen(offset: int) -> None:
    data = jpeg(progressive=True)
    start = data.index(b"\xff\xda")
    length = CHUNK + offset
    filled = b""
    while length > 0:
        part = max(min(length - 2, 60_000), 2)
        filled += b"\xff\xfe" + part.to_bytes(2, "big") + (b"\xff\xda" * part)[: part - 2]
        length -= part + 2
    assert scans_in(data[:start] + filled + data[start:]) == 10
    coded = data.index(b"\xff\xda") + 14
    assert scans_in(data[:coded] + b"\x00" * (CHUNK + offset - 1) + b"\xff\x00" + data[coded:]) == 10


def test_what_is_no_scan_is_not_counted(tmp_path: Path) -> None:
    """Comments, thumbnails and what cameras write behind a picture hold the same bytes."""
    data = jpeg(progressive=True, comment=b"\xff\xda" * 500, exif=b"Exif\0\0" + b"\xff\xda" * 500)
    (tmp_path / "a.jpg").write_bytes(data + b"\xff\xda" * 500)
    assert scans_in(data + b"\xff\xda" * 500) == 10
    assert open_image(tmp_path / "a.jpg").size == (32, 24)


def test_a_jpeg_of_very_many_scans_is_refused_and_skipped(tmp_path: Path) -> None:
    (tmp_path / "bomb.jpg").write_bytes(bomb(20_000))
    (tmp_path / "most.jpg").write_bytes(bomb(pictures.MAX_SCANS))
    with pytest.raises(DatasetError, match=r"bomb\.jpg.*JPEG of more than 100 scans.*Save it anew"):
        open_image(tmp_path / "bomb.jpg")
    assert open_image(tmp_path / "most.jpg").size == (32, 24)
    images = as_images([tmp_path / "bomb.jpg", tmp_path / "most.jpg"])
    (batch,) = batches(small_network(), images, 2, on_error="skip")
    assert len(batch.skipped) == 1
    with (
        Image.open(tmp_path / "bomb.jpg") as lazy,  # by the caller, not yet decoded
        pytest.raises(DatasetError, match="JPEG of more than 100 scans"),
    ):
        pictures.upright(lazy)


def test_a_large_picture_may_have_fewer_scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MAX_SCANNED", 20 * 24 * 32)
    for scans, name in ((20, "few.jpg"), (21, "many.jpg")):
        (tmp_path / name).write_bytes(bomb(scans))
    assert open_image(tmp_path / "few.jpg").size == (32, 24)
    with pytest.raises(DatasetError, match="JPEG of more than 20 scans"):
        open_image(tmp_path / "many.jpg")
