"""Files that are believed only while their checksum fits."""

import os
import shutil
import subprocess

import pytest

from interpret.errors import InterpretError
from interpret.files import checksum_of, is_intact, remove_checked, write_checked


def write(path, data=b"some numbers"):
    write_checked(path, lambda part: part.write_bytes(data))


def flip(path, place=3):
    """Change one bit, and neither the size nor the time of a file."""
    seen, data = path.stat(), bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))


def test_what_is_written_is_intact_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "numbers"
    write(path)
    assert is_intact(path)
    assert path.read_bytes() == b"some numbers"
    assert sorted(tmp_path.iterdir()) == [path, checksum_of(path)]


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="the tool is not installed")
def test_sha256sum_reads_the_checksum(tmp_path):
    write(tmp_path / "numbers")
    command = ["sha256sum", "--check", "numbers.sha256"]
    assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize(
    "damage",
    [
        flip,
        lambda path: flip(checksum_of(path)),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"some number"),
        lambda path: checksum_of(path).unlink(),
        lambda path: checksum_of(path).write_bytes(b"\xff\x00"),
        lambda path: path.write_bytes(b"other number"),
    ],
)
def test_damage_is_found_and_told(tmp_path, damage, caplog):
    path = tmp_path / "numbers"
    write(path)
    damage(path)
    assert not is_intact(path)
    assert f"{path} is damaged" in caplog.text
    write(path)
    assert is_intact(path)


def test_a_link_is_not_believed(tmp_path):
    """The file that it shows may be another tomorrow."""
    path = tmp_path / "numbers"
    write(path)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert not is_intact(path)


def test_what_is_missing_is_not_intact_without_a_word(tmp_path, caplog):
    assert not is_intact(tmp_path / "numbers")
    write(tmp_path / "numbers")
    remove_checked(tmp_path / "numbers")
    assert not is_intact(tmp_path / "numbers")
    assert not list(tmp_path.iterdir())
    assert not caplog.text


def test_a_file_that_could_not_be_written_leaves_the_old_one(tmp_path):
    def fail(part):
        part.write_bytes(b"half")
        raise OSError("the disk is full")

    path = tmp_path / "numbers"
    write(path)
    with pytest.raises(OSError, match="disk is full"):
        write_checked(path, fail)
    assert is_intact(path)
    assert path.read_bytes() == b"some numbers"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_file_that_changes_in_a_process_is_read_again(tmp_path):
    path = tmp_path / "numbers"
    write(path)
    assert is_intact(path)
    path.write_bytes(b"other numbers")
    assert not is_intact(path)


def elsewhere(part):
    """What a library does that is not written in Python: it says by its own error what the disk said."""
    raise RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)")


def halfway(part):
    try:
        raise OSError(28, "No space left on device")
    finally:
        raise RuntimeError("unexpected pos 256 vs 128")  # as torch.save does when it closes


@pytest.mark.parametrize("make", [elsewhere, halfway])
def test_a_full_disk_is_told_as_such_whoever_writes(tmp_path, make):
    with pytest.raises(OSError, match="No space left on device") as raised:
        write_checked(tmp_path / "numbers", make)
    assert raised.value.errno == 28
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [ValueError("of another kind"), InterpretError("words")])
def test_other_errors_of_who_writes_stay(tmp_path, error):
    def make(part):
        raise error

    with pytest.raises(type(error)) as raised:
        write_checked(tmp_path / "numbers", make)
    assert raised.value is error
