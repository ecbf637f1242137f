"""What a network is made of and what can be asked of each layer: values, and their text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from textwrap import wrap
from typing import NamedTuple

GAP = "  "


@dataclass(frozen=True)
class Working:
    """How something works on a layer.

    Attributes:
        kind: Of projections by the deconvnet ``exact``; or ``rectified``, ``gated``, ``gradient``, joined by
            ``+``, after what is done at other nonlinearities than ReLUs; or ``refused``. Of what an occluder
            changes ``incremental`` or ``full``. Empty where the network cannot be traced.
        reasons: What makes it so, by what is done there: operations with how often they are on the way
            (``hardsigmoid x 9``), the message of a refusal, the first operations that need whole maps.
    """

    kind: str = ""
    reasons: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class LayerField:
    """The receptive field of a layer.

    Attributes:
        size: Rows and columns of pixels that a neuron sees.
        stride: Pixels from one neuron's to its neighbour's; 0 where all see the same.
        whole: Whether all neurons see the whole image.
        measured: Whether it is measured: evidence, and no proof.
    """

    size: tuple[int, int]
    stride: tuple[int | Fraction, int | Fraction]
    whole: bool = False
    measured: bool = False

    def __str__(self) -> str:
        if self.whole:
            return "image"
        return f"{'~' if self.measured else ''}{_pair(self.size)}/{_pair(self.stride)}"


@dataclass(frozen=True)
class LayerSummary:
    """One layer.

    Attributes:
        name: Its name in ``network.layers``.
        aliases: Its further names.
        kind: The class of the module, such as ``Conv2d``.
        shape: What it makes of one image: (channels, rows, columns) of maps, (units,) of vectors,
            or another shape.
        field: What its neurons see; None where they have no place, or the network cannot be traced.
        parameters: How many numbers are learned in it and in what it is made of.
        multiply_adds: Those of its convolutions and linear layers for one image.
        mines: Whether the strongest neurons of its units can be mined: it has maps or vectors.
        projection: How its neurons are projected by the deconvnet.
        occlusion: How what an occluder changes is carried to it.
    """

    name: str
    aliases: tuple[str, ...]
    kind: str
    shape: tuple[int, ...]
    field: LayerField | None
    parameters: int
    multiply_adds: int
    mines: bool
    projection: Working
    occlusion: Working


@dataclass(frozen=True, repr=False)
class Summary:
    """A network and its layers; ``print`` shows them as a table.

    Attributes:
        network: The class of the module.
        input: What it takes: (channels, rows, columns).
        parameters: How many numbers are learned.
        multiply_adds: Those of all convolutions and linear layers for one image.
        layers: The layers down to the depth that was asked for, in execution order.
        count: How many layers there are of any depth.
        refusal: Why it cannot be traced, if it cannot: then fields, projections and changes are not known.
    """

    network: str
    input: tuple[int, ...]
    parameters: int
    multiply_adds: int
    layers: tuple[LayerSummary, ...]
    count: int
    refusal: str = ""

    def text(self, width: int = 120) -> str:
        """The layers as a table, and what its words mean.

        Args:
            width: Characters in a line. Where they are few, what is less asked for is left out.
        """
        above, below = ([part for line in told for part in wrap(line, width)] for told in self._told())
        return "\n".join([*above, "", *_table(self.layers, width), "", *below])

    def _told(self) -> tuple[list[str], list[str]]:
        return [self._title()], self._notes()

    def __repr__(self) -> str:
        return self.text()

    def _title(self) -> str:
        size = " x ".join(map(str, self.input))
        work = f", {_count(self.multiply_adds)} multiply-adds" if self.multiply_adds else ""
        some = (
            f" ({len(self.layers)} are shown; all: depth=0, --all)" if len(self.layers) < self.count else ""
        )
        parameters = f"{_count(self.parameters) or 0} parameters{work}"
        return f"{self.network}, images {size}: {parameters}, {self.count} layers{some}"

    def _notes(self) -> list[str]:
        if self.refusal:
            return [f"It cannot be traced, so receptive fields and projections are not known: {self.refusal}"]
        fields = [str(layer.field) for layer in self.layers if layer.field]
        notes = ["field: pixels seen / pixels to the neighbour's" if fields else ""]
        notes += ["~ measured: no rule says it" if any("~" in field for field in fields) else ""]
        done = _reasons(layer.projection for layer in self.layers)
        notes += [f"project {kind}: {names}" for kind, names in done.items()]
        whole = _reasons(layer.occlusion for layer in self.layers)
        notes += [f"occlude {kind}: whole maps from {names}" for kind, names in whole.items()]
        return list(filter(None, notes))


class _Column(NamedTuple):
    """A column of the table, and how much it is asked for: the least is left out first."""

    title: str
    cell: Callable[[LayerSummary], str]
    rank: int
    right: bool = False


def _size(layer: LayerSummary) -> str:
    """Rows and columns of maps; the whole shape of what is neither maps nor vectors."""
    return " x ".join(map(str, layer.shape[1:] if layer.mines else layer.shape))


COLUMNS = (
    _Column("layer", lambda layer: layer.name, 9),
    _Column("also", lambda layer: ", ".join(layer.aliases), 5),
    _Column("kind", lambda layer: layer.kind, 6),
    _Column("units", lambda layer: str(layer.shape[0]) if layer.mines else "", 7, right=True),
    _Column("size", _size, 7, right=True),
    _Column("field", lambda layer: str(layer.field or ""), 8, right=True),
    _Column("parameters", lambda layer: f"{layer.parameters:,}" if layer.parameters else "", 2, right=True),
    _Column("mult-adds", lambda layer: _count(layer.multiply_adds), 1, right=True),
    _Column("mine", lambda layer: "yes" if layer.mines else "no", 4),
    _Column("project", lambda layer: layer.projection.kind, 9),
    _Column("occlude", lambda layer: layer.occlusion.kind, 9),
)


def _table(layers: Sequence[LayerSummary], width: int) -> list[str]:
    """The lines of the table; columns that say nothing, or do not fit, are left out."""
    cells = {column: [column.cell(layer) for layer in layers] for column in COLUMNS}
    columns = [column for column in COLUMNS if any(cells[column]) or column.rank == 9]
    widths = {column: max(map(len, [column.title, *cells[column]])) for column in columns}
    while len(columns) > 3 and sum(widths[column] + len(GAP) for column in columns) - len(GAP) > width:
        columns.remove(min(columns, key=lambda column: column.rank))
    rows = [[column.title for column in columns], *zip(*(cells[column] for column in columns), strict=True)]
    return [_line(row, columns, widths) for row in rows]


def _line(row: Iterable[str], columns: Sequence[_Column], widths: dict[_Column, int]) -> str:
    pairs = zip(row, columns, strict=True)
    padded = (cell.rjust(widths[c]) if c.right else cell.ljust(widths[c]) for cell, c in pairs)
    return GAP.join(padded).rstrip()


def _pair(pair: Sequence[object]) -> str:
    first, second = map(str, pair)
    return first if first == second else f"{first}x{second}"


def _count(number: int) -> str:
    """A number with at most three digits and a unit; nothing for 0."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return str(number or "")


def _reasons(workings: Iterable[Working]) -> dict[str, str]:
    """What makes several layers work as they do, each once, as often as it is on the longest way."""
    found: dict[str, dict[str, int]] = {}
    for working in workings:
        for key, names in working.reasons.items():
            for name in names:
                plain, _, count = name.partition(" x ")
                counts = found.setdefault(key, {})
                counts[plain] = max(counts.get(plain, 0), int(count or 1))
    return {
        key: ", ".join(f"{name} x {count}" if count > 1 else name for name, count in counts.items())
        for key, counts in found.items()
    }
