"""What merging costs at scale: shards of random exemplars, joined as the run of a pipeline joins them.

``python tests/benchmarks/merging.py --shards 10000 --units 4000``: seconds, and what memory it took. Shards
are made where a run reads them; reading is timed on a hundred that are stored.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import torch

from interpret.results import load
from interpret.run.merging import merge_shards
from interpret_topk import Exemplars
from interpret_topk.maxima import no_maxima
from interpret_topk.probe import TopK
from interpret_topk.results import LayerExemplars

IMAGES, K = 256, 9


def shard(number: int, units: int) -> Exemplars:
    """What one shard of 256 images may have found."""
    draw = torch.Generator().manual_seed(number)
    image = torch.rand(units, IMAGES, generator=draw).topk(K).indices + number * IMAGES
    layer = LayerExemplars(
        torch.rand(units, K, generator=draw).sort(1, descending=True).values,
        image,
        torch.randint(0, 28, (units, K, 2), generator=draw),
        torch.zeros(units, dtype=torch.int64),
        no_maxima(units, torch.device("cpu")),
    )
    ids = {str(place): f"n{place:09d}.jpg" for place in sorted(set(image.flatten().tolist()))}
    return Exemplars({"layer": layer}, ids, (), IMAGES)


def peak() -> float:
    """The most memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def reading(units: int, count: int = 100) -> float:
    """Seconds to read a stored shard, checksum and all."""
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder, str(number)) for number in range(count)]
        for number, place in enumerate(places):
            shard(number, units).save(place)
        started = perf_counter()
        for place in places:
            load(place)
        return (perf_counter() - started) / count


def timed_shards(count: int, units: int, spent: list[float]) -> Iterator:
    """Functions that make the shards; how long that takes is added up."""

    def make(number: int) -> Exemplars:
        started = perf_counter()
        found = shard(number, units)
        spent[0] += perf_counter() - started
        return found

    return (lambda number=number: make(number) for number in range(count))


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=int, default=1000)
    parser.add_argument("--units", type=int, default=4000)
    asked = parser.parse_args()
    read, spent = reading(asked.units), [0.0]
    before, started = peak(), perf_counter()
    found = merge_shards(TopK(), list(timed_shards(asked.shards, asked.units, spent)))
    seconds = perf_counter() - started - spent[0]
    print(
        f"{asked.shards:,} shards, {asked.units:,} units, {found.count:,} images: joined in {seconds:.0f} s, "
        f"{1000 * seconds / asked.shards:.1f} ms each; reading them {1000 * read:.1f} ms each; "
        f"memory {peak() - before:,.0f} MiB above {before:,.0f}"
    )


if __name__ == "__main__":
    main()
