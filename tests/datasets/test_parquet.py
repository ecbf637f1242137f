"""Parquet files: what Hugging Face and pyarrow write, row by row, in any order, in little memory."""

import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import datasets
import fsspec
import pyarrow
import pyarrow.parquet
import pytest
import torch
from shard_fixtures import first_values, picture, png
from test_webdataset import Values, broken

import interpret
from interpret.errors import DatasetError, InterpretError
from interpret.testing import check_dataset
from interpret_datasets import Parquet
from interpret_datasets.shards import rows

NAMES = ["cat", "dog", "owl"]


def load(path, **parameters):
    return interpret.load_dataset("parquet", path=str(path), **parameters)


def hugging_face(count=12, first=0):
    features = datasets.Features(
        {
            "note": datasets.Value("string"),
            "photo": datasets.Image(),
            "kind": datasets.ClassLabel(names=NAMES),
        }
    )
    content = {
        "note": [f"n{index}" for index in range(first, first + count)],
        "photo": [{"bytes": png(index), "path": f"{index}.png"} for index in range(first, first + count)],
        "kind": [index % 3 for index in range(first, first + count)],
    }
    return datasets.Dataset.from_dict(content, features=features)


def write(path, row_group_size=4, **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.table(columns), path, row_group_size=row_group_size)
    return path


def pngs(count, first=0):
    return [png(index) for index in range(first, first + count)]


@pytest.fixture
def folder(tmp_path):
    """Two files of Hugging Face with three row groups each."""
    for part in range(2):
        hugging_face(6, 6 * part).to_parquet(tmp_path / f"train-{part:05d}-of-00002.parquet", batch_size=2)
    return tmp_path


def test_the_contract_of_a_dataset_is_kept(folder):
    check_dataset(Parquet(path=str(folder)), samples=12)


def test_rows_are_those_that_datasets_reads(folder):
    images = load(folder)
    theirs = datasets.load_dataset("parquet", data_dir=str(folder), cache_dir=str(folder / ".cache"))["train"]
    raw = theirs.cast_column("photo", datasets.Image(decode=False))
    for index in (11, 0, 5, 6, 3):
        assert images.read(index) == raw[index]["photo"]["bytes"]
        assert images[index].image.tobytes() == theirs[index]["photo"].convert("RGB").tobytes()
    assert list(images.labels) == theirs["kind"][:]
    assert images.categories == tuple(NAMES)
    assert images.ids[7] == "train-00001-of-00002/1"


def test_columns_are_found_by_type_and_name_or_said(tmp_path):
    path = write(tmp_path / "a.parquet", key=["x", "y"], jpg=pngs(2), mask=pngs(2, 5), label=[3, 4])
    images = load(path)
    assert (first_values(images), list(images.labels), list(images.ids)) == ([0, 1], [3, 4], ["a/0", "a/1"])
    images = load(path, image="mask", label="key", id="key")
    assert (first_values(images), list(images.labels), list(images.ids)) == ([5, 6], [0, 1], ["x", "y"])
    assert images.categories == ("x", "y")
    images = load(path, id="label", categories=list("abcd"))
    assert list(images.ids) == ["3", "4"]
    assert list(images.labels) == [3, None]
    with pytest.raises(DatasetError, match="Its label is 4, and labels count 4 categories from 0"):
        images[1]


@pytest.mark.parametrize("kind", [pyarrow.int8(), pyarrow.uint16(), pyarrow.int64()])
def test_labels_of_any_whole_numbers(tmp_path, kind):
    path = write(tmp_path / "a.parquet", image=pngs(3), label=pyarrow.array([2, None, 0], kind))
    assert list(load(path).labels) == [2, None, 0]


def test_columns_as_polars_writes_them(tmp_path):
    image = pyarrow.array(pngs(3)).cast(pyarrow.binary_view())
    label = pyarrow.array(["b", None, "a"]).cast(pyarrow.string_view())
    images = load(write(tmp_path / "a.parquet", image=image, label=label))
    assert (first_values(images), list(images.labels)) == ([0, 1, 2], [1, None, 0])


def test_a_dictionary_of_pictures(tmp_path):
    image = pyarrow.array([png(1), png(2), png(1)]).dictionary_encode()
    assert first_values(load(write(tmp_path / "a.parquet", image=image))) == [1, 2, 1]


def test_two_columns_of_one_name_are_refused(tmp_path):
    table = pyarrow.Table.from_arrays([pyarrow.array(pngs(1))] * 2, names=["image", "image"])
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(DatasetError, match="has two columns 'image'"):
        load(tmp_path / "a.parquet")


def test_a_column_of_labels_that_are_none_is_told_of(tmp_path, caplog):
    images = load(write(tmp_path / "a.parquet", image=pngs(2), labels=[[1, 2], [3]]))
    assert list(images.labels) == [None, None]
    assert "no labels, since the column 'labels' (list<element: int64>) holds neither" in caplog.text


def test_labels_of_text_with_and_without_a_dictionary(tmp_path):
    text = pyarrow.array(["owl", "cat", None, "owl"])
    for name, column in (
        ("a", text),
        ("b", text.dictionary_encode()),
        ("c", text.cast(pyarrow.large_string())),
    ):
        images = load(write(tmp_path / f"{name}.parquet", image=pngs(4), label=column))
        assert (images.categories, list(images.labels)) == (("cat", "owl"), [1, 0, None, 1])


@pytest.mark.parametrize(
    ("columns", "parameters", "message"),
    [
        ({"a": [1]}, {}, r"No column holds bytes in .*It has a \(int64\)"),
        ({"a": [b"x"], "b": [b"y"]}, {}, r"Several columns hold bytes in .*a \(binary\), b \(binary\)"),
        ({"image": [b"x"]}, {"image": "photo"}, "no column 'photo'.*It has image .*dataset option 'image'"),
        ({"image": ["x.png"]}, {"image": "image"}, "'image' holds no files of pictures"),
        ({"image": [b"x"], "z": [0.5]}, {"label": "z"}, "'z' holds no labels.*dataset option 'label'"),
        (
            {"image": [b"x"], "label": ["a" * 300]},
            {},
            r"a\.parquet cannot be used\. The column 'label' holds texts of over 200 letters",
        ),
        ({"image": [b"x", b"y"], "id": ["1", "1"]}, {"id": "id"}, "Two images have the id '1'"),
        ({"image": pyarrow.array([], pyarrow.binary())}, {}, "has no rows"),
    ],
)
def test_mistakes_are_named_with_what_is_there(tmp_path, columns, parameters, message):
    path = write(tmp_path / "a.parquet", **columns)
    with pytest.raises(InterpretError, match=message):
        load(path, **parameters)


def test_rows_that_are_broken_are_listed(tmp_path):
    image = pyarrow.array([png(0), None, b"none", png(3), b""], pyarrow.binary())
    images = load(write(tmp_path / "a.parquet", image=image))
    found = broken(images)
    assert list(found) == ["a/1", "a/2", "a/4"]
    assert "no picture in its row" in found["a/1"]
    assert first_values(images.subset([0, 3])) == [0, 3]


def test_pictures_that_are_only_named_are_not_looked_for(tmp_path):
    features = datasets.Features({"image": datasets.Image(decode=False)})
    rows_ = datasets.Dataset.from_dict({"image": [{"bytes": None, "path": "/etc/passwd"}]}, features=features)
    path = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(rows_.data.table, path)
    assert "no picture in its row" in broken(load(path))["a/0"]


def test_a_file_of_several_that_cannot_be_read_is_one_broken_image(tmp_path):
    write(tmp_path / "a.parquet", image=pngs(2), label=[0, 1])
    (tmp_path / "b.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:-20])
    write(tmp_path / "c.parquet", photo=pngs(1))
    write(tmp_path / "d.parquet", image=pngs(1, 2), label=[2])
    images = load(tmp_path)
    assert list(images.ids) == ["a/0", "a/1", "b/0", "c/0", "d/0"]
    found = broken(images)
    assert list(found) == ["b/0", "c/0"]
    assert "has no column image or label: it has photo" in found["c/0"]
    assert first_values(images.subset([0, 1, 4])) == [0, 1, 2]
    with pytest.raises(DatasetError, match="cannot be read: ArrowInvalid"):
        load(tmp_path / "b.parquet")


def test_a_damaged_page_costs_its_rows_and_says_so_at_once(tmp_path):
    path = tmp_path / "a.parquet"
    table = pyarrow.table({"image": pngs(8)})
    pyarrow.parquet.write_table(table, path, row_group_size=4, compression="none", write_page_checksum=True)
    content = bytearray(path.read_bytes())
    place = content.index(png(5)) + 60
    content[place] ^= 1
    path.write_bytes(content)
    images = load(path)
    found = broken(images)
    assert [*found] == [f"a/{row}" for row in range(4, 8)]
    assert first_values(images.subset([0, 1, 2, 3])) == [0, 1, 2, 3]


def test_rows_before_a_damaged_page_are_read(tmp_path):
    path = tmp_path / "a.parquet"
    table = pyarrow.table({"image": pngs(40)})
    options = {"compression": "none", "use_dictionary": False, "write_page_checksum": True}
    options["write_statistics"] = False
    pyarrow.parquet.write_table(
        table, path, row_group_size=20, data_page_size=1, write_batch_size=3, **options
    )
    content = bytearray(path.read_bytes())
    content[content.index(png(30)) + 60] ^= 1
    path.write_bytes(content)
    images = load(path)
    found = broken(images)
    assert [*found] == [f"a/{row}" for row in range(29, 40)]  # pages of three rows, from 20 on
    assert first_values(images.subset(range(29))) == [*range(29)]


def test_a_file_that_changed_is_not_read_on(tmp_path):
    path = write(tmp_path / "a.parquet", image=pngs(4))
    images = load(path)
    write(path, image=pngs(4, 4))
    os.utime(path, ns=(1, 1))
    with pytest.raises(InterpretError, match="has changed since it was opened") as caught:
        images[0]
    assert not isinstance(caught.value, DatasetError)  # no step passes over it


def test_every_order_gives_the_same_rows_in_little_memory(tmp_path, monkeypatch):
    """Row groups are larger than what is kept, and few rows are decoded at a time."""
    size = len(png(0))
    monkeypatch.setattr(rows, "KEPT", 5 * (size + rows.ROOM))
    monkeypatch.setattr(rows, "PIECE", 3 * size)
    for number in range(6):
        write(tmp_path / f"{number}.parquet", 16, image=pngs(40, 40 * number))
    images = load(tmp_path)
    order = torch.randperm(240, generator=torch.Generator().manual_seed(0)).tolist()
    for index in [*range(240), *reversed(range(240)), *order]:
        assert images.read(index) == png(index)
        assert images.cells._open.kept.size <= 6 * (size + rows.ROOM)
    tables = images.cells._open.tables.held
    assert 0 < len(tables) <= rows.OPEN
    assert all(0 < len(table.cursors.held) <= rows.GROUPS for table in tables.values())


def test_files_take_turns(tmp_path):
    """A row group goes on where it was read, however many other files were opened since."""
    for number in range(7):
        write(tmp_path / f"{number}.parquet", 70, image=pngs(140, 140 * number))
    images = load(tmp_path)
    for turn in range(0, 140, 35):
        for number in (0, 1, 2, 0, 3, 4, 0, 5, 6, 0):
            index = 140 * number + turn
            assert images.read(index) == png(index)
            assert images.read(index + 34) == png(index + 34)


def test_reading_in_order_decodes_each_row_once(tmp_path, monkeypatch):
    images = load(write(tmp_path / "a.parquet", 50, image=pngs(100)))
    pieces = []
    original = rows._bytes_of
    monkeypatch.setattr(rows, "_bytes_of", lambda column: pieces.append(len(column)) or original(column))
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(images.read, range(100))) == pngs(100)
    assert sum(pieces) == 100


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts the files that Linux says are open")
def test_few_files_stay_open(tmp_path):
    for number in range(40):
        write(tmp_path / f"{number}.parquet", image=pngs(2, 2 * number))
    before = len(list(Path("/proc/self/fd").iterdir()))
    images = load(tmp_path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(images.read, range(80))) == pngs(80)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + rows.OPEN


@pytest.mark.parametrize("context", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_other_processes_read_the_same(folder, context):
    images = load(folder)
    assert images.read(3) == png(3)  # files are open when the other process begins
    assert first_values(pickle.loads(pickle.dumps(images))) == [*range(12)]
    loader = torch.utils.data.DataLoader(
        Values(images), batch_size=None, num_workers=2, multiprocessing_context=context
    )
    assert list(loader) == [*range(12)]
    assert first_values(images) == [*range(12)]


def test_the_fingerprint_is_that_of_content_names_and_settings(folder, tmp_path):
    known = load(folder).fingerprint()
    copies = tmp_path / "copies"
    copies.mkdir()
    for file in folder.glob("*.parquet"):
        (copies / file.name).write_bytes(file.read_bytes())
    assert load(copies).fingerprint() == known
    others = [load(copies, limit=3), load(copies, id="note"), load(copies, categories=list("abc"))]
    hugging_face(6, 7).to_parquet(copies / "train-00001-of-00002.parquet")
    others.append(load(copies))
    assert len({known, *(images.fingerprint() for images in others)}) == 1 + len(others)


def test_limits_and_splits(folder):
    assert list(load(folder, limit=3).ids) == [
        "train-00000-of-00002/0",
        "train-00000-of-00002/4",
        "train-00001-of-00002/2",
    ]
    hugging_face(1).to_parquet(folder / "test-00000-of-00001.parquet")
    with pytest.raises(
        DatasetError, match=r"several splits: test, train\. Say which: path: .*/test\*\.parquet"
    ):
        load(folder)
    assert len(load(f"{folder}/test*.parquet")) == 1


def test_files_in_memory_are_those_on_the_disk(folder):
    system = fsspec.filesystem("memory")
    for file in folder.glob("*.parquet"):
        system.pipe(f"/bucket/{file.name}", file.read_bytes())
    try:
        local, images = load(folder), load("memory://bucket")
        assert list(images.ids) == list(local.ids)
        assert [images.read(index) for index in (11, 0, 5)] == [local.read(index) for index in (11, 0, 5)]
        assert images.fingerprint() == load("memory://bucket/*.parquet").fingerprint()
    finally:
        system.store.clear()


def test_a_file_that_claims_more_rows_than_it_can_have_is_refused(tmp_path):
    nulls = pyarrow.array([None] * 2_000_000, pyarrow.binary())
    path = write(tmp_path / "a.parquet", 2_000_000, image=nulls)
    with pytest.raises(DatasetError, match=r"claims 2,000,000 rows in [\d,]+ bytes"):
        load(path)


def test_a_picture_of_many_rows_is_decoded_few_rows_at_a_time(tmp_path):
    """One large value that a dictionary names 500 times would take 200 MB if it were decoded at once."""
    value = png(1) + b"\0" * 400_000
    column = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 500), pyarrow.array([value]))
    path = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"image": column}), path, store_schema=False)
    assert path.stat().st_size < 2_000_000
    pool = pyarrow.default_memory_pool()
    most = pool.max_memory()
    images = load(path)
    assert images.read(499) == value
    assert pool.max_memory() < max(most, 80_000_000)
    assert images.cells._open.kept.size < 2 * rows.KEPT


def test_picture_is_upright_rgb(tmp_path):
    images = load(write(tmp_path / "a.parquet", image=pngs(1)))
    assert images[0].image.tobytes() == picture(0).tobytes()
