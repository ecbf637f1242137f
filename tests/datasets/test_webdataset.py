"""Tar shards: what webdataset reads of them, one by one, in any order, and what is broken by name."""

import gzip
import io
import json
import os
import pickle
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import numpy as np
import pytest
import torch
import webdataset
from shard_fixtures import first_values, members, picture, png, write_tar

import interpret
from interpret.errors import DatasetError, InterpretError
from interpret.files import read_sealed, write_sealed
from interpret.network import batches
from interpret.run.cache import working_in
from interpret.testing import check_dataset, small_network
from interpret_datasets import WebDataset


def load(path, **parameters):
    return interpret.load_dataset("webdataset", path=path, **parameters)


@pytest.fixture
def shards(tmp_path):
    """Three shards of four samples, written by webdataset."""
    for shard in range(3):
        with webdataset.TarWriter(str(tmp_path / f"train-{shard:03d}.tar")) as writer:
            for index in range(4 * shard, 4 * shard + 4):
                notes = {"label": "odd" if index % 2 else "even", "more": {"species": index % 3}}
                writer.write(
                    {"__key__": f"{index:05d}", "png": picture(index), "cls": index % 3, "json": notes}
                )
    return tmp_path


def test_the_contract_of_a_dataset_is_kept(shards):
    check_dataset(WebDataset(path=str(shards)), samples=12)


def theirs_of(paths):
    """What webdataset yields; its own opener leaves the files open."""
    for path in paths:
        with path.open("rb") as stream:
            files = webdataset.tariterators.tar_file_expander([{"url": str(path), "stream": stream}])
            yield from webdataset.tariterators.group_by_keys(files)


def test_samples_are_those_that_webdataset_reads(shards):
    paths = f"{shards}/train-{{000..002}}.tar"
    images = load(paths)
    theirs = list(theirs_of(sorted(shards.glob("*.tar"))))
    assert list(images.ids) == [f"{Path(one['__url__']).stem}/{one['__key__']}" for one in theirs]
    assert [images.read(index) for index in range(len(images))] == [one["png"] for one in theirs]
    assert list(images.labels) == [int(one["cls"]) for one in theirs]
    decode = webdataset.autodecode.imagehandler("rgb8")
    for index, one in reversed(list(enumerate(theirs))):
        assert np.array_equal(np.asarray(images[index].image), decode("png", one["png"]))


@pytest.mark.parametrize(
    "path", ["{}", "{}/*.tar", "{}/train-{{000..002}}.tar", "{}/train-00{{0,1,2}}.tar", "file://{}/*.tar"]
)
def test_shards_are_named_in_many_ways(shards, path):
    images = load(path.format(shards))
    assert (len(images), images.ids[5], first_values(images)) == (12, "train-001/00005", [*range(12)])


def test_a_field_that_no_sample_has_is_refused(shards):
    with pytest.raises(DatasetError, match=r"says a label: looked in json, in JSON under 'nothing'\. Choose"):
        load(str(shards), label="json", field="nothing")


def test_paths_may_be_paths(shards):
    assert len(load(shards)) == len(load([shards / "train-000.tar", shards])) == 12


def test_a_list_of_shards_keeps_its_order_and_takes_each_once(shards):
    files = [str(shards / f"train-{number:03d}.tar") for number in (2, 0, 2)]
    assert first_values(load(files)) == [8, 9, 10, 11, 0, 1, 2, 3]


@pytest.mark.parametrize(
    ("parameters", "labels", "categories"),
    [
        ({}, [0, 1, 2, 0], ()),
        ({"label": "json"}, [0, 1, 0, 1], ("even", "odd")),
        ({"label": "json", "categories": ["odd", "even"]}, [1, 0, 1, 0], ("odd", "even")),
        ({"label": ".json", "field": "more.species"}, [0, 1, 2, 0], ()),
        ({"categories": ["a", "b", "c"]}, [0, 1, 2, 0], ("a", "b", "c")),
    ],
)
def test_labels_come_from_the_member_that_is_named(shards, parameters, labels, categories):
    images = load(str(shards / "train-000.tar"), **parameters)
    assert (list(images.labels), images.categories) == (labels, categories)


def test_names_of_classes_are_labels_and_a_file_gives_their_order(tmp_path):
    write_tar(tmp_path / "a.tar", members(4, label=["owl", "cat", "owl", "ape"].__getitem__))
    images = load(str(tmp_path / "a.tar"))
    assert (images.categories, list(images.labels)) == (("ape", "cat", "owl"), [2, 1, 2, 0])
    (tmp_path / "names.txt").write_text("owl\ncat\n\nape\n")
    images = load(str(tmp_path / "a.tar"), categories=str(tmp_path / "names.txt"))
    assert (images.categories, list(images.labels)) == (("owl", "cat", "ape"), [0, 1, 0, 2])
    few = load(str(tmp_path / "a.tar"), categories=["owls", "cat"])
    assert list(few.labels) == [None, 1, None, None]
    with pytest.raises(DatasetError, match=r"label 'owl' is none of the 2 categories. Did you mean 'owls'"):
        few[0]


def test_a_label_beyond_the_categories_is_named(tmp_path):
    write_tar(tmp_path / "a.tar", members(3))
    images = load(str(tmp_path / "a.tar"), categories=["one", "two"])
    assert list(images.labels) == [0, 1, None]
    with pytest.raises(
        DatasetError, match=r"a/00002 cannot be used. Its label is 2, and labels count 2 categories from 0"
    ):
        images[2]


def test_samples_whose_members_lie_apart_are_put_together(tmp_path):
    pairs = sorted(members(4), key=lambda pair: pair[0].rpartition(".")[2])
    images = load(str(write_tar(tmp_path / "a.tar", pairs)))
    assert (list(images.labels), first_values(images)) == ([0, 1, 2, 0], [0, 1, 2, 3])


def test_keys_have_folders_and_the_first_dot_parts_them(tmp_path):
    pairs = [
        ("./n01/x.y/one.png", png(1)),
        ("./n01/x.y/one.seg.png", png(9)),
        ("n02/two.PNG", png(2)),
        ("__index__", b"{}"),
        ("._two.png", b"of a Mac"),
        ("three.input.png", png(3)),
    ]
    path = str(write_tar(tmp_path / "a.tar", pairs))
    images = load(path)
    assert list(images.ids) == ["a/n01/x.y/one", "a/n02/two", "a/three"]
    assert first_values(images.subset([0, 1])) == [1, 2]
    with pytest.raises(
        DatasetError, match=r"a/three cannot be used. The sample has no picture: .* input.png"
    ):
        images[2]
    assert first_values(load(path, image="input.png").subset([2])) == [3]
    assert first_values(load(path, image="seg.png;png").subset([0, 1])) == [9, 2]


def test_shards_of_one_name_in_two_folders_are_told_apart(tmp_path):
    for name in ("a/0.tar", "b/0.tar"):
        write_tar(tmp_path / name, members(1))
    assert list(load(str(tmp_path)).ids) == ["a/0/00000", "b/0/00000"]


def test_a_limit_takes_samples_at_equal_distances_with_their_ids(shards):
    images = load(str(shards), limit=4)
    assert list(images.ids) == ["train-000/00000", "train-000/00003", "train-001/00006", "train-002/00009"]
    assert first_values(images) == [0, 3, 6, 9]


# what is broken


def broken(images):
    found = {}
    for index, name in enumerate(images.ids):
        try:
            images[index]
        except DatasetError as error:
            found[name] = str(error)
    return found


def test_each_kind_of_broken_sample_is_listed_and_the_others_are_read(tmp_path):
    pairs = [
        *members(1),
        ("a.png", b"no picture"),
        ("b.cls", b"1"),
        ("c.png", png(3)),
        ("c.cls", b"\xff\xfe"),
        ("d.png", png(4)),
        ("d.png", png(5)),
        ("e.png", png(6)),
        ("e.json", b"{"),
    ]
    images = load(str(write_tar(tmp_path / "a.tar", pairs)))
    reasons = {
        "a/a": "not a picture that can be read",
        "a/b": "has no picture: its members end in cls",
        "a/c": "Its label is no text",
        "a/d#2": "two members d.png",
        "a/e": "JSON cannot be read",
    }
    found = broken(images)
    assert found.keys() == reasons.keys()
    assert all(why in found[name] for name, why in reasons.items())
    assert list(images.ids) == ["a/00000", "a/a", "a/b", "a/c", "a/d", "a/d#2", "a/e"]
    network = interpret.wrap(small_network().module, input_size=16)
    (batch,) = batches(network, images, 8, on_error="skip")
    assert batch.indices == (0, 4)
    assert [name for name, _ in batch.skipped] == [*found]


@pytest.mark.parametrize("cut", [200, 700, 1700, 2300, 5000])
def test_a_shard_that_is_cut_short_says_where(tmp_path, cut):
    path = write_tar(tmp_path / "a.tar", members(4))
    whole = path.read_bytes()
    path.write_bytes(whole[:cut])
    if cut < 512:
        with pytest.raises(DatasetError, match="no tar file, or a damaged one"):
            load(str(path))
        return
    images = load(str(path))
    found = broken(images)
    assert "a/#end" in found
    assert "what follows is lost" in found["a/#end"]
    assert first_values(
        images.subset([index for index, name in enumerate(images.ids) if name not in found])
    ) == [*range(len(images) - len(found))]


def test_a_damaged_header_says_what_is_lost(tmp_path):
    path = write_tar(tmp_path / "a.tar", members(4))
    content = bytearray(path.read_bytes())
    content[4 * 1024 : 4 * 1024 + 512] = b"x" * 512
    path.write_bytes(content)
    found = broken(load(str(path)))
    assert list(found) == ["a/#end"]
    assert "damaged behind byte 4,096" in found["a/#end"]


def test_a_shard_without_its_end_is_told_of(tmp_path, caplog):
    path = write_tar(tmp_path / "a.tar", members(2))
    path.write_bytes(path.read_bytes()[: 4 * 1024])
    assert first_values(load(str(path))) == [0, 1]
    assert "no mark at its end: if it was cut short, pictures are missing" in caplog.text


def test_shards_that_were_put_together_are_told_of(tmp_path, caplog):
    first, second = (write_tar(tmp_path / f"{n}.tar", members(2, first=n)).read_bytes() for n in (1, 5))
    (tmp_path / "both.tar").write_bytes(first + second)
    assert first_values(load(tmp_path / "both.tar")) == [1, 2]  # as tar and webdataset do
    assert "Behind its end, at byte 4,096, is more" in caplog.text
    caplog.clear()
    (tmp_path / "padded.tar").write_bytes(first + bytes(100_000))
    assert first_values(load(tmp_path / "padded.tar")) == [1, 2]
    assert not caplog.text


def test_one_shard_of_several_that_cannot_be_read_is_one_broken_image(tmp_path):
    write_tar(tmp_path / "a.tar", members(2))
    (tmp_path / "b.tar").write_bytes(gzip.compress((tmp_path / "a.tar").read_bytes()))
    (tmp_path / "c.tar").write_bytes(b"")
    write_tar(tmp_path / "d.tar", members(1, first=2))
    images = load(str(tmp_path))
    assert list(images.ids) == ["a/00000", "a/00001", "b", "c", "d/00002"]
    found = broken(images)
    assert "compressed (gzip)" in found["b"]
    assert "empty" in found["c"]
    with pytest.raises(DatasetError, match=r"compressed \(gzip\).*Unpack it to a plain .tar"):
        load(str(tmp_path / "b.tar"))


def test_a_shard_that_changed_is_not_read_at_old_places(tmp_path):
    path = write_tar(tmp_path / "a.tar", members(3))
    images = load(str(path))
    write_tar(path, members(3, first=7))
    os.utime(path, ns=(1, 1))
    with pytest.raises(
        InterpretError, match=r"has changed since it was opened\. Run again, or open"
    ) as caught:
        images[1]
    assert not isinstance(caught.value, DatasetError)  # no step passes over it
    assert first_values(load(str(path))) == [7, 8, 9]
    path.unlink()
    with pytest.raises(DatasetError, match="There is no file"):
        images[1]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"path": "missing.tar"}, "There is no file or folder missing.tar"),
        ({"path": "*.tarx"}, r"No file fits \*.tarx"),
        ({"path": "empty"}, r"There is no file in empty or below it that ends in .tar. It holds nothing"),
        ({"path": "packed"}, r"ends in .tar. It holds \.tar\.gz \(2\)"),
        ({"path": "{0..999999}.tar"}, "more than 100,000 files"),
        ({"path": "simplecache::http://x/a.tar"}, "chains file systems"),
        ({"path": "nosuch://x/a.tar"}, "nosuch"),
        ({"path": "zip://a.tar::file:///x.zip"}, "chains file systems"),
        ({"path": "http://[::1"}, "chains file systems"),
        ({"path": "x" * 5000 + ".tar"}, "cannot be looked at: File name too long"),
        ({"path": "s/a.tar", "categories": [""]}, "an empty one"),
        ({"path": "memory://nothing/a.tar"}, "^There is no file memory:///nothing/a.tar"),
        ({"path": "s/a.tar", "image": "gif"}, "ends in gif. Its members end in cls, png"),
        ({"path": "s/a.tar", "label": "json"}, "ends in json. Its members end in cls, png"),
        ({"path": "s/a.tar", "field": "kind", "label": "png"}, "says a label: looked in png|no text"),
        ({"path": "s/a.tar", "categories": "s/a.tar"}, "cannot be read|no list of names"),
        ({"path": "s/a.tar", "categories": ["x", "x"]}, "'x' is named twice"),
        ({"path": "two"}, "holds several splits: test, train. Say which: path: .*test"),
    ],
)
def test_mistakes_are_named_with_a_cure(tmp_path, monkeypatch, parameters, message):
    monkeypatch.chdir(tmp_path)
    write_tar(tmp_path / "s" / "a.tar", members(2))
    (tmp_path / "empty").mkdir()
    (tmp_path / "packed").mkdir()
    for name in ("a.tar.gz", "b.tar.gz"):
        (tmp_path / "packed" / name).touch()
    for name in ("train-0.tar", "test-0.tar"):
        write_tar(tmp_path / "two" / name, members(1))
    with pytest.raises(InterpretError, match=message):
        load(**parameters)


# nothing in a shard does harm


def test_nothing_is_unpacked_and_no_pickle_is_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    class Harm:
        def __reduce__(self):
            return Path.touch, (tmp_path / "harm",)

    evil = pickle.dumps(Harm())
    pairs = [
        ("../../x.png", png(1)),
        ("../../x.pyd", evil),
        ("/y.png", png(2)),
        ("/y.pickle", evil),
        ("y.pth", evil),
        ("w.png", png(3)),
        ("w.pyd", b"4"),
    ]
    path = write_tar(tmp_path / "a.tar", pairs)
    with tarfile.open(path, "a") as tar:
        link = tarfile.TarInfo("z.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    images = load(str(path), label="pyd")
    assert first_values(images.subset([1])) == [2]
    assert "is no text" in broken(images)["a/../../x"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.tar"]


def header(size_field, name=b"a.png", kind=b"0"):
    block = bytearray(tarfile.TarInfo("x").tobuf())
    block[:100] = name.ljust(100, b"\0")
    block[124:136] = size_field
    block[156:157] = kind
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


@pytest.mark.parametrize("kind", [b"0", b"x", b"L", b"g", b"K", b"S"])
@pytest.mark.parametrize(
    "size", [b"\xff" * 12, b"\xff" * 11 + b"\x00", b"77777777777\0", b"\x80" + b"\xff" * 11]
)
def test_headers_with_sizes_that_cannot_be_end_the_shard(tmp_path, kind, size):
    path = write_tar(tmp_path / "a.tar", members(1))
    path.write_bytes(path.read_bytes()[:2048] + header(size, kind=kind) + b"x" * 4096)
    images = load(str(path))
    assert first_values(images.subset([0])) == [0]
    assert "a/#end" in broken(images)


def test_long_chains_of_headers_end(tmp_path):
    path = write_tar(tmp_path / "a.tar", members(1))
    chain = (header(b"00000000001\0", kind=b"L") + b"x".ljust(512, b"\0")) * 3000
    path.write_bytes(path.read_bytes()[:2048] + chain)
    assert list(broken(load(str(path)))) == ["a/#end"]


def test_names_of_members_are_printable(tmp_path):
    images = load(str(write_tar(tmp_path / "a.tar", [("x\x1b[31m.png", png(1))])))
    assert list(images.ids) == ["a/x\\x1b[31m"]


# state: threads, processes, handles, fingerprints, indexes


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts the files that Linux says are open")
def test_threads_read_the_same_and_no_file_stays_open(tmp_path):
    for number in range(60):
        write_tar(tmp_path / f"{number}.tar", members(2, first=2 * number))
    before = open_files()
    images = load(str(tmp_path))
    with ThreadPoolExecutor(4) as pool:
        read = list(pool.map(images.read, [*range(len(images))] * 2))
    assert read == [png(index) for index in range(120)] * 2
    assert open_files() == before


@pytest.mark.parametrize("context", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_other_processes_read_the_same(shards, context):
    images = load(str(shards))
    assert first_values(pickle.loads(pickle.dumps(images))) == [*range(12)]
    loader = torch.utils.data.DataLoader(
        Values(images), batch_size=None, num_workers=1, multiprocessing_context=context
    )
    assert list(loader) == [*range(12)]


class Values(torch.utils.data.Dataset):
    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return int(np.asarray(self.images[index].image).flat[0])


def test_the_fingerprint_is_that_of_content_names_and_settings(shards, tmp_path):
    known = load(str(shards)).fingerprint()
    copies = tmp_path / "copies"
    copies.mkdir()
    for file in shards.glob("*.tar"):
        (copies / file.name).write_bytes(file.read_bytes())
    assert load(str(copies)).fingerprint() == known
    others = [
        load(str(copies), limit=3),
        load(str(copies), label="json"),
        load(str(copies), categories=list("abc")),
        load(str(copies / "train-*[01].tar")),
    ]
    with (copies / "train-001.tar").open("r+b") as file:
        file.seek(600)
        file.write(b"\1")
    others.append(load(str(copies)))
    assert len({known, *(images.fingerprint() for images in others)}) == 1 + len(others)


def test_an_index_is_made_once_in_a_run(tmp_path, monkeypatch):
    write_tar(tmp_path / "data" / "a.tar", members(4))
    pipeline = {
        "version": 1,
        "models": {"net": {"name": "zfnet", "weights": "scenes"}},
        "datasets": {"photos": {"name": "webdataset", "path": str(tmp_path / "data")}},
        "steps": {"said": {"probe": "predict"}},
    }
    os.utime(tmp_path / "data" / "a.tar", ns=(1, 1))
    wait_until_settled(tmp_path / "data" / "a.tar")
    interpret.run_pipeline(pipeline, tmp_path / "run")
    gone_through = []
    original = tarfile.TarFile.next
    monkeypatch.setattr(tarfile.TarFile, "next", lambda tar: gone_through.append(1) or original(tar))
    interpret.run_pipeline(pipeline, tmp_path / "run")
    assert not gone_through
    for stored in (tmp_path / "run").rglob("*.json"):
        if "offsets" in stored.read_text():
            stored.write_text(json.dumps({"keys": [1], "offsets": ["x"]}))
    assert first_values(load(str(tmp_path / "data"))) == [0, 1, 2, 3]
    interpret.run_pipeline(pipeline, tmp_path / "run")
    assert gone_through


@pytest.mark.parametrize(
    "change",
    [
        {"keys": ["00000"] * 4},
        {"keys": [1, 2, 3, 4]},
        {"keys": ["\x1b", "b", "c", "d"]},
        {"offsets": [0]},
        {"offsets": [-1] * 4},
        {"sizes": [2**80] * 4},
        {"sizes": "abcd"},
        {"said": [[], {}, 0.5, True]},
        {"suffixes": {"png": "x"}},
        {"suffixes": None},
        {"notes": [1]},
        {"broken": {"x": "y"}},
        {"broken": []},
        {"more": 1},
    ],
)
def test_an_index_that_a_stranger_wrote_is_not_believed(tmp_path, change):
    path = write_tar(tmp_path / "data" / "a.tar", members(4))
    wait_until_settled(path)
    with working_in(tmp_path / "work"):
        known = load(path)
        (stored,) = (file for file in (tmp_path / "work").rglob("*.json") if "offsets" in file.read_text())
        write_sealed(stored, {**read_sealed(stored), **change})
        assert list(load(path).ids) == list(known.ids)
        assert first_values(load(path)) == [0, 1, 2, 3]


def wait_until_settled(path):
    """Until another change would surely give the file another time: what is younger is not remembered."""
    while time.time_ns() - path.stat().st_ctime_ns < 60_000_000:
        time.sleep(0.01)


# URLs


@pytest.fixture
def memory():
    system = fsspec.filesystem("memory")
    yield system
    system.store.clear()


def test_shards_in_memory_are_those_on_the_disk(shards, memory):
    for file in sorted(shards.glob("*.tar")):
        memory.pipe(f"/bucket/{file.name}", file.read_bytes())
    local = load(str(shards))
    for path in ("memory://bucket", "memory://bucket/*.tar", "memory://bucket/train-{000..002}.tar"):
        images = load(path)
        assert list(images.ids) == list(local.ids)
        assert [images.read(index) for index in (11, 0, 5)] == [local.read(index) for index in (11, 0, 5)]
        assert list(images.labels) == list(local.labels)
    known = load("memory://bucket").fingerprint()
    assert load("memory://bucket").fingerprint() == known
    memory.pipe("/bucket/train-001.tar", io.BytesIO((shards / "train-000.tar").read_bytes()).getvalue())
    assert load("memory://bucket").fingerprint() != known


def test_what_is_passed_over_in_many_shards_is_told_of_shortly(tmp_path, caplog):
    for number in range(30):
        write_tar(tmp_path / f"{number}.tar", [*members(1), ("README", b"no ending")])
    assert len(load(str(tmp_path))) == 30
    assert len(caplog.records) == 4
    assert "Passed over: files without a key (1)" in caplog.text
    assert "27 further shards are like that" in caplog.text


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no named pipes")
def test_a_named_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.tar")
    with pytest.raises(DatasetError, match="It is a named pipe, not a file"):
        load(str(tmp_path / "a.tar"))


def test_links_to_folders_are_followed_once(tmp_path):
    write_tar(tmp_path / "elsewhere" / "b.tar", members(1, first=1))
    write_tar(tmp_path / "top" / "a.tar", members(1))
    (tmp_path / "top" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "top" / "loop").symlink_to(tmp_path / "top")
    assert list(load(tmp_path / "top").ids) == ["a/00000", "b/00001"]
