"""Agreement against slow references and cases computed by hand."""

from math import exp, isnan

import pytest
import torch

from interpret_captum import metrics


def maps(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_largest_difference_is_that_of_single_values():
    a = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])
    b = torch.tensor([[[[1.0, 2.5]], [[0.0, 4.0]]]])
    assert metrics.largest_difference(a, b).tolist() == [3.0]


def test_relative_l2_by_hand():
    b = torch.tensor([[3.0, 4.0], [3.0, 4.0], [0.0, 0.0], [0.0, 0.0]])
    a = torch.tensor([[3.0, 4.0], [6.0, 8.0], [0.0, 0.0], [1.0, 0.0]])
    found = metrics.relative_l2(a, b).tolist()
    assert found[:3] == [0.0, 1.0, 0.0]
    assert isnan(found[3])


def ranks(values):
    """The mean place of each value among all, counted one by one."""
    return [
        sum(other < value for other in values) + (sum(other == value for other in values) + 1) / 2
        for value in values
    ]


def correlation(a, b):
    mean_a, mean_b = sum(a) / len(a), sum(b) / len(b)
    covariance = sum((x - mean_a) * (y - mean_b) for x, y in zip(a, b, strict=True))
    lengths = sum((x - mean_a) ** 2 for x in a) * sum((y - mean_b) ** 2 for y in b)
    return covariance / lengths**0.5


def test_rank_correlation_counts_ranks():
    a = maps(0, 3, 5, 4).mul(2).round()  # with many ties
    b = maps(1, 3, 5, 4)
    slow = [
        correlation(ranks(x.flatten().tolist()), ranks(y.flatten().tolist()))
        for x, y in zip(a, b, strict=True)
    ]
    assert metrics.rank_correlation(a, b).tolist() == pytest.approx(slow, abs=1e-12)


def test_rank_correlation_of_a_constant_map_is_no_number():
    constant = torch.zeros(1, 4, 4)
    assert isnan(metrics.rank_correlation(constant, maps(0, 1, 4, 4)).item())
    assert isnan(metrics.rank_correlation(maps(0, 1, 4, 4), constant).item())


def slow_ssim(a, b, span, size=11, sigma=1.5):
    """Wang et al. 2004, equations 13 to 16, window by window."""
    middle = (size - 1) / 2
    weights = [
        [exp(-((i - middle) ** 2 + (j - middle) ** 2) / (2 * sigma**2)) for j in range(size)]
        for i in range(size)
    ]
    window = torch.tensor(weights, dtype=torch.float64)
    window /= window.sum()
    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
    found = []
    for y in range(a.shape[0] - size + 1):
        for x in range(a.shape[1] - size + 1):
            p, q = a[y : y + size, x : x + size], b[y : y + size, x : x + size]
            mean_p, mean_q = (window * p).sum(), (window * q).sum()
            var_p, var_q = (window * (p - mean_p) ** 2).sum(), (window * (q - mean_q) ** 2).sum()
            both = (window * (p - mean_p) * (q - mean_q)).sum()
            found.append(
                (2 * mean_p * mean_q + c1)
                * (2 * both + c2)
                / (mean_p**2 + mean_q**2 + c1)
                / (var_p + var_q + c2)
            )
    return float(torch.stack(found).mean())


@pytest.mark.parametrize("shape", [(16, 16), (11, 20)])
def test_structural_similarity_window_by_window(shape):
    a, b = maps(2, 2, *shape), maps(3, 2, *shape)
    b = a + 0.3 * b
    found = metrics.structural_similarity(a, b, span=2.0)
    assert found.tolist() == pytest.approx(
        [slow_ssim(x, y, 2.0) for x, y in zip(a, b, strict=True)], abs=1e-12
    )


def test_structural_similarity_of_maps_smaller_than_its_window():
    a, b = maps(4, 1, 5, 7), maps(5, 1, 5, 7)
    assert metrics.structural_similarity(a, b).item() == pytest.approx(slow_ssim(a[0], b[0], 2.0, size=5))
    assert metrics.structural_similarity(a, a).item() == pytest.approx(1)


def test_unit_scale_keeps_signs_and_zeros():
    scaled = metrics.unit_scale(torch.tensor([[[1.0, -4.0]], [[0.0, 0.0]]]))
    assert scaled.tolist() == [[[0.25, -1.0]], [[0.0, 0.0]]]


def test_overlap_counts_neurons_whatever_their_rank():
    a = torch.tensor([[[0, 1, 1], [2, 0, 0]], [[5, 0, 0], [-1, -1, -1]], [[-1, -1, -1], [-1, -1, -1]]])
    b = torch.tensor([[[2, 0, 0], [0, 1, 2]], [[5, 0, 0], [-1, -1, -1]], [[-1, -1, -1], [-1, -1, -1]]])
    found = metrics.overlap(a, b).tolist()
    assert found[:2] == [0.5, 1.0]
    assert isnan(found[2])
