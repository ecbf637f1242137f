"""A folder here and the same one behind a URL."""

from dataclasses import replace
from pathlib import Path

import pytest
from url_runs import mirror, there

from interpret.errors import InterpretError
from interpret.files.mirrors import whole_last


def both(tmp_path):
    """The same folder on two machines, with three files that are the same everywhere."""
    one, other = mirror(tmp_path), mirror(tmp_path, "other")
    for name in "abc":
        (one.folder / name).write_text(name)
    one.send(all_of_it=True)
    other.bring()
    return one, other


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_change_of_one_side_goes_to_the_other(far, tmp_path):
    one, other = both(tmp_path)
    (one.folder / "a").write_text("changed")
    (one.folder / "b").unlink()
    (one.folder / "d").write_text("d")
    one.send(all_of_it=True)
    mirror(tmp_path, "other").bring()
    assert contents(other.folder) == contents(one.folder) == {"a": "changed", "c": "c", "d": "d"}


def test_where_both_have_changed_the_far_side_counts_and_nothing_unsent_is_lost(far, tmp_path):
    one, other = both(tmp_path)
    (one.folder / "a").write_text("there")
    (one.folder / "b").unlink()
    one.send(all_of_it=True)
    for name in "abcd":
        (other.folder / name).write_text(f"here {name}")
    again = mirror(tmp_path, "other")
    again.bring()
    again.send(all_of_it=True)
    assert contents(other.folder) == {"a": "there", "b": "here b", "c": "here c", "d": "here d"}
    assert there("bucket/runs/m") == {name: text.encode() for name, text in contents(other.folder).items()}


def test_what_is_missing_here_when_it_begins_is_brought_and_not_removed_there(far, tmp_path):
    one, _ = both(tmp_path)
    for path in one.folder.iterdir():
        path.unlink()
    again = mirror(tmp_path)
    again.bring()
    assert contents(one.folder) == {name: name for name in "abc"}


def test_what_is_gone_for_a_moment_is_not_removed_there(far, tmp_path):
    one, _ = both(tmp_path)
    (one.folder / "a").unlink()
    one.send()
    assert "a" in there("bucket/runs/m")
    one.send()
    assert "a" not in there("bucket/runs/m")


def test_only_what_counts_is_brought_sent_and_removed(far, tmp_path):
    both(tmp_path)
    part = mirror(tmp_path, "part", tops=("a", "d"), stays=lambda name: name.startswith("d/."))
    part.bring()
    assert contents(part.folder) == {"a": "a"}
    (part.folder / "d").mkdir()
    for name in ("a", "b", "d/e", "d/.f"):
        (part.folder / name).write_text("new")
    part.send(all_of_it=True)
    assert there("bucket/runs/m") == {"a": b"new", "b": b"b", "c": b"c", "d/e": b"new"}


def test_what_says_that_others_are_whole_is_sent_after_them(far, tmp_path):
    names = ("step.json", "result.json", "result.safetensors", "a.png", "state.ckpt.sha256", "state.ckpt")
    one = mirror(tmp_path)
    for name in names:
        (one.folder / name).write_text(name)
    one.send(all_of_it=True)
    sent = [path.rpartition("/")[2] for what, path in far.FarStore.asked if what == "put"]
    assert sent.index("step.json") == len(names) - 1
    assert set(sent[:3]) == {"result.safetensors", "a.png", "state.ckpt"}
    assert [path for group in whole_last(map(Path, names)) for path in group][-1] == Path("step.json")


@pytest.mark.parametrize("name", ["../out", "a/../../out", "/out", "a\\b"])
def test_names_that_lead_outside_are_refused(far, tmp_path, name):
    (tmp_path / "store" / f"bucket/runs/m/{name}".replace("/", "%")).write_text("x")
    with pytest.raises(InterpretError, match="which is no plain name of a file"):
        mirror(tmp_path).bring()
    assert not (tmp_path / "one" / "out").exists()


def test_a_store_that_cannot_be_listed_is_no_empty_one(far, tmp_path):
    """fsspec's own ``find`` would pass over folders that do not answer, and all here would be removed."""
    one = replace(mirror(tmp_path), url="folders://runs/m")
    (one.folder / "inner" / "most").mkdir(parents=True)
    for name in ("a", "inner/b", "inner/most/c"):
        (one.folder / name).write_text(name)
    one.send(all_of_it=True)
    assert (tmp_path / "store/runs/m/inner/most/c").read_text() == "inner/most/c"
    (tmp_path / "store" / "away").touch()
    with pytest.raises(InterpretError, match="folders://runs/m cannot be used: ConnectionError: no route"):
        replace(one).bring()
    assert (one.folder / "inner/most/c").exists()
    (tmp_path / "store" / "away").unlink()
    (tmp_path / "store/runs/m/inner/most/c").unlink()
    replace(one, known={}).bring()
    assert not (one.folder / "inner/most/c").exists()
    assert (one.folder / "inner/b").exists()
