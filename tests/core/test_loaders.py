"""A DataLoader: its samplers say which images there are, its collate_fn what each of them is."""

import itertools

import numpy as np
import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Sampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from interpret.errors import DatasetError
from interpret.images import as_images
from interpret.testing import small_network
from interpret_topk import mine

DATA = TensorDataset(torch.arange(10.0)[:, None, None, None].expand(10, 3, 4, 4), torch.arange(10))


def labels(loader):
    images = as_images(loader)
    assert [sample.image[0, 0, 0].item() for sample in images] == list(images.labels)
    return list(images.labels)


class Backwards(Sampler):
    def __iter__(self):
        return iter([7, 2, 0])


class Endless(Sampler):
    def __iter__(self):
        return itertools.count()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, range(10)),
        ({"shuffle": True}, range(10)),
        ({"batch_size": None}, range(10)),
        ({"batch_size": 4, "drop_last": True}, range(8)),
        ({"sampler": SubsetRandomSampler([3, 1, 5])}, [1, 3, 5]),
        ({"sampler": [5, 3, 1]}, [5, 3, 1]),
        ({"sampler": Backwards()}, [7, 2, 0]),
        ({"sampler": Backwards(), "batch_size": None}, [7, 2, 0]),
        ({"batch_sampler": [[4, 2], [9]]}, [4, 2, 9]),
        ({"batch_sampler": BatchSampler([1, 2, 3], 2, drop_last=True)}, [1, 2]),
        ({"batch_size": 5, "sampler": RandomSampler(range(10))}, range(10)),
    ],
)
def test_samplers_say_which_images_and_in_which_order(options, expected):
    before = torch.random.get_rng_state()
    assert labels(DataLoader(DATA, **options)) == list(expected)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_only_what_is_sampled_is_mined():
    pictures = [np.full((9, 9, 3), 25 * tone, dtype=np.uint8) for tone in range(10)]
    found = mine(small_network(), DataLoader(pictures, sampler=SubsetRandomSampler([1, 3, 5])), k=9)
    assert sorted(found.ids) == ["1", "3", "5"]


@pytest.mark.parametrize(
    "options",
    [
        {"sampler": RandomSampler(DATA, num_samples=4)},
        {"sampler": WeightedRandomSampler([1.0] * 10, 10)},
        {"shuffle": True, "batch_size": 4, "drop_last": True},
        {"sampler": [1, 1, 2]},
        {"batch_sampler": [[0, 1], [1]]},
    ],
)
def test_other_images_each_time_are_refused_with_a_cure_that_works(options):
    loader = DataLoader(DATA, **options)
    with pytest.raises(DatasetError, match="each image once") as refusal:
        as_images(loader)
    cure = str(refusal.value).split("give ")[1].removesuffix(".")
    drawn = eval(cure, {"torch": torch, "itertools": itertools, "loader": loader})
    assert isinstance(drawn, Subset)
    assert 1 < len(labels(drawn)) <= 10


@pytest.mark.parametrize("options", [{"sampler": Endless()}, {"sampler": []}, {"sampler": [3, 11]}])
def test_places_that_are_none_are_refused(options):
    with pytest.raises(DatasetError, match="yields"):
        as_images(DataLoader(DATA, **options))


class Stream(IterableDataset):
    def __iter__(self):
        return iter(DATA)


def test_what_can_only_be_iterated_over_is_refused_with_a_cure_that_works():
    for given in (Stream(), DataLoader(Stream())):
        with pytest.raises(DatasetError, match="list of its items, such as"):
            as_images(given)
    assert labels(list(itertools.islice(Stream(), 1000))) == list(range(10))


class Records(Dataset):
    """Items as many data sets have them, which a collate_fn makes pairs of."""

    classes = tuple("abcdefghij")

    def __len__(self):
        return 10

    def __getitem__(self, index):
        return {"pixels": DATA[index][0] * 2, "label": DATA[index][1]}


def as_pairs(items):
    return torch.stack([item["pixels"] for item in items]) / 2, torch.stack([item["label"] for item in items])


@pytest.mark.parametrize(
    ("dataset", "collate"),
    [
        (Records(), as_pairs),
        (DATA, lambda items: tuple(zip(*items, strict=True))),
        (DATA, lambda items: items),
        (DATA, list),
    ],
)
def test_a_collate_fn_makes_each_image(dataset, collate):
    assert labels(DataLoader(dataset, collate_fn=collate)) == list(range(10))
    assert labels(DataLoader(dataset, collate_fn=collate, sampler=[2, 1])) == [2, 1]


@pytest.mark.parametrize("collate", [lambda items: None, lambda items: torch.zeros(2, 3, 4, 4), len])
def test_a_collate_fn_that_makes_no_batch_of_one_is_refused(collate):
    with pytest.raises(DatasetError, match=r"collate_fn .* of one item"):
        as_images(DataLoader(DATA, collate_fn=collate))[0]
