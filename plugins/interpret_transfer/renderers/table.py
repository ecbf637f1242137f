"""What layers are worth as a table: the paper's Tables 4, 5 and 7, ours and the paper's numbers together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isnan
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from interpret.images import Images
from interpret.plugin import Renderer
from interpret_figures.escaping import MISSING
from interpret_figures.tables import Document, Paragraph, Table, TableFormat, digits
from interpret_transfer.paper import (
    LAYERS,
    LAYERS_SIZE,
    METHODS,
    METHODS_TABLE,
    PRETRAINED,
    PaperData,
    Reported,
)
from interpret_transfer.renderers.text import (
    OPTION,
    Paper,
    choice,
    chosen,
    guesses,
    layer_name,
    left_out,
    measured,
    of_its_layers,
    of_the_paper,
    percent,
    printed,
    reported,
    rows,
    strengths,
)
from interpret_transfer.results import LayerTransfer, Transfer

TABLE_COLUMNS = (
    "source", "network", "layer", "classifier", "dimension", "train", "fold", "quality", "spread", "c",
    "seconds", "feature_seconds",
)  # fmt: skip


class TransferTable(Renderer[Transfer]):
    """A row for each layer and classifier, a column for each number of training images."""

    name: ClassVar[str] = "transfer_table"

    paper: Paper = Field("none", description=OPTION)
    formats: tuple[TableFormat, ...] = Field(
        ("markdown", "csv", "latex"), min_length=1, description="Kinds of files: markdown, csv, latex."
    )

    def render(self, result: Transfer, images: Images, folder: Path) -> Sequence[Path]:  # noqa: ARG002
        """Write ``transfer.md``, ``transfer.csv`` and ``transfer.tex``; no image is read.

        Raises:
            StepError: If the paper measures something else on the data set that is asked for.
        """
        return document(result, chosen(result, self.paper)).save(folder / "transfer", self.formats)


def document(result: Transfer, paper: PaperData | None = None) -> Document:
    """The table, and under it what is measured.

    Its bare numbers are those of every split with all their digits, as shares from 0 to 1, then the paper's
    means and spreads.
    """
    lines = [*_ours_in_full(result), *(_theirs_in_full(paper) if paper else [])]
    records = [[line.get(column, "") for column in TABLE_COLUMNS] for line in lines]
    return Document([as_table(result, paper), Paragraph(caption(result, paper))], TABLE_COLUMNS, records)


def as_table(result: Transfer, paper: PaperData | None) -> Table:
    """The table as people read it: ours, then the paper's methods."""
    sizes = _sizes(result, paper)
    known = [reported(paper, row) for _, row in rows(result)]
    layers = [f"paper, Table 7: {LAYERS_SIZE[paper]} images"] if paper and any(known) else []
    head = ["network", "layer", "classifier", "dimension", *map(_images, sizes), *layers]
    lines = []
    for (network, row), value in zip(rows(result), known, strict=True):
        line = [network.label, layer_name(row), row.classifier, _count(row.dimension)]
        line += [*_ours(result, row, sizes), *(printed(value) for _ in layers)]
        lines.append([*line, strengths(row), f"{row.seconds:.3g}"])
    for method, found in _methods(paper).items():
        line = [method, *[MISSING] * 3, *(printed(found.get(size)) for size in sizes)]
        lines.append([*line, *[MISSING] * (len(layers) + 2)])
    return Table([*head, "c", "seconds"], lines, names=3)


def _methods(paper: PaperData | None) -> dict[str, Mapping[int, Reported]]:
    """The paper's methods under names that say whose numbers these are."""
    if paper is None:
        return {}
    return {f"paper, Table {METHODS_TABLE[paper]}: {name}": found for name, found in METHODS[paper].items()}


def _sizes(result: Transfer, paper: PaperData | None) -> list[int]:
    """Numbers of training images, of ours and of the paper's, from the smallest."""
    others = {size for found in METHODS[paper].values() for size in found} if paper else set()
    return sorted({*result.sizes, *others})


def _ours(result: Transfer, row: LayerTransfer, sizes: Sequence[int]) -> list[str]:
    """Mean and spread at each size; nothing at those of the paper alone."""
    texts = map(percent, row.mean.tolist(), row.spread.tolist())
    found = dict(zip(result.sizes, texts, strict=True))
    return [found.get(size, MISSING) for size in sizes]


def _images(size: int) -> str:
    return "1 image" if size == 1 else f"{size:,} images"


def _count(dimension: int) -> str:
    return f"{dimension:,}" if dimension else MISSING


def caption(result: Transfer, paper: PaperData | None) -> str:
    """What is measured, how, and on what."""
    seconds = "Seconds: training and testing the classifier on all splits, on this machine."
    said = [measured(result), choice(result), guesses(result), seconds, *left_out(result)]
    return " ".join(filter(None, [*said, of_the_paper(paper), of_its_layers(result, paper)]))


def _ours_in_full(result: Transfer) -> Iterator[dict[str, object]]:
    for network, row in rows(result):
        of = {"source": "ours", "network": network.label, "layer": row.layer, "classifier": row.classifier}
        cost = {"seconds": repr(row.seconds), "feature_seconds": repr(network.seconds)}
        for index, size in enumerate(result.sizes):
            for fold in range(result.folds):
                quality, c = float(row.quality[index, fold]), float(row.strength[index, fold])
                found = {"train": size, "fold": fold, "quality": digits(quality), "c": _short(c)}
                yield {**of, "dimension": row.dimension or "", **found, **cost}


def _theirs_in_full(paper: PaperData) -> Iterator[dict[str, object]]:
    for method, found in METHODS[paper].items():
        for size, value in found.items():
            source = f"paper, Table {METHODS_TABLE[paper]}"
            yield {"source": source, "network": method, "train": size, **_shares(value)}
    for (layer, kind), value in LAYERS.get(paper, {}).items():
        of = {"source": "paper, Table 7", "network": PRETRAINED, "layer": layer, "classifier": kind}
        yield {**of, "train": LAYERS_SIZE[paper], **_shares(value)}


def _shares(value: Reported) -> dict[str, str]:
    """The paper's percents as shares, without the noise of dividing them."""
    return {"quality": digits(round(value.mean / 100, 6)), "spread": digits(round(value.spread / 100, 6))}


def _short(c: float) -> str:
    """A c that was written as 0.1, without the noise of 32 bits."""
    return "" if isnan(c) else f"{c:.6g}"
