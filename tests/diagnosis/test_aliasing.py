"""Energy at the frequencies of a stride: grids are found, smooth and noisy pictures are not."""

import cmath
import math

import pytest
import torch
from torch.nn import functional as F

from interpret.errors import InterpretError
from interpret_diagnosis import alias_energy


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def on_a_grid(count, size, step, seed=0):
    """Positive signals ``step`` pixels apart, each written through one filter, as a strided layer does."""
    signal = torch.zeros(count, 1, size, size, dtype=torch.float64)
    places = len(range(0, size, step))
    signal[:, :, ::step, ::step] = noise(count, 1, places, places, seed=seed).abs()
    return F.conv2d(F.pad(signal, (3, 3, 3, 3)), noise(3, 1, 7, 7, seed=seed + 1))


def in_loops(patch, step):
    """Share of the energy in the squares around the grid, from the definition of the Fourier transform."""
    size = patch.shape[0]
    length = -(-2 * size // step) * step
    window = [math.sin(math.pi * (place + 1) / (size + 1)) ** 2 for place in range(size)]
    weights = [(y, x, window[y] * window[x]) for y in range(size) for x in range(size)]
    mean = sum(float(patch[y, x]) * w for y, x, w in weights) / sum(w for _, _, w in weights)
    apart = [
        abs(place / length * step - round(place / length * step)) / step * size for place in range(length)
    ]
    point = [round(place / length * step) % step for place in range(length)]
    grid = whole = 0.0
    for u in range(length):
        for v in range(length):
            turns = ((y * u + x * v) / length for y, x, _ in weights)
            value = sum(
                (float(patch[y, x]) - mean) * w * cmath.exp(-2j * math.pi * turn)
                for (y, x, w), turn in zip(weights, turns, strict=True)
            )
            near = max(apart[u], apart[v]) <= 2
            origin = point[u] == point[v] == 0
            whole += 0 if near and origin else abs(value) ** 2
            grid += abs(value) ** 2 if near and not origin else 0
    return grid / whole


def test_share_against_loops():
    patch = noise(1, 1, 12, 12)
    found = alias_energy(patch, 2)
    assert float(found.share[0]) == pytest.approx(in_loops(patch[0, 0], 2), rel=1e-4)


@pytest.mark.parametrize(("size", "step"), [(67, 4), (43, 2), (19, 2), (35, 4)])
def test_a_grid_stands_out_and_noise_does_not(size, step):
    grid = alias_energy(on_a_grid(16, size, step), step)
    assert float(grid.share.mean()) > 0.35
    assert grid.ratio > 3
    white = alias_energy(noise(64, 3, size, size), step)
    assert white.ratio == pytest.approx(1, abs=0.1)


def test_smooth_patches_have_no_energy_there():
    smooth = noise(16, 3, 75, 75)
    for _ in range(3):
        smooth = F.avg_pool2d(smooth, 5, 1)
    found = alias_energy(smooth, 4)
    assert float(found.share.mean()) < found.expected + 0.01


def test_a_grid_of_another_step_is_not_it():
    three = alias_energy(on_a_grid(16, 72, 3), 4)
    assert float(three.share.mean()) - three.expected < 0.02


def test_a_checkerboard():
    y, x = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    found = alias_energy(((y + x) % 2).double()[None, None], 2)
    assert float(found.share) > 0.99
    assert len(found.profile) == 2 * 32 // 2 + 1


def test_stripes_of_a_stride_across_only():
    stripes = torch.zeros(1, 1, 32, 32)
    stripes[..., ::4] = 1
    assert float(alias_energy(stripes, (1, 4)).share) > 0.99
    assert float(alias_energy(stripes.transpose(2, 3), (4, 1)).share) > 0.99
    assert float(alias_energy(stripes.transpose(2, 3), (1, 4)).share) < 0.01


def test_strength_and_zeros_change_nothing():
    patches = noise(4, 3, 40, 40)
    expected = alias_energy(patches, 4)
    scaled = torch.cat([1000 * patches[:2], 0.001 * patches[2:], torch.zeros(1, 3, 40, 40)])
    torch.testing.assert_close(alias_energy(scaled, 4).share, expected.share)
    assert alias_energy(scaled, 4).expected == pytest.approx(expected.expected)


def test_wrong_questions_are_refused():
    with pytest.raises(InterpretError, match="A stride of 1 x 1 has no grid"):
        alias_energy(noise(1, 1, 40, 40), 1)
    with pytest.raises(InterpretError, match=r"23 pixels hold fewer than 6 periods of a stride of 4"):
        alias_energy(noise(1, 1, 40, 23), 4)
    with pytest.raises(InterpretError, match=r"\(n, channels, h, w\). Got \(40, 40\)"):
        alias_energy(noise(40, 40), 4)
    with pytest.raises(InterpretError, match="all are zero"):
        alias_energy(torch.zeros(2, 1, 40, 40), 4)
