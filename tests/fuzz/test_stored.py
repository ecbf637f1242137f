"""Stored results and state files that were changed in any way: what they were, or one kind of error."""

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jaxtyping import Float
from torch import Tensor

from interpret.errors import InterpretError
from interpret.files.sealed import seal, unseal
from interpret.images import InputSpec
from interpret.records import Record
from interpret.results import Result, load, result_digest
from interpret.run.store import RunFolder

SLOW = settings(max_examples=3000, deadline=20_000, suppress_health_check=list(HealthCheck))
FAST = settings(SLOW, max_examples=60, derandomize=True, database=None)


@dataclass(frozen=True)
class Layer(Record):
    values: Float[Tensor, "unit rank"]
    note: str | None = None


@dataclass(frozen=True)
class Found(Result):
    layers: dict[str, Layer]
    input: InputSpec
    numbers: tuple[float, ...]
    file: Path
    flag: bool = True


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return make_run(tmp_path_factory.mktemp("run"))


def make_run(run: Path) -> Path:
    """A run folder with one step and its figure."""
    (run / "made").mkdir()
    (run / "made/weights.bin").write_bytes(b"weights")
    layers = {"conv": Layer(torch.zeros(2, 3)), "a/b": Layer(torch.ones(1, 1), "kept")}
    found = Found(layers, InputSpec((5, 6)), (1.5, float("inf")), run / "made/weights.bin")
    step = RunFolder(run).step("step")
    step.path.mkdir()
    step.finish("key", found, {})
    (step.path / "page.png").write_bytes(b"picture")
    step.keep_figures({"key": {"page.png": "0" * 64}})
    (run / "victim").write_text("kept")
    return run


HOSTILE = st.sampled_from(
    [
        *("../victim", "/etc/passwd", "..", "a\0b", "result.json", "$type", "nan", "1e999"),
        *("os:system", "builtins:eval", "interpret:InputSpec"),
        *(1e308, -1, 1 << 70, [], {}, None, True),
        *({"$file": "../victim"}, {"$tensor": "/x"}, {"$dict": {}}),
    ]
)
VALUES = st.recursive(
    HOSTILE
    | st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["$file", "$type", "$dict", "fields", "$float", "x"]), inner, max_size=3
        )
    ),
    max_leaves=5,
)


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something stands in a tree."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [path, *(place for key, item in items for place in places(item, (*path, key)))]


def changed(tree: Any, data: st.DataObject) -> Any:
    """A tree in which something else stands in one or two places."""
    tree = copy.deepcopy(tree)
    for _ in range(data.draw(st.integers(1, 2))):
        *way, last = data.draw(st.sampled_from(places(tree)[1:]))
        inner = tree
        for key in way:
            inner = inner[key]
        if data.draw(st.booleans()):
            inner[last] = copy.deepcopy(data.draw(VALUES))  # which are drawn again, as they were
        elif isinstance(inner, dict):
            inner[str(data.draw(HOSTILE))] = inner.pop(last)
        if not tree:
            break
    return tree


def harmed(original: bytes, data: st.DataObject) -> bytes:
    """A file that was cut, filled up, or has other bytes; or holds anything, with and without a checksum."""
    kind = data.draw(st.sampled_from(["forged", "unsealed", "old", "bytes", "any"]))
    if kind == "any":
        return data.draw(st.binary(max_size=60))
    if kind == "bytes":
        place = data.draw(st.integers(0, len(original)))
        return (
            original[:place]
            + data.draw(st.binary(max_size=4))
            + original[place + data.draw(st.integers(0, 40)) :]
        )
    tree = changed(unseal(original), data)
    if kind == "old" and isinstance(tree, dict):
        tree = {"format": 1, **{key: value for key, value in tree.items() if key != "format"}}
    return seal(tree) if kind == "forged" else (json.dumps(tree, indent=1) + "\n").encode()


def try_result(folder: Path, data: st.DataObject) -> None:
    path = folder / "step/result.json"
    original = path.read_bytes()
    path.write_bytes(harmed(original, data))
    try:
        for look in (load, result_digest):
            try:
                found = look(folder / "step")
            except InterpretError:
                continue
            if look is load:
                assert isinstance(found, Found)
                assert isinstance(found.layers, dict)
                assert found.file.parent == folder / "step/made"
    finally:
        path.write_bytes(original)


def try_state(folder: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["figures.json", "step.json", "result.json"]))
    path, run = folder / "step" / name, RunFolder(folder)
    original = path.read_bytes()
    path.write_bytes(harmed(original, data))
    try:
        run.prepare(["step"], alone=True)
        step = run.step("step")
        step.complete("key")
        assert all(isinstance(step.has_figures(files), bool) for files in step.figures().values())
    except InterpretError:
        pass
    finally:
        path.write_bytes(original)
    assert (folder / "victim").read_text() == "kept"
    assert (folder / "step/page.png").exists()


@FAST
@given(st.data())
def test_any_stored_result_is_read_or_refused(folder, data):
    try_result(folder, data)


@FAST
@given(st.data())
def test_any_state_file_is_read_or_refused_or_begins_anew(folder, data):
    try_state(folder, data)


@pytest.mark.slow
@SLOW
@given(st.data())
def test_many_stored_results_are_read_or_refused(folder, data):
    try_result(folder, data)


@pytest.mark.slow
@SLOW
@given(st.data())
def test_many_state_files_are_read_or_refused_or_begin_anew(folder, data):
    try_state(folder, data)
