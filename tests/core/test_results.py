"""Results come back as they were, or are refused: whatever was done to their files."""

import dataclasses
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
import torch
from jaxtyping import Float, Int
from torch import Tensor

from interpret.errors import InterpretError
from interpret.files.sealed import seal, unseal
from interpret.images import InputSpec
from interpret.records import Record, fits
from interpret.results import Result, load, result_digest


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


def forge(folder: Path, change: Any) -> None:
    """Change a stored result as somebody would who can make checksums too."""
    record = unseal((folder / "result.json").read_bytes())
    change(record)
    (folder / "result.json").write_bytes(seal(record))


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


def test_what_could_not_be_read_again_is_not_stored(tmp_path, monkeypatch):
    example().save(tmp_path / "first")
    size = (tmp_path / "first/result.json").stat().st_size
    monkeypatch.setattr("interpret.results.LARGEST_JSON", size - 1)
    with pytest.raises(InterpretError, match=r"Everything holds .* MB of text .* fewer images"):
        example().save(tmp_path / "second")
    assert not list((tmp_path / "second").iterdir())
    monkeypatch.setattr("interpret.results.LARGEST_JSON", size)
    example().save(tmp_path / "second")
    load(tmp_path / "second")


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
    forge(tmp_path, lambda record: record["result"].update({"$type": "os:system"}))
    with pytest.raises(InterpretError, match="No plugin here defines os:system"):
        load(tmp_path)


def test_what_cannot_be_saved_is_named(tmp_path):
    with pytest.raises(TypeError, match=r"/numbers/0 is a set"):
        dataclasses.replace(example(), numbers=({1},)).save(tmp_path)
    assert not (tmp_path / "result.json").exists()


@dataclass(frozen=True)
class Trained(Result):
    """A result with a file."""

    file: Path
    loss: Float[Tensor, " step"]


def trained(folder: Path) -> Trained:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "epoch-1.bin").write_bytes(b"weights")
    return Trained(folder / "epoch-1.bin", torch.arange(2.0))


def flips(data: bytes, every: int) -> list[bytes]:
    """The data with one bit changed, at every so-manieth bit."""
    harmed = [bytearray(data) for _ in range(0, 8 * len(data), every)]
    for bit, one in zip(range(0, 8 * len(data), every), harmed, strict=True):
        one[bit // 8] ^= 1 << bit % 8
    return [bytes(one) for one in harmed]


@pytest.mark.parametrize("name", ["result.json", "result.safetensors", "made/epoch-1.bin"])
def test_a_flipped_bit_in_any_stored_file_is_found(tmp_path, name):
    trained(tmp_path / "made").save(tmp_path / "result")
    file = tmp_path / "result" / name
    copy = file.read_bytes()
    assert result_digest(tmp_path / "result")
    for harmed in [*flips(copy, 31), b"", copy[:-1], copy + b"\0"]:
        file.write_bytes(harmed)
        assert not result_digest(tmp_path / "result")
        with pytest.raises(InterpretError, match="Run the step again"):
            load(tmp_path / "result")
    file.write_bytes(copy)
    assert load(tmp_path / "result").loss.tolist() == [0, 1]


def test_every_changed_digit_of_a_result_is_found(tmp_path):
    """Of 75 results with one digit changed, 9 were taken once."""
    example().save(tmp_path)
    text = (tmp_path / "result.json").read_text()
    for place in [place for place, letter in enumerate(text) if letter.isdigit()]:
        other = str((int(text[place]) + 1) % 10)
        (tmp_path / "result.json").write_text(text[:place] + other + text[place + 1 :])
        assert not result_digest(tmp_path)
        with pytest.raises(InterpretError, match="cannot be read"):
            load(tmp_path)


def test_a_result_of_format_1_is_still_read(tmp_path):
    """It had no checksum of its own, nor of files."""
    trained(tmp_path / "made").save(tmp_path)
    example().save(tmp_path / "other")
    for folder in (tmp_path, tmp_path / "other"):
        record = unseal((folder / "result.json").read_bytes()) | {"format": 1}
        record["result"]["fields"].get("file", {}).pop("sha256", None)
        (folder / "result.json").write_text(json.dumps(record, indent=1) + "\n")
        assert not result_digest(folder), "a run computes it again"
    assert load(tmp_path).file == tmp_path / "made" / "epoch-1.bin"
    assert load(tmp_path / "other").numbers == example().numbers
    (tmp_path / "made" / "epoch-1.bin").unlink()
    with pytest.raises(InterpretError, match=r"epoch-1\.bin is missing"):
        load(tmp_path)


def test_a_result_of_a_later_format_says_so(tmp_path):
    example().save(tmp_path)
    forge(tmp_path, lambda record: record.update(format=3))
    with pytest.raises(InterpretError, match=r"format 3, of a later version.*Update interpret-cnn"):
        load(tmp_path)


PASSWD = "/etc/passwd"


@pytest.mark.parametrize("old", [False, True], ids=["format 2", "format 1"])
@pytest.mark.parametrize(
    "name", [PASSWD, "../victim", "made/../../victim", "", ".", [1], None, "link", "a\0b"], ids=repr
)
def test_a_file_outside_is_never_read(tmp_path, name, old):
    folder = tmp_path / "result"
    trained(tmp_path / "made").save(folder)
    (tmp_path / "victim").write_text("secret")
    (folder / "link").symlink_to(tmp_path / "victim")
    forge(folder, lambda record: record["result"]["fields"]["file"].update({"$file": name}))
    if old:
        record = unseal((folder / "result.json").read_bytes()) | {"format": 1}
        (folder / "result.json").write_text(json.dumps(record, indent=1))
    with pytest.raises(InterpretError, match=r"no path inside|is a link"):
        load(folder)


def deep(levels: int) -> list[Any]:
    tree: list[Any] = []
    for _ in range(levels):
        tree = [tree]
    return tree


WRONG = {
    "a number for text": lambda f: f["parts"]["$dict"]["a/b"]["fields"].update(note=3),
    "text for a flag": lambda f: f.update(flag="yes"),
    "text for numbers": lambda f: f.update(numbers=["1"]),
    "a flag for a number": lambda f: f.update(numbers=[True]),
    "an endless number": lambda f: f.update(numbers=[10**30]),
    "no number": lambda f: f.update(numbers=[{"$float": "1e999"}]),
    "another tensor": lambda f: f.update(index={"$tensor": "/parts/a/b/values"}),
    "a missing tensor": lambda f: f.update(index={"$tensor": "/none"}),
    "a tensor without name": lambda f: f.update(index={"$tensor": ["/index"]}),
    "text for a tensor": lambda f: f.update(index="0"),
    "another record": lambda f: f["parts"]["$dict"].update(x=f["input"]),
    "a record for a mapping": lambda f: f.update(parts=f["input"]),
    "a field that is not there": lambda f: f.update(shell="id"),
    "a field that is missing": lambda f: f.pop("index"),
    "a wrong input": lambda f: f["input"]["fields"].update(size=[1, 2, 3]),
    "an input that refuses itself": lambda f: f["input"]["fields"].update(std=[0.0, 0.0, 0.0]),
    "fields that are a list": lambda f: f["input"].update(fields=[]),
    "a type that is a list": lambda f: f["input"].update({"$type": []}),
    "two things at once": lambda f: f["input"].update({"$dict": {}}),
    "nothing we know": lambda f: f.update(index={"$call": "os.system"}),
    "a class of Python": lambda f: f["input"].update({"$type": "builtins:eval"}),
    "a class that is no record": lambda f: f["input"].update({"$type": "interpret:Record.axes"}),
    "deep nesting": lambda f: f.update(numbers=deep(400)),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_forged_result_is_one_kind_of_error(tmp_path, wrong):
    example().save(tmp_path)
    forge(tmp_path, lambda record: WRONG[wrong](record["result"]["fields"]))
    with pytest.raises(InterpretError):
        load(tmp_path)


@pytest.mark.parametrize(
    "tree", [[], {}, 3, None, "x", {"$dict": {}}, {"$tensor": "/index"}, {"$file": "a"}], ids=repr
)
def test_what_is_no_result_is_refused(tmp_path, tree):
    example().save(tmp_path)
    (tmp_path / "a").touch()
    forge(tmp_path, lambda record: record.update(result=tree))
    with pytest.raises(InterpretError):
        load(tmp_path)


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"3", b"[" * 100_000, b"\xff\xfe", b'{"format": 1}', b'{\n "format": 1,']
)
def test_what_is_no_record_is_refused(tmp_path, text):
    example().save(tmp_path)
    (tmp_path / "result.json").write_bytes(text)
    assert not result_digest(tmp_path)
    with pytest.raises(InterpretError, match="cannot be read"):
        load(tmp_path)


def test_tensors_that_claim_more_than_there_is_are_refused(tmp_path):
    example().save(tmp_path)
    header = json.dumps(
        {"/index": {"dtype": "I64", "shape": [1 << 40], "data_offsets": [0, 8 << 40]}}
    ).encode()
    for blob in (
        len(header).to_bytes(8, "little") + header,
        b"\xff" * 16,
        b"",
        (1 << 62).to_bytes(8, "little"),
    ):
        (tmp_path / "result.safetensors").write_bytes(blob)
        forge(
            tmp_path, lambda record, blob=blob: record.update(tensors_sha256=hashlib.sha256(blob).hexdigest())
        )
        with pytest.raises(InterpretError, match="cannot be read"):
            load(tmp_path)


@pytest.mark.parametrize("name", ["result.json", "result.safetensors"])
@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_a_file_of_a_result_is_a_plain_file(tmp_path, name, kind):
    example().save(tmp_path / "result")
    file = tmp_path / "result" / name
    file.rename(tmp_path / "victim")
    before = (tmp_path / "victim").read_bytes()
    if kind == "link":
        file.symlink_to(tmp_path / "victim")
    elif kind == "folder":
        file.mkdir()
    else:
        os.mkfifo(file)
    for touch in (lambda: load(tmp_path / "result"), lambda: example().save(tmp_path / "result")):
        with pytest.raises(InterpretError, match=r"is a link|is a folder|is no plain file"):
            touch()
    assert (tmp_path / "victim").read_bytes() == before


def test_a_file_is_never_brought_through_a_link(tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "result").mkdir()
    (tmp_path / "result" / "made").symlink_to(tmp_path / "outside")
    with pytest.raises(InterpretError, match="is a link"):
        trained(tmp_path / "made").save(tmp_path / "result")
    assert not list((tmp_path / "outside").iterdir())


def test_what_a_user_links_is_brought_as_what_it_is(tmp_path):
    found = trained(tmp_path / "made")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/last.bin").symlink_to(found.file)
    dataclasses.replace(found, file=tmp_path / "mine/last.bin").save(tmp_path / "result")
    brought = load(tmp_path / "result").file
    assert (brought.read_bytes(), brought.is_symlink()) == (b"weights", False)


@dataclass(frozen=True)
class Two(Result):
    """A result with two files."""

    files: tuple[Path, ...]


def test_two_files_of_one_name_are_refused_rather_than_mixed(tmp_path):
    one, other = trained(tmp_path / "a/made").file, trained(tmp_path / "b/made").file
    with pytest.raises(InterpretError, match=r"would both be stored as made/epoch-1\.bin"):
        Two((one, other)).save(tmp_path / "result")
    Two((one, one)).save(tmp_path / "result")


def test_a_field_that_is_not_as_declared_cannot_be_saved(tmp_path):
    for change in (
        {"flag": 3},
        {"index": torch.zeros(3)},
        {"numbers": (True,)},
        {"input": Part(torch.zeros(1, 1))},
    ):
        with pytest.raises(TypeError, match=rf"Everything\.{next(iter(change))} is .* but declared as"):
            dataclasses.replace(example(), **change).save(tmp_path)


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        (1, float, True),
        (True, float, False),
        (1.5, int, False),
        (None, int | None, True),
        ("a", Literal["a", "b"], True),
        ("c", Literal["a", "b"], False),
        (True, Literal[1], False),
        ((1, 2), tuple[int, int], True),
        ((1, 2, 3), tuple[int, int], False),
        ((1, 2, 3), tuple[int, ...], True),
        ((1, "2"), list[int], False),
        ({"a": (1,)}, dict[str, tuple[int, ...]], True),
        ({"a": "b"}, dict[str, int], False),
        ({"a": 1}, dict[str, Any], True),
        ([], dict[str, Any], False),
        (torch.zeros(2, 3), Float[Tensor, "a ..."], True),
        (torch.zeros(2, 3), Float[Tensor, "a"], False),
        (torch.zeros(2, 3), Float[Tensor, "a 2"], False),
        (torch.zeros(2, 3), Float[Tensor, "a a+1"], True),
        ("anything", object, True),
    ],
)
def test_values_are_compared_with_annotations(value, hint, expected):
    assert fits(value, hint) is expected


@dataclass(frozen=True)
class Shrunk(Result):
    kept: int

    removed_fields: ClassVar[frozenset[str]] = frozenset({"gone"})


@pytest.mark.parametrize("name", ["gone", "strange"])
def test_a_field_that_was_removed_is_left_out_and_a_strange_one_is_refused(tmp_path, name):
    Shrunk(7).save(tmp_path)
    forge(tmp_path, lambda record: record["result"]["fields"].update({name: {"$tensor": "nowhere"}}))
    if name == "gone":
        assert load(tmp_path) == Shrunk(7)
    else:
        with pytest.raises(InterpretError, match="cannot be read"):
            load(tmp_path)


@dataclass(frozen=True)
class Moved(Result):
    former_kinds: ClassVar[tuple[str, ...]] = ("interpret_before:Moved",)

    kept: int


def test_a_result_that_another_package_defined_before_still_loads(tmp_path):
    Moved(7).save(tmp_path)
    forge(tmp_path, lambda record: record["result"].update({"$type": "interpret_before:Moved"}))
    assert load(tmp_path) == Moved(7)
