"""What every release reached, one line for each of its rows, and whether a row has fallen since."""

from __future__ import annotations

import csv
import os
import platform
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import torch
from table import Row

FILE = Path(__file__).parents[2] / "docs" / "performance" / "history.csv"
FALL = 0.2
"""What a ratio may lose before it has fallen."""

AGAIN = 2
"""How often a row that seems to have fallen is measured again: a machine is busy at times."""


class Machine(NamedTuple):
    """What a ratio may depend on beside the program."""

    processor: str
    cores: int
    threads: int


class Record(NamedTuple):
    """One row of one release, as it is stored."""

    version: str
    date: str
    commit: str
    processor: str
    cores: int
    threads: int
    row: str
    ratio: float
    to_reach: str
    allowed: str
    share: str
    ours_s: float
    peer_s: float

    @property
    def machine(self) -> Machine:
        return Machine(self.processor, self.cores, self.threads)

    @property
    def gain(self) -> float:
        """The ratio as one that is to be large; see `Row.gain`."""
        return self.ratio if self.to_reach.startswith(">") else 1 / self.ratio


def read(file: Path = FILE) -> list[Record]:
    """All that was recorded, the earliest first; nothing where there is no file."""
    if not file.exists():
        return []
    with file.open(newline="", encoding="utf-8") as lines:
        return [_record(line) for line in csv.DictReader(lines)]


def write(records: Iterable[Record], file: Path = FILE) -> None:
    """Write all that is recorded."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as lines:
        table = csv.writer(lines, lineterminator="\n")
        table.writerow(Record._fields)
        table.writerows(records)


def _record(line: Mapping[str, str]) -> Record:
    kinds = {"cores": int, "threads": int, "ratio": float, "ours_s": float, "peer_s": float}
    return Record(**{name: kinds.get(name, str)(line[name]) for name in Record._fields})  # type: ignore[arg-type]


def recorded(
    known: Sequence[Record], rows: Iterable[Row], release: str, date: str, commit: str
) -> list[Record]:
    """What is known with the rows of a release; a row that it has on this machine already is replaced."""
    here = machine()
    new = [_of(row, here, release, date, commit) for row in rows]
    replaced = {(record.version, record.machine, record.row) for record in new}
    kept = [record for record in known if (record.version, record.machine, record.row) not in replaced]
    return kept + new


def _of(row: Row, here: Machine, release: str, date: str, commit: str) -> Record:
    allowed = "" if row.allowed is None else f"{row.allowed:.2f}"
    share = "" if row.share is None else f"{row.share:.2f}"
    times = (round(row.ours_s, 4), round(row.peer_s, 4))
    return Record(
        release, date, commit, *here, row.work, round(row.ratio, 3), row.target, allowed, share, *times
    )


def last(known: Sequence[Record], row: Row, here: Machine) -> Record | None:
    """What a row reached when it was recorded last: on such a machine, or else on any."""
    mine = [record for record in known if record.row == row.work]
    alike = [record for record in mine if record.machine == here]
    return next(reversed(alike or mine), None)


def fallen(row: Row, before: Record | None) -> bool:
    """Whether a row has lost more than a fifth of what it reached; one that is new has not."""
    return before is not None and row.gain < (1 - FALL) * before.gain


def settled(measure: Callable[[], Iterable[Row]], bad: Callable[[Row], bool]) -> Iterator[tuple[Row, int]]:
    """The rows of one case, and how often each was measured.

    Args:
        measure: Measures all of them.
        bad: Whether a row has to be measured again; the best time counts.
    """
    found, tries = {row.work: row for row in measure()}, 1
    while tries <= AGAIN and any(map(bad, found.values())):
        tries += 1
        for row in measure():
            if row.work not in found or row.gain > found[row.work].gain:
                found[row.work] = row
    return ((row, tries) for row in found.values())


def complaint(row: Row, before: Record, here: Machine) -> str:
    """What is said of a row that has fallen."""
    where = (
        ""
        if before.machine == here
        else f" on another machine ({before.processor}, {before.threads} threads)"
    )
    return (
        f"{row.work}: {row.ratio:.2f}, and {before.ratio:.2f} when {before.version} was recorded"
        f" ({before.date}, {before.commit}){where}"
    )


def machine() -> Machine:
    """This one; its name is nobody's business."""
    return Machine(_processor(), os.cpu_count() or 1, torch.get_num_threads())


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    found = next((line.partition(":")[2].strip() for line in names if line.startswith("model name")), "")
    return found or platform.processor() or platform.machine()


def release() -> tuple[str, str, str]:
    """The version that is installed, today's date, and the commit; a ``+`` where files have changed since."""
    folder = Path(__file__).parent

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=False).stdout

    commit = git("rev-parse", "--short", "HEAD").strip()
    changed = git("status", "--porcelain", "--untracked-files=no").strip()
    today = datetime.now(UTC).date().isoformat()
    return version("interpret-cnn"), today, commit + ("+" if commit and changed else "")
