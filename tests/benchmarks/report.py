"""What is said of the rows of a benchmark: a line and a table, and which of them have fallen."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import history
from rich.console import Console
from rich.table import Table
from table import Row

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
TABLE = re.compile(r"(?<=<!-- written by make bench-record -->\n).*?(?=\n<!-- end -->)", re.DOTALL)


def line(row: Row, before: history.Record | None) -> str:
    """All that is known of a row, in one line."""
    allowed, share, earlier = numbers(row, before)
    counted = f"operations allow {allowed}, {share} of the rate of a matrix product"
    if row.multiply_adds is None:
        counted = "multiply-adds are not counted"
    return (
        f"{row.work}: {row.ratio:.2f}, to reach {row.target}, last {earlier}; {counted} "
        f"({row.ours_s:.3f} s; {row.peer} {row.peer_s:.3f} s)"
    )


def numbers(row: Row, before: history.Record | None) -> tuple[str, str, str]:
    """The ratio that operations allow, the share of the matrix rate, and the ratio of before, as text."""
    return (
        "-" if row.allowed is None else f"{row.allowed:.2f}",
        "-" if row.share is None else f"{row.share:.0%}",
        "-" if before is None else f"{before.ratio:.2f}",
    )


def show(rows: Iterable[Row], known: Sequence[history.Record] = ()) -> None:
    """Print what was measured as a table."""
    here = history.machine()
    table = Table("work", "peer", "ours (s)", "peer (s)", "ratio", "allowed", "share", "last", "to reach", "")
    for row in rows:
        times = (f"{row.ours_s:.3f}", f"{row.peer_s:.3f}", f"{row.ratio:.2f}")
        more = numbers(row, history.last(known, row, here))
        table.add_row(row.work, row.peer, *times, *more, row.target, "" if row.reached else "below")
    Console(width=180).print(table)


def failures(rows: Iterable[Row], known: Sequence[history.Record]) -> dict[str, bool]:
    """What is said of each row that has fallen, and whether it is a failure: noise is told only."""
    here, found = history.machine(), dict[str, bool]()
    for row in rows:
        before = history.last(known, row, here)
        if before is not None and history.fallen(row, before):
            how = "This may be noise" if row.noisy else "It has fallen"
            found[f"{how}: {history.complaint(row, before, here)}."] = not row.noisy
    return found


def with_table(page: str, known: Sequence[history.Record]) -> str:
    """The page of the documentation with what was recorded last, as a table."""
    return TABLE.sub(lambda _: markdown(known), page)


def markdown(known: Sequence[history.Record]) -> str:
    """What was recorded last: every row of the latest release and machine."""
    latest = known[-1]
    rows = [
        record for record in known if (record.version, record.machine) == (latest.version, latest.machine)
    ]
    here = f"{latest.processor}, {latest.threads} threads; version {latest.version}, {latest.date}:"
    heads = ("work", "ratio", "to reach", "operations allow", "matrix rate", "ours", "peer")
    cells = [heads, ("---",) * len(heads), *map(_cells, rows)]
    return "\n".join([here, "", *(f"| {' | '.join(row)} |" for row in cells)])


def _cells(record: history.Record) -> tuple[str, ...]:
    share = f"{float(record.share):.0%}".replace("%", " %") if record.share else ""
    times = (f"{record.ours_s:.3g} s", f"{record.peer_s:.3g} s")
    return record.row, f"{record.ratio:.2f}", record.to_reach, record.allowed, share, *times
