"""The campaign: everything that goes wrong, thousands of times. ``make campaign``; see docs/reliability.md.

    python tests/campaigns/run.py [PART ...]    parts: kills, disks, troubles, flips, mutations; none: all

Environment variables: SEED; KILLS, FULL (disks), TROUBLES, FLIPS, MUTATIONS: how many; CASES: words, of which
a case must have one (; between them); ONLY: the number of the single trial to repeat; REPORT: a file for the
table; TMPDIR: where all is done, left out: in memory.
"""

from __future__ import annotations

import os
import shutil
import sys
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path[:0] = [str(Path(__file__).parent)]
import forked  # noqa: E402 - on the path only now
from rows import Options, Row, table  # noqa: E402

ROOM = 1 << 32
PARTS = ("kills", "disks", "troubles", "flips", "mutations")


def main() -> int:
    """Try all parts, or those that are named; 1 where a promise was broken."""
    chosen = sys.argv[1:] or list(PARTS)
    if unknown := set(chosen) - set(PARTS):
        print(f"There is no part {', '.join(unknown)}: the parts are {', '.join(PARTS)}.")
        return 2
    found: list[Row] = []
    with TemporaryDirectory(prefix="campaign-", dir=place()) as folder:
        forked.prepare(Path(folder, "tmp"))
        for part in chosen:
            asked = options(Path(folder, part))
            print(f"{part}: SEED={asked.seed}", flush=True)
            for row in import_module(part).rows(asked):
                found.append(row)
                print(f"{row.part}, {row.case}: {row.tried} tried, {len(row.failures)} failed", flush=True)
    report(found)
    return int(any(row.failures for row in found))


def place() -> str | None:
    """Where all is done: in memory where there is room; each run asks a disk a hundred times to sync."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > ROOM
    return str(memory) if roomy and not os.environ.get("TMPDIR") else None


def options(folder: Path) -> Options:
    """What the environment asks for."""
    folder.mkdir()
    asked = os.environ.get
    usual = Options(folder, 0)
    numbers = {name: int(asked(name.upper()) or getattr(usual, name)) for name in NUMBERS}
    cases = tuple(filter(None, (word.strip() for word in (asked("CASES") or "").split(";"))))
    return Options(folder, cases=cases, **numbers)


NUMBERS = ("seed", "kills", "mutations", "flips", "full", "troubles", "only")


def report(rows: list[Row]) -> None:
    """Print the table and what failed, and write them to a file if one is named."""
    failures = [f"- {failure}" for row in rows for failure in row.failures]
    text = "\n".join([table(rows), "", *failures])
    print(text, flush=True)
    if path := os.environ.get("REPORT"):
        Path(path).write_text(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
