"""A pipeline that a command has made, as a file from which its user can go on."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

from interpret.files.folders import read_plain, require_kind, write_atomically

NAME = "explain.yaml"
_FIRST = "# Made by interpret explain: {}\n"


def write_pipeline(folder: Path, pipeline: Mapping[str, Any]) -> Path:
    """Write a pipeline into a run folder; one that its user has changed stays as it is.

    Args:
        folder: The run folder.
        pipeline: What YAML holds.

    Returns:
        The file; of the user's own, it is beside that.
    """
    text = yaml.safe_dump(dict(pipeline), sort_keys=False, allow_unicode=True, width=100)
    file = folder / NAME
    if not _is_ours(file):
        file = file.with_stem(f"{file.stem}-new")
    write_atomically(file, (_FIRST.format(_digest(text)) + text).encode("utf-8", "surrogateescape"))
    return file


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _is_ours(file: Path) -> bool:
    """Whether a file is as it was written, or there is none."""
    require_kind(file, folder=False)
    if not file.exists():
        return True
    first, _, rest = read_plain(file).decode("utf-8", "surrogateescape").partition("\n")
    return f"{first}\n" == _FIRST.format(_digest(rest))
