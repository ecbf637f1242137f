"""What a plugin must leave of a network as it was."""

from __future__ import annotations

import torch

from interpret.network.network import Network
from interpret.plugin.interfaces import (
    Plugin,
)
from interpret.testing.requirements import require

HOOK_DICTS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def network_state(network: Network) -> dict[str, object]:
    """Everything of a module that a plugin must leave as it was."""
    parts, parameters = list(network.module.modules()), list(network.module.parameters())
    every = vars(torch.nn.modules.module)
    return {
        "weights": network.fingerprint(),
        "modes": [part.training for part in parts],
        "hooks": [len(getattr(part, name)) for part in parts for name in HOOK_DICTS]
        + [len(item._backward_hooks or ()) for item in parameters]
        + [len(every[f"_global{name}"]) for name in HOOK_DICTS],
        "gradients": [(item.requires_grad, item.grad is None) for item in parameters],
    }


def require_unchanged(plugin: Plugin, network: Network, before: dict[str, object], when: str = "") -> None:
    """Nothing of the module has changed since ``before``."""
    for key, value in network_state(network).items():
        require(plugin, value == before[key], f"changes the {key} of the module{when}.")
