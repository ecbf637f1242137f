"""What keeps a part of its weights in each process is refused, with a cure that works."""

from __future__ import annotations

import sys
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.mark.filterwarnings("ignore")
def test_weights_in_parts_are_refused(fork: Callable[..., BaseProcess], tmp_path: Path) -> None:
    """``fully_shard`` and ``FullyShardedDataParallel``, in two processes."""
    from sharded import refusals  # noqa: PLC0415 - on the path since the import of this file

    processes = [fork(refusals, tmp_path, rank) for rank in range(2)]
    for process in processes:
        process.join(120)
    for name, said in {"spread": "are spread over processes", "flat": "keeps a part of the weights"}.items():
        for rank in range(2):
            found = (tmp_path / f"{name}-{rank}").read_text()
            assert said in found
            assert found.endswith("True"), "the cure"
