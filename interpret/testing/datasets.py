"""The contract of a dataset."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
from PIL import Image
from torch import Tensor

from interpret.images.dataset import Images, Sample
from interpret.plugin.interfaces import Dataset
from interpret.testing.requirements import require, require_class


def check_dataset(dataset: Dataset, samples: int = 4) -> None:
    """Check ids, order, labels and laziness of a dataset, and its first samples.

    Args:
        dataset: With the parameters to test.
        samples: How many samples are read.

    Raises:
        PluginError: With the first promise that is broken.
    """
    check = partial(require, dataset)
    require_class("dataset", dataset)
    with _no_picture_is_opened(dataset):
        images = dataset.open()
        ids, fingerprint = list(images.ids), images.fingerprint()
        _check_labels(dataset, images)
    check(all(isinstance(name, str) and name for name in ids), "has ids that are no text.")
    check(len(set(ids)) == len(ids), "has two images with one id.")
    again = dataset.open()
    check(list(again.ids) == ids, "has other ids, or another order, when it is opened again.")
    check(again.fingerprint() == fingerprint, "has another fingerprint when it is opened again.")
    indices = range(min(samples, len(ids)))
    with ThreadPoolExecutor(4) as pool:
        read = list(pool.map(images.__getitem__, indices))
    for index in indices:
        _check_sample(dataset, images, read[index], index)
        check(
            _pixels(read[index]) == _pixels(again[index]),
            f"gives another image {index} the second time.",
        )


@contextmanager
def _no_picture_is_opened(dataset: Dataset) -> Iterator[None]:
    """A large dataset must open at once: pictures are read when they are asked for."""
    opened: list[object] = []
    original = Image.open

    def seen(path: Any, *args: Any, **options: Any) -> Image.Image:
        opened.append(path)
        return original(path, *args, **options)

    with patch.object(Image, "open", seen):
        yield
    require(dataset, not opened, "reads pictures before they are asked for.")


def _check_sample(dataset: Dataset, images: Images, sample: Sample, index: int) -> None:
    check = partial(require, dataset)
    check(sample.id == images.ids[index], f"gives image {index} another id than ids does.")
    check(sample.label == images.labels[index], f"gives image {index} another label than labels does.")
    _check_objects(dataset, images, sample, index)
    width, height = sample.image.shape[:0:-1] if isinstance(sample.image, Tensor) else sample.image.size
    if sample.mask is not None:
        check(
            sample.mask.shape == (height, width),
            f"has a mask of {sample.mask.shape} for {height} x {width} pixels.",
        )
    boxes = [sample.box] if sample.box is not None else []
    for box in boxes + [shown.box for shown in sample.objects]:
        left, top, right, bottom = box
        check(
            0 <= left < right <= width and 0 <= top < bottom <= height,
            f"has the box {box} for {width} x {height} pixels.",
        )


def _check_labels(dataset: Dataset, images: Images) -> None:
    """Labels, present and unsure categories are there for every image, and agree."""
    check = partial(require, dataset)
    ids, labels, present, unsure = images.ids, images.labels, images.present, images.unsure
    check(
        0 < len(ids) == len(images) == len(labels),
        "has no images, or another number of ids or labels than images.",
    )
    check(
        len(present) == len(unsure) == len(images),
        "has another number of present or unsure categories than images.",
    )
    check(len(images.whole_paths) in {0, len(ids)}, "has another number of whole paths than images.")
    known = range(len(images.categories)) if images.categories else range(sys.maxsize)
    for name, label, shown, hard in zip(ids, labels, present, unsure, strict=True):
        found = [*shown, *hard, *(() if label is None else (label,))]
        check(
            all(category in known for category in found),
            f"has the labels {sorted(set(found))} of {name}, but {len(images.categories)} categories.",
        )
        check(
            list(shown) == sorted(set(shown)) and list(hard) == sorted(set(hard)),
            f"has present or unsure categories of {name} that are not in ascending order, or come twice.",
        )
        check(not set(shown) & set(hard), f"has a category of {name} that is present and unsure at once.")
        check(label is None or label in shown, f"has a label of {name} that is not among those present.")


def _check_objects(dataset: Dataset, images: Images, sample: Sample, index: int) -> None:
    """The objects, where they are given, are those that present and unsure tell of."""
    shown = {found.label for found in sample.objects if not found.difficult}
    hard = {found.label for found in sample.objects} - shown
    require(
        dataset,
        not sample.objects or (shown == set(images.present[index]) and hard == set(images.unsure[index])),
        f"gives image {index} other objects than present and unsure do.",
    )


def _pixels(sample: Sample) -> str:
    content = sample.image.numpy() if isinstance(sample.image, Tensor) else np.asarray(sample.image)
    return hashlib.sha256(np.ascontiguousarray(content).tobytes()).hexdigest()
