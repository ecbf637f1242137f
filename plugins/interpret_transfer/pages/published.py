"""Which of the paper's numbers belong beside a result: its categories tell which data set it is."""

from __future__ import annotations

import re
from collections.abc import Mapping

from interpret_transfer.paper import CATEGORIES, PaperData
from interpret_transfer.results import Transfer

__all__ = ["published"]

MARKS: Mapping[PaperData, tuple[tuple[str, ...], range]] = {
    "caltech101": (("accordion", "wild_cat", "yin_yang"), range(101, 103)),
    "caltech256": (("ak47", "skunk", "zebra"), range(256, 258)),
}
"""Names that only one data set has all of, and how many categories it has, with its background or without."""


def published(result: Transfer) -> PaperData | None:
    """The data set of the paper that a result is about; None: the paper has no numbers for it.

    Args:
        result: Over VOC 2012's twenty categories in average precision it is about ``voc2012``.
    """
    names = {re.sub(r"^\d+\.", "", name) for name in result.categories}  # 001.ak47 in Caltech-256
    if result.measure != "accuracy":
        known = set(next(iter(CATEGORIES["voc2012"].values())))
        return "voc2012" if names == known else None
    for data, (marks, counts) in MARKS.items():
        if names.issuperset(marks) and len(names) in counts:
            return data
    return None
