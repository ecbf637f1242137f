"""Batches keep their boundaries, read ahead a little, and stop when the caller does."""

import threading

import pytest
import torch
from torch import nn

from interpret.errors import DatasetError
from interpret.images import Images, Sample
from interpret.network import READERS, batches, wrap
from interpret.network.batching import AHEAD


class Counted(Images):
    """Image i is all i; remembers what was read."""

    def __init__(self, count, bad=()):
        self.count, self.bad, self.read = count, bad, []

    @property
    def ids(self):
        return [f"id{index}" for index in range(self.count)]

    def __getitem__(self, index):
        self.read.append(index)
        if index in self.bad:
            raise DatasetError("It is cut short.")
        return Sample(self.ids[index], torch.full((3, 4, 4), float(index)))

    def fingerprint(self):
        return str(self.count)


@pytest.fixture
def network():
    return wrap(nn.Conv2d(3, 1, 1).double(), input_size=4)


def test_boundaries_do_not_depend_on_what_can_be_read(network):
    found = list(batches(network, Counted(10, bad=(1, 8, 9)), 4, on_error="skip"))
    assert [batch.indices for batch in found] == [(0, 2, 3), (4, 5, 6, 7), ()]
    assert [tuple(batch.x.shape) for batch in found] == [(3, 3, 4, 4), (4, 3, 4, 4), (0, 3, 4, 4)]
    assert found[2].skipped == (("id8", "It is cut short."), ("id9", "It is cut short."))
    assert found[1].x[:, 0, 0, 0].tolist() == [4, 5, 6, 7]
    assert found[0].x.dtype == torch.float64


def test_a_subset_keeps_its_places_in_the_whole(network):
    found = list(batches(network, Counted(10).subset([7, 2, 9]), 2))
    assert [batch.indices for batch in found] == [(7, 2), (9,)]


def test_an_unreadable_image_is_named(network):
    with pytest.raises(DatasetError, match=r"'id5' .*cut short.*skip"):
        list(batches(network, Counted(8, bad=(5,)), 2))


def test_only_a_little_is_read_ahead_and_nothing_after_the_caller_stops(network):
    before, images = threading.active_count(), Counted(1000)
    source = batches(network, images, 10)
    next(source)
    source.close()
    assert len(images.read) <= 10 * (AHEAD + 1)
    assert threading.active_count() == before
    assert READERS >= 1


def test_a_tensor_of_another_shape_is_named(network):
    class Wrong(Counted):
        def __getitem__(self, index):
            return Sample(f"id{index}", torch.zeros(3, 5, 5))

    with pytest.raises(DatasetError, match=r"'id0' .*\(3, 5, 5\)"):
        list(batches(network, Wrong(2), 2))
