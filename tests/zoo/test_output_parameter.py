"""The parameter ``output`` of models: every form of it, wrong ones with a cure, functions only if allowed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import interpret
from interpret.cli.shell import call
from interpret.code.imports import allowing
from interpret.errors import InterpretError, ModelError, PipelineError
from interpret.modules import BestScore, MaxOverImage, MeanOverImage
from interpret.pipeline import Pipeline, read_pipeline
from interpret.pipeline.schema import pipeline_schema
from interpret.plugin import registry
from interpret.run import keys

NETS = """\
import torch
from torch import nn

open(__file__ + ".imported", "w").close()


class Maps(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3)

    def forward(self, x):
        y = self.conv(x)
        return {"aux": y.mean((2, 3)), "out": y, "pair": (x, [y.amax((2, 3))])}


def lowest(returned):
    return returned["out"].amin((2, 3))


class Scores:
    pass
"""
PIPELINE = """\
version: 1
models: {{net: {{name: module, target: "dense_nets.maps:Maps", input_size: 8, {output}}}}}
datasets: {{drawn: {{name: scenes, limit: 2, size: 16}}}}
steps: {{hidden: {{probe: occlusion, window: 4, stride: 4, target: 1}}}}
"""


@pytest.fixture(autouse=True)
def nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A package with a network and functions of what it returns."""
    package = tmp_path / "dense_nets"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "maps.py").write_text(NETS)
    monkeypatch.syspath_prepend(tmp_path)
    yield package
    for name in [name for name in sys.modules if name.partition(".")[0] == "dense_nets"]:
        del sys.modules[name]


def pipeline(folder: Path, output: str) -> Pipeline:
    """The pipeline with an output, checked."""
    path = folder / "pipeline.yaml"
    path.write_text(PIPELINE.format(output=output))
    return read_pipeline(path, registry())


FORMS: dict[str, tuple[str, Any]] = {
    "a key": ("output: aux", "aux"),
    "an index behind a key": ("output: [pair, 1, 0]", ["pair", 1, 0]),
    "a mean": ("output: {name: mean_over_image, of: out}", MeanOverImage(of="out")),
    "where it wins": (
        "output: {name: mean_over_image, where: predicted}", MeanOverImage(where="predicted"),
    ),
    "a box": ("output: {name: mean_over_image, where: [0, 0, 3, 4]}", MeanOverImage(where=(0, 0, 3, 4))),
    "a maximum": ("output: {name: max_over_image, of: [pair, 0]}", MaxOverImage(of=["pair", 0])),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_an_output_in_yaml_is_the_one_in_python(form: str, tmp_path: Path) -> None:
    text, output = FORMS[form]
    model = pipeline(tmp_path, text).models["net"].model
    network = model.load()
    own = interpret.wrap(network.module, input_size=8, output=output)
    x = torch.rand(2, 3, 8, 8)
    assert torch.equal(network(x), own(x))
    assert network.fingerprint() == own.fingerprint()
    again = type(model).model_validate(model.model_dump(mode="json"))
    assert again == model


def test_detections_and_values_in_yaml(tmp_path: Path) -> None:
    model = pipeline(tmp_path, "output: {name: best_score, classes: 3, near: [1, 2, 3, 4], iou: 0.2}").models
    assert model["net"].model.card().output == BestScore(classes=3, near=(1, 2, 3, 4), iou=0.2)
    values = pipeline(tmp_path, "output: aux, output_kind: values").models["net"].model.load()
    assert values.output_kind == "values"


WRONG = {
    "output: 1.5": "must be a key, an attribute's name, an index, a list of these, or a function by name",
    "output: []": "must be a key",
    "output: true": "must be a key",
    "output: {}": "must be a key.*Known: best_score, function, max_over_image, mean_over_image",
    "output: {name: mean_over}": "Did you mean 'mean_over_image'",
    "output: {name: mean_over_image, wher: image}": "must not have 'wher'. Did you mean 'where'",
    "output: {name: mean_over_image, where: 3}": "must have another 'where': image, or a box",
    "output: {name: mean_over_image, where: [1, 2]}": r"a box is \(left, top, right, bottom\)",
    "output: {name: best_score}": "must have 'classes': how many classes there are",
    "output: {name: best_score, classes: 1000000000}": "must have another 'classes'",
    "output: {name: function}": "must have 'target'",
    "output_kind: value": "'output_kind' must be",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_output_is_explained_at_its_place(text: str, tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=WRONG[text]) as caught:
        pipeline(tmp_path, text)
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].line == 2


FUNCTION = 'output: {name: function, target: "dense_nets.maps:%s"}'


def test_a_function_is_called_only_of_a_package_that_is_allowed(nets: Path, tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="--allow dense_nets, or INTERPRET_ALLOW=dense_nets"):
        pipeline(tmp_path, FUNCTION % "lowest")
    assert not (nets / "maps.py.imported").exists()
    with allowing(["dense_nets"]):
        found = pipeline(tmp_path, FUNCTION % "lowest")
        assert [str(target) for target in found.imports] == ["dense_nets.maps:Maps", "dense_nets.maps:lowest"]
        assert not (nets / "maps.py.imported").exists()  # checked, not imported
        network = found.models["net"].model.load()
        x = torch.rand(2, 3, 8, 8)
        torch.testing.assert_close(network(x), network.module(x)["out"].amin((2, 3)))
        for name, message in {"Scores": "defines no function 'Scores'", "lowes": "mean 'lowest'"}.items():
            with pytest.raises(PipelineError, match=message):
                pipeline(tmp_path, FUNCTION % name)


@pytest.mark.parametrize("target", ["os:system", "torch.hub:load", "builtins:eval", "lowest", "a.b:c d"])
def test_functions_of_python_and_torch_are_never_called(target: str, tmp_path: Path) -> None:
    with allowing(["os", "torch", "builtins"]), pytest.raises(PipelineError, match="must make a function"):
        pipeline(tmp_path, f'output: {{name: function, target: "{target}"}}')


def test_the_command_line_allows_a_function(nets: Path, tmp_path: Path) -> None:
    path = tmp_path / "pipeline.yaml"
    path.write_text(PIPELINE.format(output=FUNCTION % "lowest"))
    run = ["run", str(path), "--out", str(tmp_path / "run")]
    assert call(run) == 2
    assert not (nets / "maps.py.imported").exists()
    assert call([*run, "--allow", "dense_nets"]) == 0
    found = interpret.load_result(tmp_path / "run" / "hidden")
    assert found.maps[0].output_kind == "logits"  # type: ignore[attr-defined]


def test_another_output_runs_a_step_again(tmp_path: Path) -> None:
    found = []
    for text in ("output: aux", "output: aux", "output: [pair, 1, 0]", "output: aux, output_kind: values"):
        checked = pipeline(tmp_path, text)
        networks = {"net": checked.models["net"].model.load()}
        images = {"drawn": checked.datasets["drawn"].open()}
        found.append(keys.Provenance(checked, registry(), networks, images).keys["hidden"])
    assert found[0] == found[1]
    assert len(set(found)) == 3


def test_an_editor_knows_the_outputs() -> None:
    definitions = pipeline_schema(registry())["$defs"]
    forms = definitions["model.zfnet"]["properties"]["output"]["anyOf"]
    named = [definitions[form["$ref"].removeprefix("#/$defs/")] for form in forms if "$ref" in form]
    names = [form["properties"]["name"]["const"] for form in named]
    assert names == ["mean_over_image", "max_over_image", "best_score", "function"]
    assert {form.get("type") for form in forms if "$ref" not in form} == {
        "string",
        "integer",
        "array",
        "null",
    }
    assert all(not form["additionalProperties"] for form in named)
    assert "predicted" in named[0]["properties"]["where"]["anyOf"][0]["enum"]


def test_load_model_takes_what_yaml_takes() -> None:
    network = interpret.load_model("zfnet", weights="scenes", output_kind="values")
    assert network.output_kind == "values"
    with pytest.raises(InterpretError, match=r"in Python give functions to interpret\.wrap"):
        interpret.load_model("zfnet", output=len)
    wrong = interpret.load_model("zfnet", weights="scenes", output="scores")
    with pytest.raises(ModelError, match="output='scores' is NoneType"):
        wrong(torch.zeros(1, *wrong.input.shape))
