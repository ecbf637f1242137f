"""A sweep that was stopped keeps the images it is done with."""

from __future__ import annotations

import pytest
import torch

import interpret
from interpret.graph import Incremental
from interpret.run.cache import caching_parts
from interpret_occlusion import Occlusion, engines, probe

GIVEN = {"window": 32, "stride": 32, "engine": "full"}


@pytest.fixture(scope="module")
def network() -> interpret.Network:
    torch.manual_seed(0)
    return interpret.load_model("zfnet", width=0.0625, input_size=64, categories=10)


@pytest.fixture(scope="module")
def images() -> interpret.Images:
    return interpret.load_dataset("scenes", split="val", limit=4, size=64)


@pytest.fixture
def sweeps(monkeypatch):
    """How many images were swept; Ctrl-C comes after as many as ``stop`` says."""
    count = {"done": 0, "stop": 100}
    sweep = probe.sweep_image

    def counting(*args, **options):
        if count["done"] == count["stop"]:
            raise KeyboardInterrupt
        count["done"] += 1
        return sweep(*args, **options)

    monkeypatch.setattr(probe, "sweep_image", counting)
    return count


@pytest.mark.parametrize("damaged", [0, 1])
def test_a_stopped_sweep_continues_with_the_next_image(sweeps, network, images, tmp_path, damaged) -> None:
    straight = Occlusion(**GIVEN).run(network, images)
    sweeps.update(done=0, stop=2)
    with caching_parts(tmp_path), pytest.raises(KeyboardInterrupt):
        Occlusion(**GIVEN).run(network, images)
    parts = sorted(tmp_path.glob("*/result.safetensors"))
    assert len(parts) == 2
    for part in parts[:damaged]:
        part.write_bytes(part.read_bytes()[:-1] + b"?")
    sweeps.update(done=0, stop=100)
    with caching_parts(tmp_path):
        found = Occlusion(**GIVEN).run(network, images)
    assert sweeps["done"] == 2 + damaged
    straight.save(tmp_path / "straight")
    found.save(tmp_path / "found")
    for name in ("result.json", "result.safetensors"):
        assert (tmp_path / "found" / name).read_bytes() == (tmp_path / "straight" / name).read_bytes()


@pytest.mark.parametrize("engine", ["full", "incremental"])
def test_the_sweep_of_one_image_goes_on_too(network, images, tmp_path, monkeypatch, engine) -> None:
    probe = Occlusion(window=16, stride=8, engine=engine, layers=["layer2"], batch_size=4)
    x = images.subset([0])
    monkeypatch.setattr(Incremental, "_batch", 1)
    monkeypatch.setattr("interpret.graph.delta.incremental.LARGEST", 2)
    straight = probe.run(network, x)
    monkeypatch.setattr("interpret.run.pieces.PIECE_SECONDS", 0.0)
    calls, stop = [], 6
    owner, name = (engines, "answer") if engine == "full" else (Incremental, "_finished")
    whole = getattr(owner, name)

    def counting(*args):
        calls.append(args)
        if len(calls) == stop:
            raise KeyboardInterrupt
        return whole(*args)

    monkeypatch.setattr(owner, name, counting)
    with caching_parts(tmp_path), pytest.raises(KeyboardInterrupt):
        probe.run(network, x)
    monkeypatch.setattr(owner, name, whole)
    runs = count_calls(monkeypatch, owner, name)
    again = probe.run(network, x)
    everything = len(runs)
    runs.clear()
    with caching_parts(tmp_path):
        found = probe.run(network, x)
    assert len(runs) <= everything - 3
    for result in (again, found):
        assert torch.equal(result.maps[0].logits, straight.maps[0].logits)
        assert torch.equal(
            result.maps[0].followed["layer2"].response, straight.maps[0].followed["layer2"].response
        )


def count_calls(monkeypatch, owner, name) -> list[object]:
    calls, whole = [], getattr(owner, name)
    monkeypatch.setattr(owner, name, lambda *args: (calls.append(1), whole(*args))[1])
    return calls
