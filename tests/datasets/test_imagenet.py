import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision.datasets
from scipy.io import savemat

from interpret.errors import DatasetError, UnknownNameError
from interpret.testing import check_dataset
from interpret_datasets import Imagenet
from interpret_datasets.synsets import read_names, short_names

sys.path.insert(0, str(Path(__file__).parent))
from benchmark_fixtures import make_imagenet, picture

SAMPLE = Path(__file__).parents[2].parent / "shared" / "data" / "imagenet-sample"
needs_sample = pytest.mark.skipif(not SAMPLE.is_dir(), reason=f"no photographs in {SAMPLE}")

WORDS = {
    "n01440764": "tench, Tinca tinca",
    "n02012849": "crane",
    "n03126707": "crane",
    "n03710637": "maillot",
    "n03710721": "maillot, tank suit",
    "n03888257": "parachute, chute",
}
NAMES = ["tench", "crane (n02012849)", "crane (n03126707)", "maillot", "maillot, tank suit", "parachute"]
SHOWN = ["n03888257", "n01440764", "n03126707", "n03888257"]
"""What the four validation pictures show."""


def make_val(root, *, folders):
    for i, wnid in enumerate(SHOWN, start=1):
        picture(root / "val" / (wnid if folders else "") / f"ILSVRC2012_val_{i:08d}.JPEG", 10 * i)
    return root


def write_devkit(root, shown=SHOWN):
    """As ILSVRC publishes it: numbers of its own, and synsets above the classes."""
    data = root / "ILSVRC2012_devkit_t12" / "data"
    data.mkdir(parents=True)
    ids = {wnid: number for number, wnid in enumerate(reversed(WORDS), start=1)}
    fields = ("ILSVRC2012_ID", "WNID", "words", "gloss", "num_children", "children")
    rows = [(ids[wnid], wnid, words, "a gloss", 0, []) for wnid, words in WORDS.items()]
    rows.append((len(WORDS) + 1, "n00001740", "entity", "all there is", 2, [1, 2]))
    synsets = np.zeros((len(rows), 1), dtype=[(name, object) for name in fields])
    for place, row in enumerate(rows):
        synsets[place, 0] = row
    savemat(data / "meta.mat", {"synsets": synsets})
    lines = "".join(f"{ids[wnid]}\n" for wnid in shown)
    (data / "ILSVRC2012_validation_ground_truth.txt").write_text(lines)
    return root


def write_torchvision(root):
    words = {wnid: tuple(text.split(", ")) for wnid, text in WORDS.items()}
    torch.save((words, SHOWN), root / "meta.bin")


def write_mapping(root):
    lines = (f"{wnid} {words}\n" for wnid, words in reversed(WORDS.items()))
    (root / "LOC_synset_mapping.txt").write_text("".join(lines))


def write_json(root):
    (root / "classes.json").write_text(
        json.dumps({"wnid": list(WORDS), "name": [words.partition(", ")[0] for words in WORDS.values()]})
    )


def write_solution(root, shown=SHOWN):
    lines = [
        f"ILSVRC2012_val_{i:08d},{wnid} 1 2 30 40 {wnid} 5 6 7 8" for i, wnid in enumerate(shown, start=1)
    ]
    (root / "LOC_val_solution.csv").write_text("\n".join(["ImageId,PredictionString", *lines[::-1], ""]))


def test_without_names_the_classes_are_the_folders_that_are_there(tmp_path):
    images = Imagenet(path=make_imagenet(tmp_path)).open()
    assert images.categories == ("n01440764", "n03126707", "n03888257")
    assert list(images.labels) == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert images.ids[:3] == [f"n01440764/n01440764_{i}.JPEG" for i in (10026, 1009, 29)]


@pytest.mark.parametrize("write", [write_devkit, write_torchvision, write_mapping])
def test_every_file_of_names_gives_all_classes_in_the_order_of_networks(tmp_path, write):
    write(make_imagenet(tmp_path))
    images = Imagenet(path=tmp_path).open()
    assert list(images.categories) == NAMES
    assert list(images.labels) == [0, 0, 0, 2, 2, 2, 5, 5, 5]
    assert {*Imagenet(path=tmp_path / "train").open().labels} == {0, 2, 5}


def test_a_name_that_two_classes_share_gets_what_tells_them_apart(tmp_path):
    write_json(make_imagenet(tmp_path))
    names = ["tench", "crane (n02012849)", "crane (n03126707)"]
    names += ["maillot (n03710637)", "maillot (n03710721)", "parachute"]
    assert list(Imagenet(path=tmp_path).open().categories) == names
    assert list(short_names(WORDS).values()) == NAMES


def test_a_thousand_folders_are_the_classes_of_networks(tmp_path):
    wnids = [f"n{number:08d}" for number in range(7, 3007, 3)]
    for wnid in wnids:
        (tmp_path / "train" / wnid).mkdir(parents=True)
        (tmp_path / "train" / wnid / "1.JPEG").touch()
    images = Imagenet(path=tmp_path, classes=(wnids[700], wnids[3])).open()
    assert list(images.labels) == [700, 3]
    assert list(images.categories) == wnids


def test_validation_pictures_in_class_folders_and_in_one_folder_give_the_same(tmp_path):
    nested = Imagenet(path=write_devkit(make_val(tmp_path / "a", folders=True)), split="val").open()
    flat = Imagenet(path=write_devkit(make_val(tmp_path / "b", folders=False)), split="val").open()
    assert flat.categories == nested.categories == tuple(NAMES)
    assert list(flat.labels) == list(nested.labels) == [0, 2, 5, 5]
    assert flat.ids == [f"ILSVRC2012_val_{i:08d}.JPEG" for i in (2, 3, 1, 4)]
    assert [Path(name).name for name in nested.ids] == flat.ids
    assert [sample.image.tobytes() for sample in flat] == [sample.image.tobytes() for sample in nested]


def test_kaggles_layout(tmp_path):
    make_val(tmp_path / "ILSVRC" / "Data" / "CLS-LOC", folders=False)
    write_solution(tmp_path)
    assert Imagenet(path=tmp_path, split="val").open().categories == tuple(sorted(set(SHOWN)))
    write_mapping(tmp_path)
    images = Imagenet(path=tmp_path, split="val").open()
    assert images.categories == tuple(NAMES)
    assert [(name[-6], label) for name, label in zip(images.ids, images.labels, strict=True)] == [
        ("2", 0), ("3", 2), ("1", 5), ("4", 5),
    ]  # fmt: skip
    assert Imagenet(path=tmp_path / "ILSVRC" / "Data" / "CLS-LOC", split="val").open().ids == images.ids


@pytest.mark.parametrize("split", ["train", "val"])
def test_it_agrees_with_torchvision(tmp_path, split):
    write_torchvision(make_val(make_imagenet(tmp_path, sorted(WORDS)), folders=True))
    for wnid in WORDS:
        picture(tmp_path / "val" / wnid / "ILSVRC2012_val_00000009.JPEG")
    theirs = torchvision.datasets.ImageNet(tmp_path, split)
    ours = Imagenet(path=tmp_path, split=split).open()
    assert list(ours.labels) == theirs.targets
    assert [str(ours.root / file) for file in ours.files] == [path for path, _ in theirs.imgs]
    assert [name.split(" (")[0] for name in ours.categories] == [
        ", ".join(words) if words[0] == "maillot" else words[0] for words in theirs.classes
    ]


def test_classes_are_chosen_by_name_or_id_and_keep_their_labels_unless_told(tmp_path):
    write_devkit(make_imagenet(tmp_path))
    chosen = ("parachute", "n01440764")
    images = Imagenet(path=tmp_path, classes=chosen, per_class=1).open()
    assert list(images.labels) == [5, 0]
    assert images.categories == tuple(NAMES)
    own = Imagenet(path=tmp_path, classes=chosen, per_class=1, labels="own").open()
    assert list(own.labels) == [0, 1]
    assert own.categories == ("parachute", "tench")
    assert own.ids == images.ids
    with pytest.raises(UnknownNameError, match=r"'parashute'.*'parachute'"):
        Imagenet(path=tmp_path, classes=("parashute",)).open()
    with pytest.raises(UnknownNameError, match="no class 'maillot'"):
        Imagenet(path=tmp_path, classes=("maillot",)).open()


def test_labels_of_networks_need_the_list_of_classes(tmp_path):
    make_imagenet(tmp_path)
    with pytest.raises(DatasetError, match="labels: imagenet needs the list of all 1000 classes"):
        Imagenet(path=tmp_path, labels="imagenet").open()
    write_mapping(tmp_path)
    assert {*Imagenet(path=tmp_path, labels="imagenet").open().labels} == {0, 2, 5}


def test_a_class_folder_that_the_names_do_not_know(tmp_path):
    write_devkit(make_imagenet(tmp_path, ["n01440764", "n09999999"]))
    with pytest.raises(DatasetError, match=r"n09999999 in .*train is none of the 6 classes"):
        Imagenet(path=tmp_path).open()


@pytest.mark.parametrize("write", [write_devkit, write_solution])
def test_a_list_with_a_missing_picture_or_a_missing_line(tmp_path, write):
    write(make_val(tmp_path, folders=False))
    (tmp_path / "val" / "ILSVRC2012_val_00000002.JPEG").rename(tmp_path / "2.JPEG")
    with pytest.raises(
        DatasetError, match=r"ILSVRC2012_val_00000002, which is missing. It has 4 lines, and .* 3 p"
    ):
        Imagenet(path=tmp_path, split="val").open()
    for i in (2, 5):
        picture(tmp_path / "val" / f"ILSVRC2012_val_{i:08d}.JPEG")
    with pytest.raises(
        DatasetError, match=r"no line for the picture ILSVRC2012_val_00000005. It has 4 .* 5 p"
    ):
        Imagenet(path=tmp_path, split="val").open()


def test_a_number_that_is_no_class(tmp_path):
    truth = "ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt"
    write_devkit(make_val(tmp_path, folders=False))
    (tmp_path / truth).write_text("1\n2\n7\n3\n")
    with pytest.raises(DatasetError, match=f"{truth}:3: there is no class 7"):
        Imagenet(path=tmp_path, split="val").open()
    (tmp_path / truth).write_text("1\ntwo\n")
    with pytest.raises(DatasetError, match=r"ground_truth\.txt cannot be understood.*two"):
        Imagenet(path=tmp_path, split="val").open()


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("ILSVRC2012_devkit_t12/data/meta.mat", b"no matrix"),
        ("meta.bin", b"no weights"),
        ("LOC_synset_mapping.txt", b"n01440764\n"),
        ("classes.json", b'{"wnid": ["n01440764"], "name": []}'),
        ("classes.json", b"{"),
        ("classes.json", b"[]"),
    ],
)
def test_a_file_of_names_that_is_another_is_named(tmp_path, file, content):
    path = make_imagenet(tmp_path) / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=f"{path} cannot be understood"):
        Imagenet(path=tmp_path).open()


def test_validation_pictures_without_any_list_or_without_pictures(tmp_path):
    make_val(tmp_path, folders=False)
    with pytest.raises(
        DatasetError, match=r"neither LOC_val_solution\.csv nor .*ground_truth\.txt and meta\.mat"
    ):
        Imagenet(path=tmp_path, split="val").open()
    (tmp_path / "empty" / "val").mkdir(parents=True)
    with pytest.raises(DatasetError, match="val holds neither pictures nor class folders"):
        Imagenet(path=tmp_path / "empty", split="val").open()
    picture(tmp_path / "train" / "n01440764_10026.JPEG")
    with pytest.raises(DatasetError, match="train holds no class folders"):
        Imagenet(path=tmp_path).open()


def test_the_other_split_is_not_taken_for_this_one(tmp_path):
    make_imagenet(tmp_path / "imagenet")
    with pytest.raises(
        DatasetError, match=f"no folder train in {tmp_path}. Did you mean path: {tmp_path}/imagenet"
    ):
        Imagenet(path=tmp_path).open()
    with pytest.raises(DatasetError, match=r"no folder val in .*Give the folder that holds val"):
        Imagenet(path=tmp_path / "imagenet", split="val").open()


def test_the_contract(tmp_path):
    check_dataset(Imagenet(path=write_devkit(make_imagenet(tmp_path))))
    check_dataset(Imagenet(path=make_val(tmp_path, folders=False), split="val"))


@pytest.mark.data
@needs_sample
def test_the_real_list_of_classes_is_that_of_torchvision():
    names = read_names(SAMPLE)
    theirs = torchvision.models.AlexNet_Weights.DEFAULT.meta["categories"]
    assert list(names) == sorted(names)
    different = [(a, b) for a, b in zip(names.values(), theirs, strict=True) if a != b]
    assert different == [
        ("crane (n02012849)", "crane bird"),
        ("crane (n03126707)", "crane"),
        ("maillot (n03710637)", "maillot"),
        ("maillot (n03710721)", "maillot tank suit"),
    ]
