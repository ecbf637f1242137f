"""Reading pictures in order through each dataset, beside the library that has the same files."""

import io
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import datasets
import numpy as np
import webdataset
from PIL import Image
from table import Row, interleaved
from torchvision.datasets import ImageFolder

import interpret

CASES = ("folder", "webdataset", "parquet", "hf")
COUNT, SIZE, REPEATS = 300, (500, 375), 7


def measured(case: str) -> Iterator[Row]:
    """One row; every picture is decoded to RGB."""
    datasets.disable_progress_bars()
    with TemporaryDirectory() as name:
        folder = Path(name)
        path, peer, theirs = WRITERS[case](folder, content())
        images = interpret.load_dataset(case, path=str(path))
        ours, taken = interleaved(lambda: count(images), lambda: count(theirs()), REPEATS)
        work = f"{COUNT} pictures of {SIZE[0]} x {SIZE[1]}, {case}"
        yield Row(work, peer, ours, taken, ours / taken, "<= 1.3")


def count(samples: Iterable[object]) -> None:
    """Read everything, and keep nothing."""
    assert sum(1 for _ in samples) == COUNT


Written: TypeAlias = tuple[Path, str, Callable[[], Iterable[object]]]
"""Where the pictures are, and what else reads them."""


def folder_of(folder: Path, pictures: list[bytes]) -> Written:
    """The pictures as files, ten categories of them."""
    for index, data in enumerate(pictures):
        place = folder / str(index % 10) / f"{index:05d}.jpg"
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(data)
    files = ImageFolder(str(folder))
    return folder, "torchvision's ImageFolder", lambda: (item for item in files)


def shards_of(folder: Path, pictures: list[bytes]) -> Written:
    """The pictures in tar shards."""
    with webdataset.ShardWriter(str(folder / "%03d.tar"), maxcount=500, verbose=0) as writer:
        for index, data in enumerate(pictures):
            writer.write({"__key__": f"{index:05d}", "jpg": data, "cls": index % 10})
    tars = sorted(map(str, folder.glob("*.tar")))

    def read() -> Iterable[object]:
        return webdataset.WebDataset(tars, shardshuffle=False).decode("pil").to_tuple("jpg", "cls")

    return folder, "webdataset", read


def parquet_of(folder: Path, pictures: list[bytes]) -> Written:
    """The pictures in a table."""
    (folder / "table").mkdir()
    table_of(pictures).to_parquet(folder / "table" / "train.parquet")
    cached = str(folder / "cache")
    table = datasets.load_dataset("parquet", data_dir=str(folder / "table"), cache_dir=cached)
    return folder / "table", "datasets", lambda: table["train"]


def saved_of(folder: Path, pictures: list[bytes]) -> Written:
    """The pictures in a saved data set."""
    table_of(pictures).save_to_disk(folder / "saved")
    saved = datasets.load_from_disk(str(folder / "saved"))
    return folder / "saved", "datasets", lambda: saved


WRITERS = {"folder": folder_of, "webdataset": shards_of, "parquet": parquet_of, "hf": saved_of}


def table_of(pictures: list[bytes]) -> datasets.Dataset:
    """The pictures as the library of Hugging Face has them."""
    columns = {
        "image": [{"bytes": data, "path": None} for data in pictures],
        "label": [*range(10)] * (len(pictures) // 10),
    }
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(10)})
    return datasets.Dataset.from_dict(columns, features=features)


@cache
def content() -> list[bytes]:
    """The pictures."""
    return [jpeg(index) for index in range(COUNT)]


def jpeg(index: int) -> bytes:
    """A picture as large as those of ImageNet, with edges and plain areas."""
    small = np.random.default_rng(index).integers(0, 256, (75, 100, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(small).resize(SIZE, Image.Resampling.BICUBIC).save(file, "jpeg", quality=90)
    return file.getvalue()
