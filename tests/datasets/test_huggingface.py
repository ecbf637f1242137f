"""Data sets of Hugging Face: in Python as they are, from folders and by name in pipelines."""

import io
import json
import pickle
import sys
from pathlib import Path

import datasets
import fsspec
import huggingface_hub
import numpy as np
import pyarrow
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

import interpret
from interpret.cli.shell import call
from interpret.errors import DatasetError, PluginError, UnknownNameError
from interpret.images import Columns, as_images
from interpret.testing import small_network
from interpret_datasets.huggingface import HuggingFaceImages
from interpret_datasets.shards.copies import local_copy
from interpret_topk import mine

COUNT = 6
FEATURES = {
    "photo": datasets.Image(),
    "kind": datasets.ClassLabel(names=["cat", "dog"]),
    "note": datasets.Value("string"),
}


def picture(index):
    return Image.fromarray(np.full((9, 7, 3), 40 * index, np.uint8))


def png(index):
    file = io.BytesIO()
    picture(index).save(file, "png")
    return file.getvalue()


def rows(features=FEATURES, **changes):
    columns = {
        "photo": [{"bytes": png(index), "path": None} for index in range(COUNT)],
        "kind": [index % 2 for index in range(COUNT)],
        "note": list("uvwxyz"),
    }
    return datasets.Dataset.from_dict({**columns, **changes}, features=datasets.Features(features))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of its own, and no connection."""
    home = tmp_path / "cache"
    monkeypatch.setattr(datasets.config, "HF_CACHE_HOME", str(home))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", home / "datasets")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(home / "hub"))
    datasets.disable_progress_bars()
    yield home
    datasets.enable_progress_bars()


def load(path, **parameters):
    return interpret.load_dataset("huggingface", path=str(path), **parameters)


def shades(images):
    return [np.asarray(sample.image).flat[0] for sample in images]


def test_a_saved_split_has_ids_labels_and_categories(tmp_path):
    rows().save_to_disk(tmp_path / "set")
    images = load(tmp_path / "set")
    assert list(images.ids) == [f"all/{index}" for index in range(COUNT)]
    assert list(images.labels) == [0, 1, 0, 1, 0, 1]
    assert images.categories == ("cat", "dog")
    assert shades(images) == [0, 40, 80, 120, 160, 200]
    assert images[4].label == 0
    assert shades(pickle.loads(pickle.dumps(images))) == shades(images)
    few = load(tmp_path / "set", limit=3)
    assert list(few.ids) == ["all/0", "all/2", "all/4"]  # ids stay
    assert shades(few) == [0, 80, 160]


def test_one_of_several_splits_is_named(tmp_path):
    datasets.DatasetDict(train=rows(), test=rows().select([1, 2])).save_to_disk(tmp_path / "set")
    images = load(tmp_path / "set", split="test")
    assert list(images.ids) == ["test/0", "test/1"]
    assert list(images.labels) == [1, 0]
    with pytest.raises(DatasetError, match=r"has the splits train, test\. Say which"):
        load(tmp_path / "set")
    with pytest.raises(UnknownNameError, match="Did you mean 'test'"):
        load(tmp_path / "set", split="tests")


def test_parquet_and_folders_of_pictures_are_read(tmp_path, capfd):
    (tmp_path / "pq").mkdir()
    rows().to_parquet(tmp_path / "pq" / "train-00000-of-00001.parquet")
    images = load(tmp_path / "pq")
    assert (images.ids[2], images.categories, shades(images)[2]) == ("train/2", ("cat", "dog"), 80)
    for index in range(4):
        folder = tmp_path / "folder" / "test" / ["cat", "dog"][index % 2]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{index}.png").write_bytes(png(index))
    images = load(tmp_path / "folder")
    assert images.categories == ("cat", "dog")
    assert sorted(shades(images)) == [0, 40, 80, 120]
    assert list(images.labels) == [0, 0, 1, 1]
    assert "examples" not in capfd.readouterr().err  # no bars


def test_the_fingerprint_is_that_of_pictures_and_labels(tmp_path):
    rows().save_to_disk(tmp_path / "one")
    rows().save_to_disk(tmp_path / "copy")
    known = load(tmp_path / "one").fingerprint()
    assert load(tmp_path / "copy").fingerprint() == known
    others = [rows(kind=[1] * COUNT), rows(photo=[{"bytes": png(5), "path": None}] * COUNT)]
    for index, other in enumerate(others):
        other.save_to_disk(tmp_path / f"other{index}")
        assert load(tmp_path / f"other{index}").fingerprint() != known
    assert load(tmp_path / "one", limit=3).fingerprint() != known


def test_columns_are_found_by_feature_then_by_name_and_can_be_said(tmp_path):
    features = {
        "a": datasets.Image(),
        "image": datasets.Image(),
        "fine": datasets.ClassLabel(names=["x", "y"]),
    }
    features |= {"label": datasets.ClassLabel(names=["cat", "dog"])}
    both = datasets.Dataset.from_dict(
        {"a": [{"bytes": png(1)}], "image": [{"bytes": png(2)}], "fine": [0], "label": [1]},
        features=datasets.Features(features),
    )
    both.save_to_disk(tmp_path / "set")
    images = load(tmp_path / "set")
    assert (shades(images), list(images.labels), images.categories) == ([80], [1], ("cat", "dog"))
    images = load(tmp_path / "set", image="a", label="fine")
    assert (shades(images), list(images.labels), images.categories) == ([40], [0], ("x", "y"))
    for parameters, message in [
        ({"image": "photo"}, "There is no column 'photo'. The data set has a, image"),
        ({"image": "fine"}, "'fine' holds no pictures, a and image does"),
    ]:
        with pytest.raises(DatasetError, match=message):
            load(tmp_path / "set", **parameters)


def test_a_text_is_no_label_and_the_cure_works(tmp_path):
    rows().save_to_disk(tmp_path / "set")
    with pytest.raises(DatasetError, match=r"Row 0 has 'u' in the column 'note'.*class_encode_column"):
        load(tmp_path / "set", label="note")
    rows().class_encode_column("note").save_to_disk(tmp_path / "encoded")
    assert list(load(tmp_path / "encoded", label="note").labels) == list(range(6))


def test_unlabelled_rows_have_no_label(tmp_path):
    rows(kind=[-1] * COUNT).save_to_disk(tmp_path / "set")  # as test splits on the Hub
    assert list(load(tmp_path / "set").labels) == [None] * COUNT
    rows().remove_columns("kind").save_to_disk(tmp_path / "bare")
    assert list(load(tmp_path / "bare").labels) == [None] * COUNT


def broken():
    files = [{"bytes": png(index), "path": f"{index}.png"} for index in range(COUNT)]
    files[1] = {"bytes": b"no picture", "path": "holiday.jpg"}
    files[2] = {"bytes": png(2)[:-30], "path": None}
    return rows(photo=files)


def test_broken_records_are_named_and_passed_over(tmp_path):
    broken().save_to_disk(tmp_path / "set")
    images = load(tmp_path / "set")
    with pytest.raises(DatasetError, match=r"all/1 \(holiday.jpg\) is not a picture that can be read"):
        images[1]
    network = small_network()
    with pytest.raises(DatasetError, match="all/1"):
        mine(network, images, layers=[network.layers[0]], k=1)
    found = mine(network, images, layers=[network.layers[0]], k=1, on_error="skip")
    assert [name for name, _ in found.skipped] == ["all/1", "all/2"]
    assert images.fingerprint() != load(tmp_path / "set", limit=1).fingerprint()


def test_paths_lead_nowhere_else(tmp_path):
    outside = tmp_path / "private.png"
    outside.write_bytes(png(1))
    away = [str(outside), "https://example.com/a.png", f"{tmp_path}/set2/../private.png", "private.png"]
    for index, path in enumerate(away):
        folder = tmp_path / f"set{index}"
        stranger = rows(photo=[{"bytes": None, "path": path}] * COUNT)
        rows().save_to_disk(folder)
        with pyarrow.ipc.new_stream(folder / "data-00000-of-00001.arrow", stranger.data.schema) as file:
            file.write_table(stranger.data.table)  # save_to_disk would put the pictures in
        images = load(folder)
        assert images.fingerprint()
        with pytest.raises(DatasetError, match="lies outside of"):
            images[0]


@pytest.mark.parametrize("file", ["state.json", "dataset_dict.json"])
def test_rows_come_from_nowhere_else(tmp_path, file):
    column = {"image": [{"bytes": png(shade), "path": None} for shade in (1, 2)]}
    rows = datasets.Dataset.from_dict(column, features=datasets.Features({"image": datasets.Image()}))
    rows.save_to_disk(tmp_path / "private")
    if file == "state.json":
        rows.save_to_disk(tmp_path / "set")
    else:
        datasets.DatasetDict({"train": rows}).save_to_disk(tmp_path / "set")
    assert len(interpret.load_dataset("huggingface", path=tmp_path / "set")) == 2  # a Path, too
    path = tmp_path / "set" / file
    said = json.loads(path.read_text())
    if file == "state.json":
        said["_data_files"][0]["filename"] = "../private/" + said["_data_files"][0]["filename"]
    else:
        said["splits"] = ["../private"]
    path.write_text(json.dumps(said))
    with pytest.raises(DatasetError, match=r"private.*, which lies outside of it"):
        interpret.load_dataset("huggingface", path=tmp_path / "set")


def test_nothing_in_a_folder_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "set").mkdir()
    code = "import pathlib\npathlib.Path('ran').write_text('yes')\n"
    for name in ("set.py", "dataset.py", "conftest.py"):
        (tmp_path / "set" / name).write_text(code)
    (tmp_path / "set" / "data.pkl").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(DatasetError, match="datasets cannot read"):
        load(tmp_path / "set")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"_data_files": [{"filename": "../../etc/passwd"}]}'])
def test_a_broken_folder_is_said(tmp_path, content):
    rows().save_to_disk(tmp_path / "set")
    (tmp_path / "set" / "state.json").write_text(content)
    with pytest.raises(DatasetError, match=r"cannot read|lies outside of it"):
        load(tmp_path / "set")


def test_without_a_connection_the_way_out_is_said(tmp_path):
    with pytest.raises(DatasetError, match=r"cannot read someone/pictures.*what is in its cache"):
        load("someone/pictures")
    with pytest.raises(DatasetError, match=r"There is no folder \./pictures"):
        load("./pictures")


def test_without_the_extra_the_way_to_it_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(PluginError, match=r"pip install 'interpret-cnn\[huggingface\]'"):
        load("someone/pictures")


def test_a_pipeline_runs_on_it(tmp_path):
    rows().save_to_disk(tmp_path / "set")
    (tmp_path / "p.yaml").write_text(
        "version: 1\nmodels: {net: {name: zfnet, width: 0.02, input_size: 64, categories: [cat, dog]}}\n"
        f"datasets: {{val: {{name: huggingface, path: {tmp_path / 'set'}}}}}\n"
        "steps: {first: {probe: topk, layers: [layer1], k: 1}}\n"
    )
    assert call(["run", str(tmp_path / "p.yaml"), "--out", str(tmp_path / "run")]) == 0
    assert interpret.load_result(tmp_path / "run" / "first")["layer1"].values.shape[1] == 1


def test_in_python_it_is_given_as_it_is():
    data = rows()
    images = as_images(data)
    assert (list(images.labels), images.categories) == ([0, 1, 0, 1, 0, 1], ("cat", "dog"))
    assert shades(images) == [0, 40, 80, 120, 160, 200]
    assert Columns.of(data) == Columns(data, "photo", "kind", ("cat", "dog"))
    network = small_network()
    plain = mine(network, [picture(index) for index in range(COUNT)], layers=[network.layers[0]], k=2)
    found = mine(network, data, layers=[network.layers[0]], k=2)
    assert torch.equal(found[network.layers[0]].values, plain[network.layers[0]].values)


def test_labels_are_read_without_a_picture():
    assert list(as_images(broken()).labels) == [0, 1, 0, 1, 0, 1]
    with pytest.raises(DatasetError, match="fails at its item 1"):
        as_images(broken())[1]


def test_a_transform_may_rename_and_preprocess():
    def prepared(batch):
        tensors = [torch.full((3, 4, 5), float(np.asarray(image).flat[0])) for image in batch["photo"]]
        return {"pixel_values": tensors, "labels": batch["kind"]}

    images = as_images(rows().with_transform(prepared))
    assert [float(sample.image.max()) for sample in images] == [0, 40, 80, 120, 160, 200]
    assert list(images.labels) == [0, 1, 0, 1, 0, 1]
    assert images[1].label == 1
    assert as_images(rows().with_format("torch"))[1].image.size == (7, 9)


ITEMS = [{"image": picture(index), "label": index % 2} for index in range(COUNT)]


@pytest.mark.parametrize(
    "items",
    [
        ITEMS,
        [{"img": item["image"], "labels": item["label"], "id": 3} for item in ITEMS],
        DataLoader(ITEMS, batch_size=2),
        DataLoader(
            ITEMS, batch_size=2, collate_fn=lambda batch: {k: [item[k] for item in batch] for k in batch[0]}
        ),
    ],
)
def test_mappings_are_images_and_labels(items):
    images = as_images(items)
    assert shades(images) == [0, 40, 80, 120, 160, 200]
    assert list(images.labels) == [0, 1, 0, 1, 0, 1]
    assert images.ids[1] == "1"


def test_mappings_of_paths_have_these_as_ids(tmp_path):
    for index in range(2):
        picture(index).save(tmp_path / f"{index}.png")
    images = as_images([{"image": tmp_path / f"{index}.png"} for index in range(2)])
    assert [Path(name).name for name in images.ids] == ["0.png", "1.png"]
    assert images[1].label is None


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (
            [{"photo": picture(0), "class": 1}],
            r"has 'photo', 'class', and its picture is looked for under image",
        ),
        ([{}], "An item has nothing"),
        (datasets.DatasetDict(train=rows(), test=rows()), r"holds 'train', 'test'.*images\['train'\]"),
        (datasets.DatasetDict(test=rows()), r"holds 'test'.*images\['test'\]"),
        (rows()[:2], r"holds .*images\['photo'\]. A part of .* has labels, too: data.select\(range\(5\)\)"),
        ({}, "There are no images: the dict is empty"),
        ({"image": [picture(0)]}, "A dict holds 'image'"),
    ],
)
def test_what_is_no_picture_is_said(items, message):
    with pytest.raises(DatasetError, match=message):
        as_images(items)[0]


def test_hf_is_its_short_name(tmp_path):
    rows().save_to_disk(tmp_path / "set")
    images = interpret.load_dataset("hf", path=str(tmp_path / "set"))
    assert (list(images.labels), images.categories) == ([0, 1, 0, 1, 0, 1], ("cat", "dog"))
    assert images.fingerprint() == load(tmp_path / "set").fingerprint()


@pytest.fixture
def bucket():
    system = fsspec.filesystem("memory")
    yield system
    system.store.clear()
    local_copy.cache_clear()


def test_a_saved_data_set_and_a_folder_of_parquet_are_read_by_url(tmp_path, bucket):
    datasets.DatasetDict(train=rows(), test=rows().select([1, 2])).save_to_disk(tmp_path / "set")
    (tmp_path / "pq").mkdir()
    rows().to_parquet(tmp_path / "pq" / "train.parquet")
    bucket.put(str(tmp_path / "set"), "/bucket/", recursive=True)
    bucket.put(str(tmp_path / "pq"), "/bucket/", recursive=True)
    images = load("memory://bucket/set", split="test")
    assert (list(images.ids), shades(images)) == (["test/0", "test/1"], [40, 80])
    assert shades(load("memory://bucket/pq")) == [0, 40, 80, 120, 160, 200]
    with pytest.raises(DatasetError, match="There is no folder memory://bucket/none"):
        load("memory://bucket/none")


def test_what_is_behind_a_url_leads_nowhere_else(tmp_path, bucket):
    rows().save_to_disk(tmp_path / "set")
    state = json.loads((tmp_path / "set" / "state.json").read_text())
    state["_data_files"][0]["filename"] = "../../evil.arrow"
    (tmp_path / "set" / "state.json").write_text(json.dumps(state))
    bucket.put(str(tmp_path / "set"), "/bucket/", recursive=True)
    with pytest.raises(DatasetError, match="lies outside of it"):
        load("memory://bucket/set")


def test_a_run_remembers_the_fingerprint(tmp_path, monkeypatch):
    rows().save_to_disk(tmp_path / "set")
    known = load(tmp_path / "set").fingerprint()
    hashed = []
    original = HuggingFaceImages._hash
    monkeypatch.setattr(
        HuggingFaceImages, "_hash", lambda images, index: hashed.append(index) or original(images, index)
    )
    assert load(tmp_path / "set").fingerprint() == known
    assert not hashed
    rows(kind=[0] * COUNT).save_to_disk(tmp_path / "set")
    assert load(tmp_path / "set").fingerprint() != known
    assert hashed
