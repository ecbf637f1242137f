"""The zoom: projections of whole images are cropped to where their signal lies, others stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from interpret_deconv import LayerProjections
from interpret_deconv.own_patches import own_patches_caption
from interpret_deconv.renderers import FeatureGrid
from interpret_deconv.renderers.zoom import whole_images, zoomed
from interpret_deconv.spots import SHARE, Spot, find_spot, shares, starts
from interpret_figures.page import TIMES
from interpret_figures.photographs import Photographs

SIZE = (16, 16)


def block(top: int, left: int, side: int, size: tuple[int, int] = SIZE) -> Tensor:
    """A projection of three channels that is 1 or -1 in a square and zero elsewhere."""
    patch = torch.zeros(3, *size)
    patch[:, top : top + side, left : left + side] = torch.tensor([1.0, -1.0, 1.0])[:, None, None]
    return patch


def layer_of(made: SimpleNamespace, patches: Sequence[Tensor]) -> LayerProjections:
    """One unit with these projections of whole images."""
    layer: LayerProjections = made.layer(units=1, ranks=len(patches))
    height, width = patches[0].shape[-2:]
    box = torch.tensor([[0, 0, height, width]]).repeat(len(patches), 1)
    return replace(layer, patches=torch.stack(list(patches)).half(), box=box)


def test_a_spot_is_found_where_it_is() -> None:
    # rows 5 to 7 and columns 9 to 11; a square of side 2 would hold 4 of 9 pixels
    assert find_spot(block(5, 9, 3)) == Spot(6.5, 10.5, 3)
    assert find_spot(block(0, 12, 4).half()) == Spot(2.0, 14.0, 4)


def test_a_faint_tail_does_not_count() -> None:
    patch = block(5, 9, 3)
    patch[:, 6, :4] = 0.3  # 4 x 0.09 beside 9: less than a tenth, but it moves the centre
    spot = find_spot(patch)
    assert spot.x == pytest.approx((9 * 10.5 + 0.36 * 2) / 9.36)
    assert spot.side == 3  # 10.17 - 1.5 is nearest to column 9


def test_no_signal_is_in_the_middle() -> None:
    assert find_spot(torch.zeros(3, 10, 16)) == Spot(5.0, 8.0, 0)


@pytest.mark.parametrize("size", [(16, 16), (9, 14), (14, 9)])
@pytest.mark.parametrize("centre", [(0.05, 0.1), (0.5, 0.4), (0.93, 0.31)])
def test_shares_are_those_of_the_squares(size: tuple[int, int], centre: tuple[float, float]) -> None:
    energy = torch.rand(size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    y, x = centre[0] * size[0], centre[1] * size[1]
    expected = []
    for side in range(1, min(size) + 1):
        top = min(max(int(np.floor(y - side / 2 + 0.5)), 0), size[0] - side)
        left = min(max(int(np.floor(x - side / 2 + 0.5)), 0), size[1] - side)
        expected.append(float(energy[top : top + side, left : left + side].sum() / energy.sum()))
    assert shares(energy, y, x).tolist() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("centre", [0.0, 0.5, 3.26, 8.0, 11.75, 15.5, 16.0])
def test_stretches_lie_in_each_other_and_in_the_image(centre: float) -> None:
    side = torch.arange(1, 17)
    first = starts(centre, side, 16)
    last = first + side
    assert first.min() == 0
    assert last.max() == 16
    assert (first[1:] <= first[:-1]).all()
    assert (last[1:] >= last[:-1]).all()
    inside = (first > 0) & (last < 16)
    assert ((first + side / 2 - centre).abs()[inside] <= 0.5).all()


def test_each_projection_is_cropped_around_its_own_signal(made: SimpleNamespace) -> None:
    layer = layer_of(made, [block(0, 0, 5), block(6, 7, 5), block(11, 3, 5)])
    close = zoomed(layer, SIZE)
    assert close.box.tolist() == [[0, 0, 5, 5], [6, 7, 11, 12], [11, 3, 16, 8]]
    assert close.patches.shape == (3, 3, 5, 5)
    assert (close.patches.abs() == 1).all()
    assert close.unit.equal(layer.unit)
    assert close.rank.equal(layer.rank)
    assert close.image.equal(layer.image)
    assert close.scale.equal(layer.scale)


def test_all_squares_of_a_layer_hold_three_quarters_of_its_signals(made: SimpleNamespace) -> None:
    layer = layer_of(made, [block(1, 2, side) for side in (9, 5, 6, 7)])
    close = zoomed(layer, SIZE)
    assert close.box.tolist() == [[2, 3, 9, 10], [0, 1, 7, 8], [1, 2, 8, 9], [1, 2, 8, 9]]
    for patch, crop, (top, left, bottom, right) in zip(
        layer.patches, close.patches, close.box.tolist(), strict=True
    ):
        assert crop.equal(patch[:, top:bottom, left:right])
    held = close.patches.float().square().sum((1, 2, 3)) / layer.patches.float().square().sum((1, 2, 3))
    assert (held >= SHARE).tolist() == [False, True, True, True]


def test_a_pixel_is_shown_with_what_is_around_it(made: SimpleNamespace) -> None:
    close = zoomed(layer_of(made, [block(0, 9, 1)]), SIZE)
    assert close.box.tolist() == [[0, 9, 2, 11]]  # an eighth of the image


def test_a_projection_without_signal_shows_the_middle_and_has_no_say(made: SimpleNamespace) -> None:
    nothing = torch.zeros(3, *SIZE)
    close = zoomed(layer_of(made, [nothing, block(3, 3, 6), nothing, nothing, nothing]), SIZE)
    assert close.box[:2].tolist() == [[5, 5, 11, 11], [3, 3, 9, 9]]


def test_images_need_not_be_square(made: SimpleNamespace) -> None:
    size = (12, 30)
    close = zoomed(layer_of(made, [block(4, 22, 6, size), block(0, 0, 6, size)]), size)
    assert close.box.tolist() == [[4, 22, 10, 28], [0, 0, 6, 6]]
    wide = torch.ones(3, *size)
    layer = layer_of(made, [wide, wide])
    assert zoomed(layer, size) is layer  # no square holds it


@pytest.mark.parametrize(("top", "left"), [(0, 0), (-5, 4), (6, -6)])
def test_fields_that_nearly_fill_the_image_are_zoomed_inside_it(
    made: SimpleNamespace, top: int, left: int
) -> None:
    size = (18, 20)  # rows and columns of the image; the field has 14
    layer = made.layer(units=1, ranks=2)
    patches = torch.stack([block(5, 5, 4, (14, 14)), block(1, 9, 4, (14, 14))])
    box = torch.tensor([[top, left, top + 14, left + 14]] * 2)
    close = zoomed(replace(layer, patches=patches.half(), box=box), size)
    assert close.patches.shape[2:] == (4, 4)  # most of 4 x 4, and at least an eighth of 18
    for patch, crop, (above, before, below, after) in zip(
        patches, close.patches, close.box.tolist(), strict=True
    ):
        assert top <= above < below <= top + 14
        assert left <= before < after <= left + 14
        assert crop.float().equal(patch[:, above - top : below - top, before - left : after - left])
    assert close.seen.equal(box)
    inside = (close.box[:, :2] >= 0).all(1) & (close.box[:, 2:] <= torch.tensor(size)).all(1)
    held = close.patches.float().square().sum((1, 2, 3)) / patches.square().sum((1, 2, 3))
    assert inside.all()
    if top == 0:
        assert held.tolist() == [1, 1]


@pytest.mark.parametrize(("field", "image"), [(207, 227), (171, 224), (163, 224)])
def test_deep_fields_are_zoomed_and_shallow_ones_are_not(
    made: SimpleNamespace, field: int, image: int
) -> None:
    # 57 x 57 of 60 x 60 pixels are 90 %
    for side, wanted in ((field, 57), (image // 2, image // 2)):
        patch = block(side // 2, side // 3, 60 if side == field else 5, (side, side))
        layer = replace(
            made.layer(units=1, ranks=1),
            patches=patch[None].half(),
            box=torch.tensor([[10, -3, 10 + side, side - 3]]),
        )
        assert zoomed(layer, (image, image)).patches.shape[2:] == (wanted, wanted)


def test_what_cannot_be_zoomed_stays(made: SimpleNamespace) -> None:
    part = made.layer(size=8)
    assert zoomed(part, SIZE) is part
    beyond = made.layer(size=16)  # as large as the image, but begins two rows above it
    assert not whole_images(beyond, SIZE)
    assert zoomed(beyond, SIZE) is beyond
    for patch in (torch.zeros(3, *SIZE), torch.ones(3, *SIZE)):
        layer = layer_of(made, [patch])
        assert whole_images(layer, SIZE)
        assert zoomed(layer, SIZE) is layer


def test_a_layer_without_neurons_stays(made: SimpleNamespace) -> None:
    dead = made.layer(units=1, size=16, dead=[0])
    assert zoomed(dead, SIZE) is dead


class Ramps:
    """Mixed into images: every pixel of a photograph tells its row and column."""

    def __getitem__(self, index: int) -> Any:
        rows, columns = np.mgrid[:16, :16].astype(np.uint8) * 10
        return replace(super().__getitem__(index), image=Image.fromarray(np.dstack((rows, columns, rows))))  # type: ignore[misc]


def text(renderer: FeatureGrid, made: SimpleNamespace, layer: LayerProjections) -> str:
    """What is written on a page with one layer."""
    result = made.projections(conv=layer)
    photographs = Photographs(made.Squares(), result.ids, result.input)
    (page,) = renderer._pages(result, "conv", photographs)
    return " ".join(label.text for label in page.labels)


def test_the_same_part_of_the_photograph_is_shown(made: SimpleNamespace, tmp_path: Path) -> None:
    images = type("RampSquares", (Ramps, made.Squares), {})()
    result = made.projections(conv=layer_of(made, [block(6, 7, 4)]))
    file, _ = FeatureGrid().render(result, images, tmp_path)
    with Image.open(file) as image:
        page = np.asarray(image)
    ys, xs = np.nonzero(page[..., 1] != page[..., 0])  # rows and columns differ but on the diagonal
    seen = {tuple(pixel) for pixel in page[ys, xs].tolist()}
    wanted = {(10 * y, 10 * x, 10 * y) for y in range(6, 10) for x in range(7, 11) if x != y}
    assert wanted <= seen
    assert not {(10 * y, 10 * x, 10 * y) for y in range(16) for x in range(16) if x != y} & seen - wanted


def test_the_page_says_what_is_shown(made: SimpleNamespace) -> None:
    layer = layer_of(made, [block(6, 7, 5)])
    close, whole = text(FeatureGrid(), made, layer), text(FeatureGrid(zoom=False), made, layer)
    shown = f"the 5 {TIMES} 5 pixels around each signal, of 16 {TIMES} 16 seen"
    assert shown in close
    assert "whole image" not in close
    assert "whole image" in whole
    assert "outside" not in close + whole  # nothing is
    assert "whole image" in text(FeatureGrid(), made, layer_of(made, [torch.ones(3, *SIZE)]))


@pytest.mark.parametrize("size", [8, 16])
def test_receptive_fields_inside_the_image_are_drawn_as_ever(
    made: SimpleNamespace, tmp_path: Path, size: int
) -> None:
    result = made.projections(conv=made.layer(size=size))
    on, _ = FeatureGrid().render(result, made.Squares(), tmp_path / "on")
    off, _ = FeatureGrid(zoom=False).render(result, made.Squares(), tmp_path / "off")
    assert on.read_bytes() == off.read_bytes()
    labels = text(FeatureGrid(), made, made.layer(size=size))
    assert f"receptive field {size} {TIMES} {size} pixels" in labels
    assert "outside" in labels


def test_a_patch_of_its_own_is_in_the_middle(made: SimpleNamespace) -> None:
    size = (32, 32)
    layer = layer_of(made, [block(12, 12, 4, size), block(0, 20, 4, size)])
    own = torch.tensor([[12, 12, 16, 16], [0, 20, 4, 24]])
    layer = replace(layer, own=own, mixed_by="attention")
    close = zoomed(layer, size)
    assert close.box.tolist() == [[8, 8, 20, 20], [0, 16, 12, 28]]  # three patches wide, inside the image
    astray = replace(layer, patches=torch.stack([block(22, 22, 4, size)] * 2).half())
    assert zoomed(astray, size).box.tolist() == [[1, 1, 27, 27], [0, 6, 26, 32]]  # with what comes from afar
    assert layer.take(torch.tensor([False, True])).own.tolist() == [[0, 20, 4, 24]]  # type: ignore[union-attr]
    text = own_patches_caption(close)
    assert f"own 4 {TIMES} 4 pixels; attention below" in text
    assert own_patches_caption(replace(close, own=None)) == ""
