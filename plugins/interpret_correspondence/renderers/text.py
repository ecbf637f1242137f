"""The words of a correspondence, and the numbers of the paper's Table 1."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import isnan
from typing import Literal, TypeAlias

from interpret.errors import UnknownNameError
from interpret_correspondence.distances import Zeros
from interpret_correspondence.results import RANDOM, Correspondence
from interpret_figures.escaping import MISSING, PLUS_MINUS
from interpret_figures.page import TIMES
from interpret_figures.text import number

PaperLayer: TypeAlias = Literal[5, 7]

TABLE_1: Mapping[str, Mapping[PaperLayer, tuple[float, float]]] = {
    "right eye": {5: (0.067, 0.007), 7: (0.069, 0.015)},
    "left eye": {5: (0.069, 0.007), 7: (0.068, 0.013)},
    "nose": {5: (0.079, 0.017), 7: (0.069, 0.011)},
    RANDOM: {5: (0.107, 0.017), 7: (0.073, 0.014)},
}
"""Mean and deviation of the paper's five dogs; zeros agree there."""

RULES: Mapping[Zeros, str] = {
    "agree": "Zeros agree: values that do not change in two images are alike",
    "ignore": "Zeros left out: only values that change in both images count; 0.5 is chance",
}

FILLS = {"mean": "the image's mean colour", "blur": "the image blurred", "noise": "noise"}

MOST = 8
"""Images that are named one by one where some are left out."""


def paper(part: str, layer: PaperLayer) -> tuple[float, float] | None:
    """The paper's mean and deviation for a part, however it is spelt; none where it has no such part."""
    found = TABLE_1.get(part.replace("_", " ").casefold())
    return None if found is None else found[layer]


def check_paper(result: Correspondence, beside: Mapping[str, PaperLayer]) -> None:
    """Refuse layers beside which the paper's numbers cannot stand, since the result has none of that name."""
    for layer in beside:
        if layer not in result.layers:
            raise UnknownNameError("layer", layer, result.layers)


def distance(mean: float, spread: float) -> str:
    """A mean distance with its deviation, where there is one."""
    if isnan(mean):
        return MISSING
    return f"{mean:.3f}" + ("" if isnan(spread) else f" {PLUS_MINUS} {spread:.3f}")


def chance(p: float) -> str:
    """A chance in three decimals, or one digit where it is smaller."""
    if isnan(p):
        return MISSING
    return f"{p:.3f}" if p >= 0.0005 else f"{p:.0e}"


def pixels(result: Correspondence) -> str:
    """How large the masks are, and what they show."""
    (height, width), (rows, columns), fill = result.window, result.input.size, result.fill
    if isinstance(fill, str):
        shown = FILLS[fill]
    else:
        shown = f"grey {fill:g}" if isinstance(fill, int | float) else f"colour {tuple(fill)}"
    return f"{height} {TIMES} {width} of {rows} {TIMES} {columns} pixels, {shown}"


def masks(result: Correspondence) -> str:
    """What was masked, in one sentence."""
    if not result.draws:
        return f"Masks of {pixels(result)}."
    many = f"{result.draws} random position{'s' if result.draws > 1 else ''}"
    shared = result.random_rule == "shared"
    drawn = f"the same {many} in all images" if shared else f"{many} in each image, drawn for each by itself"
    return f"Masks of {pixels(result)}; {drawn}{', off the parts' if result.avoid else ''}."


def tests(result: Correspondence) -> str:
    """What the chances are, in one sentence; nothing where there are none."""
    if not result.draws or not result.permutations:
        return ""
    how = (
        f"{result.permutations} permutations of the masks within each image"
        if result.random_rule == "each"
        else f"rank among the {result.draws} draws"
    )
    return f"p: the chance of a part so far below random, if it were a random position too ({how})."


def numbers(result: Correspondence) -> str:
    """What the distances are, in one sentence."""
    tolerance = (
        f"; changes up to {number(result.tolerance)} of the largest count as none" if result.tolerance else ""
    )
    return (
        "Hamming distance of the signs of what a mask changes, divided by the number of values: mean "
        f"{PLUS_MINUS} sample standard deviation over all pairs of images{tolerance}. Lower: more alike."
    )


def left_out(result: Correspondence) -> list[str]:
    """Which images do without a part, and which could not be read: a sentence for each reason."""
    reasons = Counter(reason for _, _, reason in result.missing)
    said = [
        f"{count} image{'s' if count > 1 else ''}: {reason} "
        f"({_some([name for _, name, why in result.missing if why == reason])})."
        for reason, count in reasons.items()
    ]
    if result.skipped:
        said.append(f"Not read: {_some([name for name, _ in result.skipped])}.")
    return said


def _some(names: list[str]) -> str:
    """The first of some names."""
    more = len(names) - MOST
    return ", ".join(names[:MOST]) + (f" and {more} more" if more > 0 else "")
