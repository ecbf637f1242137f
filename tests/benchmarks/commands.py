"""What a user waits for at the command line: the first answer of all, and ``make demo``."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from table import Row, seconds

REPEATS = 5


def measured(case: str) -> Iterator[Row]:
    """One row; the ratio is to the time that it may take."""
    work, allowed, spent = CASES[case]
    limit = f"{allowed:g} seconds"
    taken = spent()
    yield Row(work, limit, taken, allowed, taken / allowed, "<= 1")


def started() -> float:
    """Of ``interpret --help``, once the system has its files in memory."""
    return median([seconds(lambda: interpret("--help")) for _ in range(REPEATS + 1)][1:])


def demonstrated() -> float:
    """Of the quickstart and its gallery."""
    with TemporaryDirectory() as folder:
        run = str(Path(folder, "quickstart"))
        return seconds(lambda: interpret("run", "quickstart", "--out", run, "--gallery"))


def interpret(*words: str) -> None:
    """A command, in a process of its own."""
    program = str(Path(sys.executable).with_name("interpret"))
    subprocess.run([program, *words], check=True, capture_output=True)


CASES: dict[str, tuple[str, float, Callable[[], float]]] = {
    "help": ("interpret --help", 0.5, started),
    "demo": ("make demo after installation: the quickstart and its gallery", 30.0, demonstrated),
}
