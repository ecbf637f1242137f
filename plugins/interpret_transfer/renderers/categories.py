"""What layers are worth for each category, as a table: the paper's Table 6 for any data set."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan, nan
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from interpret.images import Images
from interpret.plugin import Renderer
from interpret_figures.escaping import MISSING, Cell
from interpret_figures.tables import Block, Document, Paragraph, Table, TableFormat, Title, digits
from interpret_transfer.paper import CATEGORIES, METHODS, PaperData
from interpret_transfer.renderers.text import (
    FROM_SCRATCH,
    OPTION,
    Paper,
    chosen,
    guesses,
    largest,
    layer_name,
    left_out,
    of_the_paper,
    percent,
    rows,
)
from interpret_transfer.results import LayerTransfer, Transfer

MEAN = "mean"
CATEGORY_COLUMNS = ("source", "network", "layer", "classifier", "train", "category", "quality")


class TransferCategories(Renderer[Transfer]):
    """A row for each category, a column for each layer; a table for each network and classifier."""

    name: ClassVar[str] = "transfer_categories"

    paper: Paper = Field("none", description=f"{OPTION} Only voc2012 has numbers for each category.")
    formats: tuple[TableFormat, ...] = Field(
        ("markdown", "csv", "latex"), min_length=1, description="Kinds of files: markdown, csv, latex."
    )

    def render(self, result: Transfer, images: Images, folder: Path) -> Sequence[Path]:  # noqa: ARG002
        """Write ``transfer-categories.md``, ``.csv`` and ``.tex``; no image is read.

        Raises:
            StepError: If the paper measures something else on the data set that is asked for.
        """
        return document(result, chosen(result, self.paper)).save(folder / "transfer-categories", self.formats)


def document(result: Transfer, paper: PaperData | None = None) -> Document:
    """A table for each network and classifier, at the largest number of training images."""
    blocks: list[Block] = []
    for network in result.networks:
        for kind in dict.fromkeys(row.classifier for row in network.layers):
            title = network.label if kind == FROM_SCRATCH else f"{network.label}, {kind}"
            layers = [row for row in network.layers if row.classifier == kind]
            blocks += [Title(title), category_table(result, layers, paper)]
    blocks.append(Paragraph(caption(result, paper)))
    return Document(blocks, CATEGORY_COLUMNS, _records(result, paper), apart=True)


def category_table(result: Transfer, layers: Sequence[LayerTransfer], paper: PaperData | None) -> Table:
    """The categories of some layers, the best of each marked, and what the paper's methods reach there."""
    others, index = _methods(paper), largest(result)
    names = (*result.categories, MEAN)
    columns = [[*row.by_category[index].tolist(), float(row.mean[index])] for row in layers]
    lines: list[list[str | Cell]] = [
        [name, *_best(values), *(Cell(percent(of.get(name, nan))) for of in others.values())]
        for name, values in zip(names, zip(*columns, strict=True), strict=True)
    ]
    head = ("category", *map(layer_name, layers), *(f"paper: {method}" for method in others))
    return Table(head, lines)


def _methods(paper: PaperData | None) -> dict[str, dict[str, float]]:
    """What each method of the paper reaches for each category, and its printed mean, as shares."""
    if paper is None or paper not in CATEGORIES:
        return {}
    means = {name: next(iter(found.values())).mean for name, found in METHODS[paper].items()}
    return {
        method: {name: round(value / 100, 6) for name, value in {**found, MEAN: means[method]}.items()}
        for method, found in CATEGORIES[paper].items()
    }


def _best(values: Sequence[float]) -> list[Cell]:
    """Numbers in percent, the best by the digits that are shown marked; none where all are alike."""
    texts = [percent(value) for value in values]
    known = [value for value in values if not isnan(value)]
    best = percent(max(known)) if len(set(texts) - {MISSING}) > 1 else None
    return [Cell(text, text == best) for text in texts]


def caption(result: Transfer, paper: PaperData | None) -> str:
    """What is measured, and how to read the table."""
    size = result.sizes[largest(result)]
    each = " of each category" if result.measure == "accuracy" else ""
    splits = f", mean over {result.folds} random splits" if result.folds > 1 else ""
    said = [
        f"{result.measure.capitalize()} in % with {size} images{each} to train{splits}; best layer in bold.",
        guesses(result),
        *left_out(result),
        of_the_paper(paper) if paper in CATEGORIES else "",
    ]
    return " ".join(filter(None, said))


def _records(result: Transfer, paper: PaperData | None) -> list[list[object]]:
    """Every layer, size and category with all digits, as shares from 0 to 1; empty without test images."""
    ours: list[list[object]] = [
        ["ours", network.label, row.layer, row.classifier, size, category, digits(value)]
        for network, row in rows(result)
        for size, values in zip(result.sizes, row.by_category.tolist(), strict=True)
        for category, value in zip(result.categories, values, strict=True)
    ]
    theirs: list[list[object]] = [
        ["paper, Table 6", method, "", "", "", category, digits(value)]
        for method, found in _methods(paper).items()
        for category, value in found.items()
        if category != MEAN
    ]
    return [*ours, *theirs]
