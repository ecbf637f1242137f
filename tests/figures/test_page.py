"""Pages: exact pixels, three formats, the same bytes every time."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from page_fixtures import save_without_pyplot
from PIL import Image

from interpret_figures.grid import TILES, Grid, Heading, tile_size
from interpret_figures.page import Label, Page, file_name, lettering, save_page


@pytest.fixture
def page() -> Page:
    canvas = np.random.default_rng(0).integers(0, 256, (91, 123, 3), dtype=np.uint8)
    return Page(canvas, (Label(9, 30, "layer1", 11, bold=True), Label(9, 60, "a $b$ 7")), 100)


def test_a_png_holds_the_pixels_of_the_canvas(page: Page, tmp_path: Path) -> None:
    save_page(Page(page.canvas, (), page.dpi), tmp_path / "plain", ("png",))
    with Image.open(tmp_path / "plain.png") as image:
        assert image.mode == "RGB"
        assert image.info["dpi"] == pytest.approx((100, 100), abs=0.1)
        assert (np.asarray(image) == page.canvas).all()


def test_labels_are_drawn_and_leave_the_rest_alone(page: Page, tmp_path: Path) -> None:
    save_page(page, tmp_path / "page", ("png",))
    changed = (np.asarray(Image.open(tmp_path / "page.png")) != page.canvas).any(2)
    assert changed[15:31, 9:60].mean() > 0.2
    assert not changed[70:].any()
    assert not changed[:, 100:].any()


@pytest.mark.parametrize("dpi", [72, 97, 219, 400])
def test_no_size_loses_a_pixel(dpi: int, tmp_path: Path) -> None:
    for height, width in [(101, 333), (250, 127), (64, 211)]:
        save_page(Page(np.zeros((height, width, 3), np.uint8), (), dpi), tmp_path / "page", ("png",))
        with Image.open(tmp_path / "page.png") as image:
            assert image.size == (width, height)


def test_vector_files_hold_one_image_and_no_date(page: Page, tmp_path: Path) -> None:
    svg, pdf = save_page(page, tmp_path / "page", ("svg", "pdf"))
    tags = [item.tag.rpartition("}")[2] for item in ET.parse(svg).iter()]
    assert tags.count("image") == 1
    assert "date" not in tags
    data = pdf.read_bytes()
    assert data.startswith(b"%PDF")
    assert data.count(b"/Subtype /Image") == 1
    assert b"/Width 123" in data
    assert b"/Height 91" in data
    assert b"CreationDate" not in data
    assert b"Matplotlib" not in data


def test_the_same_page_is_the_same_bytes_in_every_process(
    fork: Callable[..., BaseProcess], page: Page, tmp_path: Path
) -> None:
    """The other process has strings of another hash, and nothing that this one has drawn or set before."""
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
    here = save_page(page, tmp_path / "here" / "page", ("png", "svg", "pdf"))
    process = fork(save_without_pyplot, tmp_path / "there")
    process.join(60)
    assert process.exitcode == 0
    assert len(here) == 3
    for file in here:
        assert file.read_bytes() == (tmp_path / "there" / file.name).read_bytes(), file.name


def test_a_layer_s_name_may_hold_dots_and_colons(page: Page, tmp_path: Path) -> None:
    assert file_name("features.12:2", 3) == "features.12_2-3"
    (file,) = save_page(page, tmp_path / file_name("features.12", 1), ("png", "png"))
    assert file.name == "features.12-1.png"


@pytest.mark.parametrize(
    ("patch", "tile"),
    [
        ((7, 7), (70, 70)),
        ((11, 11), (66, 66)),
        ((96, 96), (96, 96)),
        ((224, 224), (128, 128)),
        ((1, 1), (64, 64)),
    ],
)
def test_small_patches_grow_by_whole_factors_and_large_ones_shrink(
    patch: tuple[int, int], tile: tuple[int, int]
) -> None:
    assert tile_size(*patch) == tile


def test_every_size_fits_and_keeps_each_pixel_of_small_patches() -> None:
    for height in (1, 3, 33, 65, 128, 129, 300):
        for width in (1, 5, 64, 127, 500):
            tile = tile_size(height, width)
            assert 1 <= min(tile) <= max(tile) <= TILES[1]
            if max(height, width) <= TILES[1]:
                assert tile[0] % height == tile[1] % width == 0


@pytest.mark.parametrize("columns", [1, 4, 16])
def test_the_heading_stays_on_the_page_and_above_the_cells(columns: int) -> None:
    details = ("48 units", "Zero is mid-grey and this is a long explanation of what the page shows. " * 2)
    grid = Grid(Heading("features.12", details, "12 / 30"), (64, 64), (5, 5), (1, columns), 200)
    paper = grid.paper()
    figure = lettering(Page(paper, tuple(grid.labels()), 200))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    ink = np.asarray(canvas.buffer_rgba())[..., 3] > 0
    rows, across = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    assert grid.margin // 2 < rows[0] <= rows[-1] < grid.corner(0)[0]
    assert grid.margin // 2 < across[0] <= across[-1] < paper.shape[1] - grid.margin // 2
