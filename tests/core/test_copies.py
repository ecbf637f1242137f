"""Copies of a network share what it was traced to, and nothing else."""

import torch
from torch import nn

from interpret.network import wrap
from interpret.testing import small_network


def answers(network, x):
    graph = network.graph_for(tuple(x.shape[1:]))
    return graph.run(x)[graph.output]


def test_a_copy_is_not_traced_again_and_has_its_own_weights():
    network, x = small_network(), torch.rand(2, *small_network().input.shape)
    before = answers(network, x)
    copy = network.copy()
    assert copy.graph.nodes is network.graph.nodes
    with torch.no_grad():
        for parameter in copy.module.parameters():
            parameter.mul_(0.5)
    torch.testing.assert_close(answers(copy, x), copy(x))
    assert not torch.equal(answers(copy, x), before)
    assert torch.equal(answers(network, x), before)


def test_it_does_not_matter_which_is_traced_first():
    network = small_network()
    first, second = network.copy(), network.copy()
    assert first.graph.nodes is second.graph.nodes is network.graph.nodes
    assert [made.graph.module for made in (first, second, network)] == [
        made.module for made in (first, second, network)
    ]


def test_a_copy_with_other_parts_is_traced_anew():
    network, x = small_network(), torch.rand(2, *small_network().input.shape)
    assert network.graph
    copy = network.copy()
    copy.module.conv1 = nn.Sequential(copy.module.conv1, nn.Tanh())
    assert copy.graph.nodes is not network.graph.nodes
    torch.testing.assert_close(answers(copy, x), copy(x))
    torch.testing.assert_close(answers(network, x), network(x))
    assert copy.copy().graph.nodes is copy.graph.nodes


class Shifted(nn.Module):
    """Adds a tensor that is no weight."""

    def __init__(self):
        super().__init__()
        self.shift, self.relu = torch.ones(()), nn.ReLU()

    def forward(self, x):
        return self.relu(x + self.shift).mean((2, 3))


def test_tensors_that_are_no_weights_stay_each_copys_own():
    network, x = wrap(Shifted().eval(), input_size=4), torch.rand(2, 3, 4, 4)
    assert network.graph
    copy = network.copy()
    assert copy.graph.nodes is not network.graph.nodes
    network.module.shift.add_(5)
    for made in (network, copy):
        torch.testing.assert_close(answers(made, x), made(x))
