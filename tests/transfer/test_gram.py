"""Inner products that are streamed from disk against X @ X.T in float64."""

from __future__ import annotations

import sys

import pytest
import torch
from sklearn.preprocessing import StandardScaler
from transfer_fixtures import stored

from interpret.errors import InterpretError
from interpret_transfer import gram
from interpret_transfer.gram import of_length_one, standardised

MODULE = sys.modules["interpret_transfer.gram"]  # the package's own name "gram" is the function


def vectors(n=11, d=37, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)) + 1


def reference(x, scaling, train):
    """Every pair of vectors, one by one, in float64."""
    x = x.double()
    if scaling == "standard":
        known = x[list(train)] if train else x
        deviation = known.var(0, correction=0).sqrt()
        x = (x - known.mean(0)) / torch.where(deviation == 0, 1.0, deviation)
    if scaling == "length":
        lengths = [float(row.dot(row)) ** 0.5 for row in x]
        x = torch.stack([row / length if length else row for row, length in zip(x, lengths, strict=True)])
    return torch.tensor([[float(one.dot(other)) for other in x] for one in x], dtype=torch.float64)


@pytest.mark.parametrize("train", [(), (0, 2, 3, 7, 10)])
@pytest.mark.parametrize("scaling", ["length", "standard", "none"])
@pytest.mark.parametrize("block", [(2048, 1024), (10, 1024), (2048, 3), (5, 4), (1, 1), (37, 11)])
def test_every_pair_whatever_the_blocks(tmp_path, monkeypatch, block, scaling, train):
    for name, size in zip(("COLUMNS", "ROWS"), block, strict=True):
        monkeypatch.setattr(MODULE, name, size)
    x = vectors()
    found = gram(stored(tmp_path, x), scaling=scaling, train=train)
    assert found.dtype == torch.float64
    assert torch.equal(found, found.T)
    torch.testing.assert_close(found, reference(x, scaling, train), rtol=1e-5, atol=1e-5)


def test_a_vector_of_zeros_stays_one(tmp_path):
    x = vectors()
    x[4] = 0
    found = gram(stored(tmp_path, x), scaling="length")
    assert (found[4] == 0).all()
    assert (found[:, 4] == 0).all()
    others = torch.arange(11) != 4
    torch.testing.assert_close(
        found.diagonal()[others], torch.ones(10, dtype=torch.float64), rtol=0, atol=1e-12
    )
    torch.testing.assert_close(found, reference(x, "length", ()), rtol=0, atol=1e-6)


@pytest.mark.parametrize("scaling", ["none", "length"])
def test_distances_of_vectors_that_hardly_differ(tmp_path, scaling):
    """Products of 32 bits would leave nothing of them: 3000² has 16 digits of which 7 are kept."""
    x = vectors() + 3000
    found, exact = (
        products.diagonal()[:, None] + products.diagonal() - 2 * products
        for products in (gram(stored(tmp_path, x), scaling=scaling), reference(x.double(), scaling, ()))
    )
    torch.testing.assert_close(found, exact, rtol=1e-3, atol=0 if scaling == "none" else 1e-13)


def test_lengths_of_known_vectors():
    x = torch.tensor([[3.0, 4.0], [0.0, 2.0], [0.0, 0.0]], dtype=torch.float64)
    expected = torch.tensor([[1, 0.8, 0], [0.8, 1, 0], [0, 0, 0]], dtype=torch.float64)
    torch.testing.assert_close(of_length_one(x @ x.T), expected)


def test_images_that_do_not_train_say_nothing_of_mean_and_deviation(tmp_path):
    x, train = vectors(), (0, 1, 2, 5, 6)
    other = x.clone()
    other[[3, 4, 7, 8, 9, 10]] *= 100
    rows = torch.tensor(train)
    one = gram(stored(tmp_path / "one", x), scaling="standard", train=train)[rows][:, rows]
    two = gram(stored(tmp_path / "two", other), scaling="standard", train=train)[rows][:, rows]
    assert torch.equal(one, two)


def test_standardised_is_scikit_learns(tmp_path):
    """Constant dimensions too, whose mean in 32 bits would not be their value."""
    x, train = vectors(40, 300) * 3, list(range(0, 40, 2))
    x[:, 1], x[train, 2], x[:, 3] = 0.1, 0.1, 0
    x[train, 50:] = x[0, 50:]
    theirs = StandardScaler().fit(x[train].double().numpy()).transform(x.double().numpy())
    found = standardised(x, train)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, torch.from_numpy(theirs).float(), rtol=1e-5, atol=1e-6)
    assert (found[:, 1] == 0).all()
    assert found.abs().max() < 50


def test_vectors_on_disk_in_half_precision_are_multiplied_in_32_bits(tmp_path):
    x = vectors().half()
    found = gram(stored(tmp_path, x), scaling="none")
    torch.testing.assert_close(found, reference(x, "none", ()), rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("scaling", ["length", "standard", "none"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_features_that_are_no_numbers_are_refused(tmp_path, value, scaling):
    x = vectors()
    x[3, 5] = x[7, 30] = x[7, 5] = value
    with pytest.raises(
        InterpretError, match=r"features of 2 of 11 .* not finite numbers; the first is image 3"
    ):
        gram(stored(tmp_path, x), scaling=scaling)
