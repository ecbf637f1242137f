"""What counts as a layer: parts that make activations of images, in modules of all kinds."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

import interpret
from interpret.errors import ModelError
from interpret.graph import receptive_field
from interpret.network import Network
from interpret_deconv import Neuron, project
from interpret_occlusion import sweep

SIZE = 8


def images(count: int = 2) -> Tensor:
    """Random images."""
    return torch.rand(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


def wrapped(module: nn.Module) -> Network:
    """As a network of small images."""
    return interpret.wrap(module.eval(), input_size=SIZE)


class Small(nn.Module):
    """A convolution and a linear layer, each with something done to it."""

    def __init__(self, change: Callable[[nn.Module], nn.Module] = lambda layer: layer) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = change(nn.Conv2d(3, 4, 3))
        self.relu = nn.ReLU()
        self.head = change(nn.Linear(4, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, 3)."""
        logits: Tensor = self.head(self.relu(self.conv(x)).mean((2, 3)))
        return logits


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(
    "norm",
    [parametrizations.weight_norm, parametrizations.spectral_norm, parametrizations.orthogonal,
     nn.utils.weight_norm, nn.utils.spectral_norm],
    ids=["weight_norm", "spectral_norm", "orthogonal", "weight_norm by hooks", "spectral_norm by hooks"],
)  # fmt: skip
def test_what_makes_weights_is_no_layer(norm: Callable[[nn.Module], nn.Module]) -> None:
    module, plain, x = Small(norm).eval(), Small().eval(), images()
    with torch.no_grad():
        module(x)
        for name in ("conv", "head"):
            for key in ("weight", "bias"):
                getattr(plain, name)._parameters[key].copy_(getattr(getattr(module, name), key))
    network, reference = wrapped(module), wrapped(plain)
    assert network.layers == reference.layers == ("conv", "relu", "head")
    assert set(network.graph.layers) == set(network.layers)
    for name, value in network.record(x, network.layers).items():
        torch.testing.assert_close(value, reference.record(x, [name])[name])
    asked = [Neuron(image=1, layer="relu", channel=2, y=1, x=3), Neuron(image=0, layer="head", channel=1)]
    torch.testing.assert_close(project(network, x, asked), project(reference, x, asked))
    for engine in ("incremental", "full"):
        found, expected = (sweep(net, x[0], 4, 2, engine=engine).logits for net in (network, reference))
        torch.testing.assert_close(found, expected)
    assert receptive_field(network, "conv").size == (3, 3)


class Holding(nn.Module):
    """A network with a part inside."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 3, 1)
        self.body = nn.Sequential(part)

    def forward(self, x: Tensor) -> Tensor:
        """What the part makes of the images."""
        logits: Tensor = self.body(self.first(x))
        return logits


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_a_part_that_is_torchscript_is_named_where_a_graph_is_needed() -> None:
    part, x = Small().eval(), images()
    network = wrapped(Holding(torch.jit.script(part)))
    neuron = Neuron(image=0, layer="first", channel=0, y=1, x=1)
    with pytest.raises(ModelError, match=r"layer 'body\.0' \(RecursiveScriptModule\) is TorchScript"):
        project(network, x, [neuron])
    assert sweep(network, x[0], 4, 4).engine == "full"
    network.module.body[0] = part  # the cure
    assert project(network, x, [neuron]).any()


class Looping(nn.Module):
    """Passes each image of a batch through its body by itself."""

    def __init__(self, *, whole: bool) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 3, 1)
        self.body = Small()
        self.whole = whole

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, 3)."""
        x = self.first(x)
        if self.whole:
            return self.body(x)
        return torch.cat([self.body(image[None]) for image in x])


def test_a_layer_that_is_called_once_for_each_image_is_not_taken_for_the_batch() -> None:
    looping, whole, x = Looping(whole=False), Looping(whole=True), images()
    whole.load_state_dict(looping.state_dict())
    network, reference = wrapped(looping), wrapped(whole)
    torch.testing.assert_close(network(x), reference(x))
    assert torch.equal(network.record(x, "first")["first"], reference.record(x, "first")["first"])
    with pytest.raises(ModelError, match=r"calls layer 'body\.conv' once for each image"):
        network.record(x, ["first", "body.conv"])
    expected = reference.record(x, "body.conv")["body.conv"]  # both cures: the whole batch, and
    found = torch.cat([network.record(image[None], "body.conv")["body.conv"] for image in x])
    torch.testing.assert_close(found, expected)
