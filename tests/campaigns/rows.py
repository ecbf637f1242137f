"""What the campaign finds: a row for each thing that was tried, and the table of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """What is asked for.

    Attributes:
        folder: Where everything is done.
        seed: Of all chance.
        kills: How many kills must hit.
        mutations: How many mutated inputs.
        flips: How many flipped bits.
        full: How many full disks.
        troubles: How often each trouble.
        only: The number of the single trial to repeat; -1: all.
        cases: Words of which a case must have one, to try only some; none: all.
    """

    folder: Path
    seed: int
    kills: int = 1000
    mutations: int = 100_000
    flips: int = 1000
    full: int = 500
    troubles: int = 20
    only: int = -1
    cases: tuple[str, ...] = ()

    def wants(self, case: str) -> bool:
        """Whether a case is to be tried."""
        return not self.cases or any(word in case for word in self.cases)


@dataclass
class Row:
    """What was tried of one case.

    Attributes:
        part: The part of the campaign.
        case: What was tried.
        tried: How often.
        hit: How often it came to what the case is about, as a kill of a process that lived.
        failures: What broke a promise, and how to repeat it.
        notes: What else was counted, such as where kills hit.
        seconds: How long all took.
    """

    part: str
    case: str
    tried: int = 0
    hit: int = 0
    failures: list[str] = field(default_factory=list)
    notes: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def note(self, what: str) -> None:
        """Count something."""
        self.notes[what] = self.notes.get(what, 0) + 1


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown, and their sums."""
    lines = ["| part | case | tried | hit | failures | seconds | |", "|---|---|---|---|---|---|---|"]
    lines += map(_line, rows)
    for part in dict.fromkeys(row.part for row in rows):
        mine = [row for row in rows if row.part == part]
        total = Row(part, "**all**", sum(row.tried for row in mine), sum(row.hit for row in mine))
        total.failures = [failure for row in mine for failure in row.failures]
        total.seconds = sum(row.seconds for row in mine)
        lines.append(_line(total))
    return "\n".join(lines)


def _line(row: Row) -> str:
    notes = ", ".join(f"{what} {count}" for what, count in sorted(row.notes.items()))
    numbers = (f"{row.tried:,}", f"{row.hit:,}", f"{len(row.failures):,}", f"{row.seconds:,.0f}")
    return f"| {' | '.join((row.part, row.case, *numbers, notes))} |"
