"""What members and columns say of a picture, as labels: numbers, or names among the categories."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from interpret.errors import DatasetError, suggest
from interpret.files import parse_json, printable
from interpret_datasets.shards.content import text_lines

Said: TypeAlias = int | str | None
"""A label as it stands in a file."""

LONGEST = 1 << 20
"""Bytes of a member that holds a label, or of a list of categories."""

_NUMBER = re.compile(r"[+-]?\d{1,9}")
_LONGEST_NAME = 200


def said_by_text(content: bytes) -> Said:
    """The label in a text: a number, or a name.

    Raises:
        DatasetError: If it is neither.
    """
    try:
        text = content.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise DatasetError("Its label is no text. Choose another member: dataset option 'label'.") from None
    if _NUMBER.fullmatch(text):
        return int(text)
    if len(text) > _LONGEST_NAME or "\n" in text:
        raise DatasetError(
            f"Its label is the text {printable(text[:40])!r}…, which is no name. Choose another member: "
            "dataset option 'label'."
        )
    return printable(text) or None


def said_by_json(content: bytes, field: str) -> Said:
    """The label in a JSON object, under ``field``; a dot leads into an object. None where there is none.

    Raises:
        DatasetError: If it is no JSON, or no number or name stands there.
    """
    try:
        found = parse_json(content)
    except ValueError:
        raise DatasetError("Its JSON cannot be read. Write it anew, or leave the sample out.") from None
    for part in field.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    if found is None or (isinstance(found, int) and not isinstance(found, bool)):
        return found
    if isinstance(found, str) and len(found) <= _LONGEST_NAME:
        return printable(found)
    raise DatasetError(
        f"Its JSON has {found!r:.40} under {field!r}: a label is a whole number or a name. Choose another: "
        "dataset option 'field'."
    )


def known_categories(given: Sequence[str] | str | None) -> tuple[str, ...]:
    """The categories that a user names, or the lines of the file that names them.

    Raises:
        DatasetError: If the file cannot be read or names none, or one is named twice.
    """
    if given is None:
        return ()
    names = text_lines(given, LONGEST) if isinstance(given, str) else list(given)
    if not all(names) or not names:
        raise DatasetError(f"{given or 'The list'} names no category, or an empty one. Write one a line.")
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise DatasetError(f"The category {twice!r} is named twice. Take one out: labels count them.")
    return tuple(map(printable, names))


def as_labels(
    said: Sequence[Said], given: tuple[str, ...]
) -> tuple[list[int | None], tuple[str, ...], dict[int, str]]:
    """The label of each picture, the names of their categories, and what is wrong with some.

    Args:
        said: What the data say.
        given: The names of the categories where the user says them; else those of text labels, in order.

    Returns:
        Labels, categories, and the reason by the place of each picture whose label makes no sense.
    """
    names = given or _found(said)
    places = {name: label for label, name in enumerate(names)}
    known: dict[Said, int | str | None] = {one: _label(one, places, named=bool(given)) for one in set(said)}
    found = [known[one] for one in said]
    wrong = {at: one for at, one in enumerate(found) if isinstance(one, str)}
    return [None if isinstance(one, str) else one for one in found], names, wrong


def _found(said: Sequence[Said]) -> tuple[str, ...]:
    """The names among the labels; numbers beside names are names as well."""
    values = {one for one in said if one not in {None, -1}}
    return tuple(sorted(map(str, values))) if any(isinstance(one, str) for one in values) else ()


def _label(said: Said, places: Mapping[str, int], *, named: bool) -> int | str | None:
    """The label; the reason where there is none."""
    if said is None or said == -1:  # the test splits of Hugging Face have -1
        return None
    if places and str(said) in places and not (named and isinstance(said, int)):
        return places[str(said)]
    if isinstance(said, int) and 0 <= said < (len(places) or 2**31):
        return said
    if isinstance(said, int):
        return f"Its label is {said}, and labels count {len(places) or 'the'} categories from 0."
    return f"Its label {said!r} is none of the {len(places)} categories. {suggest(said, [*places])}"
