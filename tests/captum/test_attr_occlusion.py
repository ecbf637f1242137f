"""The drop-in's Occlusion beside Captum's own, and beside brute force in float64."""

from __future__ import annotations

import math
import random

import captum.attr
import pytest
import torch
from small_modules import (
    ALIKE,
    SIZE,
    Functional,
    Shared,
    answered_by,
    built,
    chain,
    dense,
    images,
    near,
    one_output,
)
from torch import Tensor

from interpret_captum import attr
from interpret_captum.attr import occlusion
from interpret_captum.attr.asking import as_asked
from interpret_captum.attr.occlusion import as_places, occlusion_maps
from interpret_occlusion.engines import pick_engine

NETWORKS = {**ALIKE, "functional": Functional, "shared": Shared}


def brute_force(value, x, window, strides, baseline) -> Tensor:
    """Every window by itself: what the outputs lose, averaged over the windows at each pixel."""
    with torch.no_grad():
        before = value(x)
        total, count = (
            torch.zeros(len(before), *SIZE[1:], dtype=x.dtype),
            torch.zeros(SIZE[1:], dtype=x.dtype),
        )
        starts = [
            [step * stride for step in range(math.ceil((size - length) / stride) + 1)]
            for size, length, stride in zip(SIZE[1:], window, strides, strict=True)
        ]
        for top in starts[0]:
            for left in starts[1]:
                where = (..., slice(top, top + window[0]), slice(left, left + window[1]))
                covered = x.clone()
                covered[where] = baseline.expand_as(x)[where]
                total[where] += (before - value(covered))[:, None, None]
                count[where] += 1
    return (total / count)[:, None].expand(-1, SIZE[0], -1, -1)


@pytest.mark.parametrize("name", NETWORKS)
def test_it_is_brute_force_in_float64(name):
    module, x, draw = built(NETWORKS[name]), images(2), random.Random(name)
    torch.manual_seed(0)  # of baselines: many of them leave no ReLU of these small networks alive
    for _ in range(4):
        window = draw.randint(1, SIZE[1]), draw.randint(1, SIZE[2])
        strides = tuple(draw.randint(1, length) for length in window)
        baseline = draw.choice([torch.zeros(1), torch.randn(1, *SIZE), torch.randn(2, *SIZE)]).to(x)
        asked, targets = as_asked(module, x, None), torch.tensor([draw.randrange(5), draw.randrange(5)])
        places = as_places(x, (3, *window), (1, *strides))
        with torch.no_grad():
            found = occlusion_maps(asked, module(x), places, baseline.expand_as(x), targets, 7, None)
        right = brute_force(
            lambda leaf, at=targets: module(leaf)[torch.arange(2), at], x, window, strides, baseline
        )
        near(found, right)


CASES = {
    "defaults": {"sliding_window_shapes": (3, 5, 5), "strides": (3, 2, 3)},
    "stride 1": {"sliding_window_shapes": (3, 11, 12)},
    "one stride": {"sliding_window_shapes": (3, 4, 5), "strides": 4},
    "stride in a tuple": {"sliding_window_shapes": ((3, 4, 5),), "strides": (3,)},
    "strides in a tuple": {"sliding_window_shapes": ((3, 6, 5),), "strides": ((2, 5, 3),)},
    "the whole image": {"sliding_window_shapes": SIZE, "strides": 50},
    "whole rows": {"sliding_window_shapes": (3, 4, SIZE[2]), "strides": (3, 3, 99)},
    "one number": {"sliding_window_shapes": (3, 5, 5), "strides": 5, "baselines": 0.5},
    "a whole number": {"sliding_window_shapes": (3, 5, 5), "strides": 5, "baselines": (1,)},
    "an image": {"sliding_window_shapes": (3, 5, 5), "strides": 5, "baselines": images(1, torch.float32, 3)},
    "images": {"sliding_window_shapes": (3, 5, 5), "strides": 5, "baselines": images(3, torch.float32, 3)},
    "colours": {"sliding_window_shapes": (3, 5, 5), "strides": 5, "baselines": torch.randn(3, 1, 1)},
    "in turn": {"sliding_window_shapes": (3, 5, 5), "strides": 5, "perturbations_per_eval": 3},
}
TARGETS = {
    "number": 2,
    "negative": -1,
    "tuple": (3,),
    "tensor of one": torch.tensor([1]),
    "tensor": torch.tensor([0, 4, 1]),
    "tensor of int32": torch.tensor([4, 0, 1], dtype=torch.int32),
    "list": [1, 1, 3],
    "list of tuples": [(1,), (0,), (2,)],
    "none": None,
}


@pytest.mark.parametrize("case", CASES)
def test_each_argument_means_what_it_does_in_captum(case):
    module, x = built(chain, torch.float32), images(3, torch.float32)
    with answered_by("us"):
        found = attr.Occlusion(module).attribute(x, target=1, **CASES[case])
    near(found, captum.attr.Occlusion(module).attribute(x, target=1, **CASES[case]), 2e-5)


@pytest.mark.parametrize("target", TARGETS)
def test_each_target_means_what_it_does_in_captum(target):
    module, x, covering = built(chain, torch.float32), images(3, torch.float32), ((3, 5, 5), 4)
    with answered_by("us"):
        found = attr.Occlusion(module).attribute(x, *covering, target=TARGETS[target])
        (in_tuple,) = attr.Occlusion(module).attribute((x,), *covering, None, TARGETS[target])
    near(found, captum.attr.Occlusion(module).attribute(x, *covering, target=TARGETS[target]), 2e-5)
    assert torch.equal(found, in_tuple)


@pytest.mark.parametrize(
    ("build", "target"),
    [(one_output, None), (dense, (1, 2, 3)), (dense, (1, 2)), (dense, [(0, 1, 2), (4, 4, 0)]), (dense, 1)],
)
def test_outputs_of_other_shapes(build, target):
    module, x = built(build), images(2)
    with answered_by("us"):
        found = attr.Occlusion(module).attribute(x, (3, 6, 6), 4, target=target)
    near(found, captum.attr.Occlusion(module).attribute(x, (3, 6, 6), 4, target=target), 2e-6)


def test_at_few_places_whole_passes_answer_and_at_many_only_what_changes(monkeypatch):
    module, x, picked = built(chain), images(2), []

    def picks(*asked):
        picked.append(pick_engine(*asked))
        return picked[-1]

    monkeypatch.setattr(occlusion, "pick_engine", picks)
    for window, little, engine in (
        (6, occlusion.LITTLE, "full"),
        (2, occlusion.LITTLE, "incremental"),
        (6, 0, "incremental"),
    ):
        monkeypatch.setattr(occlusion, "LITTLE", little)
        with answered_by("us"):
            found = attr.Occlusion(module).attribute(x, (3, window, window), window, target=1)
        assert picked[-1].name == engine
        near(found, captum.attr.Occlusion(module).attribute(x, (3, window, window), window, target=1), 2e-6)


def test_progress_is_shown_to_its_end(capsys):
    module, x = built(chain), images(2)
    with answered_by("us"):
        attr.Occlusion(module).attribute(x, (3, 5, 5), 3, target=0, show_progress=True)
    assert "Occlusion attribution: 100%" in capsys.readouterr().err


def test_weights_that_changed_are_seen():
    module, x = built(chain, seed=1), images(1)
    method = attr.Occlusion(module)
    with answered_by("us"):
        first = method.attribute(x, (3, 5, 5), 3, target=0)
        with torch.no_grad():
            module[-1].weight.neg_()
        second = method.attribute(x, (3, 5, 5), 3, target=0)
    near(second, -first, 1e-6)
