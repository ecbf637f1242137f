"""Bands and flatness of spectra, against a transform in loops and against noise."""

import cmath
import math

import pytest
import torch
from torch import nn

import interpret
from interpret.errors import InterpretError
from interpret_diagnosis import band_energy, flatness, likeness_to_noise
from interpret_diagnosis.spectrum import power, radius, shares


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def transform_in_loops(filter_, size):
    """The power of one channel at every frequency, by the definition of the Fourier transform."""
    found = torch.zeros(size, size, dtype=torch.float64)
    for u in range(size):
        for v in range(size):
            total = sum(
                float(filter_[y, x]) * cmath.exp(-2j * math.pi * (u * y + v * x) / size)
                for y in range(filter_.shape[0])
                for x in range(filter_.shape[1])
            )
            found[u, v] = abs(total) ** 2
    return found


def test_power_against_loops():
    weight = random(2, 2, 3, 4)
    expected = torch.stack([sum(transform_in_loops(channel, 8) for channel in one) for one in weight])
    torch.testing.assert_close(power(weight, 8), expected)


def test_bands_add_up_to_the_squared_weights():
    weight = random(4, 3, 7, 5)
    torch.testing.assert_close(band_energy(weight).sum(1), weight.square().sum((1, 2, 3)))


def test_bands_against_loops():
    weight, size = random(1, 1, 3, 3), 64
    spectrum = transform_in_loops(weight[0, 0], size)
    expected = [0.0, 0.0, 0.0]
    for u in range(size):
        for v in range(size):
            frequency = math.hypot(min(u, size - u) / size, min(v, size - v) / size)
            expected[(frequency >= 1 / 6) + (frequency >= 1 / 3)] += float(spectrum[u, v]) / size**2
    assert band_energy(weight)[0].tolist() == pytest.approx(expected)


def wave(period, size=24):
    return torch.cos(2 * math.pi * torch.arange(size).double() / period).expand(1, 1, size, size)


@pytest.mark.parametrize(("period", "band"), [(24, 0), (12, 0), (4.5, 1), (2.5, 2), (2, 2)])
def test_waves_are_in_their_band(period, band):
    assert float(shares(band_energy(wave(period)))[band]) > 0.9


def test_the_mean_is_in_the_lowest_band():
    assert float(shares(band_energy(torch.ones(1, 3, 24, 24)))[0]) > 0.95


def test_radius_at_nyquist():
    assert radius(8)[0, 4] == radius(8)[4, 0] == 0.5


def test_shares_are_those_of_the_average_filter_and_zeros_are_left_out():
    strong, weak = 1000 * wave(12), wave(2)
    low, _, high = shares(band_energy(torch.cat([strong, weak, torch.zeros_like(weak)]))).tolist()
    assert low == pytest.approx(0.5, abs=0.1)
    assert high == pytest.approx(0.5, abs=0.1)
    assert shares(band_energy(torch.zeros(2, 1, 3, 3))).isnan().all()


def test_flatness_by_hand():
    impulse = torch.zeros(1, 1, 5, 5)
    impulse[0, 0, 2, 2] = 3
    assert float(flatness(impulse)) == pytest.approx(1)
    assert float(flatness(wave(6))) < 1e-6
    assert flatness(torch.zeros(1, 1, 5, 5)).isnan().all()


@pytest.mark.parametrize("shape", [(96, 3, 11, 11), (96, 3, 7, 7), (64, 3, 3, 3), (32, 1, 5, 5)])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_filters_are_like_noise(shape, seed):
    assert 0.9 < likeness_to_noise(random(*shape, seed=seed)) < 1.1


def test_initialised_convolutions_are_like_noise():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        conv = nn.Conv2d(3, 64, 7)
    assert 0.9 < likeness_to_noise(conv.weight) < 1.1


def test_trained_filters_are_not():
    network = interpret.load_model("zfnet", weights="scenes")
    assert likeness_to_noise(network.module.layer1.conv.weight) < 0.4


def test_filters_of_one_pixel_have_no_frequencies():
    assert math.isnan(likeness_to_noise(random(8, 3, 1, 1)))


@pytest.mark.parametrize("bands", [[], [0, 0.2], [0.3, 0.2], [0.2, 0.2]])
def test_wrong_bands_are_refused(bands):
    with pytest.raises(InterpretError, match="ascending frequencies above 0"):
        band_energy(random(1, 1, 3, 3), bands)
