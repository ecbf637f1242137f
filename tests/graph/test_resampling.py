"""Changes through layers that move positions: as exact as full passes, and in windows."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from interpret.graph import Incremental, Slices, Wanted
from interpret.network import Network, wrap
from interpret_occlusion import sweep

sys.path.insert(0, str(Path(__file__).parent))
from position_layers import LAYERS, Row, Rows, random_rows

SEPARATE = ("adaptive", "ways")
"""Whole maps go on from these: an adaptive pool on the way has no rule."""


class Summed(nn.Module):
    """What the rows make, rectified and weighed position by position, one output each."""

    def __init__(self, rows: Rows) -> None:
        super().__init__()
        self.rows = rows.rows
        for parameter in self.parameters():
            parameter.data = torch.randn_like(parameter)

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([self.summed(row, x) for row in self.rows], 1)

    def summed(self, row: nn.Module, x: Tensor) -> Tensor:
        maps = row(x).relu()
        weights = torch.linspace(0.5, 2, maps[0].numel(), dtype=maps.dtype)
        return maps.flatten(1) @ weights


def network_of(rows: Rows) -> Network:
    torch.manual_seed(0)
    return wrap(Summed(rows).eval(), input_size=rows.size, mean=(0.0,), std=(1.0,))


def image(size: tuple[int, int]) -> Tensor:
    return torch.randn(1, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def differences(network: Network) -> dict[str, float]:
    """Of each row the largest difference between the engines, in parts of the largest answer."""
    x = image(network.input.size)
    found, expected = (sweep(network, x, 3, 2, engine=engine).logits for engine in ("incremental", "full"))
    off = (found - expected).abs().amax((0, 1)) / expected.abs().amax((0, 1)).clamp(min=1e-9)
    rows = [" > ".join(row.names) for row in network.module.rows if isinstance(row, Row)]
    return {name: each for name, each in zip(rows, off.tolist(), strict=True) if each > 1e-9}


def test_sweeps_through_every_layer_are_exact_and_go_in_windows() -> None:
    names = [name for name in LAYERS if name != "transposed_again"]
    network = network_of(Rows([[name] for name in names], (12, 10), 0))
    assert len(network.module.rows) == len(names)
    assert differences(network) == {}
    graph = network.graph
    incremental = Incremental(graph, image((12, 10)), [Wanted(graph.output)])
    for number, name in enumerate(names):
        last = graph.layer(f"rows.{number}.layers.2")
        assert (last in incremental.rules) == (name not in SEPARATE), name


def test_windows_of_changes_hold_only_what_can_change() -> None:
    """One pixel changes a few of a decoder's positions, and the count of multiply-adds says so."""
    module = nn.Sequential(
        nn.Conv2d(1, 8, 4, 4), nn.ReLU(), nn.ConvTranspose2d(8, 8, 2, 2), nn.ReLU(),
        nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(8, 4, 3, padding=1),
    )  # fmt: skip
    graph = wrap(module.double().eval(), input_size=32, mean=(0.0,), std=(1.0,)).graph
    incremental = Incremental(graph, image((32, 32)), [Wanted(graph.layer("5"), torch.arange(4))])
    places = Slices((0, 8, 16, 24), 4)
    fewer, full = incremental.multiply_adds(places, places)
    assert fewer < full / 8


@pytest.mark.slow
@pytest.mark.parametrize("part", range(20))
def test_sweeps_through_random_layers_are_exact(part: int) -> None:
    assert differences(network_of(random_rows(300 + part, 15))) == {}
