"""What merging costs at scale: shards of random exemplars, joined as the run of a pipeline joins them.

``python tests/benchmarks/merging.py --shards 10000 --units 4000``: seconds, and what memory it took. A few
shards are stored. Each shard of the simulation is one of them, read with its checksum as any is, with its
units in another order and its images counted on: that is quick, and no unit has equal values in two shards.
Seconds are those of one core, which other work on the machine does not change much.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import NamedTuple, cast

import torch

from interpret.results import load
from interpret_topk import Exemplars
from interpret_topk.maxima import no_maxima
from interpret_topk.probe import TopK
from interpret_topk.results import LayerExemplars

IMAGES, K, STORED = 256, 9, 16


class Merge(NamedTuple):
    """What a merge took.

    Attributes:
        shards: So many.
        units: Of so many units.
        images: So many images were seen.
        seconds: Of reading and joining all.
        read: Seconds of that which reading and its checksums took.
        stored: Bytes of one shard on disk.
        saved: Seconds in which it was stored.
        memory: MiB that the process had at most, above what it had before.
    """

    shards: int
    units: int
    images: int
    seconds: float
    read: float
    stored: int
    saved: float
    memory: float


def merge(shards: int, units: int) -> Merge:
    """Merge so many shards of so many units."""
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder, str(number)) for number in range(STORED)]
        saved = sum(_saved(number, units, place) for number, place in enumerate(places)) / STORED
        stored = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file()) // STORED
        source, before, started = _Source(places), peak(), process_time()
        found = cast(Exemplars, TopK().merge_all(map(source.shard, range(shards))))
        seconds = process_time() - started - source.moving
    return Merge(shards, units, found.count, seconds, source.reading, stored, saved, peak() - before)


def _saved(number: int, units: int, place: Path) -> float:
    made, started = shard(number, units), process_time()
    made.save(place)
    return process_time() - started


def shard(number: int, units: int) -> Exemplars:
    """What one shard of 256 images may have found."""
    draw = torch.Generator().manual_seed(number)
    layer = LayerExemplars(
        torch.rand(units, K, generator=draw).sort(1, descending=True).values,
        torch.rand(units, IMAGES, generator=draw).topk(K).indices,
        torch.randint(0, 28, (units, K, 2), generator=draw),
        torch.zeros(units, dtype=torch.int64),
        no_maxima(units, torch.device("cpu")),
    )
    return Exemplars({"layer": layer}, _ids(0), (), IMAGES)


def _ids(number: int) -> dict[str, str]:
    return {str(place): f"n{place:09d}.jpg" for place in range(number * IMAGES, (number + 1) * IMAGES)}


class _Source:
    """Reads stored shards, and makes others of them.

    Attributes:
        reading: Seconds that reading took so far.
        moving: Seconds that it took to make others of them.
    """

    def __init__(self, places: list[Path]) -> None:
        self.places, self.reading, self.moving = places, 0.0, 0.0

    def shard(self, number: int) -> Exemplars:
        """A shard by its number."""
        started = process_time()
        found = cast(Exemplars, load(self.places[number % STORED]))
        read = process_time()
        made = moved(found, number)
        self.reading += read - started
        self.moving += process_time() - read
        return made


def moved(found: Exemplars, number: int) -> Exemplars:
    """The stored shard as the one of that number: its units in another order, its images counted on."""
    layer, turn = found["layer"], number // STORED
    values, image, position = (tensor.roll(turn, 0) for tensor in (layer.values, layer.image, layer.position))
    layer = replace(layer, values=values, image=image + number * IMAGES, position=position)
    return replace(found, layers={"layer": layer}, ids=_ids(number))


def peak() -> float:
    """The most memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--shards", type=int, default=1000)
    parser.add_argument("--units", type=int, default=4000)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    took = merge(asked.shards, asked.units)
    print(
        f"{took.shards:,} shards ({took.stored / 1e6:.2f} MB), {took.units:,} units, {took.images:,} images "
        f"in {took.seconds:.0f} s, {1000 * took.seconds / took.shards:.1f} ms each, of which "
        f"{1000 * took.read / took.shards:.1f} ms reading; memory {took.memory:,.0f} MiB"
    )


if __name__ == "__main__":
    main()
