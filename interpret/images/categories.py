"""When two names are of the same category, as data sets and networks write them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache

from interpret.images import synsets

IMAGENET = 0.9
"""The share of 1000 names that must be their synset's for them to be those of ImageNet."""

Table = dict[str, list[int]]
Way = Callable[[str], list[str]]


@lru_cache(maxsize=8)
def _tables(names: tuple[str, ...]) -> tuple[tuple[Way, Table], ...]:
    """Places by name, for each way in which names can be equal, the strictest first."""
    return tuple((way, _table(names, way)) for way in (_itself, _head, _plain, _first, _synonyms))


def _table(names: Sequence[str], way: Way) -> Table:
    table: Table = {}
    for index, name in enumerate(names):
        for form in way(name):
            table.setdefault(form, []).append(index)
    return table


def candidates(name: str, names: Sequence[str]) -> list[int]:
    """The places among ``names`` that a name fits, in the strictest way in which it fits any."""
    tables = _tables(tuple(names))
    if found := tables[0][1].get(name):
        return found
    if synset := synsets.synset_in(name):
        if is_imagenet(tuple(names)):
            return [synsets.places()[synset]]
        name = _unambiguous(synset)
    for way, table in tables[1:]:
        if found := [index for form in way(name) for index in table.get(form, [])]:
            return sorted(set(found))
    return []


def _unambiguous(synset: str) -> str:
    """A synset's words; its id again where another synset has the same first word (the two cranes)."""
    text = synsets.words()[synset]
    shared = sum(other.partition(",")[0] == text.partition(",")[0] for other in synsets.words().values())
    return text if shared == 1 else synset


@lru_cache(maxsize=8)
def is_imagenet(names: tuple[str, ...]) -> bool:
    """Whether outputs are ImageNet's 1000 classes, in the order of their synsets."""
    if len(names) != len(synsets.words()):
        return False
    pairs = zip(names, synsets.words().values(), strict=True)
    return sum(bool({*_synonyms(name)} & {*_synonyms(text)}) for name, text in pairs) >= IMAGENET * len(names)


def _itself(name: str) -> list[str]:
    return [name]


def _head(name: str) -> list[str]:
    """What stands before the first comma, as it is: ``Cardigan`` is a dog, ``cardigan`` is not."""
    return [name.partition(",")[0].strip()]


def _plain(name: str) -> list[str]:
    """Without regard to case, spaces, underscores, commas, and hyphens beside letters."""
    text = unicodedata.normalize("NFKC", name).casefold()
    text = re.sub(r"[\s_,;:'\u2019()]+", " ", text)
    return [" ".join(re.sub(r"-(?=[^\W\d])|(?<=[^\W\d])-", " ", text).split())]


def _first(name: str) -> list[str]:
    return _plain(name.partition(",")[0])


def _synonyms(name: str) -> list[str]:
    return [form for part in name.split(",") for form in _plain(part) if form]
