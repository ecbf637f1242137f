import hashlib
import io
import sys
import urllib.request
from pathlib import Path
from urllib.error import URLError

import pytest
import torchvision.datasets
from PIL import Image
from pydantic import ValidationError

import interpret
from interpret.errors import DatasetError, UnknownNameError
from interpret.network import batches
from interpret.testing import check_dataset, small_network
from interpret_datasets import Caltech101, Caltech256

sys.path.insert(0, str(Path(__file__).parent))
from benchmark_fixtures import make_caltech101, make_caltech256, picture

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "caltech101"
needs_caltech101 = pytest.mark.skipif(not DATA.is_dir(), reason=f"no photographs in {DATA}")


def test_classes_come_in_the_order_of_their_names_without_the_background(tmp_path):
    images = Caltech101(path=make_caltech101(tmp_path)).open()
    assert images.categories == ("Faces", "ant")
    assert list(images.labels) == [0, 0, 0, 0, 1, 1, 1]
    assert images.ids[3:5] == ["Faces/image_0004.jpg", "ant/image_0001.jpg"]
    assert [sample.label for sample in images] == list(images.labels)
    assert abs(images[2].image.getpixel((0, 0))[0] - 30) < 4  # JPEG


def test_the_background_can_be_a_class(tmp_path):
    images = Caltech101(path=make_caltech101(tmp_path), background=True).open()
    assert images.categories == ("BACKGROUND_Google", "Faces", "ant")
    assert list(images.labels) == [0, 0, 1, 1, 1, 1, 2, 2, 2]
    only = Caltech101(path=tmp_path, classes=("ant", "BACKGROUND_Google")).open()
    assert only.categories == ("ant", "BACKGROUND_Google")
    assert list(only.labels) == [0, 0, 0, 1, 1]


@pytest.mark.parametrize("inside", [".", "caltech101", "caltech-101"])
def test_the_folder_its_parent_and_torchvisions_place_are_all_understood(tmp_path, inside):
    root = make_caltech101(tmp_path / inside)
    ids = Caltech101(path=root / "101_ObjectCategories").open().ids
    assert ids == Caltech101(path=root).open().ids == Caltech101(path=tmp_path).open().ids
    assert ids[0] == "Faces/image_0001.jpg"


def test_the_folder_as_it_is_seen_from_inside(tmp_path, monkeypatch):
    monkeypatch.chdir(make_caltech101(tmp_path) / "101_ObjectCategories")
    assert len(Caltech101(path=".").open()) == 7


def test_first_so_many_of_each_class_then_a_limit(tmp_path):
    make_caltech101(tmp_path)
    first = Caltech101(path=tmp_path, per_class=2).open()
    assert [name[-8:-4] for name in first.ids] == ["0001", "0002", "0001", "0002"]
    assert list(Caltech101(path=tmp_path, per_class=2, limit=2).open().labels) == [0, 1]
    assert len(Caltech101(path=tmp_path, per_class=100, limit=100).open()) == 7
    with pytest.raises(ValidationError, match="per_class"):
        Caltech101(path=tmp_path, per_class=0)


def test_caltech101_agrees_with_torchvision(tmp_path):
    make_caltech101(tmp_path / "caltech101")
    theirs = torchvision.datasets.Caltech101(tmp_path)
    ours = Caltech101(path=tmp_path).open()
    assert list(ours.categories) == theirs.categories
    assert list(ours.labels) == theirs.y
    assert [sample.image.tobytes() for sample in ours] == [image.tobytes() for image, _ in theirs]


def test_caltech256_agrees_with_torchvision_and_passes_strays_over(tmp_path):
    root = make_caltech256(tmp_path / "caltech256", [("001.ak47", 3), ("002.dog", 2)])
    root = root / "256_ObjectCategories"
    (root / "001.ak47" / "RENAME2").write_text("mv a b")
    picture(root / "002.dog" / "greg" / "vision309" / "1.jpg")
    theirs = torchvision.datasets.Caltech256(tmp_path)
    (root / "._001.ak47").write_text("left by an archive")
    ours = Caltech256(path=tmp_path).open()
    assert list(ours.categories) == theirs.categories
    assert list(ours.labels) == theirs.y
    assert [sample.image.tobytes() for sample in ours] == [image.tobytes() for image, _ in theirs]


def test_the_clutter_of_caltech256_is_a_class_where_asked(tmp_path):
    make_caltech256(tmp_path)
    assert Caltech256(path=tmp_path).open().categories == ("001.ak47", "002.dog")
    images = Caltech256(path=tmp_path, background=True).open()
    assert images.categories == ("001.ak47", "002.dog", "257.clutter")
    assert list(images.labels) == [0, 0, 0, 1, 1, 2, 2]


def test_the_wrong_folder_is_answered_with_the_right_one(tmp_path):
    data = make_caltech101(tmp_path / "data" / "sets")
    for wrong in (tmp_path / "data", data / "101_ObjectCategories" / "ant"):
        with pytest.raises(DatasetError) as refusal:
            Caltech101(path=wrong).open()
        assert f"no folder 101_ObjectCategories in {wrong}" in str(refusal.value)
        assert f"Did you mean path: {data}?" in str(refusal.value)
    (data / "others").mkdir()
    with pytest.raises(DatasetError, match=f"Did you mean path: {data}"):
        Caltech101(path=data / "others").open()
    with pytest.raises(DatasetError, match="Give the folder that holds 256_ObjectCategories"):
        Caltech256(path=tmp_path / "data").open()


def test_a_missing_folder_a_file_and_an_empty_one(tmp_path):
    with pytest.raises(DatasetError, match=r"no folder .*nowhere \(looked from"):
        Caltech101(path=tmp_path / "nowhere").open()
    picture(tmp_path / "one.png")
    with pytest.raises(DatasetError, match=r"one\.png is a file, not a folder"):
        Caltech101(path=tmp_path / "one.png").open()
    (tmp_path / "101_ObjectCategories").mkdir()
    with pytest.raises(DatasetError, match="101_ObjectCategories holds no class folders"):
        Caltech101(path=tmp_path).open()


def test_a_class_without_pictures_is_named_and_can_be_left_out(tmp_path):
    empty = make_caltech101(tmp_path) / "101_ObjectCategories" / "barrel"
    empty.mkdir()
    (empty / "notes.txt").write_text("none yet")
    with pytest.raises(DatasetError, match=r"barrel holds no picture.*classes"):
        Caltech101(path=tmp_path).open()
    assert len(Caltech101(path=tmp_path, classes=("ant",)).open()) == 3


def test_unknown_and_repeated_classes(tmp_path):
    make_caltech101(tmp_path)
    with pytest.raises(UnknownNameError, match=r"no class 'aunt'.*'ant'"):
        Caltech101(path=tmp_path, classes=("aunt",)).open()
    with pytest.raises(DatasetError, match="twice: ant, ant"):
        Caltech101(path=tmp_path, classes=("ant", "ant")).open()


def test_a_broken_photograph_ends_the_work_or_is_listed(tmp_path):
    torn = make_caltech101(tmp_path) / "101_ObjectCategories" / "ant" / "image_0002.jpg"
    torn.write_bytes(torn.read_bytes()[:100])
    images = Caltech101(path=tmp_path).open()
    assert images.ids[5] == "ant/image_0002.jpg"
    with pytest.raises(DatasetError, match=r"ant/image_0002\.jpg.*on_error: skip"):
        list(batches(small_network(), images, 4))
    read = list(batches(small_network(), images, 4, on_error="skip"))
    assert [index for batch in read for index in batch.indices] == [0, 1, 2, 3, 4, 6]
    assert [name for batch in read for name, _ in batch.skipped] == ["ant/image_0002.jpg"]


def serve(monkeypatch, answer):
    """Answer every request to the network; returns the addresses that were asked for."""
    asked = []

    def urlopen(request, *args, **options):
        asked.append(request.full_url)
        if isinstance(answer, Exception):
            raise answer
        return answer()

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    return asked


class Response(io.BytesIO):
    headers, url, length = {}, "https://data.caltech.edu/records/1/files/archive.zip", 7


@pytest.mark.parametrize(
    ("dataset", "archive", "page"),
    [
        (Caltech101, "caltech-101.zip", "mzrjq-6wc02"),
        (Caltech256, "256_ObjectCategories.tar", "nyy15-4j048"),
    ],
)
def test_a_download_that_fails_says_where_the_files_are(tmp_path, monkeypatch, dataset, archive, page):
    asked = serve(monkeypatch, URLError("no route"))
    with pytest.raises(DatasetError) as refusal:
        dataset(path=tmp_path, download=True).open()
    assert f"The download of {dataset.name} failed: <urlopen error no route>" in str(refusal.value)
    assert f"https://data.caltech.edu/records/{page}" in str(refusal.value)
    assert asked[0].endswith(archive)


def test_a_download_with_another_hash_is_refused(tmp_path, monkeypatch):
    serve(monkeypatch, lambda: Response(b"no zip!"))
    with pytest.raises(DatasetError, match=r"download of caltech101 failed: File not found or corrupted"):
        Caltech101(path=tmp_path, download=True).open()


def test_what_is_there_is_not_downloaded(tmp_path, monkeypatch):
    asked = serve(monkeypatch, URLError("no route"))
    assert len(Caltech101(path=make_caltech101(tmp_path), download=True).open()) == 7
    assert asked == []


def test_the_contract(tmp_path):
    check_dataset(Caltech101(path=make_caltech101(tmp_path)))
    check_dataset(Caltech256(path=make_caltech256(tmp_path), background=True))


@pytest.mark.data
@needs_caltech101
def test_real_photographs():
    images = interpret.load_dataset("caltech101", path=DATA)
    assert (len(images), len(images.categories)) == (2525, 101)
    assert images.categories[:5] == ("Faces", "Faces_easy", "Leopards", "Motorbikes", "accordion")
    whole = interpret.load_dataset("caltech101", path=DATA, background=True, per_class=2)
    assert (len(whole), whole.categories[0]) == (204, "BACKGROUND_Google")
    check_dataset(Caltech101(path=DATA), samples=30)
    first = DATA / "101_ObjectCategories" / images.ids[0]
    digests = [hashlib.sha256(item.tobytes()).hexdigest() for item in (images[0].image, Image.open(first))]
    assert digests[0] == digests[1]
