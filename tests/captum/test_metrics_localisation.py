"""The object goes through the same crop as its photograph; shares on it by hand."""

from math import isnan

import numpy as np
import pytest
import torch
from PIL import Image

from interpret.images import InputSpec, Sample
from interpret_captum import metrics

SPEC = InputSpec((20, 24), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


@pytest.mark.parametrize("size", [(24, 20), (60, 40), (40, 90), (31, 27)])
@pytest.mark.parametrize("known", ["mask", "box"])
def test_the_object_is_where_the_network_sees_it(size, known):
    width, height = size
    box = (width // 3, height // 4, width // 3 + width // 2, height // 4 + height // 3)
    mask = np.zeros((height, width), dtype=bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    photograph = Image.fromarray(
        np.repeat(mask[..., None] * np.uint8(255), 3, 2)
    )  # white where the object is
    sample = Sample("a", photograph, **({"mask": mask} if known == "mask" else {"box": box}))
    seen = SPEC.denormalize(SPEC.preprocess(photograph))[0] > 0.5
    found = metrics.object_mask(sample, SPEC)
    assert found.shape == (20, 24)
    assert 0 < found.sum() < found.numel()
    assert torch.equal(found, seen)


def test_a_mask_comes_before_a_box():
    mask = np.eye(20, 24, dtype=bool)
    sample = Sample("a", torch.zeros(3, 20, 24), mask=mask, box=(0, 0, 24, 20))
    assert torch.equal(metrics.object_mask(sample, SPEC), torch.from_numpy(mask))


def test_a_preprocessed_tensor_with_a_box_is_not_scaled():
    found = metrics.object_mask(Sample("a", torch.zeros(3, 20, 24), box=(2, 3, 5, 4)), SPEC)
    assert found.nonzero().tolist() == [[3, 2], [3, 3], [3, 4]]


def test_networks_of_other_channels_have_objects_too():
    four = InputSpec((20, 24), (0.5,) * 4, (0.5,) * 4)
    found = metrics.object_mask(Sample("a", torch.zeros(4, 20, 24), box=(0, 0, 1, 1)), four)
    assert int(found.sum()) == 1


def test_nothing_known():
    assert metrics.object_mask(Sample("a", torch.zeros(3, 20, 24)), SPEC) is None


def test_pointing_and_energy_by_hand():
    maps = torch.tensor([[[4.0, 1.0], [-9.0, 3.0]], [[4.0, 1.0], [-9.0, 3.0]], [[0.0, 0.0], [-1.0, 0.0]]])
    objects = torch.tensor([[[True, True], [True, False]], [[False, True], [True, True]], [[True, True]] * 2])
    pointing = metrics.pointing_game(maps, objects).tolist()
    energy = metrics.energy_inside(maps, objects).tolist()
    assert pointing[:2] == [1, 0]
    assert energy[:2] == [5 / 8, 4 / 8]
    assert isnan(pointing[2])
    assert isnan(energy[2])
