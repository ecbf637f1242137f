"""Labels: what counts as one, and which output of a network stands for each category of a dataset."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch import Tensor

from interpret.errors import DatasetError, ModelError
from interpret.images import synsets
from interpret.images.categories import candidates, is_imagenet

log = logging.getLogger(__name__)

MatchRule = Literal["names", "synsets", "numbers", "index", "none"]
"""How labels are matched: by names, WordNet ids, names that count the outputs, their order, or not at all."""

SHOWN_NAMES = 3
"""How many names a message lists."""


@dataclass(frozen=True)
class LabelMap:
    """Which output of a network stands for each category of a dataset.

    Attributes:
        rule: How they were matched.
        outputs: The output of each label, None where the network has none for it; empty where the dataset
            does not name its categories: then a label is the index of its output.
        categories: The names that the dataset gives its labels.
        classes: How many outputs the network has.
        trouble: Why labels have no output, or may mean another, and what to do; empty where all is clear.
    """

    rule: MatchRule
    outputs: tuple[int | None, ...]
    categories: tuple[str, ...]
    classes: int
    trouble: str = ""

    def output(self, label: int | None) -> int | None:
        """The output that stands for a label; None where there is no label or no output for it."""
        if label is None:
            return None
        if self.rule == "index" and not self.outputs:
            return label if 0 <= label < self.classes else None
        return self.outputs[label] if 0 <= label < len(self.outputs) else None

    @property
    def unmatched(self) -> tuple[str, ...]:
        """The dataset's categories that no output stands for."""
        return tuple(
            name for name, output in zip(self.categories, self.outputs, strict=False) if output is None
        )

    @property
    def report(self) -> str:
        """How labels were matched, in one line."""
        if self.rule == "index" and not self.outputs:
            return "Labels are indices of outputs: the dataset does not name its categories."
        if self.rule == "none":
            return f"No label has an output. {self.trouble}"
        how = {"names": "by name", "synsets": "by WordNet id", "numbers": "by number", "index": "by index"}
        count = len(self.outputs) - len(self.unmatched)
        line = f"{count} of {len(self.outputs)} categories matched {how[self.rule]} to {self.classes} outputs"
        return f"{line}. {self.trouble}" if self.trouble else f"{line}."

    def tell(self) -> LabelMap:
        """Log the report: as a warning where a label has no output, or may mean another; returns itself."""
        log.log(logging.WARNING if self.trouble else logging.INFO, "Labels: %s", self.report)
        return self

    def required(self, labels: Sequence[int | None], ids: Sequence[str]) -> list[int]:
        """The output of every image's label.

        Raises:
            DatasetError: If an image has no label, or no output stands for its category.
        """
        outputs = [self.output(label) for label in labels]
        if None not in outputs:
            return [output for output in outputs if output is not None]
        index = outputs.index(None)
        label, count = labels[index], outputs.count(None)
        if label is None:
            nameless = list(labels).count(None)
            raise DatasetError(
                f"Image {ids[index]!r} has no label ({nameless} of {len(ids)} images have none)."
            )
        named = self.categories[label] if 0 <= label < len(self.categories) else label
        reason = self.trouble or f"The network has {self.classes} outputs, 0 to {self.classes - 1}."
        raise DatasetError(
            f"No output of the network stands for the label {named!r} of image {ids[index]!r} "
            f"({count} of {len(ids)} images). {reason}"
        )


def match_labels(categories: Sequence[str], names: Sequence[str], classes: int) -> LabelMap:
    """Match a dataset's categories to a network's outputs: by name wherever both sides have names.

    Names are equal as they are; else but for case, spaces, underscores, hyphens and commas; else if they
    share the first, and at last any, of the synonyms that commas part. WordNet ids (``n01440764``) stand for
    their words. What fits two outputs, or an output that another category fits too, has no output. Without
    names on one side labels are indices, if both count the same number or the dataset does not count.

    Args:
        categories: The names of the dataset's labels; empty where it has none.
        names: The names of the network's outputs; empty where it has none.
        classes: How many outputs the network has.

    Example:
        >>> match_labels(["Great_white_shark", "owl"], ["owl", "great white shark"], 2).outputs
        (1, 0)
    """
    known, wanted = tuple(categories), tuple(names)
    if not known:
        return LabelMap("index", (), (), classes)
    if not wanted:
        return _by_index(known, classes)
    if known == wanted or (is_imagenet(known) and is_imagenet(wanted)):
        outputs = tuple(index if index < classes else None for index in range(len(known)))
        return LabelMap("names", outputs, known, classes)
    if all(name.isdecimal() for name in known) and not set(known) & set(wanted):
        return _by_number(known, classes)
    rule: MatchRule = "synsets" if any(map(synsets.synset_in, known)) else "names"
    outputs, notes = _by_name(known, wanted)
    if not notes and not any(output is not None for output in outputs):
        return LabelMap("none", outputs, known, classes, _nothing_fits(known, wanted))
    missing = [name for name, output in zip(known, outputs, strict=True) if output is None]
    trouble = _some_missing(missing, notes) if missing else ""
    return LabelMap(rule, outputs, known, classes, trouble)


def find_output(name: str, names: Sequence[str]) -> int | None:
    """The output that a name stands for, by the rule of ``match_labels``; None where none does.

    Raises:
        ModelError: If several outputs have this name.
    """
    found = candidates(name, names)
    if len(found) > 1:
        raise ModelError(
            f"The name {name!r} stands for {len(found)} outputs of the network: {_listed(found)}. "
            "Give the index."
        )
    return found[0] if found else None


def as_label(value: Any, index: int, classes: Sequence[str] = ()) -> int | None:
    """The label of one image as a number; None where it has none, as where a dataset gives boxes.

    Args:
        value: A whole number of any type, a name among ``classes``, a mapping (boxes and the like), or None.
        index: The index of the image, for messages.
        classes: The names of the dataset's categories.

    Raises:
        DatasetError: If it is neither; the message says what to give instead.
    """
    if value is None or isinstance(value, Mapping):
        return None
    if isinstance(value, str):
        return _named(value, index, classes)
    number = _number(value, index)
    if number < 0:
        raise DatasetError(
            f"Image {index} has the label {number}; labels count from 0. Give None where there is no label."
        )
    if classes and number >= len(classes):
        raise DatasetError(
            f"Image {index} has the label {number}, but there are {len(classes)} categories, 0 to "
            f"{len(classes) - 1}. Give one of these, or the names of all categories."
        )
    return number


def as_categories(classes: Any) -> tuple[str, ...]:
    """The names that a dataset's ``classes`` lists; synonyms (ImageNet's are tuples) are joined by commas."""
    if isinstance(classes, np.ndarray):
        classes = classes.tolist()
    if not isinstance(classes, list | tuple):
        return ()
    return tuple(
        ", ".join(map(str, name)) if isinstance(name, list | tuple) else str(name) for name in classes
    )


def as_labels(values: Any, classes: Sequence[str] = ()) -> list[int | None]:
    """The labels that a dataset lists for its images; all None where it lists something else, such as files.

    Raises:
        DatasetError: As ``as_label``.
    """
    if isinstance(values, Tensor | np.ndarray) and values.ndim == 1:
        values = values.tolist()
    elif not classes and any(isinstance(value, str | Path) for value in values):
        return [None] * len(values)
    return [as_label(value, index, classes) for index, value in enumerate(values)]


def _number(value: Any, index: int) -> int:
    """A whole number of any type."""
    if isinstance(value, Tensor | np.ndarray):
        if value.size != 1 if isinstance(value, np.ndarray) else value.numel() != 1:
            raise DatasetError(
                f"Image {index} has a label of shape {tuple(value.shape)}; a label is one number. Of a "
                "one-hot label give label.argmax(); of an image with several categories, no "
                "label or its main one."
            )
        value = value.item()
    try:
        whole = int(value)
        same = bool(whole == value)
    except (TypeError, ValueError, OverflowError):
        same = False
    if not same or isinstance(value, str | bytes):
        raise DatasetError(
            f"Image {index} has the label {_short(value)} ({type(value).__name__}); a label is a whole "
            "number, the index of its category. Give that, or a dataset with 'classes' and labels among "
            "these names."
        )
    return whole


def _named(value: str, index: int, classes: Sequence[str]) -> int:
    if not classes:
        raise DatasetError(
            f"Image {index} has the label {_short(value)}, a name, and the dataset does not list its "
            "categories. Give their index instead, or give the dataset an attribute 'classes': the list of "
            "names."
        )
    found = candidates(value, classes)
    if len(found) != 1:
        what = f"{len(found)} of the dataset's classes" if found else "none of the dataset's classes"
        raise DatasetError(
            f"Image {index} has the label {_short(value)}, which is {what} ({_listed(classes)}). "
            "Add it to 'classes', or correct the label."
        )
    return found[0]


def _by_index(known: tuple[str, ...], classes: int) -> LabelMap:
    if len(known) == classes:
        text = all(name.isdecimal() for name in known) and list(known) != sorted(known, key=int)
        order = (
            f"They are numbers in the order of text, as ImageFolder has them: {_listed(known)}."
            if text
            else ""
        )
        return LabelMap("index", tuple(range(classes)), known, classes, order)
    trouble = (
        f"The dataset has {len(known)} categories, but the network has {classes} outputs, which have no "
        "names. Give the model 'categories': the names of its outputs in their order."
    )
    return LabelMap("none", (None,) * len(known), known, classes, trouble)


def _by_number(known: tuple[str, ...], classes: int) -> LabelMap:
    """Names that are numbers: sorted as text (0, 1, 10, …, 2) they may be indices or not; nobody can tell."""
    if len(known) == classes and all(int(name) == label for label, name in enumerate(known)):
        return LabelMap("numbers", tuple(range(classes)), known, classes)
    trouble = (
        f"The dataset's categories are numbers ({_listed(known)}), and the network's outputs have other "
        "names. If a number is the index of its output, list all of them in that order (folder: classes: "
        "['0', '1', '2', …]); if not, give the model 'categories': these names in the order of its outputs."
    )
    return LabelMap("none", (None,) * len(known), known, classes, trouble)


def _by_name(
    known: tuple[str, ...], wanted: tuple[str, ...]
) -> tuple[tuple[int | None, ...], dict[str, str]]:
    """The output of each category, and why an ambiguous one has none."""
    found = [candidates(name, wanted) for name in known]
    counts = Counter(fits[0] for fits in found if len(fits) == 1)
    notes = {}
    for name, fits in zip(known, found, strict=True):
        if len(fits) > 1:
            notes[name] = f"fits {len(fits)} outputs ({_listed(fits)})"
        elif fits and counts[fits[0]] > 1 and not (name == wanted[fits[0]] and known.count(name) == 1):
            notes[name] = f"fits the output {wanted[fits[0]]!r}, and so does another category"
    outputs = (
        fits[0] if fits and name not in notes else None for name, fits in zip(known, found, strict=True)
    )
    return tuple(outputs), notes


def _nothing_fits(known: tuple[str, ...], wanted: tuple[str, ...]) -> str:
    return (
        f"None of the dataset's {len(known)} categories ({_listed(known)}) has the name of one of the "
        f"network's {len(wanted)} outputs ({_listed(wanted)}). Give the model "
        "'categories': the dataset's names in the "
        "order of its outputs, or their number alone if it is to be trained anew."
    )


def _some_missing(missing: Sequence[str], notes: Mapping[str, str]) -> str:
    unclear = [f"{name!r} {notes[name]}" for name in missing if name in notes]
    alone = [name for name in missing if name not in notes]
    parts = [f"No output is called {_listed(alone)}."] if alone else []
    if unclear:
        parts.append(f"Ambiguous: {'; '.join(unclear[:SHOWN_NAMES])}.")
    return (
        " ".join(parts)
        + " Leave them out (folder: classes), or give the model 'categories' with their names."
    )


def _listed(names: Sequence[object]) -> str:
    more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    return ", ".join(map(repr, names[:SHOWN_NAMES])) + more


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "…"
