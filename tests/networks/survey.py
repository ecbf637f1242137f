"""Try networks and write their rows into docs/networks.md: ``python tests/networks/survey.py [NAMES]``.

Without names those are tried that have no row yet; ``all`` tries every one again, ``torchvision`` and
``timm`` those of one library. Rows are written one by one: it can be stopped, and goes on where it was.
"""

from __future__ import annotations

import gc
import signal
import sys
import time
import traceback
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))

from page import read, write
from specimens import ALL, FAMILIES, Specimen
from trials import attempt

LIMIT = 300
"""Seconds of computing that one network may take."""


def chosen(names: list[str]) -> list[Specimen]:
    """The networks that are asked for."""
    if not names:
        known = read()
        return [specimen for name, specimen in ALL.items() if name not in known]
    return [
        item
        for item in ALL.values()
        if any(name in (item.name, item.arch, item.source, item.family) for name in names) or "all" in names
    ]


def late(*_: object) -> None:
    """Give up on a network."""
    raise TimeoutError(f"It takes more than {LIMIT} s.")


def main(names: list[str]) -> int:
    """Try networks; returns how many failed."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGPROF, late)
    failed = 0
    for specimen in chosen(names):
        start = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, LIMIT)
        try:
            row = attempt(specimen)
        except Exception:  # noqa: BLE001 - the others are tried all the same
            failed += 1
            print(f"{specimen.name}\n{traceback.format_exc()}", flush=True)
            continue
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            gc.collect()
        write({**read(), specimen.name: row}, FAMILIES)
        print(f"{time.process_time() - start:6.1f} s  {' | '.join(row)}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
