"""What a stranger's pipeline writes as a recipe is a recipe, or a mistake that is named."""

import os

import pytest

import interpret
from interpret.errors import InterpretError, PluginError


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"like": "imagenet-zfnet", "name": "Y"}, "'recipe.name' is unknown"),
        ({"like": "imagenet-zfnet", "5": 3}, "'recipe.5' is unknown"),
        ({"like": "imagenet-zfnet", 5: 3}, "recipe"),
        ({5: 3}, "recipe"),
        ({"like": [1]}, "There is no recipe"),
        ("~nouser/x.yaml", "There is no home folder for '~nouser/x.yaml'"),
        ("none.yaml", "There is no such file"),
        ({"rate": float("inf")}, "must be a finite number"),
        ({"epochs": 10**12}, "'recipe.epochs' must be less than or equal to 100000"),
        ([1], "'recipe' must be a mapping"),
    ],
    ids=str,
)
def test_a_recipe_that_is_none_is_a_wrong_parameter(recipe, message):
    with pytest.raises(PluginError) as caught:
        interpret.load_probe("train", recipe=recipe)
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["- 1", "rate: .inf", "5: 3", "rate: [", "a: &a [*a]", "x" * 2**21])
def test_a_recipe_file_that_is_none_is_a_wrong_parameter(tmp_path, text):
    (tmp_path / "recipe.yaml").write_text(text)
    with pytest.raises(InterpretError, match=r"recipe"):
        interpret.load_probe("train", recipe=str(tmp_path / "recipe.yaml"))


def test_a_recipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "recipe.yaml")
    with pytest.raises(PluginError, match="It is a named pipe, not a file"):
        interpret.load_probe("train", recipe=str(tmp_path / "recipe.yaml"))
