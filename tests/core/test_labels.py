"""What counts as a label, and which output of a network stands for it."""

import logging

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import ImageFolder

from interpret import DatasetError, ModelError
from interpret.images import as_images, match_labels
from interpret.images.labels import as_label, find_output
from interpret.images.synsets import places, words
from interpret_datasets import Folder

IMAGENET = [text.partition(",")[0] for text in words().values()]
IMAGENET_PAIRS = ("tench, Tinca tinca", "goldfish, Carassius auratus")


def outputs(categories, names, classes=None):
    return match_labels(categories, names, classes or len(names)).outputs


@pytest.mark.parametrize(
    ("categories", "names", "expected"),
    [
        (["owl", "cat"], ["cat", "dog", "owl"], (2, 0)),
        (["great_white_shark", "Jack-O-Lantern"], ["jack-o'-lantern", "Great white shark"], (1, 0)),
        (["cafe\u0301"], ["tea", "caf\u00e9"], (1,)),
        (["tench, Tinca tinca"], ["goldfish", "tench"], (1,)),
        (["Carassius auratus"], ["tench, Tinca tinca", "goldfish, Carassius auratus"], (1,)),
        (["missile"], ["projectile, missile", "missile"], (1,)),
        (["Cardigan, Welsh corgi", "cardigan"], ["cardigan", "Cardigan"], (1, 0)),
        (["cat", "Cat"], ["Cat", "cat"], (1, 0)),
        (["10", "2"], ["2", "10"], (1, 0)),
        (["-1", "1"], ["1", "-1"], (1, 0)),
        (["crane", "crane"], ["crane", "crane"], (0, 1)),
        (["cow", "cat"], ["cat", "dog"], (None, 0)),
    ],
)
def test_names_decide_where_both_sides_have_them(categories, names, expected):
    assert outputs(categories, names) == expected


@pytest.mark.parametrize(
    ("categories", "names", "reason"),
    [
        (["crane", "cat"], ["crane", "crane", "cat"], r"'crane' fits 2 outputs \(0, 1\)"),
        (["Cat", "CAT", "dog"], ["cat", "dog"], "'Cat' fits the output 'cat', and so does another category"),
        (["cow", "cat"], ["cat"], "No output is called 'cow'"),
        (["a", "b"], ["x", "y"], "None of the dataset's 2 categories"),
        (["0", "1", "10", "2"], list("wxyz"), "categories are numbers"),
        (["a", "b"], [], "2 categories, but the network has 3 outputs"),
    ],
)
def test_what_is_not_clear_has_no_output_and_says_why(categories, names, reason):
    found = match_labels(categories, names, len(names) or 3)
    assert found.output(0) is None
    with pytest.raises(DatasetError, match=reason):
        found.required([0], ["a.png"])
    assert "\n" not in found.report


def test_an_exact_name_wins_over_a_similar_one():
    assert outputs(["Cat", "cat"], ["cat"]) == (None, 0)


def test_indices_hold_only_where_counts_agree_or_nothing_is_counted():
    assert outputs(["a", "b"], [], 2) == (0, 1)
    assert match_labels([], ["x", "y"], 2).output(1) == 1
    assert match_labels([], [], 2).output(2) is None
    assert outputs(["0", "1", "2"], list("xyz")) == (0, 1, 2)  # numbers that are their own index


def test_numbers_in_the_order_of_text_are_taken_and_said(caplog):
    names = sorted(str(number) for number in range(12))
    found = match_labels(names, [], 12).tell()
    assert found.outputs == tuple(range(12))
    assert "numbers in the order of text, as ImageFolder has them: '0', '1', '10'" in caplog.text


def test_wordnet_ids_stand_for_their_words():
    assert outputs(["n01440764", "n02102040"], ["English springer", "tench"]) == (1, 0)
    assert outputs(["n02102040", "crane (n03126707)", "crane (n02012849)"], IMAGENET) == (217, 517, 134)
    assert outputs(["n03126707", "cat"], ["crane", "cat"]) == (None, 1)  # the machine, or the bird
    assert outputs(list(words()), IMAGENET) == tuple(range(1000))
    assert outputs(list(words().values()), IMAGENET) == tuple(range(1000))
    assert places()["n15075141"] == 999


def test_the_report_says_how_many_were_matched_and_by_what(caplog):
    with caplog.at_level(logging.INFO, "interpret"):
        match_labels(["owl", "cow"], ["cow", "owl"], 2).tell()
        match_labels(["owl", "cat"], ["cow", "owl"], 2).tell()
    assert [(record.levelname, record.getMessage()[:51]) for record in caplog.records] == [
        ("INFO", "Labels: 2 of 2 categories matched by name to 2 outp"),
        ("WARNING", "Labels: 1 of 2 categories matched by name to 2 outp"),
    ]


def test_a_name_that_several_outputs_have_is_refused():
    assert find_output("Great white shark", ["x", "great_white_shark"]) == 1
    assert find_output("owl", ["x"]) is None
    with pytest.raises(
        ModelError, match=r"'crane' stands for 2 outputs of the network: 0, 1. Give the index"
    ):
        find_output("crane", ["crane", "crane"])


@pytest.mark.parametrize(
    ("value", "label"),
    [
        (3, 3),
        (3.0, 3),
        (np.int64(3), 3),
        (np.array(3), 3),
        (torch.tensor(3), 3),
        (torch.tensor([3]), 3),
        (True, 1),
        (np.bool_(False), 0),
        (None, None),
        ({"boxes": []}, None),
    ],
)
def test_whole_numbers_of_any_type_are_labels(value, label):
    found = as_label(value, 0)
    assert found == label
    assert type(found) in {int, type(None)}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (0.7, "label 0.7"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (-1, "count from 0. Give None"),
        (torch.eye(3)[1], r"shape \(3,\).*argmax"),
        (np.eye(3)[1], r"shape \(3,\).*argmax"),
        ([0, 1, 0], "a whole number"),
        ("cat", "'classes'"),
        (b"1", "a whole number"),
        (2 + 1j, "a whole number"),
        (object(), "a whole number"),
    ],
)
def test_everything_else_is_refused_by_image(value, reason):
    with pytest.raises(DatasetError, match=rf"Image 5 has .*{reason}"):
        as_label(value, 5)


def test_labels_beyond_the_categories_are_refused():
    with pytest.raises(DatasetError, match="label 2, but there are 2 categories, 0 to 1"):
        as_label(2, 0, ["cat", "dog"])
    with pytest.raises(DatasetError, match="'cow', which is none of the dataset's classes"):
        as_label("cow", 0, ["cat", "dog"])


def picture(tone=0):
    return Image.new("L", (8, 8), tone)


class Named(torch.utils.data.Dataset):
    """A dataset that lists its classes, as the refusal of names tells people to."""

    classes = ("cat", "dog")

    def __init__(self, labels):
        self.labels = labels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return picture(index), self.labels[index]


def test_names_are_labels_where_the_dataset_lists_its_classes():
    images = as_images(Named(["dog", "cat", "Dog"]))
    assert images.labels == [1, 0, 1]
    assert images[2].label == 1


def test_one_hot_labels_are_refused_and_the_cure_works():
    pairs = [(picture(place), row) for place, row in enumerate(torch.eye(3))]
    with pytest.raises(DatasetError, match=r"label.argmax\(\)"):
        _ = as_images(pairs).labels
    with pytest.raises(DatasetError, match="Image 1 has"):
        as_images(pairs)[1]
    assert as_images([(image, label.argmax()) for image, label in pairs]).labels == [0, 1, 2]


@pytest.mark.parametrize(
    "targets", [[2, 0], (2, 0), torch.tensor([2, 0]), np.array([2, 0]), [np.int64(2), 0.0]]
)
def test_listed_targets_are_labels_whatever_their_type(targets):
    dataset = Named([2, 0])
    dataset.classes, dataset.targets = (), targets
    assert as_images(dataset).labels == [2, 0]


def test_lists_of_files_are_no_labels():
    dataset = Named([{}, {}])
    dataset.classes, dataset.targets = (), ["a.xml", "b.xml"]
    assert as_images(dataset).labels == [None, None]
    assert as_images(dataset)[0].label is None


def test_class_folders_are_in_the_order_of_image_folder(tmp_path):
    for name in ("0", "1", "2", "10", "11", "100", "b", "B", "é", "_a"):
        (tmp_path / name).mkdir()
        picture().save(tmp_path / name / "x.png")
    theirs, ours = ImageFolder(tmp_path), Folder(path=tmp_path).open()
    assert list(ours.categories) == theirs.classes
    assert ours.categories[:6] == ("0", "1", "10", "100", "11", "2")
    by_file = {f"{theirs.classes[label]}/x.png": label for _, label in theirs.samples}
    assert dict(zip(ours.ids, ours.labels, strict=True)) == by_file


@pytest.mark.parametrize(
    ("classes", "categories"),
    [
        (["cat", "dog"], ("cat", "dog")),
        ([("tench", "Tinca tinca"), ("goldfish", "Carassius auratus")], IMAGENET_PAIRS),
        (np.array(["cat", "dog"]), ("cat", "dog")),
        (2, ()),
        (None, ()),
    ],
)
def test_classes_name_the_categories_of_a_dataset(classes, categories):
    dataset = Named([1, 0])
    dataset.classes = classes
    images = as_images(dataset)
    assert images.categories == categories
    assert images.labels == [1, 0]


def test_synonyms_of_torchvision_s_imagenet_match():
    assert outputs(IMAGENET_PAIRS, ["goldfish", "tench"]) == (1, 0)
