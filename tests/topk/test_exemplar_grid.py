"""Patches alone: each from its place in its photograph, of any network that can be mined."""

from __future__ import annotations

import csv
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from jaxtyping import UInt8
from PIL import Image
from torch import nn

from interpret.errors import StepError
from interpret.graph import own_field, receptive_field
from interpret.images import Images, InputSpec, Sample
from interpret.network import Network, wrap
from interpret.plugin.interfaces import renderer_input
from interpret_figures.display import OUTSIDE
from interpret_figures.page import TIMES
from interpret_figures.photographs import Photographs
from interpret_topk import Exemplars, mine
from interpret_topk.renderers import ExemplarGrid
from interpret_topk.renderers.exemplar_grid import neurons_of, seen
from interpret_topk.renderers.unit_pages import EMPTY

sys.path.insert(0, str(Path(__file__).parent.parent / "figures"))
from odd_nets import Branching, Tokens
from seen import find_all, pixels

SIZE = 16
SPEC = InputSpec((SIZE, SIZE))


class Ramps(Images):
    """Pixels that tell their row, their column and their photograph."""

    categories = ("even", "odd")

    def __init__(self, count: int = 6) -> None:
        self.count = count

    @property
    def ids(self) -> list[str]:
        return [f"photos/ramp-{index}.png" for index in range(self.count)]

    def picture(self, index: int) -> UInt8[np.ndarray, "h w 3"]:
        rows, columns = np.mgrid[:SIZE, :SIZE].astype(np.uint8) * 10
        return np.dstack((rows, columns, np.full_like(rows, 40 * index)))

    def __getitem__(self, index: int) -> Sample:
        return Sample(self.ids[index], Image.fromarray(self.picture(index)), index % 2)

    def fingerprint(self) -> str:
        return "ramps"


def network(module: nn.Module) -> Network:
    return wrap(module.eval(), input_size=SIZE, resize=SIZE, mean=(0.5,) * 3, std=(0.5,) * 3)


def small() -> Network:
    torch.manual_seed(0)
    return network(
        nn.Sequential(
            nn.Conv2d(3, 4, 5, padding=2), nn.ReLU(), nn.MaxPool2d(4), nn.Flatten(), nn.Linear(64, 3)
        )
    )


def page_text(found: Exemplars, layer: str, images: Images, renderer: ExemplarGrid) -> str:
    assert found.input is not None
    photographs = Photographs(images, found.ids, found.input)
    shown = neurons_of(found[layer], found.input)
    units = sorted(set(shown.unit.tolist()))
    (page,) = renderer._pages(found, layer, shown, units, photographs)
    return " ".join(label.text for label in page.labels)


def test_each_patch_is_what_its_neuron_sees(tmp_path: Path) -> None:
    net, images = small(), Ramps()
    found = mine(net, images, ["1"], 4)
    field, alive = receptive_field(net, "1"), [unit for unit in range(4) if not found["1"].dead[unit]]
    assert alive
    for unit in alive:
        file, _ = ExemplarGrid(names=False, units=[unit]).render(found, images, tmp_path)
        page, corners = pixels(file), []
        for image, (y, x) in zip(
            found["1"].image[unit].tolist(), found["1"].position[unit].tolist(), strict=True
        ):
            top, left, bottom, right = field.box(y, x)
            padded = np.full((SIZE + 20, SIZE + 20, 3), OUTSIDE, np.uint8)
            padded[10:-10, 10:-10] = images.picture(image)
            patch = padded[top + 10 : bottom + 10, left + 10 : right + 10]
            corners.append(find_all(page, patch.repeat(13, 0).repeat(13, 1))[0])  # 5 pixels become 65
        assert corners == sorted(corners)
    _, table = ExemplarGrid(names=False).render(found, images, tmp_path)
    with table.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 4 * len(alive)
    index = int(found["1"].image[alive[0], 0])
    assert rows[0]["photograph"] == images.ids[index]
    assert rows[0]["category"] == images.categories[index % 2]
    assert float(rows[0]["activation"]) == pytest.approx(float(found["1"].values[alive[0], 0]), rel=1e-5)


def test_vectors_show_whole_images_with_their_names(tmp_path: Path) -> None:
    images = Ramps()
    found = mine(small(), images, ["4"], 3)
    file, _ = ExemplarGrid(names=False).render(found, images, tmp_path)
    page = pixels(file)
    for image in set(found["4"].image[~found["4"].dead].flatten().tolist()):
        assert find_all(page, images.picture(image).repeat(4, 0).repeat(4, 1))
    text = page_text(found, "4", images, ExemplarGrid())
    assert "whole image" in text
    assert "outside" not in text
    assert "even" in text
    assert "4-patches.csv" in text


def test_what_cannot_be_traced_shows_whole_images(tmp_path: Path) -> None:
    torch.manual_seed(1)
    images = Ramps()
    found = mine(network(Branching()), images, ["conv"], 2)
    files = ExemplarGrid().render(found, images, tmp_path)
    assert [file.name for file in files] == ["conv-1.png", "conv-patches.csv"]
    assert "whole image" in page_text(found, "conv", images, ExemplarGrid())


def test_a_token_is_outlined_in_its_surroundings(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net, images = network(Tokens(2)), Ramps()
    found = mine(net, images, ["attend"], 2)
    shown, own = neurons_of(found["attend"], net.input), own_field(net, "attend")
    assert own is not None
    assert shown.own is not None
    for box, place, (y, x) in zip(
        shown.box.tolist(), shown.own.tolist(), shown.position.tolist(), strict=True
    ):
        assert place == list(own.box(y, x))
        assert box[0] <= place[0] < place[2] <= box[2]
        assert box[2] - box[0] == box[3] - box[1] == 6  # three patches
        assert min(box[:2]) >= 0
        assert max(box[2:]) <= SIZE
    ExemplarGrid().render(found, images, tmp_path)
    assert f"the 6 {TIMES} 6 pixels around each place" in page_text(found, "attend", images, ExemplarGrid())


def test_dead_units_say_so(tmp_path: Path) -> None:
    net = small()
    with torch.no_grad():
        net.module[0].weight[2] = 0  # type: ignore[index, union-attr]
        net.module[0].bias[2] = -1  # type: ignore[index, union-attr]
    found = mine(net, Ramps(), ["1"], 2)
    file, _ = ExemplarGrid().render(found, Ramps(), tmp_path)
    assert (pixels(file) == EMPTY).all(2).any()
    files = ExemplarGrid(units=[2]).render(found, Ramps(), tmp_path / "dead")
    assert len(files) == 2


def test_units_are_chosen_and_unknown_ones_named(tmp_path: Path) -> None:
    found = mine(small(), Ramps(), ["1", "4"], 2)
    files = ExemplarGrid(units={"4": [1]}).render(found, Ramps(), tmp_path)
    assert [file.name for file in files] == ["4-1.png", "4-patches.csv"]
    with pytest.raises(StepError, match="1 has no unit 9 to show"):
        ExemplarGrid(units=[9]).render(found, Ramps(), tmp_path)


def test_what_was_mined_before_says_what_to_do(tmp_path: Path) -> None:
    found = replace(mine(small(), Ramps(), ["1"], 2), input=None)
    with pytest.raises(StepError, match="Run the step again"):
        ExemplarGrid().render(found, Ramps(), tmp_path)


def test_it_draws_exemplars() -> None:
    assert renderer_input(ExemplarGrid) is Exemplars


def test_a_gate_is_named() -> None:
    assert seen(replace(mine(small(), Ramps(), ["1"], 2)["1"], mixed_by="gates"), (5, 5), SPEC).endswith(
        f"receptive field 5 {TIMES} 5 pixels, but for gates"
    )
