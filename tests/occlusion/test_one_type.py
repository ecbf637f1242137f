"""The function and the step give one type, which one renderer draws; files keep the names they had."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import interpret
from interpret import InterpretError, StepError, load_renderer, load_result, wrap
from interpret.plugin import probe_output
from interpret.plugin.interfaces import renderer_input
from interpret.results import load
from interpret_deconv import Deconv
from interpret_occlusion import Occlusion, OcclusionMaps, Occlusions, Sweep, sweep
from interpret_occlusion.renderers import OcclusionOverlay, OcclusionPanels
from interpret_topk import mine

GIVEN = {"window": 32, "stride": 32}


@pytest.fixture(scope="module")
def network() -> interpret.Network:
    return interpret.load_model("zfnet", weights="scenes")


@pytest.fixture(scope="module")
def scenes() -> interpret.Images:
    return interpret.load_dataset("scenes", split="val", limit=9)


def test_there_is_one_type() -> None:
    assert probe_output(Occlusion) is OcclusionMaps is Occlusions
    assert renderer_input(OcclusionPanels) is renderer_input(OcclusionOverlay) is OcclusionMaps


def test_a_sweep_is_what_the_step_finds_in_one_image(network, scenes) -> None:
    x = network.preprocess(scenes[3].image)
    ours = sweep(network, x, **GIVEN, target=scenes.labels[3], layers=["layer5"])
    found = Occlusion(**GIVEN, layers=["layer5"]).run(network, scenes.subset([2, 3]))[1]
    assert type(ours) is type(found) is OcclusionMaps
    assert (len(ours), len(found), found.image.tolist()) == (1, 1, [3])
    for name in ("logits", "probability", "label", "rows", "columns", "unoccluded", "drop"):
        assert torch.equal(getattr(ours, name), getattr(found, name))
    for name in ("target", "window", "size", "engine", "multiply_adds", "fill", "unoccluded_probability"):
        assert getattr(ours, name) == getattr(found, name)
    assert torch.equal(ours.response["layer5"], found.response["layer5"])
    assert torch.equal(ours.attribution(), found.attributions().maps[0])


def test_the_maps_of_several_images_are_asked_for_by_place(network, scenes) -> None:
    found = Occlusion(**GIVEN, layers=["layer5"]).run(network, scenes.subset([5, 2]))
    assert [one.image.tolist() for one in found] == [[5], [2]]
    assert [set(one.ids) for one in found] == [{"5"}, {"2"}]
    assert found[-1].only is found.maps[1]
    assert found[1].features == found.features[1:]
    with pytest.raises(IndexError):
        found[2]
    with pytest.raises(InterpretError, match=r"maps of 2 images: say which, result\[0\] to result\[1\]"):
        _ = found.probability


@pytest.mark.parametrize("renderer", ["occlusion_panels", "occlusion_overlay"])
def test_renderers_draw_a_sweep(network, scenes, tmp_path, renderer) -> None:
    x = network.preprocess(scenes[3].image)
    (file,) = load_renderer(renderer).render(sweep(network, x, **GIVEN, layers=["layer5"]), [x], tmp_path)
    assert Path(file).stat().st_size > 1000


def test_files_have_the_names_of_before_and_load(network, scenes, tmp_path) -> None:
    found = Occlusion(**GIVEN).run(network, scenes.subset([2, 3]))
    found.save(tmp_path / "step")
    fields = json.loads((tmp_path / "step" / "result.json").read_text())["result"]
    assert fields["$type"] == "interpret_occlusion:Occlusions"
    assert {maps["$type"] for maps in fields["fields"]["maps"]} == {"interpret_occlusion:OcclusionMaps"}
    again = load(tmp_path / "step")
    assert isinstance(again, OcclusionMaps)
    assert torch.equal(again[1].logits, found[1].logits)
    found.maps[0].save(tmp_path / "sweep")  # as `sweep(…).save(folder)` wrote
    assert isinstance(load(tmp_path / "sweep"), Sweep)
    single = load_result(tmp_path / "sweep")
    assert isinstance(single, OcclusionMaps)
    assert torch.equal(single.logits, found[0].logits)
    x = network.preprocess(scenes[2].image)
    for renderer in ("occlusion_panels", "occlusion_overlay"):
        pixels = network.input.denormalize(x)  # nobody stored how the network's pixels are scaled
        assert load_renderer(renderer).render(single, [pixels], tmp_path / renderer)


def test_a_unit_that_is_never_positive_has_no_projection(scenes) -> None:
    conv = nn.Conv2d(3, 2, 3)
    nn.init.constant_(conv.bias, -1e6)
    module = nn.Sequential(conv, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    result = Occlusion(window=48, stride=48, layers=["1"]).run(
        wrap(module, input_size=96), scenes.subset([0])
    )
    assert result.features[0]["1"].patches.shape == (0, 3, 3, 3)


def test_the_projections_are_those_of_deconv(network, scenes) -> None:
    exemplars = mine(network, scenes, ["layer3"], k=5)
    result = Occlusion(**GIVEN, layers=["layer3"], others=2).run(network, scenes.subset([4]), exemplars)
    found = result.features[0]["layer3"]
    unit = int(found.unit[0])
    mined = Deconv(units=[unit]).run(network, scenes, exemplars)["layer3"]
    assert len(found.unit) == 3
    for place, image in enumerate(found.image.tolist()):
        for i in (mined.image == image).nonzero()[:, 0].tolist():
            assert torch.equal(found.position[place], mined.position[i])
            assert torch.equal(found.box[place], mined.box[i])
            torch.testing.assert_close(found.projection(place), mined.projection(i), rtol=1e-4, atol=1e-5)
    assert set(found.image[1:].tolist()) <= set(mined.image.tolist())


def test_exemplars_of_other_images_are_refused(network, scenes) -> None:
    exemplars = mine(network, scenes, ["layer3"], k=2)
    other = replace(exemplars, ids={place: f"other-{name}" for place, name in exemplars.ids.items()})
    with pytest.raises(StepError, match="The exemplars were mined from other images"):
        Occlusion(**GIVEN, layers=["layer3"]).run(network, scenes.subset([4]), other)
