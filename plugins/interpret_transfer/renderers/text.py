"""What tables and figures of a transfer say alike: percent, what was measured, and the paper's numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isnan, nan
from typing import Literal, TypeAlias

import torch

from interpret.errors import StepError
from interpret.files import printable
from interpret_figures.escaping import MISSING, PLUS_MINUS
from interpret_figures.text import text_inches
from interpret_transfer.paper import LAYERS, LAYERS_SIZE, METHODS, METHODS_TABLE, PaperData, Reported
from interpret_transfer.results import LayerTransfer, NetworkTransfer, Transfer

Paper: TypeAlias = Literal["caltech101", "caltech256", "voc2012", "none"]

OPTION = "The paper's numbers for this data set beside ours: caltech101, caltech256, voc2012; or none."
"""What the option ``paper`` means."""

NAMES: Mapping[PaperData, str] = {
    "caltech101": "Caltech-101",
    "caltech256": "Caltech-256",
    "voc2012": "PASCAL VOC 2012",
}

FROM_SCRATCH = "scratch"
"""What stands for the classifier of a network that was trained as a whole."""

SCALINGS = {
    "length": "features scaled to length 1",
    "standard": "features standardised over the training images",
    "none": "features as they are",
}


def rows(result: Transfer) -> Iterator[tuple[NetworkTransfer, LayerTransfer]]:
    """Every layer and classifier of every network, in order."""
    return ((network, row) for network in result.networks for row in network.layers)


def layer_name(row: LayerTransfer) -> str:
    """The name of a layer; of a network that was trained as a whole, that it was."""
    return row.layer or "all layers"


def cut(name: str, inches: float, size: float, *, bold: bool = False) -> str:
    """A name that fits: its middle is left out where it is too long, as both ends tell layers apart."""
    name = printable(name)
    shorter, kept = name, len(name)
    while kept > 2 and text_inches(shorter, size, bold=bold) > inches:
        kept -= 1
        shorter = f"{name[: (kept + 1) // 2]}…{name[len(name) - kept // 2 :]}"
    return shorter


def chosen(result: Transfer, paper: Paper) -> PaperData | None:
    """The data set whose numbers of the paper stand beside the result.

    Raises:
        StepError: If the paper measures something else there.
    """
    if paper == "none":
        return None
    measure = "average precision" if paper == "voc2012" else "accuracy"
    if result.measure != measure:
        raise StepError(
            f"The result's measure is {result.measure}, but the paper's numbers for {NAMES[paper]} are "
            f"{'average precisions' if paper == 'voc2012' else 'accuracies'}: leave out paper: {paper}."
        )
    return paper


def reported(paper: PaperData | None, row: LayerTransfer) -> Reported | None:
    """The number of the paper's Table 7 for a layer of the same name and the same classifier."""
    return LAYERS.get(paper, {}).get((row.layer, row.classifier)) if paper else None


def percent(mean: float, spread: float = nan) -> str:
    """A share in percent with its spread, where these are known."""
    if isnan(mean):
        return MISSING
    return f"{100 * mean:.1f}" + ("" if isnan(spread) else f" {PLUS_MINUS} {100 * spread:.1f}")


def printed(value: Reported | None) -> str:
    """A number of the paper with the digits that it prints."""
    if value is None:
        return MISSING
    return f"{value.mean:.1f}" + ("" if isnan(value.spread) else f" {PLUS_MINUS} {value.spread:g}")


def strengths(row: LayerTransfer) -> str:
    """The c that were chosen, from the smallest to the largest."""
    known = row.strength[~row.strength.isnan()]
    if not len(known):
        return MISSING
    low, high = f"{float(known.min()):g}", f"{float(known.max()):g}"
    return low if low == high else f"{low}{MISSING}{high}"


def guessing(result: Transfer) -> float | None:
    """The mean accuracy of guessing in percent; None for average precisions, which differ by category."""
    return 100 / len(result.categories) if result.measure == "accuracy" else None


def tens(most: float) -> list[int]:
    """The marks of an axis of percents that begins at 0."""
    return list(range(0, int(most) + 1, 20 if most > 50 else 10 if most > 20 else 5))


def measured(result: Transfer, sizes: Sequence[int] = ()) -> str:
    """What the numbers are, over which splits, and how the features were made.

    Args:
        result: The result.
        sizes: The numbers of training images that are shown; none: all.
    """
    many = result.folds > 1
    spread = (
        f"mean {PLUS_MINUS} sample standard deviation over {result.folds} random splits"
        if many
        else "one split, so that no spread is known"
    )
    crops = "the mean of ten crops" if result.crops == 10 else "the centre crop"
    *others, last = map(str, sizes or result.sizes)
    size = f"{', '.join(others)} or {last}" if others else last
    each = " of each category" if result.measure == "accuracy" else ""
    first = " (first split)" if many or len(result.sizes) > 1 else ""
    return (
        f"{result.measure.capitalize()} by category, averaged over {_counted(result)}, in %: {spread}. "
        f"{size} images{each} to train, {result.tested:,} images to test{first}; "
        f"{crops}, {SCALINGS[result.scaling]}."
    )


def _counted(result: Transfer) -> str:
    """How many categories are in the means."""
    count = len(result.categories) - len(unknown(result))
    return f"{count} categories" if count != 1 else "1 category"


def unknown(result: Transfer) -> list[str]:
    """The categories of which nothing is known, at the largest number of training images."""
    index = largest(result)
    known = torch.stack([~row.by_category[index].isnan() for _, row in rows(result)]).any(0)
    return [name for name, there in zip(result.categories, known.tolist(), strict=True) if not there]


def largest(result: Transfer) -> int:
    """The place of the largest number of training images."""
    return max(range(len(result.sizes)), key=lambda index: result.sizes[index])


def choice(result: Transfer) -> str:
    """How c came about; nothing where no classifier has one."""
    every = torch.cat([row.strength.flatten() for _, row in rows(result)])
    known = set(every[~every.isnan()].tolist())
    if not known:
        return ""
    if len(known) == 1:
        return f"c is {known.pop():g} everywhere."
    return "c is chosen on the training images of each split alone, by cross-validation."


def left_out(result: Transfer) -> list[str]:
    """What is not in the numbers."""
    said = []
    if names := unknown(result):
        said.append(f"Without images to train or to test with, and left out: {', '.join(names)}.")
    if count := len(result.skipped):
        said.append(f"{count} image{'s' if count > 1 else ''} could not be read.")
    return said


def guesses(result: Transfer) -> str:
    """The level of guessing in words; nothing where there is none."""
    level = guessing(result)
    return "" if level is None else f"Guessing: {level:.1f} %."


def of_the_paper(paper: PaperData | None) -> str:
    """What the numbers of the paper's methods are; nothing where none are wanted."""
    if paper is None:
        return ""
    said = f"The paper's: {NAMES[paper]}, Table {METHODS_TABLE[paper]}"
    if paper != "voc2012":
        return f"{said}, five folds."
    size = next(size for sizes in METHODS[paper].values() for size in sizes)
    return f"{said}, {size:,} images to train, and to test others whose labels are not public."


def of_its_layers(result: Transfer, paper: PaperData | None) -> str:
    """What the numbers of the paper's layers are; nothing where none stands beside ours."""
    if paper is None or not any(reported(paper, row) for _, row in rows(result)):
        return ""
    return (
        f"Layers of its pretrained network: Table 7, {LAYERS_SIZE[paper]} images of each category to train."
    )
