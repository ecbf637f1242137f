"""Coarse to fine: exact where it says so, honest about the rest."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch import Tensor, nn

from interpret import Network, wrap
from interpret_occlusion import OcclusionMaps, sweep
from interpret_occlusion.approximate import Cell, lines


class Spot(nn.Module):
    """Answers to the brightness of one small patch only."""

    def forward(self, x: Tensor) -> Tensor:
        bright = 40 * x[:, :, 40:48, 20:28].mean((1, 2, 3)) - 20
        return torch.stack([bright, -bright], 1)


def spot() -> tuple[Network, Tensor]:
    return wrap(Spot(), input_size=64, mean=(0.0,), std=(1.0,)), torch.ones(1, 64, 64)


@cache
def maps(engine: str, **given: object) -> OcclusionMaps:
    network, x = spot()
    return sweep(network, x, 8, 2, fill=0.0, target=0, engine=engine, **given)


def test_lines_and_cells_cover_everything_once() -> None:
    assert lines(0, 9, 4) == [0, 4, 8, 9]
    assert list(Cell(0, 3, 2, 4).split(2)) == [Cell(0, 2, 2, 4), Cell(2, 3, 2, 4)]
    assert lines(5, 5, 4) == [5]


def test_what_it_computes_is_exact_and_the_rest_is_measured() -> None:
    exact, found = maps("full"), maps("approximate")
    assert found.engine == "approximate"
    assert 0.3 < found.interpolated < 0.95
    difference = (found.probability - exact.probability).abs()
    assert float((difference > 1e-6).float().mean()) <= found.interpolated
    assert found.error <= float(difference.max()) + 1e-6 or found.error < 0.05
    low = exact.probability < 0.5
    assert difference[low].max() < 0.2, "the map changes there: it must have been refined"


def test_without_tolerance_everything_that_changes_is_computed() -> None:
    exact, found = maps("full"), maps("approximate", tolerance=0.0)
    loose = maps("approximate", tolerance=0.9)
    assert found.interpolated < loose.interpolated
    assert (found.probability - exact.probability).abs().mean() < (
        loose.probability - exact.probability
    ).abs().mean()


def test_the_error_is_that_of_interpolated_places() -> None:
    """3 x 3 places, interpolated from their corners: all five between are sampled, and exact then."""
    network, x = spot()
    given = {"fill": 0.0, "target": 0, "tolerance": 1.0}
    exact = sweep(network, x, 24, 20, engine="full", **given)
    found = sweep(network, x, 24, 20, engine="approximate", **given)
    ends = exact.logits[[0, 2]][:, [0, 2]]
    share = torch.tensor([[1, 0], [0.5, 0.5], [0, 1]])
    straight = torch.einsum("ra,cb,abk->rck", share, share, ends).softmax(2)[..., 0]
    assert found.error == pytest.approx(float((straight - exact.probability).abs().max()))
    assert found.error > 0.1
    assert found.interpolated == 0
    assert torch.equal(found.logits, exact.logits)


def test_one_place_needs_no_interpolation() -> None:
    network, x = spot()
    found = sweep(network, x, 64, 1, fill=0.0, engine="approximate")
    assert found.interpolated == found.error == 0
    assert found.label.shape == (1, 1)


def test_followed_units_are_interpolated_too() -> None:
    torch.manual_seed(0)
    network = wrap(
        nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 1024, 2)),
        input_size=32, mean=(0.0,), std=(1.0,),
    )  # fmt: skip
    x = torch.rand(1, 32, 32, generator=torch.Generator().manual_seed(1))
    exact, found = (
        sweep(network, x, 8, 1, layers=["0"], engine=engine) for engine in ("full", "approximate")
    )
    spread = exact.response["0"].max() - exact.response["0"].min()
    assert found.response["0"].shape == exact.response["0"].shape
    assert (found.response["0"] - exact.response["0"]).abs().max() < 0.5 * spread
