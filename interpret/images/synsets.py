"""The WordNet synsets that are ImageNet's 1000 classes: folders have their ids, networks their words.

The ids and words in ``synsets.txt`` are those of WordNet 3.0, copyright 2006 by Princeton University, whose
license (https://wordnet.princeton.edu/license-and-commercial-use) lets anyone use and distribute them.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("synsets.txt")

ID = re.compile(r"\bn\d{8}\b")
"""What the id of a noun in WordNet 3.0 looks like."""


@cache
def words() -> dict[str, str]:
    """The words of each synset by its id, in order of the ids: that of the outputs of ImageNet's networks."""
    lines = FILE.read_text(encoding="utf-8").splitlines()
    return dict(line.split(" ", 1) for line in lines)


@cache
def places() -> dict[str, int]:
    """The place of each synset among the 1000 classes, by its id."""
    return {synset: place for place, synset in enumerate(words())}


def synset_in(name: str) -> str | None:
    """The id that a category's name is or holds, such as ``crane (n02012849)``; None where there is none."""
    found = ID.search(name)
    return found[0] if found and found[0] in places() else None
