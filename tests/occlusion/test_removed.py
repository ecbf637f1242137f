"""What the approximate engine was asked by is refused with a cure; results that it made still load."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from interpret import load_probe, load_result
from interpret.errors import PipelineError, PluginError
from interpret.files.sealed import seal, unseal
from interpret.pipeline import pipeline_schema, read_pipeline
from interpret.plugin import registry
from interpret_occlusion import OcclusionMaps, Sweep

GONE = "engine' must be 'auto', 'incremental' or 'full'; 'approximate' is gone: it gained a factor of 1.2"
LEAVE = "'tolerance'. It belonged to engine: approximate, which is gone. Leave it out."
PIPELINE = """\
version: 1
models: {net: {name: zfnet}}
datasets: {val: {name: scenes, limit: 1}}
steps:
  where: {probe: occlusion, engine: ENGINE}
"""


def test_the_engine_and_its_tolerance_are_refused_from_python() -> None:
    with pytest.raises(PluginError, match=f"{GONE}.* Got 'approximate'"):
        load_probe("occlusion", engine="approximate")
    with pytest.raises(PluginError, match="'tolerance' is no parameter"):
        load_probe("occlusion", tolerance=0.1)


def test_a_pipeline_names_both_in_their_place_and_the_cure_works(tmp_path: Path) -> None:
    file = tmp_path / "pipeline.yaml"
    file.write_text(PIPELINE.replace("ENGINE", "approximate, tolerance: 0.1"))
    with pytest.raises(PipelineError) as error:
        read_pipeline(file, registry())
    found = [str(problem) for problem in error.value.problems]
    assert len(found) == 2
    assert f"{file}:5:37" in found[0]
    assert GONE in found[0]
    assert f"{file}:5:50" in found[1]
    assert LEAVE in found[1]
    file.write_text(PIPELINE.replace("ENGINE", "auto"))
    assert read_pipeline(file, registry()).steps
    assert "approximate" not in json.dumps(pipeline_schema(registry()))


def test_a_result_of_before_still_loads(tmp_path: Path) -> None:
    """Such a file has two fields more, and the engine's name: the values themselves are what they were."""
    maps = Sweep(
        logits=torch.rand(2, 3, 4),
        unoccluded=torch.rand(4),
        target=1,
        rows=torch.arange(2),
        columns=torch.arange(3),
        window=(2, 2),
        size=(4, 4),
        channels=3,
    )
    replace(maps, engine="approximate").save(tmp_path)
    record = unseal((tmp_path / "result.json").read_bytes())
    record["result"]["fields"] |= {"interpolated": 0.8, "error": 0.04}
    (tmp_path / "result.json").write_bytes(seal(record))
    loaded = load_result(tmp_path)
    assert isinstance(loaded, OcclusionMaps)
    assert loaded.engine == "approximate"
    assert torch.equal(loaded.logits, maps.logits)
