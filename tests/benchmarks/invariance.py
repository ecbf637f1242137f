"""Invariance against the obvious loop: one transformed photograph at a time through the plain network."""

from collections.abc import Iterator

import counts
import torch
from table import Row, interleaved
from torch import nn
from torchvision.transforms.v2 import functional

import interpret
from interpret.images import Images
from interpret.network import Network
from interpret_invariance import invariance

CASES = ("scenes",)
KINDS, STEPS, SCENES, REPEATS = ("vertical_translation", "scale", "rotation"), 60, 5, 3


def measured(case: str) -> Iterator[Row]:
    """Five scenes, three transformations, 60 steps each, on the embedded network."""
    network = interpret.load_model("zfnet", weights="scenes")
    scenes = interpret.load_dataset("scenes", split="val", limit=SCENES)
    found = invariance(network, scenes, steps=STEPS)
    amounts = {kind: found[kind].amounts.tolist() for kind in KINDS}
    ours, peer = interleaved(
        lambda: invariance(network, scenes, transforms=KINDS, steps=STEPS),
        lambda: by_loop(network, scenes, amounts),
        REPEATS,
    )
    passes = SCENES * sum(map(len, amounts.values()))
    work = passes * counts.forward(network)
    yield Row(
        f"invariance, {SCENES} scenes, {len(KINDS)} transformations of up to {STEPS} steps: {passes} images",
        "a loop over torchvision's affine, one image at a time",
        ours,
        peer,
        peer / ours,
        ">= 1",
        (work, work),
    )


@torch.no_grad()
def by_loop(network: Network, scenes: Images, amounts: dict[str, list[float]]) -> list[float]:
    """Distances at layers 1 and 7, and probabilities; features of all steps are read by hooks."""
    kept: dict[str, torch.Tensor] = {}
    numbers: list[float] = []

    def keep(name: str, part: nn.Module) -> torch.utils.hooks.RemovableHandle:
        return part.register_forward_hook(lambda *given: kept.__setitem__(name, given[2]))

    handles = [keep(name, network.module.get_submodule(name)) for name in ("layer1", "layer7")]
    for sample in scenes:
        x = network.preprocess(sample.image)
        pixels = network.input.denormalize(x)
        network.module(x[None])
        before = dict(kept)
        for kind, values in amounts.items():
            for value in values:
                changed = network.input.normalize(moved(pixels, kind, value))
                logits = network.module(changed[None])
                numbers += [float((kept[name] - before[name]).norm()) for name in before]
                numbers.append(float(logits.softmax(1)[0, sample.label]))
    for handle in handles:
        handle.remove()
    return numbers


def moved(pixels: torch.Tensor, kind: str, value: float) -> torch.Tensor:
    """One photograph by torchvision, its mean colour beyond the border."""
    given = {
        "angle": -value if kind == "rotation" else 0.0,
        "translate": [0, int(value) if kind == "vertical_translation" else 0],
        "scale": value if kind == "scale" else 1.0,
    }
    bilinear, fill = functional.InterpolationMode.BILINEAR, pixels.mean((1, 2)).tolist()
    return functional.affine(pixels, **given, shear=[0.0, 0.0], interpolation=bilinear, fill=fill)
