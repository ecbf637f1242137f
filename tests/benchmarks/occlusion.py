"""A sweep of 729 places, and the drop-in's Occlusion, against Captum's, with the batch that suits it best.

Captum takes as long for one place as for another, and for a small window as for a large one: it is measured
on 9 x 9 places of a larger window and scaled to all.
"""

from collections.abc import Iterator

import torch
from captum.attr import Occlusion
from table import Row, in_turn, seconds
from torch import nn
from torchvision import models

import interpret
from interpret.network import Network, wrap
from interpret_captum import attr
from interpret_occlusion import sweep

WINDOW, STRIDE = 16, 8
LARGER, SPARSER, PLACES = 32, 24, 81
BATCHES = (1, 4, 16, 64)
REPEATS = 3
TARGETS = {"zfnet": 15, "alexnet": 5, "vgg16": 15, "resnet18": 4, "squeezenet1_1": 7}
CASES = tuple(TARGETS)


def measured(case: str) -> Iterator[Row]:
    """The sweep beside Captum, then the drop-in, which is to reach 0.9 of the sweep.

    Random weights and images take as long as real ones.
    """
    torch.manual_seed(0)
    network = interpret.load_model(case) if case == "zfnet" else wrap(models.get_model(case).eval())
    x, module = torch.randn(network.input.shape), network.module.eval()
    batch = min(BATCHES, key=lambda size: seconds(lambda: by_captum(network, x, size)))
    calls = [
        lambda: sweep(network, x, WINDOW, STRIDE, target=0),
        lambda: by_dropin(module, network, x),
        lambda: by_captum(network, x, batch),
    ]
    maps = calls[0]()
    calls[1]()
    ours, dropin, peer = in_turn(calls, REPEATS, warm=True)
    places = maps.label.numel()
    peer *= places / PLACES
    against = f"Captum Occlusion, {batch} places in a batch"
    work = f"occlusion, {case}: {places} places"
    yield Row(work, against, ours, peer, peer / ours, f">= {TARGETS[case]}", maps.multiply_adds)
    work, reach = f"the drop-in's Occlusion, {case}: {places} places", f">= {0.9 * peer / ours:.1f}"
    yield Row(work, against, dropin, peer, peer / dropin, reach, maps.multiply_adds)


def by_dropin(module: nn.Module, network: Network, x: torch.Tensor) -> torch.Tensor:
    made: torch.Tensor = attr.Occlusion(module).attribute(
        x[None], (3, WINDOW, WINDOW), strides=(3, STRIDE, STRIDE), target=0, baselines=grey(network, x)
    )
    return made


def grey(network: Network, x: torch.Tensor) -> torch.Tensor:
    return network.input.normalize(torch.full_like(x, 0.5))[None]


@torch.no_grad()
def by_captum(network: Network, x: torch.Tensor, batch: int) -> torch.Tensor:
    shape, steps = (3, LARGER, LARGER), (3, SPARSER, SPARSER)
    made: torch.Tensor = Occlusion(network.module).attribute(
        x[None], shape, strides=steps, target=0, baselines=grey(network, x), perturbations_per_eval=batch
    )
    return made
