"""The contract of a model."""

from __future__ import annotations

from functools import partial

import torch

from interpret.errors import ModelError, PluginError
from interpret.plugin.interfaces import (
    Model,
)
from interpret.testing.requirements import require, require_class


def check_model(model: Model) -> None:
    """Check that a model builds the same network each time, which runs and is as its card says.

    Raises:
        PluginError: With the first promise that is broken.
    """
    check = partial(require, model)
    require_class("model", model)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    network = model.load("cpu")
    check(torch.equal(state, torch.get_rng_state()), "changes the global random state.")
    check(not any(part.training for part in network.module.modules()), "is not in eval mode.")
    torch.manual_seed(2)
    check(network.fingerprint() == model.load("cpu").fingerprint(), "builds another network each time.")
    try:  # a network counts its outputs and categories itself
        output = network(torch.zeros(1, *network.input.shape))
    except ModelError as error:
        raise PluginError(f"{type(model).__name__} does not answer for one image: {error}") from error
    check(output.dim() == 2, f"returns {tuple(output.shape)} for one image, not (1, classes).")
    for alias in network.aliases:
        network.layer(alias)
