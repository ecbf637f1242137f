"""Shards are merged a group at a time: to the same bits, in memory that does not grow with their number."""

import weakref
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

import interpret
from interpret.plugin.shards import shard_grid
from interpret_topk import Exemplars
from interpret_topk.probe import TopK


@pytest.fixture(scope="module")
def mined():
    """A probe, and what it finds in each of eleven shards."""
    network = interpret.load_model("zfnet", width=0.0625, input_size=64, categories=10)
    images = interpret.load_dataset("scenes", split="val", limit=22, size=64)
    probe = TopK(layers=["layer1", "layer3"], k=5, batch_size=2)
    parts = [probe.run_shard(network, images.subset(part)) for part in shard_grid(22, 2, images=2)]
    assert len(parts) == 11
    return probe, parts, probe.merge(parts)


@pytest.mark.parametrize("group", [2, 3, 64])
def test_groups_of_any_size_give_the_same_bits(mined, group, monkeypatch, tmp_path):
    probe, parts, whole = mined
    monkeypatch.setattr("interpret.plugin.shards.GROUP", group)
    held, most = [0], [0]

    class Counted(TopK):
        def join(self, pieces):
            most[0] = max(most[0], held[0])
            held[0] = 0
            return super().join(pieces)

    def load(part):
        held[0] += 1
        return part

    found = Counted(**probe.model_dump()).merge_all(load(part) for part in parts)
    for name, result in (("found", found), ("whole", whole)):
        result.save(tmp_path / name)
    for file in ("result.json", "result.safetensors"):
        assert (tmp_path / "found" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
    assert most[0] <= group


def test_groups_are_joined_before_the_next_is_begun(monkeypatch):
    """At most a group, and what it is joined to, are in memory."""
    monkeypatch.setattr("interpret.plugin.shards.GROUP", 3)
    alive, most = [0], [0]

    class Counted(TopK):
        def join(self, pieces):
            return made(tuple(name for piece in pieces for name, _ in piece.skipped))

        def merge(self, partials):
            return self.join(partials)

    def made(names):
        found = Exemplars({}, {}, tuple((name, "") for name in names), 0)
        alive[0] += 1
        most[0] = max(most[0], alive[0])
        weakref.finalize(found, lambda: alive.__setitem__(0, alive[0] - 1))
        return found

    found = Counted().merge_all(made([str(number)]) for number in range(27))
    assert [name for name, _ in found.skipped] == [str(number) for number in range(27)], "in order, each once"
    assert most[0] <= 3 + 1, "a group, and what it is joined to"


def test_images_are_ranked_alike_however_large_the_dataset_is(mined):
    """Of hundreds of millions of images a merge knows those of its parts: no table of all of them is made."""
    probe, parts, whole = mined
    far = 400_000_000

    def moved(part):
        layers = {
            name: replace(layer, image=torch.where(layer.image < 0, layer.image, layer.image + far))
            for name, layer in part.layers.items()
        }
        return replace(
            part, layers=layers, ids={str(int(place) + far): name for place, name in part.ids.items()}
        )

    found = probe.merge([moved(part) for part in parts])
    for name, layer in whole.layers.items():
        assert torch.equal(found[name].values, layer.values)
        assert torch.equal(found[name].position, layer.position)
        assert torch.equal(found[name].image - far, layer.image)
    assert list(found.ids.values()) == list(whole.ids.values())


def test_a_dataset_has_ten_thousand_shards_at_most():
    assert {len(shard) for shard in shard_grid(2_560_000, 32)} == {256}
    assert len(shard_grid(2_560_000, 32)) == 10_000
    grid = shard_grid(14_197_122, 32)
    assert 9_000 < len(grid) <= 10_000
    assert len(grid[0]) % 32 == 0, "shards are of whole batches"
    assert grid[0].start == 0
    assert grid[-1].stop == 14_197_122
    assert all(one.stop == other.start for one, other in pairwise(grid))
    assert len(shard_grid(14_197_122, 32, images=64)[0]) == 64, "what asks for a size gets it"


def test_the_order_of_shards_does_not_matter(mined):
    probe, parts, whole = mined
    order = torch.randperm(len(parts), generator=torch.Generator().manual_seed(3)).tolist()
    found = probe.merge_all(parts[place] for place in order)
    assert isinstance(found, Exemplars)
    assert all(torch.equal(found[name].values, whole[name].values) for name in whole.layers)
    assert all(torch.equal(found[name].image, whole[name].image) for name in whole.layers)
