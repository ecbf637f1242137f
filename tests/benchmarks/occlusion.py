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
TARGETS = {"zfnet": 4, "alexnet": 3, "vgg16": 10, "resnet18": 2, "squeezenet1_1": 2}


def rows() -> Iterator[Row]:
    """Two rows for each network; random weights and images take as long as real ones."""
    for name, target in TARGETS.items():
        torch.manual_seed(0)
        known = name == "zfnet"
        network = interpret.load_model(name) if known else wrap(models.get_model(name).eval())
        yield from compared(name, network, target)


def compared(name: str, network: Network, target: int) -> Iterator[Row]:
    """The sweep beside Captum, then the drop-in, which is to reach 0.9 of the sweep."""
    x, module = torch.randn(network.input.shape), network.module.eval()
    maps = sweep(network, x, WINDOW, STRIDE, target=0)
    places, (spent, full) = maps.label.numel(), maps.multiply_adds
    batch = min(BATCHES, key=lambda size: seconds(lambda: by_captum(network, x, size)))
    ours, dropin, peer = in_turn(
        [
            lambda: sweep(network, x, WINDOW, STRIDE, target=0),
            lambda: by_dropin(module, network, x),
            lambda: by_captum(network, x, batch),
        ],
        REPEATS,
    )
    peer *= places / PLACES
    against = f"Captum Occlusion, {batch} places in a batch"
    work = f"occlusion, {name}: {places} places; multiply-adds / {full / spent:.1f}"
    yield Row(work, against, ours, peer, peer / ours, f">= {max(target, 0.8 * full / spent):.1f}")
    reach = f">= {0.9 * peer / ours:.1f}"
    yield Row(
        f"the drop-in's Occlusion, {name}: {places} places", against, dropin, peer, peer / dropin, reach
    )


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
