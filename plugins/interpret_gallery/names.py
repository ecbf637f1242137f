"""Names of strangers as names of files: whatever they hold, they lead to one file of their own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

__all__ = ["anchor", "file_name", "photograph_titles", "run_names", "sheet_file"]

_PLAIN = re.compile(r"[a-z0-9][a-z0-9_-]*(\.[a-z0-9_-]+)*")
_DEVICES = frozenset(
    {"aux", "con", "nul", "prn", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
)
_LONGEST = 48


def file_name(name: str, taken: tuple[str, ...] = ("index",)) -> str:
    """What a file or folder of that name is called: small letters, digits, ``_``, ``-`` and single dots.

    A name that is such already stays as it is; of another the letters stay and a hash is added, so that two
    names never share a file, also where small and capital letters are the same.

    Args:
        name: Any text.
        taken: Names that mean something else there.

    Example:
        >>> file_name("features.3"), file_name("../Cats & dogs")
        ('features.3', 'cats-dogs-0181c173')
    """
    first = name.partition(".")[0]
    if _PLAIN.fullmatch(name) and len(name) <= _LONGEST and name not in taken and first not in _DEVICES:
        return name
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_LONGEST].strip("-")
    mark = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{words}-{mark}" if words else mark


def sheet_file(name: str) -> str:
    """The file of a sheet in the folder of its step; the first one has no name."""
    return f"{file_name(name) if name else 'index'}.html"


def anchor(folder: str, name: str) -> str:
    """Where a sheet stands on a page that holds all of them: ``folder`` is the name of its step's folder."""
    return f"sheet-{file_name(f'{folder} {name}')}"


def run_names(folders: Sequence[Path]) -> list[str]:
    """What runs are called beside each other: as little of the end of each path as tells them apart.

    Args:
        folders: Run folders, each another one.

    Example:
        >>> run_names([Path("/a/first"), Path("/b/first"), Path("/b/second")])
        ['a/first', 'b/first', 'second']
    """
    return _own_ends([folder.resolve().parts for folder in folders])


def photograph_titles(names: Sequence[str]) -> list[str]:
    """What photographs are called above what is known of them: whole paths by as little as tells them apart.

    Args:
        names: Their ids.

    Example:
        >>> photograph_titles(["/home/me/cat.jpg", "/home/me/dogs/1.jpg", "dogs/2.jpg"])
        ['cat.jpg', '1.jpg', 'dogs/2.jpg']
    """
    whole = [Path(name).is_absolute() for name in names]
    ends = _own_ends([Path(name).parts if one else (name,) for name, one in zip(names, whole, strict=True)])
    return [end if one else name for name, end, one in zip(names, ends, whole, strict=True)]


def _own_ends(parts: Sequence[tuple[str, ...]]) -> list[str]:
    return [_own_end(own, [other for other in parts if other != own]) for own in parts]


def _own_end(own: tuple[str, ...], others: Sequence[tuple[str, ...]]) -> str:
    """The shortest end of a path that no other path ends in."""
    lengths = (n for n in range(1, len(own)) if all(other[-n:] != own[-n:] for other in others))
    return Path(*own[-next(lengths, len(own)) :]).as_posix()
