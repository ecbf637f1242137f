"""Room for unfinished work: the same for the same content, and results that are computed once."""

import os
import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from interpret import results
from interpret.errors import InterpretError
from interpret.files import write_checked, write_sealed
from interpret.files.sealed import unseal
from interpret.plugin import Probe
from interpret.results import Result
from interpret.run import cache_dir, cached, cached_part, follows, parts_for, without_parts
from interpret.run.cache import caching_parts, resumption, working_in
from interpret.run.store import StepFolder


@dataclass(frozen=True)
class Filed(Result):
    """A tensor and two files."""

    values: Float[Tensor, " n"]
    files: dict[str, Path]


def filed(folder: Path, text: str = "one") -> Filed:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("a.txt", "b.txt"):
        (folder / name).write_text(f"{text} {name}")
    return Filed(torch.arange(3.0), {"a": folder / "a.txt", "b": folder / "b.txt"})


def test_a_room_is_found_again_by_its_content(tmp_path):
    with working_in(tmp_path):
        one, same, other = cache_dir("work", 1), cache_dir("work", 1), cache_dir("work", 2)
        assert cache_dir(Probe) == cache_dir(Probe)
    assert one == same
    assert one != other
    assert one.parent == tmp_path
    assert not cache_dir("work", 1).is_relative_to(tmp_path)
    assert cache_dir("work", 1) == cache_dir("work", 1)


def test_a_kept_result_is_computed_once(tmp_path):
    calls = []

    def compute() -> Filed:
        calls.append(1)
        return filed(tmp_path / "made")

    with working_in(tmp_path / "work"):
        first, again = cached(compute, "key"), cached(compute, "key")
        cached(compute, "other key")
    assert len(calls) == 2
    assert torch.equal(first.values, again.values)
    assert first.files["a"].read_text() == "one a.txt"


def test_half_a_kept_result_is_computed_again(tmp_path):
    with working_in(tmp_path / "work"):
        first = cached(lambda: filed(tmp_path / "made"), "key")
        first.files["b"].unlink()
        cached(lambda: filed(tmp_path / "anew", "two"), "key")
        assert cached(lambda: filed(tmp_path / "never"), "key").files
    assert not (tmp_path / "never").exists()


def test_a_result_brings_its_files_and_can_be_moved(tmp_path):
    filed(tmp_path / "made").save(tmp_path / "result")
    (tmp_path / "result").rename(tmp_path / "moved")
    found = results.load(tmp_path / "moved")
    assert found.files["b"] == tmp_path / "moved/made/b.txt"
    assert found.files["b"].read_text() == "one b.txt"
    found.save(tmp_path / "moved")
    found.save(tmp_path / "copy")
    assert results.load(tmp_path / "copy").files["a"].read_text() == "one a.txt"


def test_a_result_whose_file_is_missing_says_so(tmp_path):
    found = filed(tmp_path / "made")
    found.files["b"].unlink()
    with pytest.raises(InterpretError, match=r"b\.txt belongs to the result and is missing"):
        found.save(tmp_path / "result")
    assert not (tmp_path / "result/result.json").exists()


def test_a_step_keeps_no_file_of_its_earlier_result(tmp_path):
    """A shorter training leaves no checkpoint of the longer one behind."""
    step = StepFolder(tmp_path / "step")
    step.finish("one", filed(tmp_path / "made"), {})
    (tmp_path / "step/made/mine.txt").write_text("a user's own")
    found = filed(tmp_path / "made", "two")
    step.finish("two", Filed(found.values, {"a": found.files["a"]}), {})
    assert sorted(file.name for file in (tmp_path / "step/made").iterdir()) == ["a.txt", "mine.txt"]
    assert step.complete("two")
    (tmp_path / "step/made/a.txt").unlink()
    assert not step.complete("two")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, False),
        ({"RANK": "1"}, False),
        ({"RANK": "1", "WORLD_SIZE": "2"}, True),
        ({"WORLD_SIZE": "2"}, False),
    ],
)
def test_only_a_further_process_of_torchrun_follows(environment, expected, monkeypatch):
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert follows() == expected


def test_a_forced_run_empties_each_room_once(tmp_path):
    with working_in(tmp_path):
        for name in ("used", "unused"):
            (cache_dir(name) / "file").write_text(name)
    with working_in(tmp_path, anew="this run"):
        assert not list(cache_dir("used").iterdir())
        (cache_dir("used") / "file").write_text("new")
        assert (cache_dir("used") / "file").read_text() == "new"
    with working_in(tmp_path):
        assert (cache_dir("used") / "file").read_text() == "new"
        assert (cache_dir("unused") / "file").read_text() == "unused"
    assert len(list(tmp_path.iterdir())) == 2


def test_further_processes_wait_until_the_first_has_emptied_a_room(tmp_path, monkeypatch):
    """A thread stands for the second process of ``torchrun``."""
    with working_in(tmp_path):
        (cache_dir("shared") / "old").touch()
    monkeypatch.setenv("WORLD_SIZE", "2")
    waits, seen = threading.Event(), list[str]()
    monkeypatch.setattr("interpret.run.cache.sleep", lambda _: waits.set())

    def second():
        with working_in(tmp_path, anew="this run"):
            seen.extend(file.name for file in cache_dir("shared").iterdir())

    monkeypatch.setenv("RANK", "1")
    thread = threading.Thread(target=second)
    thread.start()
    assert waits.wait(30)
    monkeypatch.setenv("RANK", "0")
    with working_in(tmp_path, anew="this run"):
        (cache_dir("shared") / "new").touch()
        thread.join(30)
    assert seen in (["new"], [])
    assert not thread.is_alive()
    assert [path.name[0] != "." for path in tmp_path.iterdir()] == [True]


def test_links_in_a_room_are_removed_and_what_they_show_is_left_alone(tmp_path):
    victim = tmp_path / "victim"
    (victim / "sub").mkdir(parents=True)
    (victim / "file").write_text("mine")
    with working_in(tmp_path / "work"):
        folder = cache_dir("work")
    (folder / "sub").symlink_to(victim / "sub")
    (folder / "file").symlink_to(victim / "file")
    os.mkfifo(folder / "pipe")
    with working_in(tmp_path / "work"):
        assert not list(cache_dir("work").iterdir())
    for anew in ("", "this run"):
        folder.rmdir()
        folder.symlink_to(victim)
        with working_in(tmp_path / "work", anew=anew):
            assert not list(cache_dir("work").iterdir())
    assert (victim / "file").read_text() == "mine"
    assert (victim / "sub").is_dir()


def test_a_damaged_kept_result_is_computed_again(tmp_path, caplog):
    with working_in(tmp_path):
        cached(lambda: filed(tmp_path / "made"), "key")
        file = cache_dir("kept", "key") / "result.safetensors"
        file.write_bytes(file.read_bytes()[:-1] + b"?")
        assert torch.equal(cached(lambda: filed(tmp_path / "made"), "key").values, torch.arange(3.0))
    assert "is damaged" in caplog.text


def test_what_a_stopped_step_says_is_true(tmp_path):
    with working_in(tmp_path / "work"):
        cached(lambda: filed(tmp_path / "made"), "of an earlier step")
        says = resumption("strongest", tmp_path / "shards")
        (cache_dir("work") / "log.csv").touch()
        assert says() == "The same command starts the step 'strongest' again, and keeps the steps before it."
        write_checked(cache_dir("work") / "numbers", Path.touch)
        assert says() == "The same command continues the step 'strongest' where it stopped."
        says = resumption("strongest", tmp_path / "shards")
        filed(tmp_path / "made").save(tmp_path / "shards" / "0-256")
        assert "continues" in says()


def test_a_kept_result_that_names_a_file_elsewhere_is_computed_again(tmp_path):
    (tmp_path / "victim").write_text("mine")
    with working_in(tmp_path / "work"):
        cached(lambda: filed(tmp_path / "made"), "key")
        record = cache_dir("kept", "key") / "result.json"
        value = unseal(record.read_bytes())
        value["result"]["fields"]["files"]["$dict"]["a"]["$file"] = "../../victim"
        write_sealed(record, value)
        found = cached(lambda: filed(tmp_path / "anew"), "key")
    assert found.files["a"].read_text() == "one a.txt"
    assert (tmp_path / "victim").read_text() == "mine"


@dataclass(frozen=True)
class Other(Result):
    """Another result."""

    values: Float[Tensor, " n"]


def test_a_kept_result_of_another_class_is_computed_again(tmp_path):
    with working_in(tmp_path / "work"):
        Other(torch.zeros(2)).save(cache_dir("kept", "key"))
        assert isinstance(cached(lambda: filed(tmp_path / "made"), "key", kind=Filed), Filed)
        assert isinstance(cached(lambda: filed(tmp_path / "never"), "key", kind=Filed), Filed)
    assert not (tmp_path / "never").exists()


def test_the_same_work_for_something_else_finds_its_own_parts(tmp_path):
    computed = []

    def make(number: int) -> Filed:
        computed.append(number)
        return filed(tmp_path / f"made-{len(computed)}", str(number))

    def both() -> list[str]:
        found = []
        for number in (1, 2):
            with parts_for(number):
                part = cached_part(partial(make, number), "same")
            found.append(part.files["a"].read_text())
        return found

    with caching_parts(tmp_path / "parts"):
        assert both() == both() == ["1 a.txt", "2 a.txt"]
        assert computed == [1, 2]
        with without_parts():
            both()
    assert computed == [1, 2, 1, 2]
    both()  # outside a run nothing is stored
    assert computed == [1, 2, 1, 2, 1, 2]
