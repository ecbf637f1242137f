"""Whatever a pipeline or a recipe holds: it is read, or refused with an InterpretError, within seconds."""

from pathlib import Path
from time import process_time

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import interpret
from interpret.errors import InterpretError
from interpret.pipeline import read_pipeline
from interpret.plugin import registry

ROOT = Path(__file__).parents[2]
PIPELINES = [
    *sorted((ROOT / "docs/examples").glob("*.yaml")),
    ROOT / "interpret/cli/pipelines/quickstart.yaml",
]
RECIPES = sorted((ROOT / "model_zoo/interpret_zoo/recipes").glob("*.yaml"))
SECONDS = 20

ATOMS = [
    *(
        "",
        "0",
        "-1",
        "1e400",
        ".inf",
        ".nan",
        "0x" + "f" * 5000,
        "9" * 30,
        "true",
        "~",
        "null",
        "[]",
        "{}",
        "*a",
    ),
    *(
        "&a [*a]",
        "!!python/name:os.system",
        "!!int x",
        "!!bool 3",
        "!!binary aGk=",
        "!!float {a: 1}",
        "<<: *a",
    ),
    *(
        "? [a]: b",
        "\0",
        "\ufeff",
        "\x1b[31m",
        '"\\ud800"',
        '"\\UFFFFFFFF"',
        '"\\0"',
        "\t",
        "'",
        '"',
        "%YAML 9",
        "---",
    ),
    *(
        "x" * 20_000,
        "[" * 300,
        "{a: " * 300,
        "../../x",
        "~nouser/x",
        "/dev/zero",
        "con",
        "os:system",
        "a.b:C",
    ),
    *(
        "torch.fx.graph_module:reduce_graph_module",
        "2001-01-01",
        "[8]",
        "[1, x]",
        "{like: imagenet-zfnet, name: x}",
    ),
    *(
        "{5: 3}",
        "100000",
        "99999999999",
        "18446744073709551616",
        "{name: module, target: this:x}",
        "|",
        ">",
        "#",
        ":",
    ),
]
WORDS = sorted(
    {word for path in PIPELINES for word in path.read_text(encoding="utf-8").split() if len(word) < 30}
)


@st.composite
def mutants(draw, paths):
    """A file that comes along, with pieces of it cut out, doubled or exchanged."""
    text = draw(st.sampled_from(paths)).read_text(encoding="utf-8")
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        stop = min(len(text), start + draw(st.integers(0, 40)))
        new = draw(st.sampled_from(ATOMS) | st.sampled_from(WORDS) | st.text(max_size=8))
        new = text[start:stop] * 2 if draw(st.booleans()) and draw(st.booleans()) else new
        text = text[:start] + new + text[stop:]
    return text.encode("utf-8", "surrogatepass")


@st.composite
def exchanged(draw, paths):
    """A file that comes along, in which one value is any other."""
    content = yaml.safe_load(draw(st.sampled_from(paths)).read_text(encoding="utf-8"))
    spots = list(_spots(content))
    holder, key = draw(st.sampled_from(spots))
    holder[key] = draw(VALUES)
    return yaml.safe_dump(content, allow_unicode=True).encode("utf-8", "surrogatepass")


def _spots(value):
    """Every place in nested mappings and lists, as holder and key."""
    for key, item in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(item, dict | list):
            yield from _spots(item)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(WORDS)
    | st.sampled_from([10**30, -(2**70), "x" * 20_000, "~nouser", "/dev/zero", "os:system", "a\0b"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["name", "like", "path", "target", "x", "5", ""]), inner, max_size=4
        )
    ),
    max_leaves=12,
)
BYTES = st.binary(max_size=300) | VALUES.map(lambda v: yaml.safe_dump(v).encode("utf-8", "surrogatepass"))


def holds(read):
    """What ``read`` does is success or an error that can be printed, in time."""
    started, message = process_time(), ""
    try:
        read()
    except InterpretError as error:
        message = str(error)
    message.encode()  # a terminal can show it
    assert process_time() - started < SECONDS


def check_pipeline(folder, content):
    path = folder / "pipeline.yaml"
    path.write_bytes(content)
    holds(lambda: read_pipeline(path, registry()))


def check_recipe(folder, content):
    path = folder / "recipe.yaml"
    path.write_bytes(content)
    holds(lambda: interpret.load_probe("train", recipe=str(path)))


COMMON = {
    "deadline": None,
    "database": None,
    "suppress_health_check": [*HealthCheck],
}
SAMPLE = settings(max_examples=60, derandomize=True, **COMMON)
MANY = settings(max_examples=8_000, **COMMON)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    registry()  # importing the plugins is no part of reading
    return tmp_path_factory.mktemp("fuzz")


@SAMPLE
@given(content=mutants(PIPELINES) | exchanged(PIPELINES) | BYTES)
def test_a_sample_of_pipelines(folder, content):
    check_pipeline(folder, content)


@SAMPLE
@given(content=mutants(RECIPES) | exchanged(RECIPES) | BYTES)
def test_a_sample_of_recipes(folder, content):
    check_recipe(folder, content)


@pytest.mark.slow
@MANY
@given(content=mutants(PIPELINES) | exchanged(PIPELINES) | BYTES)
def test_many_pipelines(folder, content):
    check_pipeline(folder, content)


@pytest.mark.slow
@settings(MANY, max_examples=2_000)
@given(content=mutants(RECIPES) | exchanged(RECIPES) | BYTES)
def test_many_recipes(folder, content):
    check_recipe(folder, content)


@pytest.mark.parametrize("atom", ATOMS, ids=lambda atom: repr(atom)[:30])
def test_every_atom_as_a_section_and_as_a_parameter(folder, atom):
    for text in (
        f"version: {atom}\n",
        f"version: 1\nseed: {atom}\nmodels: {{net: {{name: zfnet, width: {atom}}}}}\n"
        f"datasets: {{d: {{name: scenes, limit: {atom}}}}}\nsteps: {{t: {{probe: train, recipe: {atom}}}}}\n",
    ):
        check_pipeline(folder, text.encode("utf-8", "surrogatepass"))
