"""Half-widths and straightness, by hand."""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression

from interpret_invariance import Curves, half_widths, linearity
from interpret_invariance.halves import reach


def row(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize(
    ("moved", "level", "expected"),
    [
        ((0, 1, 2, 3), 1.5, 1.5),  # between two steps
        ((0, 1, 2, 3), 2, 2.0),  # at a step
        ((0, 4, 1, 3), 2, 0.5),  # the first time counts
        ((0, 1, 1, 1), 2, inf),
        ((0, 0, 0, 0), 0, nan),  # nothing moves
        ((0, 1, nan, 3), 1, nan),
        ((0, 1, 2, 3), nan, nan),
    ],
)
def test_reach(moved, level, expected) -> None:
    found = reach(row(0, 1, 2, 3), row(*moved), level)
    assert found == pytest.approx(expected, nan_ok=True)


def test_uneven_steps() -> None:
    assert reach(row(0, 1, 10), row(0, 2, 8), 5) == pytest.approx(5.5)
    assert np.isnan(reach(row(0), row(0), 1))


def test_both_sides_of_the_identity() -> None:
    offsets = row(-4, -2, 0, 1, 3)
    moved = torch.stack([row(8, 2, 0, 4, 5), row(1, 1, 0, 8, 8)])
    found = half_widths(offsets, moved, moved.amax(1) / 2)
    np.testing.assert_allclose(found, [[2 + 2 * 2 / 6, 1.0], [inf, 0.5]])


def test_no_step_on_one_side() -> None:
    found = half_widths(row(0, 0.4, 0.8), row(0, 1, 2)[None], row(1))
    np.testing.assert_allclose(found, [[nan, 0.4]])


def curves(transform: str, amounts, distance, probability) -> Curves:
    return Curves(transform, row(*amounts), {"conv": row(*distance)[None]}, row(*probability)[None])


def test_distances_and_probabilities() -> None:
    found = curves("scale", (0.5, 1, 1.5, 2), (6, 0, 2, 4), (0.9, 0.8, 0.5, 0.2))
    assert found.identity == 1
    np.testing.assert_allclose(found.distance_half_widths("conv"), [[0.25, 0.75]])
    # 0.8 moves by 0.4: not below; above it is at 0.4 a third of the way from 1.5 to 2
    np.testing.assert_allclose(found.probability_half_widths(), [[inf, 0.5 + 0.5 / 3]])


def test_a_probability_may_rise_by_half() -> None:
    found = curves("scale", (1, 1.5), (0, 1), (0.2, 0.4))
    np.testing.assert_allclose(found.probability_half_widths(), [[nan, 0.25]])


def test_rotations_go_round() -> None:
    found = curves("rotation", (0, 90, 180, 270, 350), (0, 2, 4, 3, 1), (1, 1, 1, 1, 1))
    assert found.offsets.tolist() == [0, 90, 180, -90, -10]
    below, above = found.distance_half_widths("conv")[0].tolist()
    assert above == pytest.approx(90)
    assert below == pytest.approx(10 + 80 / 2)  # 1 at -10, 3 at -90


def test_straight_lines_of_two_slopes_are_straight() -> None:
    offsets = row(-2, -1, 0, 1, 2)
    assert linearity(offsets, row(6, 3, 0, 1, 2)[None]).item() == pytest.approx(1)
    assert linearity(offsets, row(5, 5, 0, 5, 5)[None]).item() == pytest.approx(0.5)  # 1 - 10 / 20
    assert linearity(offsets, row(0, 0, 0, 0, 0)[None]).isnan().item()


def test_linearity_is_the_r_squared_of_a_fit_through_the_identity() -> None:
    offsets, moved = torch.arange(-3.0, 6.0).double(), torch.rand(9, dtype=torch.float64)
    moved[3] = 0
    sides = torch.stack([offsets.clamp(max=0), offsets.clamp(min=0)], 1).numpy()
    fit = LinearRegression(fit_intercept=False).fit(sides, moved.numpy())
    assert linearity(offsets, moved[None]).item() == pytest.approx(fit.score(sides, moved.numpy()))
