"""The dataset ``files``: photographs by their files, and those in folders."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from interpret.errors import DatasetError, PluginError
from interpret.plugin import configure
from interpret.testing import check_dataset
from interpret_datasets import Files


def picture(path: Path, shade: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 3), (shade, 10, 20)).save(path, format="png")
    return path


def test_files_and_folders_in_the_order_given_each_once(tmp_path: Path) -> None:
    last, first = picture(tmp_path / "z.png", 1), picture(tmp_path / "odd.name", 2)
    for number in (10, 2):
        picture(tmp_path / f"more/{number}.png", number)
    (tmp_path / "more/notes.txt").write_text("no picture")
    dataset = Files(paths=[last, tmp_path / "more", first, last, tmp_path / "more/2.png"])
    images = dataset.open()
    assert [Path(name).name for name in images.ids] == ["z.png", "2.png", "10.png", "odd.name"]
    assert images[1].image.getpixel((0, 0)) == (2, 10, 20)
    assert set(images.labels) == {None}
    check_dataset(dataset)


def test_it_changes_when_a_picture_does(tmp_path: Path) -> None:
    file = picture(tmp_path / "a.png", 1)
    before = Files(paths=[file]).open().fingerprint()
    assert before == Files(paths=[file]).open().fingerprint()
    picture(file, 200)
    assert before != Files(paths=[file]).open().fingerprint()


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no file or folder .*nowhere\.png"):
        Files(paths=[tmp_path / "nowhere.png"]).open()
    with pytest.raises(DatasetError, match="no picture in"):
        Files(paths=[tmp_path]).open()
    with pytest.raises(DatasetError, match="cannot be looked at"):
        Files(paths=[tmp_path / ("x" * 300)]).open()
    with pytest.raises(PluginError, match="paths"):
        configure(Files, "dataset", {"paths": []})
