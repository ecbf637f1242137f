"""Only regular files of a bounded size are read: nothing waits for ever, nothing fills the memory."""

import os
import socket

import pytest

from interpret.files import printable, read_file, read_text
from interpret.files.reading import open_file


def test_a_file_and_a_link_to_it_are_read(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert read_file(tmp_path / "a", 3) == read_file(str(tmp_path / "link"), 3) == b"abc"


def test_what_is_no_file_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(tmp_path / "socket"))
    for path, kind in {
        tmp_path / "pipe": "named pipe",
        tmp_path / "link": "named pipe",
        tmp_path / "socket": "socket",
        tmp_path: "folder",
        "/dev/zero": "device",
        f"{tmp_path}/a\0b": "NUL",
        tmp_path / "gone": "No such file",
        tmp_path / ("x" * 5000): "too long",
    }.items():
        with pytest.raises(OSError, match=kind):
            open_file(path)


def test_a_file_beyond_the_limit_is_refused(tmp_path):
    (tmp_path / "a").write_bytes(b"abcd")
    with pytest.raises(OSError, match="larger than 3 bytes"):
        read_file(tmp_path / "a", 3)


def test_text_is_utf_8_with_or_without_a_mark(tmp_path):
    (tmp_path / "a").write_bytes("\ufeffé".encode())
    assert read_text(tmp_path / "a", 10) == "é"
    (tmp_path / "a").write_bytes(b"\xff\xfe")
    with pytest.raises(UnicodeDecodeError):
        read_text(tmp_path / "a", 10)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("cat é 犬.jpg", "cat é 犬.jpg"),
        (os.fsdecode(b"\xff\xfe"), r"\xff\xfe"),
        ("a\nb\x1b[31m\u2028", r"a\nb\x1b[31m\u2028"),
        ("\ud800", r"\ud800"),
    ],
)
def test_a_name_is_one_line_of_utf_8(name, shown):
    assert printable(name) == shown
    shown.encode()
