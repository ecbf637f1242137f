"""File systems behind URLs: those of fsspec, asked for one range of bytes at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from interpret.errors import DatasetError, InterpretError, PluginError, clause
from interpret.files import connection_failure, reason, shown

BLOCK = 1 << 22
"""Bytes that are fetched at a time where a file is read from its beginning to its end."""


def path_of(url: str) -> str:
    """The path in a URL, without what is asked of it or signed."""
    return re.split(r"[?#]", url.partition("://")[2], maxsplit=1)[0]


def library(name: str, what: str) -> Any:
    """A package of the extra ``data``; only its users should wait for its import.

    Raises:
        PluginError: If it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise PluginError(
            f"{what} need the package {name.partition('.')[0]}, which cannot be imported: {clause(error)}. "
            "Install it: pip install 'interpret-cnn[data]'."
        ) from error


@contextmanager
def understood(path: str) -> Iterator[None]:
    """What file systems and their libraries raise over a file, as an error that names it."""
    try:
        yield
    except InterpretError:
        raise
    except FileNotFoundError as error:
        if (cause := connection_failure(error)) is not None:
            raise DatasetError(f"{shown(path)} cannot be read: {reason(cause, path)}.") from cause
        raise DatasetError(f"There is no file {shown(path)}. Check its path.") from error
    except Exception as error:
        raise DatasetError(f"{shown(path)} cannot be read: {reason(error, path)}.") from error


def is_of_content(error: DatasetError) -> bool:
    """Whether what a file holds is at fault, today and tomorrow, and not what it is read by."""
    cause = error.__cause__
    return cause is None or type(cause).__module__.startswith("pyarrow") or _is_bare(cause)


def _is_bare(cause: BaseException) -> bool:
    """An error of Arrow about content that is damaged: the system's have a number."""
    return type(cause) is OSError and cause.errno is None
