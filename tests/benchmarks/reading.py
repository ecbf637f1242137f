"""Reading pictures in order through each dataset, beside the library that has the same files."""

import io
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import datasets
import numpy as np
import webdataset
from PIL import Image
from table import Row, interleaved
from torchvision.datasets import ImageFolder

import interpret

COUNT, SIZE, REPEATS = 300, (500, 375), 7


def rows() -> Iterator[Row]:
    """One row for each dataset; every picture is decoded to RGB."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        write(folder)
        for dataset, path, peer, theirs in peers(folder):
            images = interpret.load_dataset(dataset, path=path)
            ours, taken = interleaved(lambda: count(images), lambda: count(theirs()), REPEATS)  # noqa: B023
            work = f"{COUNT} pictures of {SIZE[0]} x {SIZE[1]}, {dataset}"
            yield Row(work, peer, ours, taken, ours / taken, "<= 1.15")


def count(samples: Iterable[object]) -> None:
    """Read everything, and keep nothing."""
    assert sum(1 for _ in samples) == COUNT


def peers(folder: Path) -> Iterator[tuple[str, str, str, Callable[[], Iterable[object]]]]:
    """The dataset, its path, and what reads the same files."""
    pictures = ImageFolder(str(folder / "folder"))
    yield "folder", str(folder / "folder"), "torchvision's ImageFolder", lambda: (item for item in pictures)
    tars = sorted(map(str, folder.glob("tar/*.tar")))
    yield (
        "webdataset",
        str(folder / "tar"),
        "webdataset",
        lambda: webdataset.WebDataset(tars, shardshuffle=False).decode("pil").to_tuple("jpg", "cls"),
    )
    table = datasets.load_dataset(
        "parquet", data_dir=str(folder / "parquet"), cache_dir=str(folder / "cache")
    )
    yield "parquet", str(folder / "parquet"), "datasets", lambda: table["train"]
    saved = datasets.load_from_disk(str(folder / "saved"))
    yield "hf", str(folder / "saved"), "datasets", lambda: saved


def write(folder: Path) -> None:
    """The same pictures as files, shards, a table and a saved data set."""
    content = [jpeg(index) for index in range(COUNT)]
    (folder / "tar").mkdir()
    (folder / "parquet").mkdir()
    for label in range(10):
        (folder / "folder" / str(label)).mkdir(parents=True)
    with webdataset.ShardWriter(str(folder / "tar" / "%03d.tar"), maxcount=500, verbose=0) as writer:
        for index, data in enumerate(content):
            writer.write({"__key__": f"{index:05d}", "jpg": data, "cls": index % 10})
            (folder / "folder" / str(index % 10) / f"{index:05d}.jpg").write_bytes(data)
    columns = {
        "image": [{"bytes": data, "path": None} for data in content],
        "label": [*range(10)] * (COUNT // 10),
    }
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(10)})
    table = datasets.Dataset.from_dict(columns, features=features)
    table.to_parquet(folder / "parquet" / "train.parquet")
    table.save_to_disk(folder / "saved")


def jpeg(index: int) -> bytes:
    """A picture as large as those of ImageNet, with edges and plain areas."""
    small = np.random.default_rng(index).integers(0, 256, (75, 100, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(small).resize(SIZE, Image.Resampling.BICUBIC).save(file, "jpeg", quality=90)
    return file.getvalue()
