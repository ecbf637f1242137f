"""The same pictures as files, shards, a table and a saved data set: analyses see no difference."""

import datasets
import pyarrow
import pyarrow.parquet
import pytest
import torch
from shard_fixtures import png, write_tar

import interpret
from interpret.errors import DatasetError
from interpret.images import InputSpec
from interpret.testing import small_network
from interpret_topk import mine
from interpret_training.pixels import read_pixels

COUNT = 20
NAMES = ["cat", "dog"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("same")
    for name in NAMES:
        (folder / "folder" / name).mkdir(parents=True)
    pairs = []
    for index in range(COUNT):
        (folder / "folder" / NAMES[index // 10] / f"{index:02d}.png").write_bytes(png(index))
        pairs += [(f"{index:02d}.png", png(index)), (f"{index:02d}.cls", NAMES[index // 10].encode())]
    write_tar(folder / "webdataset" / "0.tar", pairs[:14])
    write_tar(folder / "webdataset" / "1.tar", pairs[14:])
    content = {"image": [png(index) for index in range(COUNT)], "label": [NAMES[0]] * 10 + [NAMES[1]] * 10}
    (folder / "parquet").mkdir()
    pyarrow.parquet.write_table(pyarrow.table(content), folder / "parquet" / "0.parquet", row_group_size=3)
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=NAMES)})
    datasets.disable_progress_bars()
    rows = {"image": [{"bytes": data, "path": None} for data in content["image"]], "label": content["label"]}
    datasets.Dataset.from_dict(rows, features=features).save_to_disk(folder / "hf")
    datasets.enable_progress_bars()
    return folder


@pytest.mark.parametrize("name", ["webdataset", "parquet", "hf"])
def test_labels_categories_and_what_is_mined_are_those_of_a_folder(folder, name):
    known = interpret.load_dataset("folder", path=folder / "folder")
    images = interpret.load_dataset(name, path=folder / name)
    assert (list(images.labels), images.categories) == (list(known.labels), known.categories)
    network = small_network()
    first, second = (mine(network, one, k=5, batch_size=8) for one in (known, images))
    for layer in first.layers:
        assert torch.equal(first[layer].values, second[layer].values)
        assert torch.equal(first[layer].image, second[layer].image)
        assert torch.equal(first[layer].position, second[layer].position)


@pytest.mark.parametrize("name", ["webdataset", "parquet", "hf"])
def test_subsets_keep_ids_labels_and_places(folder, name):
    images = interpret.load_dataset(name, path=folder / name)
    part = images.subset([19, 3, 7])
    assert [sample.id for sample in part] == [images.ids[place] for place in (19, 3, 7)]
    assert list(part.labels) == [1, 0, 0]
    assert part[0].image.tobytes() == images[19].image.tobytes()
    assert part.fingerprint() != images.subset([3, 19, 7]).fingerprint()
    assert repr(images).count("cat, dog")
    with pytest.raises(IndexError):
        images[COUNT]


def test_a_training_passes_over_what_a_damaged_shard_lost(folder, tmp_path):
    whole = (folder / "webdataset" / "0.tar").read_bytes()
    (tmp_path / "0.tar").write_bytes(whole[: len(whole) // 2 + 100])
    (tmp_path / "1.tar").write_bytes((folder / "webdataset" / "1.tar").read_bytes())
    (tmp_path / "2.tar").write_bytes(b"no tar")
    images = interpret.load_dataset("webdataset", path=tmp_path)
    spec = InputSpec((8, 8))
    pixels = read_pixels(images, spec, classes=2, on_error="skip")
    lost = [name for name, _ in pixels.skipped]
    assert {"0/#end", "2"} <= set(lost)
    assert len(pixels) + len(lost) == len(images)
    assert pixels.labels.tolist() == [images.labels[place] for place in pixels.places.tolist()]
    with pytest.raises(DatasetError, match="has no label"):
        read_pixels(images, spec, classes=2)
