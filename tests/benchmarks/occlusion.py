"""A sweep of 729 places against Captum's Occlusion, with the batch that suits it best.

Captum takes as long for one place as for another, and for a small window as for a large one: it is measured
on 9 x 9 places of a larger window and scaled to all.
"""

from collections.abc import Iterator

import torch
from captum.attr import Occlusion
from table import Row, interleaved, seconds
from torchvision import models

import interpret
from interpret.network import Network, wrap
from interpret_occlusion import OcclusionMaps, sweep

WINDOW, STRIDE = 16, 8
LARGER, SPARSER, PLACES = 32, 24, 81
BATCHES = (1, 4, 16, 64)
REPEATS, SCENES = 3, 20
TARGETS = {"zfnet": 4, "alexnet": 3, "vgg16": 10, "resnet18": 2, "squeezenet1_1": 2}


def rows() -> Iterator[Row]:
    """One row for each network; random weights and images take as long as real ones."""
    for name, target in TARGETS.items():
        torch.manual_seed(0)
        known = name == "zfnet"
        yield row(name, interpret.load_model(name) if known else wrap(models.get_model(name).eval()), target)
    yield approximated()


def row(name: str, network: Network, target: int) -> Row:
    x = torch.randn(network.input.shape)
    maps = sweep(network, x, WINDOW, STRIDE, target=0)
    batch = min(BATCHES, key=lambda size: seconds(lambda: by_captum(network, x, size)))
    ours, peer = interleaved(
        lambda: sweep(network, x, WINDOW, STRIDE, target=0), lambda: by_captum(network, x, batch), REPEATS
    )
    peer *= maps.label.numel() / PLACES
    spent, full = maps.multiply_adds
    return Row(
        f"occlusion, {name}: {maps.label.numel()} places; multiply-adds / {full / spent:.1f}",
        f"Captum Occlusion, {batch} places in a batch",
        ours,
        peer,
        peer / ours,
        f">= {max(target, 0.8 * full / spent):.1f}",
    )


def approximated() -> Row:
    """The approximate mode on scenes, with its true error: over all places, not over a sample."""
    network = interpret.load_model("zfnet", weights="scenes")
    scenes = interpret.load_dataset("scenes", split="test", limit=SCENES)
    pictures = [network.preprocess(sample.image) for sample in scenes]

    def swept(engine: str) -> list[OcclusionMaps]:
        return [
            sweep(network, x, 32, 2, target=label, engine=engine)
            for x, label in zip(pictures, scenes.labels, strict=True)
        ]

    found, exact = swept("approximate"), swept("auto")
    errors = [float((a.probability - b.probability).abs().max()) for a, b in zip(found, exact, strict=True)]
    kept = sum(maps.interpolated for maps in found) / SCENES
    worst = sum(error > maps.error + 1e-6 for error, maps in zip(errors, found, strict=True))
    ours, peer = interleaved(lambda: swept("approximate"), lambda: swept("auto"), REPEATS)
    return Row(
        f"approximate, {SCENES} scenes: {kept:.0%} interpolated; largest error {max(errors):.2f}, mean "
        f"{sum(errors) / SCENES:.3f}; larger than stated in {worst}",
        "our exact maps, window 32, stride 2",
        ours,
        peer,
        peer / ours,
        "",
    )


@torch.no_grad()
def by_captum(network: Network, x: torch.Tensor, batch: int) -> torch.Tensor:
    grey = network.input.normalize(torch.full_like(x, 0.5))[None]
    shape, steps = (3, LARGER, LARGER), (3, SPARSER, SPARSER)
    made: torch.Tensor = Occlusion(network.module).attribute(
        x[None], shape, strides=steps, target=0, baselines=grey, perturbations_per_eval=batch
    )
    return made
