"""Images that show several categories."""

from __future__ import annotations

from typing import ClassVar

import pytest
from PIL import Image

import interpret
from interpret.errors import PluginError
from interpret.images import Images, InputSpec, Object, Sample, as_images
from interpret.testing import check_dataset, small_images
from interpret_training.read_once import ReadOnce

SHOWN = [
    (Object(1, (0, 0, 5, 5)), Object(0, (2, 2, 4, 9)), Object(1, (1, 1, 2, 2), difficult=True)),
    (Object(2, (0, 0, 5, 5), difficult=True),),
    (Object(2, (0, 0, 8, 8)), Object(0, (1, 0, 5, 5), difficult=True)),
]


class Several(Images):
    """Three pictures with several objects; ``wrong`` overrides what a test wants to be wrong."""

    categories = ("cat", "dog", "sheep")

    def __init__(self, **wrong):
        self.wrong = wrong

    ids = ("a", "b", "c")
    labels = property(lambda self: self.wrong.get("labels", [1, None, 2]))
    present = property(lambda self: self.wrong.get("present", [(0, 1), (), (2,)]))
    unsure = property(lambda self: self.wrong.get("unsure", [(), (2,), (0,)]))

    def __getitem__(self, index):
        objects = self.wrong.get("objects", SHOWN)[index]
        return Sample(self.ids[index], Image.new("RGB", (8, 9)), self.labels[index], objects=objects)

    def fingerprint(self):
        return "several"


def dataset(**wrong):
    class SeveralDataset(interpret.Dataset):
        name: ClassVar[str] = "several"

        def open(self):
            """Three pictures."""
            return Several(**wrong)

    return SeveralDataset()


def test_by_default_the_label_is_the_one_category_present():
    images = as_images([(Image.new("L", (4, 4)), label) for label in (3, 0)])
    assert list(images.present) == [(3,), (0,)]
    assert list(images.unsure) == [(), ()]
    unlabelled = as_images([Image.new("L", (4, 4))] * 2)
    assert list(unlabelled.present) == [(), ()]
    assert images[0].objects == ()


def test_a_subset_keeps_what_is_present_and_unsure():
    part = Several().subset([2, 0, 1]).subset([2, 0])
    assert list(part.present) == [(), (2,)]
    assert list(part.unsure) == [(2,), (0,)]
    assert part[1].objects == SHOWN[2]


def test_pictures_that_are_read_once_keep_it_but_for_boxes_of_another_size():
    held = ReadOnce(Several(), InputSpec((4, 4)))
    assert list(held.present) == [(0, 1), (), (2,)]
    assert list(held.unsure) == [(), (2,), (0,)]
    assert held[0].objects == ()


def test_object_is_public():
    assert interpret.Object is Object


def test_consistent_labels_pass():
    check_dataset(dataset())
    assert list(small_images(2).present) == [(0,), (1,)]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"present": [(0, 1), ()]}, "another number of present or unsure categories"),
        ({"unsure": []}, "another number of present or unsure categories"),
        ({"present": [(0, 1), (), (2, 3)]}, r"has the labels \[0, 2, 3\] of c, but 3 categories"),
        ({"unsure": [(-1,), (2,), (0,)]}, r"has the labels \[-1, 0, 1\] of a"),
        ({"present": [(1, 0), (), (2,)]}, "of a that are not in ascending order"),
        ({"unsure": [(), (2, 2), (0,)]}, "of b that are not in ascending order, or come twice"),
        ({"unsure": [(), (2,), (0, 2)]}, "of c that is present and unsure at once"),
        ({"labels": [2, None, 2]}, "a label of a that is not among those present"),
        ({"objects": [SHOWN[0][1:], SHOWN[1], SHOWN[2]]}, "gives image 0 other objects"),
        ({"objects": [SHOWN[0], SHOWN[1], SHOWN[2][:1]]}, "gives image 2 other objects"),
        (
            {"objects": [SHOWN[0], (Object(2, (0, 0, 9, 9), True),), SHOWN[2]]},
            r"box \(0, 0, 9, 9\) for 8 x 9",
        ),
    ],
)
def test_labels_that_contradict_each_other_are_caught(wrong, message):
    with pytest.raises(PluginError, match=message):
        check_dataset(dataset(**wrong))
