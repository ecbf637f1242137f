"""Try networks and write a row for each: ``python tests/networks/survey.py torchvision [NAMES]``."""

from __future__ import annotations

import gc
import json
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parent))

from specimens import ALL, Specimen
from trials import TRIALS, stages

LIMIT = 180


def attempt(specimen: Specimen) -> dict[str, Any]:
    """Everything that is tried on one network; an error of ours or of others becomes text."""
    row: dict[str, Any] = {"network": specimen.name, "family": specimen.family, "size": specimen.size}
    try:
        start = time.perf_counter()
        network = specimen.network()
        layers = stages(network)
        row["stages"] = [[stage.layer, *stage.shape] for stage in layers]
        row["made"] = round(time.perf_counter() - start, 1)
        start = time.perf_counter()
        nodes = network.graph.nodes
        row["nodes"] = len(nodes)
        row["traced"] = round(time.perf_counter() - start, 1)
    except Exception as error:
        row["broken"] = f"{type(error).__name__}: {error}"
        row["where"] = traceback.format_exc()
        if "layers" not in locals():
            return row
    for name, trial in TRIALS.items():
        start = time.perf_counter()
        try:
            row[name] = trial(network, layers)
        except Exception as error:
            row[name] = f"{type(error).__name__}: {error}"[:600]
            if not hasattr(error, "problems") and "interpret.errors" not in repr(type(error)):
                row[f"{name} where"] = traceback.format_exc()[-1500:]
        row[f"{name} s"] = round(time.perf_counter() - start, 1)
    return row


def main(source: str, out: str, names: list[str]) -> None:
    torch.set_num_threads(1)
    done = (
        {json.loads(line)["network"] for line in Path(out).read_text().splitlines()}
        if Path(out).exists()
        else set()
    )

    def late(*_: object) -> None:
        raise TimeoutError("too slow")

    signal.signal(signal.SIGALRM, late)
    for specimen in ALL.values():
        if specimen.source == source and specimen.name not in done and (not names or specimen.arch in names):
            signal.alarm(LIMIT)
            try:
                row = attempt(specimen)
            except TimeoutError as error:
                row = {"network": specimen.name, "broken": str(error)}
            signal.alarm(0)
            with Path(out).open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(
                row["network"],
                {k: v for k, v in row.items() if "where" not in k and k not in ("network", "stages")},
                flush=True,
            )
            gc.collect()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
