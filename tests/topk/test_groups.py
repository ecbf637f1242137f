"""Shards are merged a group at a time: to the same bits, in memory that does not grow with their number."""

import pytest
import torch

import interpret
from interpret.plugin.shards import shard_grid
from interpret.run.merging import merge_shards
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
    monkeypatch.setattr("interpret.run.merging.GROUP", group)
    held, most = [0], [0]

    class Counted(TopK):
        def join(self, pieces):
            most[0] = max(most[0], held[0])
            held[0] = 0
            return super().join(pieces)

    def load(part):
        held[0] += 1
        return part

    found = merge_shards(Counted(**probe.model_dump()), [lambda part=part: load(part) for part in parts])
    for name, result in (("found", found), ("whole", whole)):
        result.save(tmp_path / name)
    for file in ("result.json", "result.safetensors"):
        assert (tmp_path / "found" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
    assert most[0] <= group


def test_the_order_of_shards_does_not_matter(mined):
    probe, parts, whole = mined
    order = torch.randperm(len(parts), generator=torch.Generator().manual_seed(3)).tolist()
    found = merge_shards(probe, [lambda part=parts[place]: part for place in order])
    assert isinstance(found, Exemplars)
    assert all(torch.equal(found[name].values, whole[name].values) for name in whole.layers)
    assert all(torch.equal(found[name].image, whole[name].image) for name in whole.layers)
