"""What file systems of fsspec say of their files, in the words of each."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from interpret.files.contents import digest

FLAT = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss", "oci", "obs", "tos", "hf"})
"""Where there are no folders to be made: names just have slashes. Making one could make a bucket."""

_MARKS = ("etag", "md5hash", "md5", "content-md5", "content_md5", "sha256", "checksum", "digest")
_TIMES = ("mtime", "lastmodified", "last_modified", "last-modified", "updated", "modified", "created")


def has_folders(system: Any) -> bool:
    """Whether folders must be made before there can be a file in them."""
    said = system.protocol
    return not FLAT.intersection((said,) if isinstance(said, str) else said)


def mark_of(info: Mapping[str, Any]) -> str:
    """What tells a file there from any other content; empty where nothing is said that would."""
    said = {str(key).lower(): value for key, value in info.items() if value}
    for key in (*_MARKS, *_TIMES):
        if key in said:
            value = said[key]
            return digest(said.get("size"), key, value.timestamp() if hasattr(value, "timestamp") else value)
    return ""


def files_below(system: Any, place: str) -> dict[str, Mapping[str, Any]]:
    """The files below a path, and what is said of them.

    fsspec's own ``find`` passes over folders that do not answer: it is used where a store has another one.

    Raises:
        Exception: Whatever the file system raises.
    """
    spec, asyn = import_module("fsspec.spec"), import_module("fsspec.asyn")
    if getattr(system, "async_impl", False):
        walks = getattr(type(system), "_find", None) is asyn.AsyncFileSystem._find
    else:
        walks = type(system).find is spec.AbstractFileSystem.find
    return _walked(system, place) if walks else system.find(place, detail=True)


def _walked(system: Any, place: str) -> dict[str, Mapping[str, Any]]:
    """The files below a path, folder by folder, each once."""
    found: dict[str, Mapping[str, Any]] = {}
    folders, seen = [place], {place}
    while folders:
        for info in system.ls(folders.pop(), detail=True):
            path = info["name"].rstrip("/")
            if path in seen or not path.startswith(f"{place}/"):
                continue
            seen.add(path)
            if info.get("type") == "directory":
                folders.append(path)
            else:
                found[path] = info
    return found
