"""What the core has to say while it works, on the screen: one line each, and each line once."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from interpret.files.reading import printable


class _Lines(logging.Handler):
    """Prints records as lines.

    Args:
        console: Where to.
    """

    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self.console = console
        self.said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record, unless one like it was."""
        line = printable(record.getMessage())
        if line not in self.said:
            self.said.add(line)
            self.console.print(line, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def remarks(console: Console) -> Iterator[None]:
    """Show what the core logs, such as how labels were matched, as long as this lasts."""
    logger, lines = logging.getLogger("interpret"), _Lines(console)
    level = logger.level
    logger.addHandler(lines)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(lines)
        logger.setLevel(level)
