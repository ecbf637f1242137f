"""Signals through parts of a network that count images and something else on one axis."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from interpret.errors import InterpretError
from interpret.graph import Rules, save_forward, top_down, trace


class Folded(nn.Module):
    """Channels as images of their own: a convolution, nonlinearities, gates and a pool, alike for each."""

    def __init__(self, fold: bool) -> None:
        super().__init__()
        draw = torch.Generator().manual_seed(0)
        self.first = nn.Conv2d(2, 4, 3, padding=1)
        self.weight = nn.Parameter(torch.randn(1, 1, 3, 3, generator=draw))
        self.fold = fold

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        shape = x.shape
        weight = self.weight
        if self.fold:
            x = x.flatten(0, 1).unsqueeze(1)
        else:
            weight = weight.expand(4, 1, 3, 3)
        x = F.relu(F.conv2d(x, weight, padding=1, groups=len(weight)))
        x = F.silu(F.conv2d(x, weight, padding=1, groups=len(weight)))
        x = x * torch.sigmoid(x.mean((2, 3), keepdim=True)) / x.norm(dim=(2, 3), keepdim=True)
        x = F.max_pool2d(x, 3, 2, 1)
        return x.view(shape[0], shape[1], *x.shape[2:]) if self.fold else x


@pytest.fixture
def pair() -> tuple[Folded, Folded]:
    torch.manual_seed(0)
    folded, plain = Folded(True), Folded(False)
    plain.load_state_dict(folded.state_dict())
    return folded.double().eval(), plain.double().eval()


@pytest.mark.parametrize("rule", ["deconvnet", "guided", "gradient"])
@pytest.mark.parametrize("nonlinear", ["rectify", "gradient"])
def test_signals_go_down_as_where_images_are_in_front(pair, rule, nonlinear) -> None:
    x = torch.randn(3, 2, 9, 9, dtype=torch.float64)
    signals = torch.randn(3, 4, 5, 5, dtype=torch.float64)
    folded, plain = (
        _down(trace(module, (2, 9, 9)), x, signals, Rules(rule, nonlinear=nonlinear)) for module in pair
    )
    torch.testing.assert_close(folded, plain, rtol=0, atol=1e-12)
    assert plain.abs().max() > 0.1


def test_signals_of_other_images_are_refused_there(pair) -> None:
    graph = trace(pair[0], (2, 9, 9))
    cache = save_forward(graph, torch.randn(2, 2, 9, 9, dtype=torch.float64), [graph.output])
    signals = torch.zeros(2, 4, 5, 5, dtype=torch.float64)
    with pytest.raises(InterpretError, match="save a forward pass for each signal"):
        top_down(cache, graph.output, signals, [0, 0])


def _down(graph, x: Tensor, signals: Tensor, rules: Rules) -> Tensor:
    cache = save_forward(graph, x, [graph.output], rules)
    return top_down(cache, graph.output, signals, range(len(x)))
