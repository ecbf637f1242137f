"""Memory and open files do not grow with the pictures: 10,000 and 100,000, in processes of their own."""

import json
import subprocess
import sys
from pathlib import Path

import datasets
import pyarrow
import pyarrow.parquet
import pytest
from shard_fixtures import jpeg, write_tar

READ = """
import json, sys, threading
from pathlib import Path
from concurrent.futures import ThreadPoolExecutor
import interpret

def said(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key))

name, path = sys.argv[1:]
few = interpret.load_dataset(name, path=path, limit=10)
few.fingerprint(), [few[index] for index in range(10)]
before = said("RssAnon")
images = interpret.load_dataset(name, path=path)
opened = said("RssAnon")
most = 0
with ThreadPoolExecutor(4) as pool:
    for start in range(0, len(images), 1000):
        for sample in pool.map(images.__getitem__, range(start, start + 1000)):
            assert sample.label is not None
        most = max(most, said("RssAnon"))
files = len(list(Path("/proc/self/fd").iterdir()))
print(json.dumps({"images": len(images), "open": opened - before, "read": most - before, "files": files}))
"""


def tar(folder, count):
    for shard in range(count // 1000):
        pairs = ((f"{index:05d}.{end}", content) for index in range(1000) for end, content in member(index))
        write_tar(folder / f"{shard:04d}.tar", pairs)


def member(index):
    yield "jpg", jpeg(index % 50)
    yield "cls", str(index % 10).encode()


def parquet(folder, count):
    folder.mkdir()
    for file in range(count // 10_000):
        columns = {"image": [jpeg(index % 50) for index in range(10_000)], "label": [*range(10)] * 1000}
        pyarrow.parquet.write_table(
            pyarrow.table(columns), folder / f"{file}.parquet", row_group_size=100, use_dictionary=False
        )


def hf(folder, count):
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(10)})
    content = {
        "image": [{"bytes": jpeg(index % 50), "path": None} for index in range(count)],
        "label": [*range(10)] * (count // 10),
    }
    datasets.Dataset.from_dict(content, features=features).save_to_disk(folder)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux for the memory of a process")
@pytest.mark.parametrize(
    ("name", "write", "most_files"), [("webdataset", tar, 12), ("parquet", parquet, 20), ("hf", hf, 30)]
)
def test_memory_and_open_files_stay(name, write, most_files, tmp_path):
    found = {}
    for count in (10_000, 100_000):
        write(tmp_path / str(count), count)
        printed = subprocess.run(
            [sys.executable, "-c", READ, name, str(tmp_path / str(count))], capture_output=True, check=True
        )
        found[count] = json.loads(printed.stdout.splitlines()[-1])
    print(name, found)
    assert [one["images"] for one in found.values()] == [10_000, 100_000]
    assert found[100_000]["read"] - found[10_000]["read"] < 40_000  # kB: 90,000 pictures of 1 kB take 90 MB
    assert all(one["files"] <= most_files for one in found.values())
