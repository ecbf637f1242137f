"""What mining keeps beside the strongest neurons: counts of maxima, fields, and what images are called."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from odd_nets import Branching, Tokens
from torch import Tensor, nn

import interpret
from interpret.files.sealed import seal, unseal
from interpret.graph import own_field, receptive_field
from interpret.images import Images, Sample
from interpret.network import Network, wrap
from interpret_topk import Exemplars, TopK, maxima_edges, merge, mine
from interpret_topk.maxima import BINS
from interpret_topk.mining import scan


class Labelled(Images):
    """Tensors with labels; every third image has none."""

    categories = ("cat", "dog")

    def __init__(self, x: Tensor) -> None:
        self.x = x

    @property
    def ids(self) -> list[str]:
        return [f"image {index}" for index in range(len(self.x))]

    def __getitem__(self, index: int) -> Sample:
        return Sample(self.ids[index], self.x[index], None if index % 3 == 2 else index % 3)

    def fingerprint(self) -> str:
        return "labelled"


def module(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 5, 3, padding=1, bias=False),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(5, 4, 3),
        nn.Flatten(),
        nn.Linear(16, 3),
    ).eval()


def small() -> Network:
    """It takes numbers of any size."""
    return wrap(module(), input_size=8, mean=(0, 0, 0), std=(1e-9,) * 3)


def images(count: int = 23, spread: float = 1.0) -> Labelled:
    x = torch.randn(count, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    return Labelled(x * 10 ** (spread * torch.linspace(-6, 6, count))[:, None, None, None])


def test_maxima_are_counted_as_one_would() -> None:
    network, given = small(), images()
    found = mine(network, given, ["0", "3", "5"], 2, batch_size=7)
    edges, outputs, x = maxima_edges().tolist(), {}, given.x
    with torch.no_grad():
        for name, part in network.module.named_children():
            x = outputs[name] = part(x)
    for layer in found.layers:
        maps = outputs[layer] if outputs[layer].dim() == 4 else outputs[layer][..., None, None]
        counts = [[0] * BINS for _ in range(maps.shape[1])]
        for unit, image in itertools.product(range(maps.shape[1]), range(len(maps))):
            best = max(maps[image, unit].flatten().tolist())
            counts[unit][sum(edge < best for edge in edges)] += 1
        assert found[layer].maxima.tolist() == counts  # type: ignore[union-attr]
    wide = torch.stack([layer.maxima.sum(0) for layer in found.layers.values()]).sum(0)  # type: ignore[union-attr]
    assert wide[0] > 0  # never positive
    assert wide[1] > 0  # below the grid
    assert wide[-1] > 0  # beyond it
    assert (wide[2:-1] > 0).sum() > 20


def test_the_edges_are_powers_of_two() -> None:
    edges = maxima_edges()
    assert len(edges) == BINS - 1
    assert edges[0] == 0
    assert (edges[5:] / edges[1:-4] == 2).all()
    assert 1.0 in edges.tolist()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_counts_over_parts_add_up(order: tuple[int, ...]) -> None:
    network, given = small(), images()
    parts = [
        scan(network, given.subset(part), ["0", "5"], k=3, batch_size=4, per_image=1, on_error="raise")
        for part in (range(8), range(8, 12), range(12, 23))
    ]
    whole = mine(network, given, ["0", "5"], 3, batch_size=4)
    joined = merge([parts[i] for i in order])
    nested = merge([merge([parts[order[0]], parts[order[1]]]), parts[order[2]]])
    for found in (joined, nested):
        for layer in whole.layers:
            assert found[layer].maxima.equal(whole[layer].maxima)  # type: ignore[union-attr, arg-type]
            assert found[layer].maxima.dtype == torch.int32  # type: ignore[union-attr]
        assert (found.labels, found.categories, found.input) == (whole.labels, whole.categories, whole.input)


def test_an_image_of_which_a_unit_knows_nothing_is_not_counted() -> None:
    given = images(6, spread=0)
    given.x[2] = torch.nan
    given.x[4, 0, 0, 0] = torch.nan
    found = mine(small(), given, ["0"], 2)["0"]
    assert found.maxima.sum(1).tolist() == [5] * 5  # type: ignore[union-attr]


def test_labels_and_categories_of_the_named_images_are_kept(tmp_path: Path) -> None:
    given = images()
    found = mine(small(), given, ["5"], 2)
    assert found.labels == {index: int(index) % 3 for index in found.ids if int(index) % 3 < 2}
    assert 0 < len(found.labels) < len(given)
    assert found.categories == ("cat", "dog")
    assert found.input == small().input
    found.save(tmp_path)
    assert interpret.load_result(tmp_path).labels == found.labels  # type: ignore[attr-defined]


@pytest.mark.parametrize("layer", ["0", "3"])
def test_boxes_are_those_of_the_receptive_field(layer: str) -> None:
    network = small()
    found = mine(network, images(), [layer], 3)[layer]
    field = receptive_field(network, layer)
    boxes = found.field.boxes(found.position)  # type: ignore[union-attr]
    expected = [[list(field.box(y, x)) for y, x in unit] for unit in found.position.tolist()]
    assert boxes.tolist() == expected
    assert (found.field.size, found.field.stride) == (field.size, field.stride)  # type: ignore[union-attr]
    assert found.own is None


def test_a_neuron_that_is_missing_has_an_empty_box() -> None:
    found = mine(small(), images(2), ["0"], 3)["0"]
    assert found.field.boxes(found.position)[:, 2].eq(0).all()  # type: ignore[union-attr]


def test_a_network_that_cannot_be_traced_is_mined_all_the_same() -> None:
    found = mine(wrap(Branching().eval(), input_size=8), images(spread=0), ["conv"], 2)["conv"]
    assert found.field is None
    assert found.maxima is not None


def test_what_sees_the_whole_image_has_no_field_and_nobody_has_one_unasked() -> None:
    network = small()
    assert mine(network, images(), ["5"], 2)["5"].field is None
    assert mine(network, images(), ["0"], 2, fields=False)["0"].field is None
    assert TopK(layers=["0"], fields=False).run(network, images())["0"].field is None  # type: ignore[index]


def test_a_token_has_a_patch_of_its_own() -> None:
    torch.manual_seed(0)
    network = wrap(Tokens(4).eval(), input_size=16)
    x = Labelled(torch.randn(5, 3, 16, 16))
    found = mine(network, x, ["attend"], 2)["attend"]
    own = own_field(network, "attend")
    assert found.field is None
    assert found.mixed_by == "attention"
    expected = [[list(own.box(y, x)) for y, x in unit] for unit in found.position.tolist()]  # type: ignore[union-attr]
    assert found.own.boxes(found.position).tolist() == expected  # type: ignore[union-attr]


class Gated(nn.Module):
    """A convolution, and a gate that reads the whole map."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.gate, self.last = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 5, 3)
        self.head = nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        x = x * torch.sigmoid(self.gate(x.mean((2, 3), keepdim=True)))
        found: Tensor = self.head(self.last(x).mean((2, 3)))
        return found


def test_a_gate_leaves_neurons_their_windows_and_is_named() -> None:
    torch.manual_seed(0)
    network = wrap(Gated().eval(), input_size=12)
    found = mine(network, Labelled(torch.randn(5, 3, 12, 12)), ["last"], 2)["last"]
    assert receptive_field(network, "last").stride == (0, 0)
    assert found.field is not None
    assert found.field.size == (5, 5)
    assert found.mixed_by == "an operation on whole maps"
    y, x = found.position[0, 0].tolist()
    assert found.field.boxes(found.position)[0, 0].tolist() == [y, x, y + 5, x + 5]


def without(tree: Any, names: set[str]) -> Any:
    """What a file of before held."""
    if isinstance(tree, dict):
        return {key: without(item, names) for key, item in tree.items() if key not in names}
    return [without(item, names) for item in tree] if isinstance(tree, list) else tree


def test_a_result_of_before_is_read_and_merged(tmp_path: Path) -> None:
    found = mine(small(), images(), ["0"], 2)
    found.save(tmp_path)
    record = unseal((tmp_path / "result.json").read_bytes())
    fields = {"maxima", "field", "own", "mixed_by", "input", "categories", "labels"}
    record["result"] = without(record["result"], fields)
    (tmp_path / "result.json").write_bytes(seal(record))
    old = interpret.load_result(tmp_path)
    assert isinstance(old, Exemplars)
    assert old["0"].values.equal(found["0"].values)
    assert (old["0"].maxima, old["0"].field, old.input, old.labels) == (None, None, None, {})
    assert merge([old, found])["0"].maxima is None  # half of the counts would be wrong
    assert merge([old, found])["0"].field is not None
    assert json.dumps(record)
    assert replace(old).ids == found.ids
