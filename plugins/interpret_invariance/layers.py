"""Which layers are compared unless others are named: the first and the last hidden one."""

from __future__ import annotations

from interpret.network import Network, takes_network


@takes_network
def first_and_last(network: Network) -> list[str]:
    """The paper's layers 1 and 7, by their aliases; of any other network what is like them.

    Where there are no aliases: the first output of a ReLU (of a convolution, where there is no ReLU), and
    what the classifier reads: the output just before the last layer that has weights of its own.

    Raises:
        ModelError: If the network has neither aliases nor ReLUs nor convolutions.
    """
    return network.default_layers("first and last")
