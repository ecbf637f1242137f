"""Hostile variants of valid files, and the promise that each is read, or refused as the user's mistake."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from interpret.errors import InterpretError

SECONDS = 20
BYTES = 4 * 2**30

MANY = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))
SAMPLE = settings(MANY, derandomize=True)
"""The same inputs each time."""

SNIPPETS = (
    *(
        b"\x00",
        b"\xff\xfe",
        b"\xff" * 8,
        b"\x7f\xff\xff\xff",
        b"\x80\x00\x00\x00",
        b"\n",
        b'"',
        b"'",
        b"<",
        b"&",
    ),
    *(
        b"[",
        b"]",
        b"{",
        b"}",
        b": ",
        b"- ",
        b"*a",
        b"&a ",
        b"<<: ",
        b"!!python/none ",
        b"%s",
        b"../",
        b"/dev/zero",
    ),
    *(
        b"-1",
        b"1e400",
        b".inf",
        b".nan",
        b"NaN",
        b"null",
        b"true",
        b"0xff",
        b"9" * 30,
        b"\xf0\x9f\x92\xa5",
        b"\\ud800",
    ),
)
"""What breaks readers: borders of numbers, quotes, ends of text, other encodings, paths."""

VALUES = (
    *(
        None,
        True,
        -1,
        0,
        10**30,
        -(2**63),
        0.5,
        "",
        "../../victim.txt",
        "/etc/passwd",
        "a\x00b",
        "\ud800",
        "$file",
        "1e400",
    ),
    *(
        [],
        {},
        [[]],
        [1],
        {"$file": "../../victim.txt"},
        {"$file": [1]},
        {"$type": "os:system"},
        {"$float": "x"},
        {"$tensor": "/"},
    ),
)
"""What can stand in the place of a value of JSON."""


@st.composite
def edited(draw: st.DrawFn, data: bytes) -> bytes:
    """Bytes with one to four places cut out, repeated, flipped or replaced."""
    for _ in range(draw(st.integers(1, 4))):
        first = draw(st.integers(0, len(data)))
        last = min(len(data), first + draw(st.sampled_from((0, 1, 1, 2, 4, 8, 64, 10**9))))
        piece = data[first:last]
        flipped = bytes([piece[0] ^ 1 << draw(st.integers(0, 7))]) + piece[1:] if piece else b""
        inside = draw(st.sampled_from((b"", flipped, piece * 2, *SNIPPETS)) | st.binary(max_size=8))
        data = data[:first] + inside + data[last:]
    return data


@st.composite
def edited_json(draw: st.DrawFn, tree: Any) -> bytes:
    """JSON with one to three values, or keys, replaced."""
    tree = json.loads(json.dumps(tree))
    for _ in range(draw(st.integers(1, 3))):
        owner, key = draw(st.sampled_from([*_places(tree), ([tree], 0)]))
        value = deepcopy(draw(st.sampled_from(VALUES)))
        if isinstance(owner, dict) and draw(st.integers(0, 3)) == 0:
            owner[draw(st.sampled_from(("", "x", "$file", "$type", "fields", "0")))] = owner.pop(key)
        elif owner == [tree] and not isinstance(tree, dict | list):
            tree = value
        else:
            owner[key] = value
    return json.dumps(tree).encode()


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every value of JSON, as what holds it and its key or index there."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in list(items):
        yield tree, key
        yield from _places(value)


def read_or_refused(read: Callable[[], object]) -> None:
    """Read; a refusal as the user's mistake is as good. Anything else, or too much of the machine, fails."""
    with limits(), suppress(InterpretError):
        read()


@contextmanager
def limits() -> Iterator[None]:
    """Fails what takes more than `SECONDS` or `BYTES`."""
    before = signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(SECONDS)
    _forget_peak()
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    assert _peak() < BYTES


def _too_long(*_: object) -> None:
    raise TimeoutError(f"It took more than {SECONDS} s.")


def _forget_peak() -> None:
    with suppress(OSError):  # only Linux can
        Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int:
    """The most memory the process has had since `_forget_peak`; 0 where that is not known."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0
