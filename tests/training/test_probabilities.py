"""A network that ends in a softmax is trained and checked as the same network with logits."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from small_training import QUICK, Stripes, small_network, weights
from torch import Tensor, nn

from interpret.network import Network
from interpret_training import evaluate, train


class Ending(nn.Module):
    """A network with something done to its logits, in train mode too or in eval mode only."""

    def __init__(self, body: nn.Module, end: Callable[..., Tensor], *, always: bool) -> None:
        super().__init__()
        self.body, self.end, self.always = body, end, always

    def forward(self, x: Tensor) -> Tensor:
        """What the end makes of the logits."""
        logits: Tensor = self.body(x)
        return self.end(logits, 1) if self.always or not self.training else logits


@pytest.mark.parametrize("always", [True, False])
@pytest.mark.parametrize("end", [torch.softmax, torch.log_softmax])
def test_the_loss_takes_no_second_softmax(tmp_path: Any, end: Callable[..., Tensor], *, always: bool) -> None:
    once, checked = QUICK.model_copy(update={"epochs": 1, "checkpoints": ()}), Stripes(12, seed=1)
    plain = small_network(dropout=0.0)  # whose masks depend on names of layers
    ending = Network(
        Ending(small_network(dropout=0.0).module, end, always=always), plain.input, plain.categories
    )
    found = [
        train(network, Stripes(24), once, validation=checked, folder=tmp_path / str(place))
        for place, network in enumerate((plain, ending))
    ]
    torch.testing.assert_close(found[0].losses, found[1].losses, rtol=1e-4, atol=1e-5)
    for name in ("loss", "validation_loss", "validation_error"):
        one, other = (getattr(item.history, name) for item in found)
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    trained = [item.network(network) for item, network in zip(found, (plain, ending), strict=True)]
    torch.testing.assert_close(weights(trained[0]), weights(trained[1]), rtol=1e-3, atol=1e-4)
    losses = [evaluate(network, checked, crops=1).loss for network in trained]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_sigmoids_have_one_loss_in_training_and_validation(tmp_path: Any) -> None:
    """What does not add up is taught as it was before; no other loss stands beside it."""
    ending = Ending(small_network(dropout=0.0).module, lambda y, _: y.sigmoid(), always=True)
    plain = small_network()
    still = QUICK.model_copy(update={"epochs": 1, "checkpoints": (), "rate": 1e-9})
    network = Network(ending, plain.input, plain.categories)
    history = train(network, Stripes(24), still, validation=Stripes(24), folder=tmp_path).history
    torch.testing.assert_close(history.loss, history.validation_loss, rtol=0.01, atol=0)  # views are drawn
