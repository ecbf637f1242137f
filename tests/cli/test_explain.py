"""``interpret explain``: photographs in, one page, text and JSON out; what does not apply is left out."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from PIL import Image

import interpret
from interpret.cli.explaining import (
    explaining_pipeline,
    find_questions,
    first_steps,
    further_steps,
    is_untrained,
    never_asked,
)
from interpret.cli.options import ModelChoice
from interpret.cli.photographs import MOST, default_folder, find_photographs, own_folder
from interpret.cli.shell import call
from interpret.cli.telling import occlusion_lines, prediction_lines
from interpret.cli.written import write_pipeline
from interpret.errors import DatasetError, InterpretError, ModelError, UnknownNameError
from interpret.network import Network, wrap
from interpret.pipeline import read_pipeline
from interpret.plugin import registry
from interpret_explain import predict
from interpret_occlusion import sweep

GREY = """
from torch import nn

class Grey(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 14 * 14, 3))
"""
PROGRAM = "from interpret.cli import main; main()"
NETS = """
from torch import nn

class Flat(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(3 * 16 * 16, 8), nn.ReLU(), nn.Linear(8, 3))

class Maps(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(3, 4, 3), nn.ReLU())
"""


def picture(path: Path, shade: int = 90) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.linear_gradient("L").resize((20, 16)).point(lambda value: min(value + shade, 255)).save(path)
    return path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one drawn scene, explained by the program itself."""
    folder = tmp_path_factory.mktemp("scene")
    interpret.load_dataset("scenes", limit=1)[0].image.save(folder / "a scene.png")
    asked = ["explain", "a scene.png", "--model", "zfnet:scenes", "--target", "1"]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *asked], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (folder / "said.txt").write_text(done.stdout)
    return folder


def test_the_program_says_what_is_predicted_and_where_the_page_is(scene: Path) -> None:
    said = (scene / "said.txt").read_text()
    network = interpret.load_model("zfnet:scenes")
    found = predict(network, [scene / "a scene.png"])
    for index in found.classes[0].tolist():
        assert network.categories[index] in said
    assert "explained/a_scene/page/index.html" in said
    assert said.index(network.categories[int(found.classes[0, 0])]) < said.index("page/index.html")
    assert "Left out" not in said
    page = (scene / "explained/a_scene/page/index.html").read_text()
    assert "a scene.png" in page
    assert network.categories[int(found.classes[0, 0])] in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page


def test_json_holds_what_was_found_and_nothing_is_computed_twice(
    scene: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(scene)
    before = {path: path.stat().st_mtime_ns for path in (scene / "explained").glob("*/*/result.safetensors")}
    assert call(["explain", "a scene.png", "--model", "zfnet:scenes", "--target", "1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert len(before) == 8
    assert told["left_out"] == {}
    assert told["input"] == [96, 96]
    assert told["untrained"] is False
    (photo,) = told["photographs"]
    assert photo["id"] == "a scene.png"
    network, x = interpret.load_model("zfnet:scenes"), Image.open("a scene.png")
    swept = sweep(network, network.preprocess(x), window=12, stride=6, target=1)
    x.close()
    found = photo["occlusion"][1]
    assert found["target"]["index"] == 1
    assert found["most_important"]["drop"] == pytest.approx(float(swept.drop.max()), abs=1e-6)
    top, left, bottom, right = found["most_important"]["box"]
    assert (bottom - top, right - left) == (12, 12)
    row, column = swept.rows.tolist().index(top), swept.columns.tolist().index(left)
    assert float(swept.drop[row, column]) == pytest.approx(float(swept.drop.max()), abs=1e-6)
    assert [item["method"] for item in photo["attributions"]] == [
        "captum.layer_grad_cam", "captum.layer_grad_cam", "captum.deconvolution", "captum.deconvolution",
    ]  # fmt: skip
    assert set(photo["strongest"]) == {"layer1", "layer2", "layer3", "layer5"}
    assert all(Path(folder, "result.json").is_file() for folder in told["results"].values())


def test_its_pipeline_goes_on_from_where_it_is(
    scene: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(scene)
    written = "explained/a_scene/explain.yaml"
    assert call(["run", written, "--out", "explained/a_scene", "--json"]) == 0
    steps = json.loads(capsys.readouterr().out)["steps"]
    assert {step["status"] for step in steps.values()} == {"kept"}
    assert next(iter(steps)) == "predict"


WRONG: dict[str, tuple[list[str], str]] = {
    "no such photograph": (["cat.png", "--model", "zfnet:scenes"], "There is no file or folder cat.png"),
    "no picture": (["notes.txt", "--model", "zfnet:scenes"], "notes.txt is not a picture"),
    "a folder without pictures": (["empty", "--model", "zfnet:scenes"], "There is no picture in empty"),
    "no such model": (["dog.png", "--model", "zfnte"], "Did you mean"),
    "no such weights": (["dog.png", "--model", "zfnet", "--weights", "nowhere.pt"], "nowhere.pt"),
    "no such category": (["dog.png", "--model", "zfnet:scenes", "--target", "huose"], "Did you mean"),
    "no such index": (["dog.png", "--model", "zfnet:scenes", "--target", "99"], "There is no class 99"),
    "no model": (["dog.png"], "Missing option '--model'"),
    "no photograph": (["--model", "zfnet:scenes"], "Missing argument"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_said_at_once(here: Path, capsys: pytest.CaptureFixture[str], wrong: str) -> None:
    picture(here / "dog.png")
    (here / "notes.txt").write_text("no picture")
    (here / "empty").mkdir()
    arguments, said = WRONG[wrong]
    assert call(["explain", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert not (here / "explained").exists()


@pytest.fixture
def nets(here: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    (here / "some_nets.py").write_text(NETS)
    monkeypatch.syspath_prepend(str(here))
    monkeypatch.delitem(sys.modules, "some_nets", raising=False)
    torch.manual_seed(0)
    return ["--model-option", "input_size=16", "--json"]


def test_methods_that_do_not_apply_are_left_out_with_a_sentence(
    here: Path, nets: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    picture(here / "dog.png")
    assert call(["explain", "dog.png", "--model", "some_nets:Flat", *nets]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told["left_out"]) == {"captum_grad_cam"}
    assert told["left_out"]["captum_grad_cam"].endswith(".")
    (photo,) = told["photographs"]
    assert photo["predictions"][0]["category"].startswith("class ")
    assert photo["occlusion"]
    assert Path(told["page"]).is_file()


def test_a_network_without_classes_shows_its_units(
    here: Path, nets: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    picture(here / "dog.png")
    assert call(["explain", "dog.png", "--model", "some_nets:Maps", *nets]) == 0
    told = json.loads(capsys.readouterr().out)
    assert list(told["results"]) == ["strongest"]
    assert "one value for each class" in told["left_out"]["predict"]
    assert call(["explain", "dog.png", "--model", "some_nets:Maps", *nets, "--target", "0"]) == 2
    assert "leave out --target" in capsys.readouterr().err


def test_what_no_plugin_offers_is_left_out(here: Path) -> None:
    picture(here / "dog.png")
    known, network = registry(), named((), 3)
    fewer = replace(known, probes={name: cls for name, cls in known.probes.items() if "captum" not in name})
    steps = further_steps(network, find_questions(network, []))
    made = explaining_pipeline(
        ModelChoice("zfnet:scenes"), find_photographs(known, ["dog.png"]), steps, fewer
    )
    assert list(made["steps"]) == ["occlusion", "strongest"]
    assert "captum.deconvolution" in never_asked(network, steps, fewer)["captum_deconvolution"]


def test_what_cannot_be_read_in_a_folder_is_left_out(here: Path) -> None:
    picture(here / "photos/b.png")
    picture(here / "photos/deep/a.png")
    (here / "photos/c.png").write_text("no picture")
    found = find_photographs(registry(), ["photos", "photos/b.png"])
    assert [Path(name).name for name in found.names] == ["b.png", "a.png"]
    ((name, reason),) = found.unreadable
    assert name.endswith("c.png")
    assert "not a picture" in reason
    network = interpret.load_model("zfnet:scenes")
    choice = ModelChoice("zfnet:scenes")
    pipeline = explaining_pipeline(choice, found, first_steps(network), registry())
    assert pipeline["steps"]["predict"]["images"] == list(found.places)
    with pytest.raises(DatasetError, match=r"c\.png"):
        find_photographs(registry(), ["photos", "photos/c.png"])


def test_too_many_photographs_and_none_that_can_be_read(here: Path) -> None:
    for index in range(MOST + 1):
        picture(here / f"many/{index}.png")
    with pytest.raises(InterpretError, match=f"at most {MOST}"):
        find_photographs(registry(), ["many"])
    (here / "bad").mkdir()
    (here / "bad/a.png").write_text("no picture")
    with pytest.raises(DatasetError, match="No photograph can be read"):
        find_photographs(registry(), ["bad"])


@pytest.mark.parametrize(
    ("given", "folder"),
    [
        (["cat.jpg", "dog.jpg"], "cat"),
        (["a/b/black cat (1).JPG"], "black_cat_1"),
        (["../..%2f<script>.png"], "2f_script"),
        (["a/.hidden.png"], "hidden"),
        (["a/" + "x" * 200 + ".png"], "x" * 60),
        (["猫.png"], "猫"),
        ([".png"], "png"),
        (["a/....png"], "photograph"),
    ],
)
def test_the_folder_is_called_after_the_photograph(here: Path, given: list[str], folder: str) -> None:
    assert default_folder(given) == Path("explained") / folder


def test_the_folder_of_the_current_folder_has_its_name(here: Path) -> None:
    assert default_folder(["."]) == Path("explained") / here.name


def named(categories: tuple[str, ...], classes: int) -> Network:
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, classes))
    return wrap(module, input_size=2, categories=categories)


def test_a_target_is_a_category_or_an_index() -> None:
    network = named(("7", "zero", "one", "two", "three", "four", "five", "six"), 8)
    asked = find_questions(network, ["two", "7", "5", "two"])
    assert [(item.name, item.target) for item in asked] == [
        ("", "predicted"),
        ("_3", 3),
        ("_0", 0),
        ("_5", 5),
    ]
    with pytest.raises(UnknownNameError, match="tow"):
        find_questions(network, ["tow"])
    with pytest.raises(ModelError):
        find_questions(wrap(torch.nn.Conv2d(3, 2, 1), input_size=4), ["0"])


@pytest.mark.parametrize(
    ("choice", "untrained"),
    [
        (ModelChoice("zfnet"), True),
        (ModelChoice("zfnet:scenes"), False),
        (ModelChoice("torchvision:resnet18"), True),
        (ModelChoice("torchvision:resnet18", "file.pt"), False),
        (ModelChoice("torchvision:resnet18", None, {"weights": "file.pt"}), False),
        (ModelChoice("torchvision.models:resnet18"), False),
        (ModelChoice("huggingface:folder"), False),
    ],
)
def test_who_forgets_the_weights_is_told(choice: ModelChoice, untrained: bool) -> None:
    assert is_untrained(choice, registry()) == untrained


def test_the_occluder_is_an_eighth_of_the_image_and_every_step_is_checked() -> None:
    network = interpret.load_model("zfnet:scenes")
    steps = {**first_steps(network), **further_steps(network, find_questions(network, ["1"]))}
    assert list(steps)[:4] == ["predict", "occlusion", "captum_grad_cam", "occlusion_1"]
    assert list(steps)[-3:] == ["strongest", "captum_deconvolution", "captum_deconvolution_1"]
    assert (steps["occlusion"]["window"], steps["occlusion"]["stride"]) == (12, 6)
    assert steps["occlusion"]["layers"] == ["layer5"]
    assert steps["occlusion_1"]["target"] == 1
    one = {"version": 1, "models": {"net": "zfnet:scenes"}, "datasets": {"d": {"name": "scenes"}}}
    assert list(read_pipeline({**one, "steps": steps}, registry()).steps) == list(steps)


def test_a_pipeline_that_its_user_has_changed_is_kept(tmp_path: Path) -> None:
    pipeline: dict[str, Any] = {
        "version": 1,
        "steps": {"a": {"probe": "predict", "names": ["é", "1e3", "on"]}},
    }
    file = write_pipeline(tmp_path, pipeline)
    assert yaml.safe_load(file.read_text()) == pipeline
    assert write_pipeline(tmp_path, {**pipeline, "seed": 1}) == file
    assert yaml.safe_load(file.read_text())["seed"] == 1
    file.write_text(file.read_text() + "  # mine\n")
    other = write_pipeline(tmp_path, pipeline)
    assert other != file
    assert file.read_text().endswith("# mine\n")


def test_a_network_of_one_channel_is_explained_as_its_error_says(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    picture(here / "grey.png")
    monkeypatch.syspath_prepend(here)
    (here / "grey_net.py").write_text(GREY)
    asked = ["explain", "grey.png", "--model", "grey_net:Grey", "--model-option", "input_size=16"]
    assert call(asked) == 2
    assert "or the model as parameters, the input_size, mean and std" in capsys.readouterr().err
    assert call([*asked, "--model-option", "mean=[0.5]", "--model-option", "std=[0.5]", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["left_out"] == {}


def test_a_target_that_is_predicted_is_asked_about_once(
    scene: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(scene)
    predicted = int(predict(interpret.load_model("zfnet:scenes"), ["a scene.png"]).classes[0, 0])
    other = (predicted + 1) % 10
    asked = ["--target", str(predicted), "--target", str(other), "--out", "once", "--json"]
    assert call(["explain", "a scene.png", "--model", "zfnet:scenes", *asked]) == 0
    (photo,) = json.loads(capsys.readouterr().out)["photographs"]
    assert [found["target"]["index"] for found in photo["occlusion"]] == [predicted, other]


def test_lines_for_people() -> None:
    predictions = [
        {"category": "cat", "index": 0, "probability": 0.5},
        {"category": "a dog", "index": 1, "probability": 1e-7},
    ]
    label = {"category": "cow", "index": 2, "rank": 4, "probability": 0.25}
    assert list(prediction_lines({"predictions": predictions, "label": label})) == [
        "cat                    50.0 %",
        "a dog                 < 0.1 %",
        "label: cow, place 5    25.0 %",
    ]
    assert list(prediction_lines({"predictions": [{"category": "x", "value": -3.25}]})) == ["x     -3.25"]
    most = {"box": [0, 4, 8, 12], "drop": 0.4, "probability": 0.1, "prediction": predictions[1]}
    found = {"target": predictions[0], "probability": 0.5, "most_important": most}
    (line,) = occlusion_lines({"occlusion": [found]})
    assert line.startswith(
        "cat falls from 50.0 % to 10.0 % where rows 0 to 7 and columns 4 to 11 of the input"
    )
    (line,) = occlusion_lines({"occlusion": [{**found, "probability": 0.1}]})
    assert line == "cat stays at 10.0 %, wherever the photograph is covered."
    (line,) = prediction_lines({"predictions": [{"category": "x", "probability": float("nan")}]})
    assert line == "x  no number"


@pytest.mark.slow
@pytest.mark.data
def test_squeezenet_explains_a_real_photograph(tmp_path: Path) -> None:
    shared = Path(__file__).parents[3] / "shared" / "data"
    weights = shared / "weights" / "squeezenet1_1-imagenet.safetensors"
    photo = next(iter(sorted(shared.glob("imagenet-sample/151_*.jpg"))), None)
    if not weights.is_file() or photo is None:
        pytest.skip("the real photographs and weights are not beside the repository")
    asked = [
        "explain",
        str(photo),
        "--model",
        "torchvision:squeezenet1_1",
        "--weights",
        str(weights),
        "--json",
    ]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *asked], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout)
    assert told["photographs"][0]["predictions"][0]["category"] == "Chihuahua"
    assert told["left_out"] == {}
    assert told["photographs"][0]["occlusion"][0]["most_important"]["drop"] > 0.3


def test_only_a_folder_of_explanations_is_written_into(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture(here / "a cat.png")
    (here / "nets.py").write_text(NETS)
    asked = ["explain", "a cat.png", "--model", "nets:Flat", "--model-option", "input_size=16", "--out"]
    (here / "thesis" / "page").mkdir(parents=True)
    (here / "thesis" / "page" / "index.html").write_text("mine")
    assert call([*asked, "thesis"]) == 2
    said = capsys.readouterr().err
    assert "thesis holds other files than those of an explanation, such as 'page'" in said
    assert [path.name for path in (here / "thesis").rglob("*")] == ["page", "index.html"]
    assert call([*asked, ""]) == 2
    assert "An empty text is no path" in capsys.readouterr().err
    assert call([*asked, "it's new"]) == 0  # the cure that the message names
    asked_on = shlex.split(capsys.readouterr().out.splitlines()[-1].partition("from here: interpret ")[2])
    assert asked_on == ["run", "it's new/explain.yaml", "--allow=nets", "--out=it's new"]
    assert call(asked_on) == 0
    assert call([*asked, "it's new"]) == 0
    (here / "it's new" / "explain.yaml").unlink()  # as if the first one had been stopped
    assert call([*asked, "it's new"]) == 0


def test_a_run_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".lock").touch()
    assert own_folder(tmp_path) == tmp_path  # stopped before anything was found
    (tmp_path / "manifest.json").write_text('{"pipeline": {"datasets": {"val": {}}}}')
    for text in ('{"pipeline": {"datasets": {"val": {}}}}', '{"pipeline": []}', "["):
        (tmp_path / "manifest.json").write_text(text)
        with pytest.raises(InterpretError, match=r"such as 'manifest\.json'.*--out FOLDER"):
            own_folder(tmp_path)


def test_a_network_without_numbers_is_not_said_to_stay_at_one() -> None:
    told: dict[str, Any] = {"target": {"category": "cat"}, "probability": float("nan")}
    most = {"box": [0, 0, 4, 4], "probability": float("nan"), "drop": float("nan")}
    assert [*occlusion_lines({"occlusion": [{**told, "most_important": most}]})] == [
        "cat has no number, covered or not."
    ]
