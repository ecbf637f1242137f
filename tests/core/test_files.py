"""Files of folders that may be a stranger's."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from interpret.errors import InterpretError
from interpret.files import (
    contents,
    digest,
    is_inside,
    link_or_copy,
    parse_json,
    read_sealed,
    user_path,
    write_atomically,
    write_sealed,
)
from interpret.files.folders import file_hash, has_hash, inside, read_plain, remove_leftovers, require_kind
from interpret.files.sealed import seal, unseal

OUTSIDE = [
    "../victim.txt", "a/../../victim.txt", "..", ".", "", "/etc/passwd", "//etc/passwd", "a//b", "./a", "a/.",
    "a/", "a\0b", "C:\\victim", "C:victim", "..\\victim", 1, None, ["a"], {"a": 1}, 1.5, True, "\ud800",
    "x" * 300, "é" * 200 + "/a",
]  # fmt: skip


@pytest.mark.parametrize("name", OUTSIDE, ids=repr)
def test_a_name_that_leads_outside_is_refused(tmp_path, name):
    assert not is_inside(name)
    with pytest.raises(InterpretError, match=r"figures\.json in .* names .* no path inside"):
        inside(tmp_path, name, "figures.json")


@pytest.mark.parametrize("name", ["a", "a/b.png", "..a", "a..b/c", "~", "a b", "layer:1.png"])
def test_a_name_inside_is_taken(tmp_path, name):
    assert inside(tmp_path, name) == tmp_path / name


def test_links_and_pipes_are_refused_on_the_way_and_at_the_end(tmp_path):
    (tmp_path / "victim").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run/link").symlink_to(tmp_path / "victim")
    (tmp_path / "run/loop").symlink_to("loop")
    os.mkfifo(tmp_path / "run/pipe")
    for name in ("link", "link/file", "loop", "pipe"):
        with pytest.raises(InterpretError, match=r"is a link|is no plain file"):
            inside(tmp_path / "run", name)
    for name in ("link", "loop", "pipe"):
        with pytest.raises(InterpretError, match=r"is a link|is no plain file"):
            read_plain(tmp_path / "run" / name)
        assert not has_hash(tmp_path / "run" / name, "")
    (tmp_path / "way").symlink_to(tmp_path / "run")  # how the folder is reached is the user's choice
    assert inside(tmp_path / "way", "new") == tmp_path / "way/new"


def test_a_folder_is_no_file_and_a_file_no_folder(tmp_path):
    (tmp_path / "file").touch()
    require_kind(tmp_path / "file", folder=False)
    require_kind(tmp_path, folder=True)
    require_kind(tmp_path / "nothing", folder=True)
    with pytest.raises(InterpretError, match="where a folder should be"):
        require_kind(tmp_path / "file", folder=True)
    with pytest.raises(InterpretError, match="where a file should be"):
        require_kind(tmp_path, folder=False)
    with pytest.raises(InterpretError, match="no plain file"):
        read_plain(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_plain(tmp_path / "file/below")


def test_a_planted_link_is_never_written_through(tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    victim.write_text("kept")
    (tmp_path / "result.json").symlink_to(victim)
    write_atomically(tmp_path / "result.json", b"new")
    assert (victim.read_text(), (tmp_path / "result.json").read_text()) == ("kept", "new")
    assert not (tmp_path / "result.json").is_symlink()
    monkeypatch.setattr("secrets.token_hex", lambda count: "0" * 2 * count)
    (tmp_path / f".interpret-{'0' * 16}.part").symlink_to(victim)
    with pytest.raises(FileExistsError):
        write_atomically(tmp_path / "other", b"new")
    assert victim.read_text() == "kept"


def test_only_our_own_leftovers_are_removed(tmp_path):
    ours = tmp_path / "a" / f".interpret-{'0f' * 8}.part"
    theirs = [tmp_path / name for name in (".x.part", ".notes.123.part", ".interpret-mine.part")]
    (tmp_path / "a").mkdir()
    (tmp_path / "elsewhere").mkdir()
    beyond = tmp_path / "elsewhere" / ours.name
    for file in (ours, beyond, *theirs):
        file.touch()
    (tmp_path / "a/link").symlink_to(tmp_path / "elsewhere")
    remove_leftovers(tmp_path / "a")
    assert not ours.exists()
    assert beyond.exists()
    remove_leftovers(tmp_path)
    assert not beyond.exists()
    assert all(file.exists() for file in theirs)


@pytest.mark.parametrize("count", [0, 1, 4096, 4097, 10_000])
def test_a_digest_is_that_of_one_line_for_each_part(count):
    parts = ["\ud800", *range(count)][:count]
    text = "\n".join(map(str, parts)).encode("utf-8", "surrogatepass")
    assert digest(*parts) == hashlib.sha256(text).hexdigest()[:32]


def test_hashes_of_more_files_than_one_file_takes_are_remembered(tmp_path, monkeypatch):
    monkeypatch.setattr(contents, "_FULL", 3)
    place = tmp_path / "hashes.json"

    def memory():
        return contents._Memory(lambda: place, writes=True)

    for number in range(10):
        run = memory()
        run.add(f"stamp {number}", f"hash {number}")
        run.save()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["hashes-1.json", "hashes-2.json", "hashes-3.json", "hashes.json"]
    assert [memory().find(f"stamp {number}") for number in range(10)] == [f"hash {n}" for n in range(10)]
    (tmp_path / "hashes-1.json").write_bytes(b"damaged")
    found = [memory().find(f"stamp {number}") for number in range(10)]
    assert found == [f"hash {n}" if n not in {3, 4, 5} else None for n in range(10)]


def test_a_hash_is_that_of_the_bytes_that_are_there_now(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"one")
    os.utime(file, ns=(1, 1))
    assert file_hash(file) == hashlib.sha256(b"one").hexdigest()
    file.write_bytes(b"two")  # as long, in place, and as old
    os.utime(file, ns=(1, 1))
    assert file_hash(file) == hashlib.sha256(b"two").hexdigest()
    assert has_hash(file, hashlib.sha256(b"two").hexdigest())
    for number in range(200):  # many changes within one tick of the disk's clock
        file.write_bytes(b"%03d" % number)
        assert file_hash(file) == hashlib.sha256(b"%03d" % number).hexdigest()
    file.write_bytes(b"two")
    assert not has_hash(tmp_path / "none", "")
    link_or_copy(file, tmp_path / "second")
    assert (tmp_path / "second").read_bytes() == b"two"


def test_any_flipped_bit_of_a_sealed_file_is_noticed():
    data = seal({"a": [1, 2.5], "b": "text"})
    assert unseal(data) == {"a": [1, 2.5], "b": "text"}
    assert json.loads(data)["a"] == [1, 2.5]
    for place in range(8 * len(data)):
        harmed = bytearray(data)
        harmed[place // 8] ^= 1 << place % 8
        with pytest.raises(ValueError, match="checksum"):
            unseal(bytes(harmed))


@pytest.mark.parametrize(
    "text", [b"", b"[", b"[" * 100_000, b"\xff\xfe", b"NaN", b"[-Infinity]", b"1" * 5000]
)
def test_what_is_no_json_is_one_kind_of_error(text):
    with pytest.raises(ValueError):  # noqa: PT011 - any message
        parse_json(text)


def test_a_state_file_that_cannot_be_read_begins_anew(tmp_path):
    path = tmp_path / "deep" / "state.json"
    assert read_sealed(path) == {}
    write_sealed(path, {"a": 1})
    assert read_sealed(path) == {"a": 1}
    for text in (b"", b"[1]", b'{"a": 1}', b"\0" * 100, path.read_bytes()[:-2]):
        path.write_bytes(text)
        assert read_sealed(path) == {}


def test_a_path_that_is_none_is_refused():
    assert user_path("~/x") == Path.home() / "x"
    for wrong in ("~nobody-has-this-name/x", "a\0b", "", {}, None, 3):
        with pytest.raises(InterpretError, match=r"path|home folder"):
            user_path(wrong)
