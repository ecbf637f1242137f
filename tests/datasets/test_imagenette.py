import hashlib
import sys
import tarfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torchvision.datasets

import interpret
from interpret.errors import DatasetError, UnknownNameError
from interpret.testing import check_dataset
from interpret_datasets import Imagenette
from interpret_datasets.imagenette import NAMES, OUTPUTS
from interpret_datasets.synsets import read_names

sys.path.insert(0, str(Path(__file__).parent))
from benchmark_fixtures import make_imagenette

IMAGENETTE = Path(__file__).parents[2].parent / "shared" / "data" / "imagenette-144"
needs_imagenette = pytest.mark.skipif(not IMAGENETTE.is_dir(), reason=f"no photographs in {IMAGENETTE}")

READABLE = (
    "tench",
    "English springer",
    "cassette player",
    "chain saw",
    "church",
    "French horn",
    "garbage truck",
    "gas pump",
    "golf ball",
    "parachute",
)


def test_classes_have_readable_names(tmp_path):
    images = Imagenette(path=make_imagenette(tmp_path), split="val").open()
    assert images.categories == READABLE
    assert list(images.labels) == [label for label in range(10) for _ in range(2)]
    assert images.ids[-1] == "n03888257/n03888257_1.JPEG"


@pytest.mark.parametrize(("size", "folder"), [("full", ""), ("320px", "-320"), ("160px", "-160")])
def test_it_agrees_with_torchvision(tmp_path, size, folder):
    make_imagenette(tmp_path / f"imagenette2{folder}")
    for split in ("train", "val"):
        theirs = torchvision.datasets.Imagenette(tmp_path, split=split, size=size)
        ours = Imagenette(path=tmp_path, split=split).open()
        assert list(ours.categories) == [names[0] for names in theirs.classes]
        assert [(ours.root / file, label) for file, label in zip(ours.files, ours.labels, strict=True)] == [
            (Path(file), label) for file, label in theirs._samples
        ]


def test_several_sizes_beside_each_other(tmp_path):
    make_imagenette(tmp_path / "imagenette2-160", count=1)
    make_imagenette(tmp_path / "imagenette2-320", count=2)
    assert len(Imagenette(path=tmp_path, size="160px").open()) == 10
    assert len(Imagenette(path=tmp_path, size="320px").open()) == 20


def test_labels_can_be_the_outputs_of_networks_for_imagenet(tmp_path):
    make_imagenette(tmp_path)
    images = Imagenette(path=tmp_path, labels="imagenet", per_class=1).open()
    assert list(images.labels) == [0, 217, 482, 491, 497, 566, 569, 571, 574, 701]
    assert len(images.categories) == 1000
    assert tuple(images.categories[label] for label in images.labels) == READABLE


def test_classes_by_name_and_by_id(tmp_path):
    make_imagenette(tmp_path)
    images = Imagenette(path=tmp_path, classes=("parachute", "n01440764"), per_class=1).open()
    assert images.categories == ("parachute", "tench")
    assert images.ids == ["n03888257/n03888257_0.JPEG", "n01440764/n01440764_0.JPEG"]
    assert list(images.labels) == [0, 1]
    with pytest.raises(UnknownNameError, match=r"'tensch'.*'tench'"):
        Imagenette(path=tmp_path, classes=("tensch",)).open()
    with pytest.raises(DatasetError, match="twice: tench, n01440764"):
        Imagenette(path=tmp_path, classes=("tench", "n01440764")).open()


def test_another_class_is_refused_by_name(tmp_path):
    make_imagenette(tmp_path, [*NAMES, "n02086240"])
    with pytest.raises(UnknownNameError, match="no class of Imagenette 'n02086240'"):
        Imagenette(path=tmp_path).open()


def test_the_wrong_split_folder(tmp_path):
    make_imagenette(tmp_path)
    with pytest.raises(DatasetError, match=f"no folder val in .*train.* Did you mean path: {tmp_path}"):
        Imagenette(path=tmp_path / "train", split="val").open()


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *words):
        """Says nothing."""


@pytest.fixture
def server(tmp_path):
    """A folder and the address it is served at."""
    folder = tmp_path / "server"
    folder.mkdir()
    http = ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=folder))
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    thread.join()
    http.server_close()


def archive(folder):
    """An archive of Imagenette as it is published, but small; its hash."""
    make_imagenette(folder / "imagenette2-160")
    path = folder / "imagenette2-160.tgz"
    with tarfile.open(path, "w:gz") as file:
        file.add(folder / "imagenette2-160", "imagenette2-160")
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def test_torchvision_downloads_checks_and_unpacks(tmp_path, monkeypatch, server):
    folder, address = server
    published = {"160px": (f"{address}/imagenette2-160.tgz", archive(folder))}
    monkeypatch.setattr(torchvision.datasets.Imagenette, "_ARCHIVES", published)
    images = Imagenette(path=tmp_path / "here", split="val", size="160px", download=True).open()
    assert len(images) == 20
    assert images.root == tmp_path / "here" / "imagenette2-160" / "val"
    (folder / "imagenette2-160.tgz").unlink()
    assert len(Imagenette(path=tmp_path / "here", size="160px", download=True).open()) == 20


@pytest.mark.parametrize("name", ["imagenette2-160.tgz", "gone.tgz"])
def test_a_download_with_another_hash_or_none_is_refused(tmp_path, monkeypatch, server, name):
    folder, address = server
    archive(folder)
    monkeypatch.setattr(
        torchvision.datasets.Imagenette, "_ARCHIVES", {"160px": (f"{address}/{name}", "0" * 32)}
    )
    with pytest.raises(DatasetError, match=r"download of imagenette failed.*github\.com/fastai"):
        Imagenette(path=tmp_path / "here", size="160px", download=True).open()


def test_the_contract(tmp_path):
    check_dataset(Imagenette(path=make_imagenette(tmp_path)))


@pytest.mark.data
@needs_imagenette
def test_real_photographs():
    for split, count in (("train", 9103), ("val", 1000)):
        images = interpret.load_dataset("imagenette", path=IMAGENETTE, split=split)
        assert (len(images), images.categories) == (count, READABLE)
    check_dataset(Imagenette(path=IMAGENETTE, split="val"), samples=20)


@pytest.mark.data
@needs_imagenette
def test_the_outputs_agree_with_a_list_of_all_classes():
    names = read_names(IMAGENETTE.parent / "imagenet-sample")
    assert {wnid: list(names).index(wnid) for wnid in NAMES} == OUTPUTS
    assert [names[wnid] for wnid in NAMES] == list(READABLE)
