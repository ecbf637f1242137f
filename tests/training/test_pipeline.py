"""A training as a step: recipes by name, weights for later steps, and mistakes at their place."""

import pytest
import yaml
from small_training import Stripes

from interpret.errors import DatasetError, PipelineError, PluginError, UnknownNameError
from interpret.pipeline import pipeline_schema, read_pipeline
from interpret.plugin import registry
from interpret.run.keys import Provenance
from interpret_training import Recipe, read_recipe, recipe_names
from interpret_training.splitting import split

TEXT = """\
version: 1
models: {net: {name: zfnet, width: 0.0625, input_size: 64, categories: 10}}
datasets: {drawn: {name: scenes, limit: 20}}
steps:
  learn: {probe: train, recipe: {like: imagenette-zfnet, epochs: 2}}
  best: {probe: topk, weights: learn, layers: [layer2]}
  other: {probe: topk, layers: [layer2]}
"""


@pytest.fixture
def checked(tmp_path):
    def _checked(*change: str):
        path = tmp_path / "pipeline.yaml"
        path.write_text(TEXT.replace(*change) if change else TEXT)
        return read_pipeline(path, registry())

    return _checked


def problem(checked, *change: str) -> str:
    assert change[0] in TEXT
    with pytest.raises(PipelineError) as caught:
        checked(*change)
    return "\n".join(f"{found.line}:{found.column}: {found.message}" for found in caught.value.problems)


def test_a_recipe_is_spelled_out(checked, tmp_path):
    pipeline = checked()
    recipe = pipeline.steps["learn"].probe.recipe
    assert (recipe.epochs, recipe.init, recipe.rate) == (2, "he", 0.001)
    assert pipeline.resolved()["steps"]["learn"]["recipe"]["momentum"] == 0.9
    assert pipeline.resolved()["steps"]["best"]["weights"] == "learn"
    again = tmp_path / "again.yaml"
    again.write_text(yaml.safe_dump(pipeline.resolved()))
    assert read_pipeline(again, registry()).resolved() == pipeline.resolved()


def test_a_step_comes_after_the_one_that_trains_its_weights(checked):
    learn = "  learn: {probe: train, recipe: {like: imagenette-zfnet, epochs: 2}}\n"
    text = TEXT.replace(learn, "") + learn
    assert list(checked(TEXT, text).steps) == ["learn", "best", "other"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("weights: learn", "weights: lern"), "6:32: There is no step 'lern'. Did you mean 'learn'?"),
        (
            ("weights: learn", "weights: other"),
            "6:32: weights must be WeightsResult, but step 'other' gives Exemplars. Write weights: learn.",
        ),
        (("imagenette-zfnet", "imagenet-zfnt"), "There is no recipe (or path of a .yaml file)"),
        (("epochs: 2", "epochs: 0"), "greater than or equal to 1"),
        (("epochs: 2", "epoch: 2"), "epoch"),
        (("epochs: 2}}", "epochs: 2}, validation: 2}"), "validation"),
        (
            ("epochs: 2}}", "epochs: 2}, validation: {name: scene}}"),
            "There is no dataset 'scene'. Did you mean 'scenes'?",
        ),
        (
            ("epochs: 2}}", "epochs: 2}, validation: {name: scenes, limt: 3}}"),
            "'limt' is no parameter of it. Did you mean 'limit' or 'split'?",
        ),
        (("probe: train, recipe", "probe: train, weights: best, recipe"), "wait for each other"),
    ],
)
def test_mistakes_have_their_place(checked, change, message):
    assert message in problem(checked, *change)


def test_the_key_of_a_step_counts_its_validation_images(checked):
    def key(*change):
        pipeline = checked(*change)
        plugins = registry()
        models = {"net": pipeline.models["net"].model.load("cpu")}
        images = {"drawn": pipeline.datasets["drawn"].open()}
        return Provenance(pipeline, plugins, models, images).keys

    one = key("epochs: 2}", "epochs: 2}, validation: {name: scenes, split: val, limit: 10}")
    two = key("epochs: 2}", "epochs: 2}, validation: {name: scenes, split: val, limit: 20}")
    assert one["learn"] != two["learn"]
    assert one["best"] != two["best"]
    assert one == key("epochs: 2}", "epochs: 2}, validation: {name: scenes, split: val, limit: 10}")


def test_editors_know_the_word():
    schema = pipeline_schema(registry())
    assert "weights" in schema["$defs"]["probe.topk"]["properties"]
    recipe = schema["$defs"]["probe.train"]["properties"]["recipe"]
    kinds = [kind.get("type") or kind["$ref"] for kind in recipe["anyOf"]]
    assert kinds[:2] == ["string", "object"]
    assert "rate" in schema["$defs"][kinds[2].removeprefix("#/$defs/")]["properties"]


def test_every_recipe_that_comes_along_is_one():
    assert {"imagenet-zfnet", "imagenet-alexnet", "imagenette-zfnet", "imagenette-alexnet"} <= {
        *recipe_names()
    }
    assert "scenes-zfnet" in recipe_names()
    assert all(isinstance(read_recipe(name), Recipe) for name in recipe_names())


def test_the_full_recipe_is_the_paper_s():
    """Section 3 of the paper, and what it leaves open as its page says."""
    recipe = read_recipe("imagenet-zfnet")
    assert recipe == Recipe(mean="pixel")
    assert (recipe.epochs, recipe.batch, recipe.momentum, recipe.rate) == (70, 128, 0.9, 0.01)
    assert recipe.kept_epochs == (1, 2, 5, 10, 20, 30, 40, 64, 70)


def test_a_recipe_can_be_a_file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("epochs: 3\nrate: 1.0e-3\n")
    assert read_recipe(path, seed=4) == Recipe(epochs=3, rate=1e-3, seed=4)
    path.write_text("- epochs\n")
    with pytest.raises(PluginError, match="must be a mapping"):
        read_recipe(path)
    with pytest.raises(PipelineError, match=r"none.yaml: There is no such file"):
        read_recipe(tmp_path / "none.yaml")
    with pytest.raises(UnknownNameError, match="Did you mean 'imagenet-zfnet'"):
        read_recipe("imagenet_zfnet")


def test_a_share_of_every_category_is_held_out():
    images = Stripes(60)
    rest, held = split(images, 0.1)
    assert sorted([*rest.indices, *held.indices]) == list(range(60))
    assert sorted(held.labels) == [0, 0, 1, 1, 2, 2]
    assert list(split(images, 0.1)[1].indices) == list(held.indices)
    assert list(split(images, 0.1, seed=1)[1].indices) != list(held.indices)


def test_a_category_with_one_image_cannot_be_split():
    with pytest.raises(DatasetError, match="'plain' has one image"):
        split(Stripes(5), 0.5)
