"""How many scans a JPEG has: a decoder goes over the whole picture for each, and a file can hold many."""

from __future__ import annotations

import re
from typing import BinaryIO

CHUNK = 1 << 20
"""Bytes that are looked through at a time."""

_NEXT = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])", re.DOTALL)
"""The marker behind coded pixels: in these, 0xFF is followed by 0 or is a point to restart at."""

_SCAN, _END = 0xDA, 0xD9
_BARE = {0x01, *range(0xD0, 0xD9)}  # without a length
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}


def more_scans_than(file: BinaryIO, most: int) -> bool:
    """Whether a JPEG has more than so many scans; the file stands where it stood afterwards.

    Args:
        file: A JPEG; of what is none, or is cut short, the scans that were found count.
        most: How many are allowed.
    """
    position = file.tell()
    try:
        file.seek(2)
        return _count(file, most) > most
    finally:
        file.seek(position)


def _count(file: BinaryIO, most: int) -> int:
    """The number of scans, counted no further than is needed."""
    scans, components, progressive = 0, b"", False
    marker = _next_marker(file)
    while marker not in {None, _END} and scans <= most:
        body = b"" if marker in _BARE else file.read(max(int.from_bytes(file.read(2), "big") - 2, 0))
        if marker in _FRAMES:
            components, progressive = body[5:6], marker in _PROGRESSIVE
        if marker == _SCAN:
            scans += 1
            if not progressive and body[:1] == components:
                break  # all components in one scan: no decoder reads on
        marker = _next_marker(file)
    return scans


def _next_marker(file: BinaryIO) -> int | None:
    """The next marker, behind which the file stands then; None where there is none."""
    while chunk := file.read(CHUNK):
        if found := _NEXT.search(chunk):
            file.seek(found.end() - len(chunk), 1)
            return found[1][0]
        if len(chunk) > 1 and chunk.endswith(b"\xff"):
            file.seek(-1, 1)
    return None
