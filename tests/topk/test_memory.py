"""Memory does not grow with the number of images."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.mark.skipif(sys.platform == "win32", reason="needs the resource module")
def test_peak_memory_of_1200_images_is_that_of_200(fork, tmp_path):
    from memory_fixtures import write_peaks  # noqa: PLC0415 - needs the resource module

    process = fork(write_peaks, tmp_path / "peaks", 200, 1200)
    process.join()
    few, many = map(int, (tmp_path / "peaks").read_text().split())
    kept = 1200 * 32 * 30 * 30 * 4 / 2**20  # MiB that the first layer alone would hold
    assert many - few < 12 < kept / 10, f"{few} MiB for 200 images, {many} MiB for 1200"
