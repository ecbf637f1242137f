"""Bars on a terminal, silence elsewhere."""

from __future__ import annotations

import io
import logging

from rich.console import Console

from interpret.cli.progress import Bars
from interpret.cli.remarks import remarks


def drawn(*, terminal: bool) -> str:
    out = io.StringIO()
    with Bars(Console(file=out, force_terminal=terminal, width=100)) as bars:
        bars.started("mining", 200)
        bars.advanced("mining", 50)
        bars._bars.refresh()
        bars.started("whole", 0)
        bars._bars.refresh()
        bars.finished("mining", "done")
        bars.finished("unknown", "kept")
    return out.getvalue()


def test_a_terminal_sees_how_far_it_is():
    text = drawn(terminal=True)
    assert "mining" in text
    assert "50/200" in text
    assert "mining: done" in text
    assert "unknown: kept" in text
    assert "0/?" not in text


def test_where_there_is_no_terminal_it_is_silent():
    assert drawn(terminal=False) == ""


def test_what_the_core_says_is_shown_once_and_only_meanwhile():
    console = Console(file=io.StringIO(), width=20)
    log = logging.getLogger("interpret.images.labels")
    with remarks(console):
        for _ in range(2):
            log.info("Labels: %s.", "[3] of 3 categories matched by name")
        log.debug("nothing")
    log.info("later")
    assert console.file.getvalue() == "Labels: [3] of 3 categories matched by name.\n"
    assert logging.getLogger("interpret").level == logging.NOTSET
