"""Faithfulness on linear models, whose curves can be computed by hand."""

import pytest
import torch

from interpret.images import InputSpec
from interpret_captum import metrics

WEIGHTS = torch.arange(1.0, 17.0).reshape(1, 4, 4)


def linear(x):
    """A 4 x 4 network with the weights 1 to 16."""
    return (x * WEIGHTS).sum((1, 2, 3))


ONES, ZEROS = torch.ones(1, 4, 4), torch.zeros(1, 4, 4)


def test_deletion_of_a_linear_model_by_hand():
    curve = metrics.replacement_curve(linear, ONES, ZEROS, WEIGHTS[0], steps=4)
    assert curve.tolist() == [
        136,
        136 - 58,
        136 - 58 - 42,
        136 - 58 - 42 - 26,
        0,
    ]  # 16+15+14+13, 12+11+10+9, …
    assert metrics.area(curve).item() == (136 / 2 + 78 + 36 + 10 + 0) / 4


def test_insertion_is_deletion_from_the_other_end():
    curve = metrics.replacement_curve(linear, ZEROS, ONES, WEIGHTS[0], steps=4)
    assert curve.tolist() == [0, 58, 100, 126, 136]
    backwards = metrics.replacement_curve(linear, ONES, ZEROS, -WEIGHTS[0], steps=4)
    assert backwards.tolist() == [136, 126, 100, 58, 0]


def test_no_order_is_better_than_the_weights():
    best = metrics.area(metrics.replacement_curve(linear, ONES, ZEROS, WEIGHTS[0], steps=16))
    for seed in range(20):
        order = torch.rand(4, 4, generator=torch.Generator().manual_seed(seed))
        assert metrics.area(metrics.replacement_curve(linear, ONES, ZEROS, order, steps=16)) > best


def test_equal_pixels_go_in_reading_order():
    curve = metrics.replacement_curve(linear, ONES, ZEROS, torch.zeros(4, 4), steps=16)
    assert curve.diff().tolist() == [-float(weight) for weight in range(1, 17)]


@pytest.mark.parametrize("batch_size", [1, 2, 5, 100])
def test_curves_do_not_depend_on_the_batches(batch_size):
    seen = []

    def score(x):
        seen.append(len(x))
        return linear(x)

    curve = metrics.replacement_curve(score, ONES, ZEROS, WEIGHTS[0], steps=7, batch_size=batch_size)
    assert torch.equal(curve, metrics.replacement_curve(linear, ONES, ZEROS, WEIGHTS[0], steps=7))
    assert max(seen) <= batch_size
    assert sum(seen) == 8


def test_more_steps_than_pixels():
    curve = metrics.replacement_curve(linear, ONES, ZEROS, WEIGHTS[0], steps=50)
    assert curve[0] == 136
    assert curve[-1] == 0
    assert bool((curve.diff() <= 0).all())


def test_all_channels_of_a_pixel_go_together():
    x = torch.ones(3, 2, 2)
    curve = metrics.replacement_curve(lambda x: x.sum((1, 2, 3)), x, 0 * x, torch.rand(2, 2), steps=4)
    assert curve.tolist() == [12, 9, 6, 3, 0]


def test_grey_is_grey_in_pixels():
    spec = InputSpec((4, 4), (0.2, 0.4, 0.6), (0.1, 0.2, 0.3))
    grey = metrics.grey(torch.randn(1, 3, 4, 4), spec)
    assert torch.allclose(spec.denormalize(grey), torch.tensor(0.5))


def test_blur_is_the_weighted_mean_of_a_neighbourhood():
    x = torch.randn(1, 2, 9, 8, dtype=torch.float64)
    blurred = metrics.blur(x, 1.0)
    window = metrics.gaussian_window(7, 1.0)
    slow = sum(
        window[i] * window[j] * x[0, 1, min(max(0 + i - 3, 0), 8), min(max(5 + j - 3, 0), 7)]
        for i in range(7)
        for j in range(7)
    )
    assert blurred[0, 1, 0, 5].item() == pytest.approx(float(slow), abs=1e-12)
    assert torch.allclose(metrics.blur(torch.ones(1, 1, 5, 5), 3.0), torch.tensor(1.0))


def test_squares_lie_inside_and_everywhere():
    squares = metrics.random_squares(500, (6, 5), 3, torch.Generator().manual_seed(0))
    assert squares.sum((1, 2)).tolist() == [9] * 500
    corners = {tuple(square.nonzero()[0].tolist()) for square in squares}
    assert corners == {(y, x) for y in range(4) for x in range(3)}


def test_a_square_larger_than_the_image_covers_it():
    assert bool(metrics.random_squares(2, (4, 4), 9, torch.Generator().manual_seed(0)).all())


def slow_infidelity(score, x, maps, grey, *, side, samples, seed):
    """Yeh et al. 2019, definition 2.1, with the best scaling of the map; square by square."""
    squares = metrics.random_squares(samples, x.shape[2:], side, torch.Generator().manual_seed(seed))
    losses, foretold = [], []
    for square in squares:
        losses.append(float(score(x) - score(torch.where(square, grey, x))))
        foretold.append(float((maps * square).sum()))
    products = sum(a * b for a, b in zip(losses, foretold, strict=True))
    scale = products / sum(b * b for b in foretold)
    return sum((scale * b - a) ** 2 for a, b in zip(losses, foretold, strict=True)) / samples


def test_infidelity_square_by_square():
    draw = torch.Generator().manual_seed(3)
    x, maps, weights = (torch.randn(1, 2, 6, 6, generator=draw, dtype=torch.float64) for _ in range(3))

    def score(images):
        return (images * weights).sum((1, 2, 3)).tanh()

    options = {"side": 3, "samples": 7, "seed": 5}
    found = metrics.infidelity(score, x, maps, torch.zeros_like(x), **options)
    slow = slow_infidelity(score, x, maps, torch.zeros_like(x), **options)
    assert found.item() == pytest.approx(slow, rel=1e-9)
    assert slow > 0.01
    in_parts = metrics.infidelity(score, x, maps, torch.zeros_like(x), batch_size=7, **options)
    assert found.item() == pytest.approx(in_parts.item(), rel=1e-12)


@pytest.mark.parametrize("scale", [1.0, 25.0])
def test_a_linear_model_is_foretold_by_its_weights_times_its_input(scale):
    x = torch.randn(1, 1, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = metrics.infidelity(linear, x, scale * x * WEIGHTS, torch.zeros_like(x), side=2)
    assert found.item() == pytest.approx(0, abs=1e-10)


def test_sensitivity_by_hand():
    x = torch.full((1, 3, 4, 4), 2.0, dtype=torch.float64)
    radius = torch.tensor([0.1, 0.2, 0.0])
    still = metrics.sensitivity(torch.ones_like, x, radius)
    assert still.item() == 0
    seen = []

    def explain(images):
        seen.append(images)
        return images

    found = metrics.sensitivity(explain, x, radius, samples=6, seed=1)
    changed = torch.cat(seen[1:])
    lengths = (changed - x).flatten(1).norm(dim=1) / x.norm()
    assert found.item() == pytest.approx(float(lengths.max()))
    assert len(changed) == 6
    for channel, limit in enumerate(radius.tolist()):
        largest = (changed - x)[:, channel].abs().max().item()
        assert limit * 0.8 <= largest <= limit + 1e-12


def test_sensitivity_holds_few_images_at_once():
    seen = []

    def explain(images):
        seen.append(len(images))
        return images

    metrics.sensitivity(explain, torch.ones(1, 1, 2, 2), torch.tensor([0.1]), samples=10, batch_size=4)
    assert seen == [1, 4, 4, 2]
