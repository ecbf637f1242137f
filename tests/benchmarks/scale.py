"""What large datasets would take: costs measured here, projected to GPUs that are not here.

``python tests/benchmarks/scale.py`` prints the tables of ``docs/scale.md`` (some minutes); ``--shards 10000``
merges as many as a run has at most. What is not measured is an assumption, and stands here as a constant.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from costs import SHARDS, UNITS, Costs, measure
from history import machine

from interpret.plugin import shard_grid

CORES = 8
"""Cores for each GPU, each as fast as the measured one, and busy: `--readers 8`."""

SHARE = 0.5
"""Of the rate of a forward pass that mining reaches on a GPU: every map is read once more."""

DISK = 2e9
"""Bytes a second of one machine's own disk."""

NETWORK = 3e9
"""Bytes a second between one machine and an object store: 25 Gbit/s."""

STREAM = 1e8
"""Bytes a second of one file that is read from an object store from its beginning to its end."""

ANSWER = 0.03
"""Seconds until an object store answers."""

READERS = 16
"""Pictures that one worker asks for at a time beside a GPU (`interpret.network.readers`)."""

STREAMS, BATCH = 4, 32
"""Files that are gone through at a time (`interpret_datasets.shards`); images in a batch."""

PER_MACHINE = 8
"""GPUs of one machine."""

GPU = {"ResNet-18": 18247.0, "ResNet-50": 5088.0, "ConvNeXt-T": 4845.0, "VGG-16": 2905.0}
"""Images a second of a forward pass on an RTX 4090 (mixed precision, channels last, batches of 512).

Published by timm: ``results/benchmark-infer-amp-nhwc-pt240-cu124-rtx4090.csv``.
"""

GPUS = (1, 8, 64)


class Data(NamedTuple):
    """A dataset: how many images, bytes of one, and whether they are as small as thumbnails."""

    name: str
    images: int
    bytes: float
    small: bool


DATA = (
    Data("ImageNet-1k", 1_281_167, 138e9 / 1_281_167, small=False),
    Data("ImageNet-21k", 14_197_122, 1.31e12 / 14_197_122, small=False),
    Data("LAION-400M", 413_000_000, 27e3, small=True),
)


def rates(costs: Costs, data: Data, network: str, gpus: int) -> dict[str, float]:
    """Images a second of each thing that all images have to pass."""
    machines = -(-gpus // PER_MACHINE)
    decoded = costs.thumbnail if data.small else costs.photograph
    return {
        "network": gpus * GPU[network] * SHARE,
        "decode": gpus * CORES / decoded,
        "disk": machines * DISK / data.bytes,
        "bandwidth": machines * NETWORK / data.bytes,
        "requests": gpus * READERS / ANSWER,
    }


LOCAL, REMOTE = ("network", "decode", "disk"), ("network", "decode", "bandwidth", "requests")


def slowest(found: dict[str, float], passed: Sequence[str]) -> tuple[str, float]:
    """What saturates first, and how many images a second it lets pass."""
    name = min(passed, key=found.__getitem__)
    return name, found[name]


def once(costs: Costs, data: Data) -> dict[str, float]:
    """Seconds of what one process does by itself, before and after the images."""
    size, shards = data.images * data.bytes, len(shard_grid(data.images, BATCH))
    return {
        "list the files of a folder": data.images * costs.listed,
        "read all bytes to know them, local files": size / min(DISK, CORES * costs.hashed),
        "a later run: see that no file of a folder has changed": data.images
        * (costs.looked_at + costs.remembered),
        "go through tar shards, local": data.images * costs.indexed,
        "go through tar shards, URL": size / (STREAMS * STREAM),
        "a worker: read the stored indexes of tar shards": data.images * costs.reopened,
        "merge": shards * costs.merge.seconds / costs.merge.shards,
    }


def tables(costs: Costs) -> Iterator[str]:
    """Every table, as Markdown."""
    here = machine()
    yield f"{here.processor}, one of {os.cpu_count()} cores.\n"
    yield from _table(("one image, one core", "ms"), _costs(costs))
    yield from _table(("network", "forward, ms", "mining, ms", "mining / forward"), _networks(costs))
    yield from _table(("images a second", *(f"{gpus} GPU" for gpus in GPUS), "passed by"), _passed(costs))
    yield from _table(("dataset, network", *(f"{gpus} GPU" for gpus in GPUS)), _hours(costs))
    heads = ("dataset", "images in a shard", "shards", "all shards", "memory of a process", "with `folder`")
    yield from _table(heads, _sizes(costs))
    yield from _table(("one process, once", *(data.name for data in DATA)), _once(costs))


def _costs(costs: Costs) -> Iterator[tuple[str, ...]]:
    yield "read, decode, scale a photograph of 500 x 375", f"{1000 * costs.photograph:.2f}"
    yield "the same of 256 x 256", f"{1000 * costs.thumbnail:.2f}"
    yield "store what was found (a shard of 256 images, 4,000 units)", f"{1000 * costs.merge.saved / 256:.3f}"
    yield "merge it (the same)", f"{1000 * costs.merge.seconds / costs.merge.images:.3f}"
    yield "go through a tar shard, once", f"{1000 * costs.indexed:.3f}"
    yield "the same, once its index is stored", f"{1000 * costs.reopened:.4f}"
    yield "find its file in a folder", f"{1000 * costs.listed:.4f}"
    yield "see that its file has not changed", f"{1000 * costs.looked_at:.4f}"
    yield "hash its 100 kB, once", f"{1000 * 1e5 / costs.hashed:.3f}"


def _networks(costs: Costs) -> Iterator[tuple[str, ...]]:
    for name, (forward, mining) in costs.networks.items():
        yield name, f"{1000 * forward:.1f}", f"{1000 * mining:.1f}", f"{mining / forward:.2f}"


def _passed(costs: Costs) -> Iterator[tuple[str, ...]]:
    """The rate of each thing for photographs, and which network feeds on it."""
    photographs = DATA[0]
    for network in GPU:
        yield (
            f"mining {network}",
            *(_many(rates(costs, photographs, network, gpus)["network"]) for gpus in GPUS),
            "all",
        )
    names = {
        "decode": "decoding photographs",
        "disk": "disk of each machine",
        "bandwidth": "25 Gbit/s to an object store",
        "requests": "one request a picture, 16 at a time for each GPU",
    }
    for name, text in names.items():
        passed = "all" if name == "decode" else "local files" if name == "disk" else "URLs"
        yield text, *(_many(rates(costs, photographs, "VGG-16", gpus)[name]) for gpus in GPUS), passed


def _hours(costs: Costs) -> Iterator[tuple[str, ...]]:
    for data in DATA:
        for network in ("ResNet-50", "VGG-16"):
            for where, passed in (("local", LOCAL), ("URL", REMOTE)):
                cells = []
                for gpus in GPUS:
                    name, rate = slowest(rates(costs, data, network, gpus), passed)
                    cells.append(f"{_time(data.images / rate)}, {name}")
                yield f"{data.name}, {network}, {where}", *cells


def _sizes(costs: Costs) -> Iterator[tuple[str, ...]]:
    for data in DATA:
        grid, memory = shard_grid(data.images, BATCH), costs.memory
        tar, folder = memory["webdataset"], memory["folder"] + memory["hashes of files"]
        yield (
            data.name,
            f"{len(grid[0]):,}",
            f"{len(grid):,}",
            _bytes(len(grid) * costs.merge.stored),
            _bytes(data.images * tar),
            _bytes(data.images * folder),
        )


def _once(costs: Costs) -> Iterator[tuple[str, ...]]:
    found = [once(costs, data) for data in DATA]
    for name in found[0]:
        yield name, *(_time(each[name]) for each in found)


def _table(heads: Sequence[str], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _bytes(size: float) -> str:
    return f"{size / 1e9:.{0 if size >= 1e10 else 1}f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def _many(rate: float) -> str:
    return f"{float(f'{rate:.2g}'):,.0f}"


def _time(seconds: float) -> str:
    """Seconds, minutes, hours or days, with two digits."""
    for unit, length in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.{0 if seconds >= 10 * length else 1}f} {unit}"
    return f"{seconds:.0f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--shards", type=int, default=SHARDS, help=f"shards of {UNITS:,} units that are merged"
    )
    for line in tables(measure(parser.parse_args().shards)):
        print(line)


if __name__ == "__main__":
    main()
