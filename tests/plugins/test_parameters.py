"""Parameters in words."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Optional

import pytest
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from interpret.errors import PluginError
from interpret.images import Images
from interpret.plugin import Dataset, configure, registry
from interpret.plugin.parameters import describe


class Board(BaseModel):
    """What a parameter of a shelf consists of."""

    model_config = ConfigDict(extra="forbid")

    width: float = Field(1.0, gt=0, description="Width.")
    colour: str = Field("white", description="Colour.")


class Shelf(Dataset):
    """A dataset with one parameter of every sort."""

    name: ClassVar[str] = "shelf"

    path: str = Field(description="The folder.")
    limit: int | None = Field(None, ge=1, description="At most so many.")
    split: Literal["train", "val"] = Field("val", description="Which part.")
    sizes: tuple[int, ...] = Field((), description="Sizes.")
    share: Annotated[float, Field(gt=0, le=1)] = Field(0.5, description="Share.")
    label: Optional[str] = Field(None, description="Label.")  # noqa: UP045 - authors write it
    board: Board = Field(Board(), description="Board.")
    books: tuple[Literal["red", "green"], ...] = Field(("red",), min_length=1, description="Books.")
    rows: PositiveInt | tuple[Annotated[int, Field(ge=2)], PositiveInt] = Field(1, description="Rows.")

    @model_validator(mode="after")
    def _fits(self) -> Any:
        if self.limit == 13:
            raise ValueError("limit 13 brings bad luck")
        return self

    def open(self) -> Images:
        raise AssertionError


@pytest.mark.parametrize(
    ("name", "type_", "default", "required"),
    [
        ("path", "str", None, True),
        ("limit", "int ≥ 1 | none", None, False),
        ("split", "train | val", "val", False),
        ("sizes", "tuple[int]", (), False),
        ("share", "float > 0, ≤ 1", 0.5, False),
        ("label", "str | none", None, False),
        ("board", "Board", "as below", False),
        ("board.width", "float > 0", 1.0, False),
        ("rows", "int > 0 | tuple[int ≥ 2, int > 0]", 1, False),
    ],
)
def test_a_parameter_is_described(name, type_, default, required):
    (found,) = [item for item in describe(Shelf) if item.name == name]
    assert (found.type, found.default, found.required) == (type_, default, required)
    assert found.description


def test_required_parameters_come_first():
    assert describe(Shelf)[0].name == "path"


def test_what_a_parameter_consists_of_comes_after_it():
    names = [item.name for item in describe(Shelf)]
    place = names.index("board")
    assert names[place : place + 3] == ["board", "board.width", "board.colour"]


def test_an_unknown_part_of_a_parameter_has_a_hint():
    with pytest.raises(PluginError, match=r"'board\.widht' is unknown\. Did you mean 'width'\?"):
        configure(Shelf, "dataset", {"path": "a", "board": {"widht": 2}})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "'path' is missing (The folder)."),
        ({"path": 3}, "'path' must be a valid string. Got 3."),
        ({"path": "a", "limit": 0}, "'limit' must be greater than or equal to 1. Got 0."),
        ({"path": "a", "split": "test"}, "'split' must be 'train' or 'val'. Got 'test'."),
        ({"path": "a", "sizes": [1, "x"]}, "'sizes.1' must be a valid integer, unable to parse"),
        ({"path": "a", "limits": 1}, "'limits' is no parameter of it. Did you mean 'limit'"),
        ({"path": "a", "limit": 13}, "limit 13 brings bad luck."),
        ({"path": "a", "rows": [3]}, "'rows' must be int > 0 or [int ≥ 2, int > 0]. Got [3]."),
        ({"path": "a", "rows": [3, "x"]}, "'rows' must be int > 0 or [int ≥ 2, int > 0]. Got [3, 'x']."),
        ({"path": "a", "rows": []}, "'rows' must be int > 0 or [int ≥ 2, int > 0]. Got []."),
        ({"path": "a", "board": 3}, "'board' must be a mapping. Got 3."),
        ({"path": "a", "limit": 10**30}, "'limit' must be a number of at most 63 bits. Got 1"),
        ({"path": "a", "share": float("nan")}, "'share' must be a finite number. Got nan."),
        ({"path": "a\0"}, "'path' must be text without null characters and surrogates."),
        ({"path": "a" * 10_001}, "'path' must be text of at most 10,000 characters."),
        ({"path": "a", "sizes": [1, [10**30]]}, "'sizes' must be a number of at most 63 bits."),
        ({"path": "x" * 500, "share": "y" * 500}, "…"),
    ],
)
def test_a_wrong_parameter_is_explained(given, message):
    with pytest.raises(PluginError) as caught:
        configure(Shelf, "dataset", given)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 250


def test_a_wrong_member_is_one_mistake_though_the_list_is_too_short_without_it():
    with pytest.raises(PluginError) as caught:
        configure(Shelf, "dataset", {"path": "a", "books": ["blue"]})
    assert str(caught.value).splitlines()[1:] == ["  'books.0' must be 'red' or 'green'. Got 'blue'."]
    with pytest.raises(PluginError, match=r"'books' must have at least 1 item\. Got \[\]"):
        configure(Shelf, "dataset", {"path": "a", "books": []})


def test_right_parameters_make_the_plugin():
    assert configure(Shelf, "dataset", {"path": "a", "sizes": [1, 2]}).sizes == (1, 2)


SEEDS = {"seed", "random_seed", "seeds"}


def integers(schema, definitions, name="", seen=()):
    """Every whole number that a plugin's schema asks for, with the name of its parameter."""
    if "$ref" in schema:
        key = schema["$ref"].rpartition("/")[2]
        if key not in seen:
            yield from integers(definitions[key], definitions, name, (*seen, key))
    if schema.get("type") == "integer":
        yield name, schema
    for part in schema.get("anyOf", []):
        yield from integers(part, definitions, name, seen)
    for key, part in schema.get("properties", {}).items():
        yield from integers(part, definitions, key, seen)


@pytest.mark.parametrize("kind", ["models", "datasets", "probes", "renderers", "executors"])
def test_whatever_takes_time_or_memory_has_a_limit(kind):
    """A whole number is a size with a largest value, a seed, or names what is looked up."""
    looked_up = {"target", "unit", "units", "reference", "categories", "input_size", "window", "stride"}
    looked_up |= {"output", "of"}  # indices among what a network returns
    for name, plugin in getattr(registry(), kind).items():
        schema = plugin.model_json_schema()
        for field, found in integers(schema, schema.get("$defs", {})):
            limited = found.keys() & {"maximum", "exclusiveMaximum", "enum", "const"}
            assert limited or field in looked_up | SEEDS, (name, field)
            assert field not in SEEDS or found["minimum"] == 0, (name, field)
