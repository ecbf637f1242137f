"""Plain values as a stranger's file may hold them: which are taken, and how large they may be."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

MAX_INTEGER = 2**63 - 1
"""Whole numbers beyond this size fit in no tensor, seed or file size."""

MAX_TEXT = 10_000
"""Characters of one text; the longest path that systems take has 4,096."""

MAX_ARGUMENT = 1_000_000
"""Largest whole number among the arguments of a class: what loops so often ends within seconds."""

MAX_ARGUMENTS = 10_000
"""Values among the arguments of a class, nested ones counted."""


def value_flaw(value: Any) -> str:
    """What is wrong with a value that no parameter could take, as the end of a sentence; empty if nothing is.

    Example:
        >>> flaw(10**30)
        'must be a number of at most 63 bits'
    """
    if isinstance(value, Mapping):
        return next(filter(None, map(value_flaw, [*value.keys(), *value.values()])), "")
    if isinstance(value, list | tuple | set | frozenset):
        return next(filter(None, map(value_flaw, value)), "")
    return _text_flaw(value) if isinstance(value, str) else _number_flaw(value)


def plain_arguments(value: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a class, if they are few and small enough to build within seconds.

    Raises:
        ValueError: If there are too many, or a number is too large.
    """
    count = 0
    waiting: list[Any] = [value]
    while waiting:
        item = waiting.pop()
        count += 1
        if isinstance(item, int) and abs(item) > MAX_ARGUMENT:
            raise ValueError(f"whole numbers go to {MAX_ARGUMENT:,}, and one is {item}")
        if isinstance(item, list | dict):
            waiting += item.values() if isinstance(item, dict) else item
        if count + len(waiting) > MAX_ARGUMENTS:
            raise ValueError(f"more than {MAX_ARGUMENTS:,} values")
    return value


def _text_flaw(text: str) -> str:
    if len(text) > MAX_TEXT:
        return f"must be text of at most {MAX_TEXT:,} characters"
    surrogates = not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text)
    if surrogates or "\0" in text:
        return "must be text without null characters and surrogates"
    return ""


def _number_flaw(value: Any) -> str:
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        return "must be a number of at most 63 bits"
    return "must be a finite number" if isinstance(value, float) and not isfinite(value) else ""
