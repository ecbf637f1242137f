"""Every speed promise of the project, each measured against its peer in the same run: ``make bench``."""

import sys
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent))
import invariance
import mining
import occlusion
import pages
import projections
import reading
import transfer
from table import Row

PARTS = {
    "mining": mining,
    "projections": projections,
    "occlusion": occlusion,
    "invariance": invariance,
    "transfer": transfer,
    "pages": pages,
    "reading": reading,
}


def main() -> None:
    """Measure everything, or the parts that are named on the command line."""
    chosen = sys.argv[1:] or list(PARTS)
    show(row for name in chosen for row in PARTS[name].rows())


def show(rows: Iterable[Row]) -> None:
    """Print what was measured: each row when it is known, and all of them as a table."""
    table = Table("work", "peer", "ours (s)", "peer (s)", "ratio", "to reach")
    for row in rows:
        times = (f"{row.ours_s:.3f}", f"{row.peer_s:.3f}", f"{row.ratio:.2f}")
        print(f"{row.work}: {row.ratio:.2f} ({row.ours_s:.3f} s; {row.peer} {row.peer_s:.3f} s)", flush=True)
        table.add_row(row.work, row.peer, *times, row.target)
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
