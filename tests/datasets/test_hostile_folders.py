"""Folders made to harm, and what is no picture: bounded time, clear words, nothing left out uncounted."""

import json
import logging
import os
from pathlib import Path

import pytest
from PIL import Image

from interpret.errors import DatasetError, InterpretError
from interpret_datasets import Caltech101, Folder, walking


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (6, 4)).save(path)


def open_folder(path):
    return Folder(path=path).open()


def test_links_to_themselves_are_passed_over(tmp_path):
    picture(tmp_path / "a.png")
    for name in ("loop", "loop.png"):
        (tmp_path / name).symlink_to(name)
    images = open_folder(tmp_path)
    assert images.ids == ["a.png", "loop.png"]
    with pytest.raises(DatasetError, match=r"loop\.png cannot be read: Too many levels of symbolic links"):
        images[1]
    with pytest.raises(DatasetError, match="no folder"):
        open_folder(tmp_path / "loop")


def test_names_that_are_no_text_are_shown_as_bytes(tmp_path):
    for folder in (b"\xff\xfe", b"cat"):
        picture(tmp_path / os.fsdecode(folder) / "1.png")
        (tmp_path / os.fsdecode(folder) / "2.png").write_text("torn")
    images = open_folder(tmp_path)
    assert images.categories == ("cat", r"\xff\xfe")
    assert images.ids == ["cat/1.png", "cat/2.png", r"\xff\xfe/1.png", r"\xff\xfe/2.png"]
    assert images[2].image.size == (6, 4)
    assert images.fingerprint()
    with pytest.raises(DatasetError) as refusal:
        images[3]
    str(refusal.value).encode()


def test_many_nested_folders_are_refused_by_number(tmp_path, monkeypatch):
    monkeypatch.setattr(walking, "MAX_DEPTH", 10)
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(12):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    with pytest.raises(DatasetError, match="more than 10 folders in one another"):
        open_folder(tmp_path)


def test_folders_with_two_links_each_take_no_more_time_than_links(tmp_path):
    for level in range(30):
        picture(tmp_path / f"f{level}" / "1.png")
        for link in ("x", "y"):
            (tmp_path / f"f{level}" / link).symlink_to(tmp_path / f"f{level + 1}")
    assert 30 < len(open_folder(tmp_path / "f0")) + 30 < 2000


def test_a_folder_of_other_things_is_refused_by_number(tmp_path, monkeypatch):
    monkeypatch.setattr(walking, "MAX_OTHERS", 20)
    for number in range(24):
        (tmp_path / f"{number}.txt").touch()
    picture(tmp_path / "a.png")
    assert len(open_folder(tmp_path)) == 1
    (tmp_path / "25.txt").touch()
    with pytest.raises(DatasetError, match="more than 20 files and folders that are no pictures, and 1"):
        open_folder(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/", "/proc"])
def test_the_whole_machine_ends(path):
    try:
        open_folder(Path(path))
    except DatasetError as error:
        assert path in str(error)  # noqa: PT017 - what this machine holds decides


@pytest.mark.parametrize("path", ["~nobody-of-this-name/x", "a\0b", "x" * 5000])
def test_paths_that_are_none(path):
    with pytest.raises(InterpretError, match=r"home folder|zero character|too long"):
        open_folder(Path(path))


def test_what_is_passed_over_is_counted_and_said_once(tmp_path, caplog):
    picture(tmp_path / "a.png")
    for name in ("b.avif", "c.AVIF", "d.heic", "e.jp2", "README", ".hidden"):
        (tmp_path / name).touch()
    os.mkfifo(tmp_path / "pipe.png")
    with caplog.at_level(logging.WARNING):
        open_folder(tmp_path)
        open_folder(tmp_path)
    (said,) = [record.message for record in caplog.records]
    assert said == (
        f"{tmp_path}: 1 pictures. Passed over: 6 files of other kinds (2 .avif, 1 .heic, 1 .jp2, "
        "1 pipe or device, 1 without ending)."
    )


def test_nothing_is_said_where_nothing_is_passed_over(tmp_path, caplog):
    picture(tmp_path / "a.png")
    open_folder(tmp_path)
    assert not caplog.records


def test_a_folder_without_pictures_says_what_it_holds(tmp_path):
    (tmp_path / "a.heic").touch()
    with pytest.raises(DatasetError, match=r"It holds 1 file of other kinds \(1 \.heic\)"):
        open_folder(tmp_path)


def run_folder(path, *steps):
    path.mkdir(parents=True, exist_ok=True)
    manifest = {"format": 1, "pipeline": {}, "versions": {}, "steps": {step: {} for step in steps}}
    (path / "manifest.json").write_text(json.dumps(manifest))
    for step in steps:
        picture(path / step / "figure.png")


def test_figures_of_a_run_are_no_photographs(tmp_path, caplog):
    picture(tmp_path / "a.png")
    run_folder(tmp_path / "runs" / "demo", "strongest", "features")
    images = open_folder(tmp_path)
    assert images.ids == ["a.png"]
    assert "1 run folder (runs/demo)" in caplog.text


def test_a_run_in_the_very_folder_of_the_photographs(tmp_path):
    picture(tmp_path / "a.png")
    picture(tmp_path / "cats" / "a.png")
    run_folder(tmp_path, "strongest")
    assert open_folder(tmp_path).ids == ["a.png", "cats/a.png"]
    assert open_folder(tmp_path / "strongest").ids == ["figure.png"]  # who asks for figures gets them


def test_a_manifest_of_others_hides_nothing(tmp_path):
    for content in ("{}", "[" * 100_000, '{"steps": [], "format": 1, "pipeline": 2}'):
        picture(tmp_path / "a" / "a.png")
        (tmp_path / "a" / "manifest.json").write_text(content)
        assert open_folder(tmp_path).ids == ["a/a.png"]


def test_a_run_folder_is_no_class_of_a_data_set(tmp_path):
    for name in ("ant", "bee"):
        picture(tmp_path / "101_ObjectCategories" / name / "1.png")
    run_folder(tmp_path / "101_ObjectCategories" / "demo", "strongest")
    assert Caltech101(path=tmp_path).open().categories == ("ant", "bee")
