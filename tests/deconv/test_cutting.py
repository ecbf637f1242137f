"""Layers that would take too much are cut to the square that holds most of each projection, and say so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from interpret.files.sealed import seal, unseal
from interpret.images import Images, as_images
from interpret.network import Network, wrap
from interpret.results import load
from interpret.run.cache import caching_parts
from interpret_captum.projections import NeuronGuidedBackprop
from interpret_deconv import Deconv, LayerProjections, Projections
from interpret_deconv.cutting import MAX_MB, cut, cut_caption, kept_size
from interpret_deconv.renderers import FeatureGrid
from interpret_deconv.spots import fullest
from interpret_topk import Exemplars, mine

SIZE = (40, 32)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", [(1, 1), (3, 3), (4, 2), (9, 7)])
def test_the_part_that_holds_most_is_found(size: tuple[int, int]) -> None:
    energy = noise(6, 9, 7) ** 4
    start, share = fullest(energy, size, torch.tensor([[0, 0, 9, 7]] * 6))
    for one, (top, left), held in zip(energy, start.tolist(), share.tolist(), strict=True):
        sums = {
            (y, x): float(one[y : y + size[0], x : x + size[1]].sum())
            for y in range(10 - size[0])
            for x in range(8 - size[1])
        }
        assert (top, left) == max(sums, key=lambda at: sums[at])
        assert held == pytest.approx(max(sums.values()) / float(one.sum()), abs=1e-9)


def test_of_parts_that_hold_all_the_one_in_the_middle_and_in_the_image_is_taken() -> None:
    energy = torch.zeros(3, 12, 12, dtype=torch.float64)
    energy[0, 5, 6] = energy[1, 1, 10] = 2.0
    image = torch.tensor([[0, 0, 12, 12], [0, 0, 12, 12], [4, 0, 12, 9]])
    start, share = fullest(energy, (5, 5), image)
    assert start.tolist() == [[3, 4], [0, 7], [4, 4]]
    assert share.tolist() == [1, 1, 1]  # the last one has no energy


def test_a_part_around_a_middle_lies_there_whatever_it_holds() -> None:
    energy = noise(1, 20, 20)
    start, share = fullest(energy, (6, 6), torch.tensor([[0, 0, 20, 20]]), torch.tensor([[4.0, 17.5]]))
    assert start.tolist() == [[1, 14]]
    assert float(share) == pytest.approx(float(energy[0, 1:7, 14:].sum() / energy.sum()), abs=1e-9)


@pytest.mark.parametrize(
    ("count", "shape", "max_mb"),
    [(9216, (3, 224, 224), 190), (9216, (3, 100, 400), 100), (9216, (1, 900, 20), 2), (1, (3, 9, 9), 1),
     (10**9, (3, 9, 9), 1), (0, (3, 2000, 2000), 1)],
)  # fmt: skip
def test_what_is_kept_fits(count: int, shape: tuple[int, int, int], max_mb: int) -> None:
    channels, height, width = shape
    rows, columns = kept_size(count, shape, max_mb)
    assert 1 <= rows <= height
    assert 1 <= columns <= width
    whole, kept = 2 * channels * height * width * count, 2 * channels * rows * columns * count
    assert ((rows, columns) == (height, width)) == (whole <= max_mb * 10**6)
    assert kept <= max_mb * 10**6 or (rows, columns) == (1, 1)
    if kept < whole and (rows, columns) != (1, 1):
        assert rows in {columns, height} or columns == width
        assert 2 * channels * (rows + 1) * (columns + 1) * count > max_mb * 10**6


def test_a_layer_of_1024_units_stays_below_200_mb_unasked() -> None:
    assert 2 * 3 * kept_size(9216, (3, 224, 224), MAX_MB)[0] ** 2 * 9216 < 200 * 10**6
    assert Deconv().max_mb == NeuronGuidedBackprop().max_mb == MAX_MB


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 8, 5, padding=2, stride=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 120, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(120 * 10 * 8, 90),
        nn.ReLU(),
    )
    return wrap(module.eval(), input_size=SIZE)


@pytest.fixture(scope="module")
def images() -> Images:
    return as_images(noise(12, 3, *SIZE, seed=3).float() * torch.linspace(0, 2, SIZE[1]) ** 3)


@pytest.fixture(scope="module")
def exemplars(network: Network, images: Images) -> Exemplars:
    return mine(network, images, ["4", "7"], k=5)


def assert_cut(cut: LayerProjections, whole: LayerProjections) -> None:
    """Every part holds what the whole has there, is the best of its size, and says how much it holds."""
    height, width = whole.size
    side = cut.size[0]
    assert cut.field is not None
    assert cut.kept is not None
    assert cut.field.equal(whole.box)
    assert whole.kept is None
    assert cut.seen.equal(whole.seen)
    for i in range(len(whole.unit)):
        full, (top, left) = whole.projection(i).double(), (cut.box[i, :2] - whole.box[i, :2]).tolist()
        assert cut.box[i].tolist()[2:] == [cut.box[i, 0] + side, cut.box[i, 1] + side]
        part = full[:, top : top + side, left : left + side]
        peak = float(full.abs().max())
        torch.testing.assert_close(cut.projection(i).double(), part, rtol=0, atol=2e-3 * peak)
        energy = full.square().sum(0)
        sums = [
            float(energy[y : y + side, x : x + side].sum())
            for y in range(height - side + 1)
            for x in range(width - side + 1)
        ]
        if not energy.any():
            assert cut.kept[i] == 1
            continue
        share = float(part.square().sum() / energy.sum())
        assert share >= max(sums) / float(energy.sum()) - 2e-3  # 16 bits were stored
        assert float(cut.kept[i]) == pytest.approx(share, abs=2e-3)


def test_large_layers_are_cut_and_small_ones_are_not(
    network: Network, images: Images, exemplars: Exemplars, tmp_path: Path
) -> None:
    found = Deconv(max_mb=1, batch_size=3).run(network, images, exemplars)
    whole = Deconv().run(network, images, exemplars)
    assert found["4"].field is None
    assert found["4"].patches.equal(whole["4"].patches)
    assert found["7"].size == (22, 22) or found["7"].size[0] < 32
    assert found["7"].patches.numel() * 2 <= 10**6 < whole["7"].patches.numel() * 2
    assert_cut(found["7"], whole["7"])
    found.save(tmp_path)
    again = load(tmp_path)
    assert isinstance(again, Projections)
    assert again["7"].kept is not None
    assert again["7"].kept.equal(found["7"].kept)  # type: ignore[arg-type]
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 2 * 10**6


def test_windows_that_reach_over_the_border_are_cut(network: Network, images: Images) -> None:
    exemplars = mine(network, images, ["4"], k=12, per_image=12)
    found, whole = (
        Deconv(max_mb=mb, ranks=12, layers=["4"]).run(network, images, exemplars)["4"] for mb in (1, 9)
    )
    assert whole.kept is None
    assert (whole.box[:, :2] < 0).any()
    assert_cut(found, whole)


def test_captum_is_cut_alike(network: Network, images: Images, exemplars: Exemplars) -> None:
    one, whole = (
        NeuronGuidedBackprop(max_mb=mb, layers=["7"]).run(network, images, exemplars)["7"] for mb in (1, 9)
    )
    assert_cut(one, whole)


def test_a_stopped_step_goes_on_to_the_same(
    network: Network, images: Images, exemplars: Exemplars, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("interpret.run.pieces.PIECE_SECONDS", 0.0)
    probe = Deconv(max_mb=1, batch_size=4, layers=["7"])
    with caching_parts(tmp_path):
        first = probe.run(network, images, exemplars)["7"]
        again = probe.run(network, images, exemplars)["7"]
    for name in ("patches", "scale", "box", "field", "kept"):
        assert getattr(first, name).equal(getattr(again, name)), name
    assert len(list(tmp_path.rglob("result.json"))) > 1


def test_without_energy_nothing_is_lost() -> None:
    found = cut(torch.zeros(2, 3, 9, 9), torch.tensor([[0, 0, 9, 9]] * 2), (4, 4), (9, 9))
    assert found.kept.tolist() == [1, 1]
    assert found.box.tolist() == [[3, 3, 7, 7]] * 2


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_faint_projections_are_cut_as_strong_ones(dtype: torch.dtype) -> None:
    patches, box = noise(4, 3, 9, 9).to(dtype) ** 3, torch.tensor([[0, 0, 9, 9]] * 4)
    tiny = patches * torch.finfo(dtype).tiny * 64
    assert cut(tiny, box, (4, 4), (9, 9)).box.equal(cut(patches, box, (4, 4), (9, 9)).box)


def test_the_page_says_what_was_cut(made: SimpleNamespace, tmp_path: Path) -> None:
    layer = made.layer(units=2, ranks=4, size=6)
    field = layer.box.clone()
    field[:, 2:] += 4
    part = replace(layer, field=field, kept=torch.tensor([0.5, 0.8, 0.9, 0.85, 0.7, 0.9, 0.83, 0.9]))
    assert cut_caption(layer) == ""
    said = cut_caption(part)
    assert (
        "the 6 \N{MULTIPLICATION SIGN} 6 pixels that hold most of each projection, 83% of its energy" in said
    )
    whole, cut_off = made.projections(conv=layer), made.projections(conv=part, other=layer)
    assert "stored" not in whole.summary()
    assert cut_off.summary()["stored"] == "in part in 1 of 2 layers: 83.0 % of the energy"
    assert "stored of conv (83.0 %)" in cut_off.warnings()[-1]
    nearly = replace(part, kept=torch.full((8,), 0.95))
    assert not any("max_mb" in text for text in made.projections(conv=nearly).warnings())
    file, _ = FeatureGrid().render(made.projections(conv=part), made.Squares(), tmp_path)
    assert file.exists()


def test_a_result_of_before_is_read(
    network: Network, images: Images, exemplars: Exemplars, tmp_path: Path
) -> None:
    Deconv(layers=["4"]).run(network, images, exemplars).save(tmp_path)
    record = unseal((tmp_path / "result.json").read_bytes())
    text = json.dumps(record["result"])
    tree = json.loads(text)
    for name in ("field", "kept"):
        del tree["fields"]["layers"]["$dict"]["4"]["fields"][name]
    for name in ("labels", "categories"):
        del tree["fields"][name]
    (tmp_path / "result.json").write_bytes(seal({**record, "result": tree}))
    found = load(tmp_path)
    assert isinstance(found, Projections)
    assert found["4"].seen.equal(found["4"].box)
    assert found.labels == {}
