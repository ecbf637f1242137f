"""What every check of a result uses."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from interpret.plugin.interfaces import (
    Plugin,
)
from interpret.results import Result, load
from interpret.testing.requirements import require


def check_type(plugin: Plugin, result: object, expected: type[Result]) -> None:
    """A result is of the type that the plugin is annotated with."""
    require(
        plugin,
        isinstance(result, expected),
        f"is annotated with {expected.__name__}. Got {type(result).__name__}.",
    )


def check_saving(plugin: Plugin, result: Result) -> None:
    """What is loaded is what was saved, bit for bit, also in parts that a file could mix up."""
    check = partial(require, plugin)
    with TemporaryDirectory() as folder:
        result.save(Path(folder))
        loaded = load(Path(folder))
        check(type(loaded) is type(result), "returns a result that is loaded as another type.")
        check(stored_bytes(loaded) == stored_bytes(result), "returns a result that changes when it is saved.")


def stored_bytes(result: Result) -> tuple[bytes, ...]:
    """The bytes of the files of a result."""
    with TemporaryDirectory() as folder:
        result.save(Path(folder))
        files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        return tuple(path.read_bytes() for path in files)
