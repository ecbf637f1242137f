"""What is said of an explanation on the terminal, while it grows and when it is whole."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from shlex import quote
from typing import Any

import click

from interpret.cli import show
from interpret.cli.explanation import Explanation
from interpret.files.reading import printable

NO_NUMBER = "no number"
"""What stands for a score that is NaN."""


class Telling:
    """Says nothing on the way: what a program gets at the end is one JSON value."""

    def of_step(self, step: str, made: Explanation) -> None:
        """A step is done."""

    def of_page(self, page: Path) -> None:
        """The page is there for the first time."""

    def of_all(self, made: Explanation) -> None:
        """Everything that can be done is done."""
        show.json(_plain(as_data(made)))


class Talking(Telling):
    """Says what is predicted and where the page is as soon as that is known."""

    def of_step(self, step: str, made: Explanation) -> None:
        """The predictions, as lines."""
        if step == "predict":
            for place in made.photographs.places:
                _say(printable(made.photographs.images.ids[place]))
                for line in prediction_lines(made.found[step][place]):
                    _say(f"  {line}")

    def of_page(self, page: Path) -> None:
        """Where it is."""
        _say(f"The page is {printable(str(page))}, and grows.")

    def of_all(self, made: Explanation) -> None:
        """What mattered most, what was left out, and where everything is."""
        for place in made.photographs.places:
            for line in occlusion_lines(made.of(place)):
                _say(f"{printable(made.photographs.images.ids[place])}: {line}")
        if made.untrained:
            _say("The network is as it was initialised, not trained: give trained weights with --weights.")
        for step, reason in made.left_out().items():
            _say(printable(f"Left out: {step}. {reason}"))
        for name, reason in made.photographs.unreadable:
            _say(printable(f"Left out: {name}. {reason}"))
        if made.page:
            _say(f"The page is {printable(str(made.page))}")
        if made.file:
            allow = [f"--allow={package}" for package in made.allow]
            asked = map(quote, map(printable, [str(made.file), *allow, f"--out={made.folder}"]))
            _say(f"To go on from here: interpret run {' '.join(asked)}")


def as_data(made: Explanation) -> dict[str, Any]:
    """Everything that was found, as plain values."""
    images = made.photographs.images
    return {
        "folder": made.folder,
        "page": made.page,
        "pipeline": made.file,
        "results": {step: made.folder / step for step in made.found},
        "input": list(made.input_size),
        "untrained": made.untrained,
        "photographs": [{"id": images.ids[place], **made.of(place)} for place in made.photographs.places],
        "left_out": {**made.left_out(), **dict(made.photographs.unreadable)},
    }


def prediction_lines(numbers: Mapping[str, Any]) -> Iterator[str]:
    """The categories with their probabilities or values in a column."""
    rows = [(found["category"], _score(found)) for found in numbers.get("predictions", ())]
    label = numbers.get("label")
    rows += [(f"label: {label['category']}, place {label['rank'] + 1}", _score(label))] if label else []
    wide = max((len(printable(name)) for name, _ in rows), default=0)
    return (f"{printable(name):<{min(wide, 60)}}  {score:>8}" for name, score in rows)


def occlusion_lines(numbers: Mapping[str, Any]) -> Iterator[str]:
    """Where covering the image matters most for each class that was asked about."""
    for found in numbers.get("occlusion", ()):
        most, name = found["most_important"], printable(found["target"]["category"])
        top, left, bottom, right = most["box"]
        rows, columns = f"rows {top} to {bottom - 1}", f"columns {left} to {right - 1}"
        place = f"{rows} and {columns} of the input are covered"
        before, after = _score(found), _score(most)
        if before == NO_NUMBER:
            yield f"{name} has no number, covered or not."
        elif before == after:
            yield f"{name} stays at {before}, wherever the photograph is covered."
        else:
            yield f"{name} falls from {before} to {after} where {place}."


def _score(numbers: Mapping[str, Any]) -> str:
    """A probability in percent, or a value."""
    score = numbers.get("probability", numbers.get("value"))
    if score is None or not math.isfinite(score):
        return NO_NUMBER
    if "probability" not in numbers:
        return f"{score:.4g}"
    return "< 0.1 %" if 0 < score < 0.001 else f"{100 * score:.1f} %"


def _say(text: str) -> None:
    click.echo(text)


def _plain(value: Any) -> Any:
    """The same where JSON has a word for it: what is no number is null."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return list(map(_plain, value))
    return None if isinstance(value, float) and not math.isfinite(value) else value
