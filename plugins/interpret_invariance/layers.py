"""Which layers are compared unless others are named: the first and the last hidden one."""

from __future__ import annotations

from torch import nn

from interpret.network import Network, takes_network
from interpret_diagnosis.layers import diagnosed_layers


@takes_network
def first_and_last(network: Network) -> list[str]:
    """The paper's layers 1 and 7, by their aliases; of any other network what is like them.

    Where there are no aliases: the first output of a ReLU (of a convolution, where there is no ReLU), and
    what the classifier reads: the output just before the last layer that has weights of its own.

    Raises:
        ModelError: If the network has neither aliases nor ReLUs nor convolutions.
    """
    known = diagnosed_layers(network)
    if network.aliases:
        return list(dict.fromkeys((known[0], known[-1])))
    last = _before_the_classifier(network)
    return [known[0]] if last is None else list(dict.fromkeys((known[0], last)))


def _before_the_classifier(network: Network) -> str | None:
    """The layer that ends just before the last one with weights of its own; none where nothing does."""
    modules = network.modules_of(nn.Module)
    weighted = [name for name, part in modules.items() if any(True for _ in part.parameters(recurse=False))]
    names = network.layers
    place = names.index(weighted[-1]) if weighted else 0
    return names[place - 1] if place else None
