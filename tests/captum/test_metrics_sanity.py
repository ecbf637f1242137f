"""The cascade of randomisation: from the output down, on a copy."""

import torch
from torch import nn

from interpret import wrap
from interpret.testing import small_network
from interpret_captum import metrics


def state(network):
    return {name: item.clone() for name, item in network.module.state_dict().items()}


def changed(before, network):
    """The modules of which a parameter differs."""
    now = network.module.state_dict()
    return {name.rpartition(".")[0] for name, item in before.items() if not torch.equal(item, now[name])}


def test_layers_go_from_the_output_down():
    assert metrics.parameter_layers(small_network()) == ["fc", "norm2", "conv2", "conv1"]


def test_each_stage_reaches_further_down():
    network = small_network()
    nn.init.normal_(network.module.norm2.weight)  # or it is what a new one is
    before = state(network)
    stages = [(layer, changed(before, copy)) for layer, copy in metrics.cascade(network, 4, seed=1)]
    assert stages == [
        ("fc", {"fc"}),
        ("norm2", {"fc", "norm2"}),
        ("conv2", {"fc", "norm2", "conv2"}),
        ("conv1", {"fc", "norm2", "conv2", "conv1"}),
    ]


def test_the_users_module_is_untouched():
    network = small_network()
    before, random = state(network), torch.get_rng_state()
    for _, copy in metrics.cascade(network, 4):
        assert copy.module is not network.module
    assert changed(before, network) == set()
    assert torch.equal(random, torch.get_rng_state())


def test_few_stages_are_runs_of_layers_and_end_at_the_first():
    network = small_network()
    layers = [layer for layer, _ in metrics.cascade(network, 2)]
    assert layers == ["norm2", "conv1"]
    assert metrics.count_stages(network, 9) == 4
    assert len(list(metrics.cascade(network, 9))) == 4


def test_a_seed_says_which_weights():
    def weights(seed):
        return next(copy.module.fc.weight.clone() for _, copy in metrics.cascade(small_network(), 1, seed))

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


class Scale(nn.Module):
    """A module of its own that does not say how it is initialised."""

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.arange(48.0).reshape(3, 4, 4))

    def forward(self, x):
        return x * self.factor


def test_a_module_without_a_way_to_start_anew_is_shuffled():
    network = wrap(nn.Sequential(Scale(), nn.Flatten()), input_size=4)
    ((_, copy),) = metrics.cascade(network, 4)
    factor = copy.module[0].factor
    assert not torch.equal(factor, network.module[0].factor)
    assert torch.equal(factor.flatten().sort().values, torch.arange(48.0))
