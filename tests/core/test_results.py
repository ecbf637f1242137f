import dataclasses
import json
from dataclasses import dataclass

import pytest
import torch
from jaxtyping import Float, Int
from torch import Tensor

from interpret.errors import InterpretError
from interpret.images import InputSpec
from interpret.results import Record, Result, load


@dataclass(frozen=True)
class Part(Record):
    values: Float[Tensor, "unit rank"]
    note: str | None = None


@dataclass(frozen=True)
class Everything(Result):
    parts: dict[str, Part]
    index: Int[Tensor, "unit"]
    input: InputSpec
    numbers: tuple[float, ...]
    flag: bool = True


def example():
    half = torch.arange(6, dtype=torch.float16).reshape(2, 3).T  # not contiguous
    parts = {"features.0": Part(half), "a/b": Part(torch.tensor([[float("nan"), -0.0]]), "kept")}
    return Everything(parts, torch.arange(3), InputSpec((5, 6)), (1.5, float("inf"), float("-inf")))


def test_a_result_comes_back_as_it_was(tmp_path):
    saved = example()
    saved.save(tmp_path)
    loaded = load(tmp_path)
    assert isinstance(loaded, Everything)
    assert loaded.input == saved.input
    assert loaded.numbers == saved.numbers
    assert loaded.flag is True
    assert list(loaded.parts) == list(saved.parts) == ["features.0", "a/b"]
    assert torch.equal(loaded.parts["features.0"].values, saved.parts["features.0"].values)
    assert loaded.parts["features.0"].values.dtype == torch.float16
    assert loaded.parts["a/b"].values.isnan().tolist() == [[True, False]]
    assert loaded.parts["a/b"].note == "kept"


def test_two_saves_are_bit_identical(tmp_path):
    example().save(tmp_path / "a")
    example().save(tmp_path / "b")
    for name in ["result.json", "result.safetensors"]:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_axes_are_the_words_of_the_annotation():
    assert Part.axes() == {"values": ("unit", "rank")}


def test_half_a_result_never_looks_whole(tmp_path):
    example().save(tmp_path)
    other = dataclasses.replace(example(), index=torch.arange(4))
    (tmp_path / "other").mkdir()
    other.save(tmp_path / "other")
    (tmp_path / "other" / "result.safetensors").replace(tmp_path / "result.safetensors")
    with pytest.raises(InterpretError, match="Run the step again"):
        load(tmp_path)
    (tmp_path / "result.json").write_text((tmp_path / "other" / "result.json").read_text()[:-40])
    with pytest.raises(InterpretError, match="cannot be read"):
        load(tmp_path)
    with pytest.raises(InterpretError, match=r"result\.json is missing"):
        load(tmp_path / "nowhere")


def test_an_unknown_type_names_itself_and_imports_nothing(tmp_path):
    example().save(tmp_path)
    record = json.loads((tmp_path / "result.json").read_text())
    record["result"]["$type"] = "os:system"
    (tmp_path / "result.json").write_text(json.dumps(record))
    with pytest.raises(InterpretError, match="No plugin here defines os:system"):
        load(tmp_path)


def test_what_cannot_be_saved_is_named(tmp_path):
    with pytest.raises(TypeError, match=r"/numbers/0 is a set"):
        dataclasses.replace(example(), numbers=({1},)).save(tmp_path)
    assert not (tmp_path / "result.json").exists()
