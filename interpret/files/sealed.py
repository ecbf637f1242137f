"""JSON that begins with its own checksum: a flipped bit is found before anything is believed."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any, NoReturn

from interpret.files.folders import read_plain, write_atomically

LARGEST_JSON = 1 << 28
"""Bytes of JSON that are read; it becomes some 20 times as many in memory."""

_SEAL = re.compile(rb'\{\n "sha256": "([0-9a-f]{64})",\n')


def parse_json(data: bytes) -> Any:
    """JSON as it is defined: no NaN, and no nesting that Python cannot follow.

    Raises:
        ValueError: If it is anything else.
    """
    try:
        return json.loads(data, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")


def seal(value: dict[str, Any]) -> bytes:
    """A mapping as JSON that begins with the SHA-256 of its other lines."""
    body = (json.dumps(value, indent=1, allow_nan=False) + "\n").encode()
    return b'{\n "sha256": "%s",\n' % hashlib.sha256(body).hexdigest().encode() + body.removeprefix(b"{\n")


def unseal(data: bytes) -> dict[str, Any]:
    """The mapping that `seal` was given.

    Raises:
        ValueError: If a bit has changed.
    """
    found = _SEAL.match(data)
    if not found or hashlib.sha256(b"{\n" + data[found.end() :]).hexdigest().encode() != found[1]:
        raise ValueError("its checksum is missing or does not fit")
    value: dict[str, Any] = parse_json(data)
    del value["sha256"]
    return value


def write_sealed(path: Path, value: dict[str, Any]) -> None:
    """Write a mapping whole or not at all, with its checksum."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, seal(value))


def read_sealed(path: Path) -> dict[str, Any]:
    """The mapping in a file; empty where there is none, or one that has changed since it was written.

    Raises:
        InterpretError: If the path is no plain file.
    """
    try:
        return unseal(read_plain(path, LARGEST_JSON))
    except (FileNotFoundError, ValueError):
        return {}
