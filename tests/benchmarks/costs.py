"""What one image costs here, on one thread: decoded, put through networks, stored, merged, known."""

from __future__ import annotations

import io
import tarfile
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from statistics import median
from time import process_time
from typing import NamedTuple

import merging
import mining
import torch
from PIL import Image
from reading import jpeg
from torchvision import models

import interpret
from interpret.files import content_hashes, is_settled, write_sealed
from interpret.files.contents import remembering
from interpret.images import Images
from interpret.network import wrap
from interpret.run.cache import working_in
from interpret_datasets.folder import FolderImages
from interpret_topk import mine

NETWORKS = ("alexnet", "squeezenet1_1", "resnet18", "resnet50", "vgg16", "convnext_tiny")
COUNT, BATCH, REPEATS = 32, 16, 3
SHARDS, UNITS = 640, 4000


class Network(NamedTuple):
    """Seconds of one image in a network: a forward pass, and mining of all convolutions."""

    forward: float
    mining: float


class Costs(NamedTuple):
    """What was measured.

    Attributes:
        photograph: Seconds in which one of 500 x 375 is read, decoded, and made what a network takes.
        thumbnail: The same of one of 256 x 256.
        networks: By name.
        merge: What merging took.
        hashed: Bytes a second that are hashed, on one thread.
        looked_at: Seconds of looking whether a file has changed since it was hashed.
        remembered: Seconds of reading a hash that an earlier run stored.
        listed: Seconds of one file when a folder is listed.
        indexed: Seconds of one picture when a tar shard is gone through.
        reopened: The same once its index is stored: what each process takes.
        memory: Bytes of memory for one image, by what they are for.
    """

    photograph: float
    thumbnail: float
    networks: dict[str, Network]
    merge: merging.Merge
    hashed: float
    looked_at: float
    remembered: float
    listed: float
    indexed: float
    reopened: float
    memory: dict[str, float]


def measure(shards: int = SHARDS) -> Costs:
    """Measure everything; some minutes."""
    torch.set_num_threads(1)
    return Costs(
        _decoding(_photographs()),
        _decoding(_thumbnails()),
        {name: _network(name) for name in NETWORKS},
        merging.merge(shards, UNITS),
        *_knowing(),
        _remembering(),
        _listing(),
        *_indexing(),
        {"folder": _of_folder(), "hashes of files": _of_hashes(), "webdataset": _of_shards()},
    )


@cache
def _photographs() -> list[bytes]:
    return [jpeg(number) for number in range(COUNT)]


@cache
def _thumbnails() -> list[bytes]:
    return [_thumbnail(data) for data in _photographs()]


def _thumbnail(data: bytes) -> bytes:
    """A picture as those of LAION-400M are mostly stored: 256 x 256."""
    file = io.BytesIO()
    Image.open(io.BytesIO(data)).resize((256, 256)).save(file, "jpeg", quality=95)
    return file.getvalue()


def _written(folder: Path, pictures: Sequence[bytes]) -> Images:
    for number, data in enumerate(pictures):
        (folder / f"{number:05d}.jpg").write_bytes(data)
    return interpret.load_dataset("folder", path=str(folder))


def _decoding(pictures: Sequence[bytes]) -> float:
    """Seconds of one picture, from its file to the tensor."""
    network = wrap(models.get_model("alexnet").eval())
    with tempfile.TemporaryDirectory() as name:
        images = _written(Path(name), pictures)
        return _each(lambda: [network.preprocess(sample.image) for sample in images], len(images))


def _network(name: str) -> Network:
    """Of random images and weights, which take as long as real ones."""
    module = models.get_model(name, weights=None).eval()
    network, images = wrap(module), mining.pictures()[:COUNT]
    return Network(
        _each(lambda: mining.forward(module, images), COUNT),
        _each(lambda: mine(network, images, batch_size=BATCH), COUNT),
    )


def core_seconds(call: Callable[[], object]) -> float:
    """Seconds of one core that a call takes: other work on the machine does not change them much."""
    start = process_time()
    call()
    return process_time() - start


def _each(call: Callable[[], object], count: int) -> float:
    """Median seconds of one of so many; the first turn warms up."""
    return median([core_seconds(call) for _ in range(REPEATS + 1)][1:]) / count


def _knowing() -> tuple[float, float]:
    """Bytes a second that are hashed; seconds of a file that was hashed before."""
    size, many = 1 << 22, 2000
    with tempfile.TemporaryDirectory() as name:
        large = [Path(name, f"large{number}") for number in range(32)]
        small = [Path(name, f"{number:05d}.jpg") for number in range(many)]
        for file in large:
            file.write_bytes(bytes(size))
        for file in small:
            file.write_bytes(file.name.encode())
        rate = size * len(large) / core_seconds(lambda: content_hashes(large))
        content_hashes(small)
        return rate, core_seconds(lambda: content_hashes(small)) / many


def _hashes(many: int) -> dict[str, str]:
    return {f"{number:032x}": f"{number:032x}" for number in range(many)}


def _remembering(many: int = 200_000) -> float:
    """Seconds of one hash when those of an earlier run are read."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name, "hashes.json")
        write_sealed(place, {"hashes": _hashes(many)})
        with remembering(lambda: place, writes=False):
            return core_seconds(lambda: content_hashes([__file__])) / many


def _of_hashes(many: int = 200_000) -> float:
    """Bytes of memory for one hash that is remembered."""
    return _memory(lambda: _hashes(many)) / many


def _listing(many: int = 20_000) -> float:
    """Seconds of one file when a folder of categories is listed."""
    with tempfile.TemporaryDirectory() as name:
        for number in range(many):
            file = Path(name, f"n{number // 1000:08d}", f"n{number // 1000:08d}_{number}.JPEG")
            file.parent.mkdir(exist_ok=True)
            file.touch()
        return _each(lambda: interpret.load_dataset("folder", path=name), many)


def _indexing(many: int = 20_000) -> tuple[float, float]:
    """Seconds of one picture when a tar shard is opened: gone through, and with its index stored."""
    with tempfile.TemporaryDirectory() as name, working_in(Path(name, "work")):
        _shard(Path(name, "shard.tar"), many)
        _settle(Path(name, "shard.tar"))
        tars = str(Path(name, "*.tar"))
        found = [core_seconds(lambda: interpret.load_dataset("webdataset", path=tars)) for _ in range(2)]
    return found[0] / many, found[1] / many


def _settle(file: Path) -> None:
    """Wait until a later change of a file would surely be seen: before, what is known of it is not stored."""
    while not is_settled(file.stat(), time.time_ns()):
        time.sleep(0.01)


def _shard(file: Path, many: int) -> None:
    with tarfile.open(file, "w") as tar:
        for number in range(many):
            for ending, content in (("jpg", b"picture"), ("cls", b"1")):
                member = tarfile.TarInfo(f"{number:09d}.{ending}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


def _of_folder(many: int = 200_000) -> float:
    """Bytes of memory for one image: its path, its label."""

    def images() -> FolderImages:
        files = [f"n{number // 1300:08d}/n{number // 1300:08d}_{number}.JPEG" for number in range(many)]
        return FolderImages(Path(), files, [number // 1300 for number in range(many)], ("one",))

    return _memory(images) / many


def _of_shards(many: int = 100_000) -> float:
    """The same of a tar shard, once it was gone through."""
    with tempfile.TemporaryDirectory() as name:
        _shard(Path(name, "shard.tar"), many)
        interpret.load_dataset("webdataset", path=name)
        return _memory(lambda: interpret.load_dataset("webdataset", path=name)) / many


def _memory(make: Callable[[], object]) -> int:
    """Bytes that stay in memory as long as what was made is held."""
    tracemalloc.start()
    try:
        made = make()
        return tracemalloc.get_traced_memory()[0] if made else 0
    finally:
        tracemalloc.stop()
