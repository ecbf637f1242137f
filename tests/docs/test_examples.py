"""Every example in the documentation runs: a page's Python in turn, its YAML through the checker."""

import contextlib
import io
import re
from collections import OrderedDict
from pathlib import Path

import datasets
import pytest
import torch
import webdataset
import yaml

import interpret
from interpret.pipeline import read_pipeline
from interpret.plugin import registry

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
WITH_A_TEST_OF_ITS_OWN = {"writing-a-plugin.md", "hooks.md"}
PIPELINES = [*ROOT.glob("docs/examples/*.yaml"), *ROOT.glob("interpret/cli/pipelines/*.yaml")]
CAT = 18
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page, *languages):
    return [(language, text) for language, text in BLOCK.findall(page.read_text()) if language in languages]


def pages_with(*languages):
    pages = [page for page in PAGES if blocks(page, *languages) and page.name not in WITH_A_TEST_OF_ITS_OWN]
    return [pytest.param(page, id=str(page.relative_to(ROOT))) for page in pages]


def given(page):
    """What the first page expects its reader to have: a module, photographs, and a cat."""
    if page.name != "README.md":
        return {}
    scenes = interpret.load_dataset("scenes", split="val", limit=20)
    for place in (*range(10), CAT):
        scenes[place].image.save(f"{place}.jpg" if place != CAT else "cat.jpg")
    torch.manual_seed(0)
    return {"module": Small(), "photos": [f"{place}.jpg" for place in range(10)]}


class Small(torch.nn.Sequential):
    """Four layers, named as those of a ResNet."""

    def __init__(self):
        layers = {
            f"layer{number}": torch.nn.Sequential(
                torch.nn.Conv2d(inner, 8, 3, stride=4 if number == 1 else 2, padding=1), torch.nn.ReLU()
            )
            for number, inner in enumerate((3, 8, 8, 8), start=1)
        }
        pool = {
            "pool": torch.nn.AdaptiveAvgPool2d(1),
            "flat": torch.nn.Flatten(),
            "fc": torch.nn.Linear(8, 4),
        }
        super().__init__(OrderedDict(layers | pool))


def test_the_first_page_draws_nine_patches_and_an_occlusion_map_in_three_lines_each(tmp_path, monkeypatch):
    """Each line that shows something is run as it stands, and what it gives is looked at."""
    monkeypatch.chdir(tmp_path)
    (_, text), *_ = blocks(ROOT / "README.md", "python")
    names, shown = given(ROOT / "README.md"), []
    for line in text.splitlines():
        if line.startswith("interpret.show("):
            shown.append(eval(line, names))
        else:
            exec(line, names)
    assert len([line for line in text.splitlines() if line and "import" not in line]) == 6
    assert [item.renderers for item in shown] == [("exemplar_grid",), ("occlusion_panels",)]
    assert all(file.suffix in {".png", ".csv"} for item in shown for file in item.files)
    assert all("<img" in item._repr_html_() for item in shown)


@pytest.mark.parametrize("page", pages_with("python"))
def test_python_examples_run_and_print_what_the_page_says(page, tmp_path, monkeypatch):
    monkeypatch.setenv("INTERPRET_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    names, printed = given(page), ""
    for language, text in blocks(page, "python", "output"):
        if language == "output":
            assert printed == text
            continue
        with contextlib.redirect_stdout(io.StringIO()) as stream:
            exec(compile(text, str(page), "exec"), names)
        printed = stream.getvalue()


@pytest.mark.parametrize("page", pages_with("yaml"))
def test_yaml_examples_pass_the_check(page, tmp_path):
    for number, (_, text) in enumerate(blocks(page, "yaml")):
        path = tmp_path / f"{number}.yaml"
        path.write_text(text)
        assert read_pipeline(path, registry()).steps


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.name)
def test_example_pipelines_pass_the_check(path):
    assert read_pipeline(path, registry()).steps


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_pictures_inside_the_repository_exist(page):
    targets = re.findall(r"\]\((?!https?://|#)([^)#\s]+)", page.read_text())
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert not missing


def test_every_plugin_has_a_page():
    folders = [*ROOT.glob("plugins/interpret_*"), *ROOT.glob("model_zoo/interpret_*")]
    pages = {page.stem for page in ROOT.glob("docs/plugins/*.md")}
    assert {folder.name.removeprefix("interpret_") for folder in folders} == pages


def make_shards(folder):
    """Pictures at the paths that the page on datasets names."""
    scenes = interpret.load_dataset("scenes", split="val", limit=8)
    (folder / "shards").mkdir()
    for number in range(13):
        with webdataset.TarWriter(str(folder / f"shards/train-{number:03d}.tar")) as writer:
            writer.write({"__key__": "one", "png": scenes[number % 8].image, "cls": number % 3})
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=[*scenes.categories])}
    )
    content = {"image": [sample.image for sample in scenes], "label": list(scenes.labels)}
    rows = datasets.Dataset.from_dict(content, features=features)
    rows.to_parquet(folder / "data" / "train-00000-of-00001.parquet")
    datasets.DatasetDict(train=rows, test=rows).save_to_disk(folder / "saved-by-datasets")


def test_pipelines_over_shards_run_as_the_page_has_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    make_shards(tmp_path)
    counts = {}
    for _, text in blocks(ROOT / "docs" / "plugins" / "datasets.md", "yaml"):
        asked = yaml.safe_load(text)
        ((_, dataset),) = asked["datasets"].items()
        if dataset["name"] in {"webdataset", "parquet", "hf"}:
            asked["steps"]["strongest"]["layers"] = ["layer1"]
            run = interpret.run_pipeline(asked, tmp_path / dataset["name"])
            found = interpret.load_result(run.folder / "strongest")["layer1"]
            counts[dataset["name"]] = len({int(place) for place in found.image.flatten()})
    assert counts.keys() == {"webdataset", "parquet", "hf"}
    assert all(count > 4 for count in counts.values())
