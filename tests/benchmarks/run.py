"""Every speed promise of the project, each measured against its peer in the same run: ``make bench``."""

import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent))
import mining
import projections


def main() -> None:
    table = Table("work", "peer", "ours (s)", "peer (s)", "ratio", "to reach")
    for row in [*mining.rows(), *projections.rows()]:
        times = (f"{row.ours_s:.3f}", f"{row.peer_s:.3f}", f"{row.ratio:.2f}")
        table.add_row(row.work, row.peer, *times, row.target)
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
