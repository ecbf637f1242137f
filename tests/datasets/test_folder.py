import os
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from interpret.errors import DatasetError, UnknownNameError
from interpret_datasets import Folder
from interpret_datasets.folder import natural, spread
from interpret_datasets.walking import SUFFIXES


def picture(path, tone=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (6, 4), (tone, 20, 30)).save(path)


def open_folder(path, **settings):
    return Folder(path=path, **settings).open()


def test_a_flat_folder_in_natural_order(tmp_path):
    for name in ("img10.png", "img2.JPG", "img1.jpeg", "B.png", "a.png"):
        picture(tmp_path / name)
    images = open_folder(tmp_path)
    assert images.ids == ["a.png", "B.png", "img1.jpeg", "img2.JPG", "img10.png"]
    assert list(images.labels) == [None] * 5
    assert images.categories == ()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_ending_in_small_and_capital_letters(tmp_path, suffix):
    picture(tmp_path / f"small{suffix}")
    picture(tmp_path / f"large{suffix.upper()}")
    images = open_folder(tmp_path)
    assert len(images) == 2
    assert {sample.image.size for sample in images} == {(6, 4)}


def test_other_and_hidden_files_are_passed_over(tmp_path):
    picture(tmp_path / "a.png")
    picture(tmp_path / "._a.png")
    picture(tmp_path / ".thumbnails" / "a.png")
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "classes.json").write_text("{}")
    os.mkfifo(tmp_path / "pipe.png")
    assert open_folder(tmp_path).ids == ["a.png"]


def test_class_folders_become_categories(tmp_path):
    for tone, name in enumerate(
        ("dog/2.png", "dog/10.png", "cat/1.png", "dog/more/3.png", "n10/x.png", "n9/x.png")
    ):
        picture(tmp_path / name, tone)
    (tmp_path / "empty").mkdir()
    images = open_folder(tmp_path)
    assert images.categories == ("cat", "dog", "n10", "n9")
    assert images.ids == ["cat/1.png", "dog/2.png", "dog/10.png", "dog/more/3.png", "n9/x.png", "n10/x.png"]
    assert list(images.labels) == [0, 1, 1, 1, 3, 2]
    assert [sample.label for sample in images] == [0, 1, 1, 1, 3, 2]
    assert [sample.image.getpixel((0, 0))[0] for sample in images] == [2, 0, 1, 3, 5, 4]


@pytest.mark.parametrize("names", [("a.png", "dog/1.png"), ("train/dog/1.png", "val/dog/2.png")])
def test_mixed_and_deeper_folders_have_no_labels(tmp_path, names):
    for name in names:
        picture(tmp_path / name)
    images = open_folder(tmp_path)
    assert list(images.ids) == list(names)
    assert list(images.labels) == [None, None]


def test_a_picture_beside_class_folders_is_named_since_it_costs_the_labels(tmp_path, caplog):
    for name in ("a/1.png", "b/1.png", "loose.png"):
        picture(tmp_path / name)
    assert set(open_folder(tmp_path).labels) == {None}
    assert "2 sub-folders are no categories: loose.png lies in none" in caplog.text
    assert open_folder(tmp_path, classes=["a", "b"]).categories == ("a", "b")  # the cure


def test_classes_choose_folders_and_give_the_order_of_labels(tmp_path):
    for name in ("stray.png", "cat/1.png", "dog/1.png", "cow/deep/1.png"):
        picture(tmp_path / name)
    images = open_folder(tmp_path, classes=("dog", "cow"))
    assert images.categories == ("dog", "cow")
    assert list(zip(images.ids, images.labels, strict=True)) == [("cow/deep/1.png", 1), ("dog/1.png", 0)]


def test_unknown_and_repeated_classes_are_named(tmp_path):
    picture(tmp_path / "dog" / "1.png")
    with pytest.raises(UnknownNameError, match=r"dgo.*'dog'"):
        open_folder(tmp_path, classes=("dgo",))
    with pytest.raises(DatasetError, match="twice: dog, dog"):
        open_folder(tmp_path, classes=("dog", "dog"))
    with pytest.raises(ValidationError, match="classes"):
        Folder(path=tmp_path, classes=())


def test_a_limit_keeps_the_shares_of_categories(tmp_path):
    for name, count in (("a", 20), ("b", 40)):
        for i in range(count):
            picture(tmp_path / name / f"{i}.png")
    images = open_folder(tmp_path, limit=6)
    assert images.ids == ["a/0.png", "a/10.png", "b/0.png", "b/10.png", "b/20.png", "b/30.png"]
    assert images.categories == ("a", "b")
    assert len(open_folder(tmp_path, limit=60)) == len(open_folder(tmp_path, limit=61)) == 60


@given(st.integers(1, 200), st.integers(1, 250))
def test_spread_takes_as_many_as_asked_without_repetition_and_evenly(count, limit):
    taken = [int(file) for file in spread([str(i) for i in range(count)], limit)]
    assert len(taken) == min(count, limit)
    assert taken[0] == 0
    steps = np.diff([*taken, count])
    assert steps.min() >= 1
    assert steps.max() - steps.min() <= 1


@given(st.lists(st.text("aB7/03é²٣", max_size=8), unique=True, max_size=12))
def test_natural_order_is_total_and_independent_of_the_start(paths):
    backwards = paths[::-1]
    assert sorted(paths, key=natural) == sorted(backwards, key=natural)


def test_natural_order_goes_folder_by_folder():
    paths = ["b/1", "a10/1", "a2/10", "a2/9", "a2b/1", "a2"]
    assert sorted(paths, key=natural) == ["a2", "a2/9", "a2/10", "a2b/1", "a10/1", "b/1"]


def test_a_missing_folder_a_file_and_an_empty_folder(tmp_path):
    with pytest.raises(DatasetError, match=r"no folder .*nowhere"):
        open_folder(tmp_path / "nowhere")
    picture(tmp_path / "one.png")
    with pytest.raises(DatasetError, match=r"one\.png is a file, not a folder"):
        open_folder(tmp_path / "one.png")
    (tmp_path / "empty" / "deep").mkdir(parents=True)
    (tmp_path / "empty" / "notes.txt").write_text("hello")
    with pytest.raises(DatasetError, match=r"no picture in .*empty or below.*\.bmp.*\.webp"):
        open_folder(tmp_path / "empty")


def test_a_folder_that_cannot_be_looked_into_is_named(tmp_path):
    picture(tmp_path / "a.png")
    locked = tmp_path / "locked"
    locked.mkdir(mode=0)
    if os.access(locked, os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(DatasetError, match="locked cannot be looked into: Permission denied"):
        open_folder(tmp_path)


def test_links_are_followed_and_circles_end(tmp_path):
    picture(tmp_path / "elsewhere" / "1.png")
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (root / "b").mkdir()
    picture(root / "a" / "own.png")
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    (root / "a" / "to_b").symlink_to(root / "b")
    (root / "b" / "to_a").symlink_to(root / "a")
    (root / "a" / "up").symlink_to(root)
    ids = open_folder(root).ids
    assert {"a/own.png", "linked/1.png", "b/to_a/own.png"} <= set(ids)
    assert len(ids) == len(set(ids)) < 20


def test_a_broken_link_is_listed_and_named_when_it_is_read(tmp_path):
    picture(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to(tmp_path / "gone.png")
    images = open_folder(tmp_path)
    assert images.ids == ["a.png", "b.png"]
    assert images.fingerprint() == open_folder(tmp_path).fingerprint()
    with pytest.raises(DatasetError, match=r"b\.png"):
        images[1]


def test_opening_reads_no_pixel(tmp_path):
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8 nothing more")
    images = open_folder(tmp_path)
    assert images.ids == ["torn.jpg"]
    assert images.fingerprint()


def test_the_fingerprint_sees_every_change(tmp_path):
    for name in ("a/1.png", "b/2.png"):
        picture(tmp_path / name)
    prints = [open_folder(tmp_path).fingerprint()]
    assert open_folder(tmp_path).fingerprint() == prints[0]
    prints += [
        open_folder(tmp_path, classes=("b", "a")).fingerprint(),
        open_folder(tmp_path, limit=1).fingerprint(),
    ]
    status = (tmp_path / "a" / "1.png").stat()
    picture(tmp_path / "a" / "1.png", tone=7)
    os.utime(tmp_path / "a" / "1.png", ns=(status.st_atime_ns, status.st_mtime_ns))
    prints.append(open_folder(tmp_path).fingerprint())
    (tmp_path / "a" / "1.png").rename(tmp_path / "a" / "3.png")
    prints.append(open_folder(tmp_path).fingerprint())
    picture(tmp_path / "b" / "4.png")
    prints.append(open_folder(tmp_path).fingerprint())
    assert len(set(prints)) == 6


def test_the_fingerprint_does_not_depend_on_where_the_folder_stands(tmp_path):
    picture(tmp_path / "here" / "1.png")
    before = open_folder(tmp_path / "here").fingerprint()
    (tmp_path / "here").rename(tmp_path / "there")
    assert open_folder(tmp_path / "there").fingerprint() == before


def test_names_that_are_no_text_get_an_id_and_are_read(tmp_path):
    name = os.fsdecode(b"caf\xe9.png")
    try:
        picture(tmp_path / name)
    except OSError:
        pytest.skip("this file system takes no such name")
    images = open_folder(tmp_path)
    assert images.ids == ["caf\\xe9.png"]
    assert images[0].image.size == (6, 4)


def test_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    picture(tmp_path / "photos" / "a.png")
    assert open_folder("~/photos").ids == ["a.png"]


def test_threads_and_pickle_change_nothing(tmp_path):
    for i in range(30):
        picture(tmp_path / f"{i}.png", i)
    images = pickle.loads(pickle.dumps(open_folder(tmp_path)))
    with ThreadPoolExecutor(4) as pool:
        tones = list(pool.map(lambda i: images[i].image.getpixel((0, 0))[0], range(30)))
    assert tones == list(range(30))


def test_places_outside_are_refused(tmp_path):
    picture(tmp_path / "a.png")
    with pytest.raises(IndexError):
        open_folder(tmp_path)[1]
