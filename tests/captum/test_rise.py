"""RISE against a slow implementation, and against its expectation on a linear network."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from interpret import StepError, load_probe, wrap
from interpret_captum.rise import Masks

sys.path.insert(0, str(Path(__file__).parent))
from small_probes import Small, X, ask, equal

GREY = torch.tensor([(0.5 - 0.4) / 0.2, (0.5 - 0.6) / 0.3], dtype=torch.float64)[None, :, None, None]
NEURON: dict[str, Any] = {"layer": "conv2", "unit": 2, "position": [2, 1]}


def scaled(cells: list[list[float]], cell: tuple[int, int], y: int, x: int) -> float:
    """A mask's value at one pixel of its large picture, by bilinear interpolation between cell centres."""
    count = len(cells)
    large = [side * (count + 1) for side in cell]
    row, column = ((place + 0.5) * count / side - 0.5 for place, side in zip((y, x), large, strict=True))
    row, column = (min(max(at, 0.0), count - 1.0) for at in (row, column))
    top, left = int(row), int(column)
    below, right = min(top + 1, count - 1), min(left + 1, count - 1)
    down, along = row - top, column - left
    above = cells[top][left] * (1 - along) + cells[top][right] * along
    under = cells[below][left] * (1 - along) + cells[below][right] * along
    return above * (1 - down) + under * down


def by_loops(masks: Masks, index: int) -> Tensor:
    """One mask over the image, pixel by pixel."""
    height, width = masks.size
    count = masks.cells.shape[1]
    cell = -(-height // count), -(-width // count)
    cells = masks.cells[index].double().tolist()
    top, left = masks.shift[index].tolist()
    rows = [[scaled(cells, cell, y + top, x + left) for x in range(width)] for y in range(height)]
    return torch.tensor(rows, dtype=torch.float64)


def test_masks_are_cells_scaled_up_and_shifted() -> None:
    masks = Masks.draw((13, 11), 6, 4, 0.5, 3)
    right = torch.stack([by_loops(masks, index) for index in range(6)])
    torch.testing.assert_close(masks[:][:, 0], right, rtol=0, atol=1e-9)
    assert torch.equal(masks[2:5], masks[:][2:5])
    drawn = Masks.draw((13, 11), 4000, 4, 0.3, 0)
    assert drawn.shift.amin(0).tolist() == [0, 0]
    assert drawn.shift.amax(0).tolist() == [3, 2]  # less than a cell of 4 x 3 pixels
    assert float(drawn.cells.float().mean()) == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize("value", ["probability", "output", "neuron"])
def test_equal_to_the_sum_over_masks_one_by_one(value: str) -> None:
    module = Small(inplace=False).double().eval()
    masks, total = Masks.draw((13, 11), 30, 4, 0.4, 7), torch.zeros(3, 13, 11).double()
    seen_at, answers = torch.zeros(13, 11).double(), torch.zeros(3).double()
    for index, image in itertools.product(range(30), range(3)):
        mask = by_loops(masks, index)
        seen = X[image : image + 1] * mask + GREY * (1 - mask)
        with torch.no_grad():
            if value == "neuron":
                maps = module.conv2(module.pool(module.relu1(module.conv1(seen))))
                answer = maps[0, 2, 2, 1]
            else:
                outputs = module(seen)[0]
                answer = (outputs.softmax(0) if value == "probability" else outputs)[1]
        total[image] += answer * mask
        seen_at, answers[image] = seen_at + mask / 3, answers[image] + answer / 30
    question = NEURON if value == "neuron" else {"target": 1, "value": value}
    options = {"masks": 30, "grid": 4, "keep": 0.4, "seed": 7, "perturbations_per_eval": 8}
    found = ask("rise", centred=False, **options, **question).maps
    equal(found.sum(1), total / 30 / 0.4)
    assert torch.equal(found[:, 0], found[:, 1])
    centred = ask("rise", **options, **question).maps
    equal(centred.sum(1), (total - answers[:, None, None] * seen_at) / 30 / 0.4)


def test_the_expectation_on_a_linear_network() -> None:
    """All masks of 2 x 2 cells and all shifts, each as often as it is likely: E[f(x * m) m] / E[m].

    The mean over so many drawn masks is within six of its standard errors.
    """
    torch.manual_seed(0)
    linear = nn.Linear(16, 2, dtype=torch.float64)
    network = wrap(nn.Sequential(nn.Flatten(), linear), input_size=4, mean=[0.5], std=[0.5])
    x = torch.randn(1, 1, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    cells = torch.tensor(list(itertools.product([False, True], repeat=4))).reshape(16, 2, 2)
    keep, first, second = 0.3, torch.zeros(4, 4).double(), torch.zeros(4, 4).double()
    for shown, (top, left) in itertools.product(cells, itertools.product(range(2), repeat=2)):
        (mask,) = Masks(shown[None], torch.tensor([[top, left]]), (4, 4))[:][:, 0]
        likely = keep ** int(shown.sum()) * (1 - keep) ** int((~shown).sum()) / 4
        weighed = linear((x[0, 0] * mask).flatten())[1].detach() * mask / keep
        first, second = first + likely * weighed, second + likely * weighed**2
    options = {
        "masks": 20_000,
        "grid": 2,
        "keep": keep,
        "perturbations_per_eval": 2000,
        "value": "output",
        "centred": False,
    }
    found = load_probe("rise", target=1, **options).run(network, [x[0]]).maps[0, 0]
    error = ((second - first**2) / 20_000).sqrt()
    assert ((found - first).abs() <= 6 * error).all()
    assert (first.max() - first.min()) > 20 * error.max()  # there is something to find


def test_what_the_network_does_not_look_at_has_no_weight() -> None:
    """A network of one number that never changes: all maps are zero, not the number."""
    module = nn.Sequential(nn.Flatten(), nn.Linear(16, 2)).double()
    nn.init.zeros_(module[1].weight)  # type: ignore[arg-type]
    network = wrap(module, input_size=4, mean=[0.5], std=[0.5])
    maps = (
        load_probe("rise", target=1, masks=50, grid=2, value="output")
        .run(network, [torch.zeros(1, 4, 4)])
        .maps
    )
    assert maps.abs().max() < 1e-12


def test_memory_is_a_choice_that_changes_nothing() -> None:
    few, many = (
        ask("rise", masks=50, grid=4, perturbations_per_eval=size, target=1).maps for size in (7, 50)
    )
    equal(few, many)


def test_errors_say_what_to_do() -> None:
    with pytest.raises(StepError, match=r"grid of 12 x 12 cells.*at most 11"):
        ask("rise", grid=12, masks=5)
    assert ask("rise", grid=11, masks=5).maps.isfinite().all()  # the cure
    with pytest.raises(StepError, match="3 values are given"):
        ask("rise", masks=5, fill=[0.1, 0.2, 0.3])
    assert ask("rise", masks=5, fill=[0.1, 0.2]).maps.isfinite().all()


def test_an_output_without_probabilities_is_weighed_by_as_it_is() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(286, 1)).double()
    one = wrap(module, input_size=(13, 11), mean=[0, 0], std=[1, 1])
    by_default = ask("rise", one, X, masks=9, target=0).maps
    assert torch.equal(by_default, ask("rise", one, X, masks=9, target=0, value="output").maps)
    assert float(by_default.std()) > 0
