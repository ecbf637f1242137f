"""Small projections and images for the tests of figures."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image

from interpret.images import Images, InputSpec, Sample
from interpret_deconv import LayerProjections, Projections

SPEC = InputSpec((16, 16), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), resize=16)


class Squares(Images):
    """Plain 16 x 16 pictures that count how often each is read; picture i has the colour (i, 100, 200)."""

    def __init__(self, count: int = 12) -> None:
        self.names = [f"square-{i}" for i in range(count)]
        self.reads: list[int] = []

    @property
    def ids(self) -> list[str]:
        return self.names

    def __getitem__(self, index: int) -> Sample:
        self.reads.append(index)
        return Sample(self.names[index], Image.new("RGB", (16, 16), (index, 100, 200)))

    def fingerprint(self) -> str:
        return "squares"


def layer(
    *,
    units: int = 5,
    ranks: int = 9,
    size: int = 8,
    channels: int = 3,
    dead: Sequence[int] = (),
    images: int = 12,
) -> LayerProjections:
    """Random projections; every box begins at (-2, 3), so that two rows of a patch lie outside the image."""
    random = torch.Generator().manual_seed(0)
    unit = torch.tensor([u for u in range(units) if u not in dead for _ in range(ranks)], dtype=torch.long)
    count = len(unit)
    patches = torch.randn(count, channels, size, size, generator=random)
    patches[:, :, :2] = 0
    scale = patches.abs().amax((1, 2, 3))
    return LayerProjections(
        unit=unit,
        rank=torch.arange(ranks).repeat(count // ranks),
        image=torch.arange(count) % images,
        position=torch.zeros(count, 2, dtype=torch.long),
        value=torch.ones(count),
        box=torch.tensor([[-2, 3, size - 2, size + 3]]).repeat(count, 1),
        patches=(patches / scale[:, None, None, None]).half(),
        scale=scale,
    )


def projections(
    dead: dict[str, list[int]] | None = None, spec: InputSpec = SPEC, **layers: LayerProjections
) -> Projections:
    """A result over ``Squares``."""
    flags = {}
    for name, item in layers.items():
        units = (dead or {}).get(name, [])
        flags[name] = torch.zeros(max([*item.unit.tolist(), *units]) + 1, dtype=torch.bool)
        flags[name][units] = True
    ids = {str(i): f"square-{i}" for item in layers.values() for i in item.image.tolist()}
    return Projections(layers, ids, spec, "deconvnet", "sum", "full", flags)
