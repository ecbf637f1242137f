"""Mutated shards, tables and indexes: each is read, or refused as the user's mistake, picture by picture."""

from __future__ import annotations

import io
import sys
import tarfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interpret.errors import DatasetError, InterpretError
from interpret_datasets import Parquet, WebDataset
from interpret_datasets.shards.braces import MOST, expand

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "datasets"))
from fuzzing import MANY, SAMPLE, edited, read_or_refused
from shard_fixtures import members, png


@cache
def shards() -> list[bytes]:
    """A shard in each format that Python writes, with long names and labels of both kinds."""
    found = []
    for kind in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w", format=kind) as tar:
            for name, content in (*members(3), ("é" * 40 + ".png", png(3)), ("d/e.json", b'{"label": "x"}')):
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        found.append(file.getvalue())
    return found


@cache
def tables() -> list[bytes]:
    """Plain columns and structs, compressed and not, with a dictionary and without."""
    found = []
    image = pyarrow.array([png(index) for index in range(6)])
    struct = pyarrow.StructArray.from_arrays([image, pyarrow.array(["x"] * 6)], ["bytes", "path"])
    for column in (image, struct):
        for compression in ("none", "zstd"):
            file = io.BytesIO()
            table = pyarrow.table({"image": column, "label": list("ababac")})
            pyarrow.parquet.write_table(table, file, row_group_size=4, compression=compression)
            found.append(file.getvalue())
    return found


def read_all(images: object) -> None:
    """Every picture; what cannot be read says so."""
    for index in range(min(len(images), 20)):  # type: ignore[arg-type]
        with suppress(InterpretError):
            images[index]  # type: ignore[index]


def read_shard(data: bytes, folder: Path) -> None:
    (folder / "x.tar").write_bytes(data)
    read_all(WebDataset(path=str(folder)).open())


def read_table(data: bytes, folder: Path) -> None:
    (folder / "x.parquet").write_bytes(data)
    read_all(Parquet(path=str(folder)).open())


TARGETS = {"shard": (shards, read_shard), "table": (tables, read_table)}


def trial(name: str, data: bytes) -> None:
    with TemporaryDirectory() as folder:
        read_or_refused(lambda: TARGETS[name][1](data, Path(folder)))


@pytest.mark.parametrize("name", TARGETS)
def test_a_sample(name: str) -> None:
    @settings(SAMPLE, max_examples=60)
    @given(st.sampled_from(TARGETS[name][0]()).flatmap(edited))
    def run(data: bytes) -> None:
        trial(name, data)

    run()


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_many(name: str) -> None:
    @settings(MANY, max_examples=5000)
    @given(st.sampled_from(TARGETS[name][0]()).flatmap(edited))
    def run(data: bytes) -> None:
        trial(name, data)

    run()


@settings(SAMPLE, max_examples=200)
@given(st.text("{},.0159-ab/*", max_size=14))
def test_braces_end(path: str) -> None:
    with suppress(DatasetError):  # of too many
        assert 1 <= len(expand(path)) <= MOST
