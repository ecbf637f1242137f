"""Grad-CAM++ against its definition: derivatives of exp(S), one by one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from interpret_captum.gradcam import weigh

sys.path.insert(0, str(Path(__file__).parent))
from small_probes import Small, X, ask, equal


def derivatives(maps: Tensor, target: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Y = exp(S) and its first three derivatives by each value alone, for one image's maps."""
    module = Small(inplace=False).double().eval()
    maps = maps.clone().requires_grad_()
    score = module.fc(maps.flatten(1))[0, target].exp()
    (first,) = torch.autograd.grad(score, maps, create_graph=True)
    second, third = torch.zeros_like(maps), torch.zeros_like(maps)
    for place in range(maps.numel()):
        (row,) = torch.autograd.grad(first.flatten()[place], maps, create_graph=True)
        second.view(-1)[place] = row.flatten()[place].detach()
        (row,) = torch.autograd.grad(row.flatten()[place], maps, retain_graph=True)
        third.view(-1)[place] = row.flatten()[place]
    return score.detach(), first.detach(), second, third


def by_definition(x: Tensor, target: int, mode: str) -> Tensor:
    """Equations 4, 5 and 10 of Chattopadhay et al. 2018 at relu2, without the factor exp(S)."""
    module = Small(inplace=False).double().eval()
    with torch.no_grad():
        maps = module.relu2(module.conv2(module.pool(module.relu1(module.conv1(x)))))
    score, first, second, third = derivatives(maps, target)
    found = torch.zeros(1, 1, *maps.shape[2:], dtype=torch.float64)
    for k in range(maps.shape[1]):
        weight, whole = 0.0, float(maps[0, k].sum())
        for y in range(maps.shape[2]):
            for z in range(maps.shape[3]):
                up = float(second[0, k, y, z])
                below = 2 * up + whole * float(third[0, k, y, z])
                weight += (up / below if below else 0.0) * max(float(first[0, k, y, z]), 0.0)
        found += weight * maps[:, k : k + 1]
    return F.interpolate(found.relu() / score, x.shape[2:], mode=mode)


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_equal_to_the_definition(mode: str) -> None:
    found = ask("grad_cam_plus_plus", target=1, upsampling=mode).maps
    right = torch.cat([by_definition(x[None], 1, mode) for x in X])
    equal(found.sum(1, keepdim=True), right)
    assert torch.equal(found[:, 0], found[:, 1])


def test_a_place_without_gradient_has_no_weight() -> None:
    maps, gradient = torch.ones(1, 2, 2, 2).double(), torch.zeros(1, 2, 2, 2).double()
    assert torch.equal(weigh(maps, gradient), torch.zeros(1, 1, 2, 2).double())
    gradient[0, 0, 1, 1] = 0.5  # alpha = 0.25 / (0.5 + 4 * 0.125)
    torch.testing.assert_close(weigh(maps, gradient), torch.full((1, 1, 2, 2), 0.125).double())


def test_where_the_shares_are_even_it_is_grad_cam() -> None:
    """One place that the class hangs on: alpha is the same for every map that has nothing elsewhere."""
    maps = torch.zeros(1, 3, 2, 2).double()
    maps[0, :, 0, 1] = torch.tensor([1.0, 2.0, 3.0]).double()
    gradient = torch.zeros_like(maps)
    gradient[0, :, 0, 1] = 1.0
    right = sum(float(a) / (2 + float(a)) for a in (1, 2, 3))
    assert float(weigh(maps, gradient)[0, 0, 0, 1]) == pytest.approx(right)
    assert float(weigh(maps, -gradient, relu=False).abs().max()) == 0  # what speaks against has no weight
