"""The probe ``project``: a class or one neuron of each image, projected back to pixels."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor

from interpret.attributing import NeuronAttribution
from interpret.graph import Rules, seed_signals
from interpret.network import Network
from interpret.targets import Targets
from interpret_deconv.beyond import caption, nonlinearities
from interpret_deconv.choices import Nonlinear, Norm, Rule, Unpool, as_rules
from interpret_deconv.neurons import neurons_of
from interpret_deconv.projection import project
from interpret_deconv.signals import project_signals


class Project(NeuronAttribution):
    """A class or one neuron of each image, projected back to pixels (Zeiler & Fergus 2014)."""

    name: ClassVar[str] = "project"

    rule: Rule = Field(
        "deconvnet", description="How ReLUs treat the signal: deconvnet, gradient or guided (both)."
    )
    unpool: Unpool = Field(
        "sum", description="Where pooling windows share a maximum: signals add, or the last stays."
    )
    lrn: Norm | None = Field(
        None,
        description="Response norms: identity, scale (divide as on the way up) or gradient; none: identity "
        "for the deconvnet, gradient for the other rules.",
    )
    nonlinear: Nonlinear = Field(
        "rectify",
        description="Nonlinearities that are no ReLUs: rectify (as if they were), gradient, or refuse.",
    )

    def attribute(
        self, network: Network, x: Float[Tensor, "n c h w"], targets: Targets
    ) -> Float[Tensor, "n c h w"]:
        """The pixels that count for each image's target: the signal 1 starts there.

        Raises:
            ModelError: If the network cannot be traced, or has a nonlinearity that is refused.
        """
        if not targets.layer:
            rules = as_rules(self.rule, self.unpool, self.lrn, self.nonlinear)
            return project_classes(network, x, targets.unit, rules)
        choices: dict[str, Any] = {"unpool": self.unpool, "lrn": self.lrn, "nonlinear": self.nonlinear}
        return project(network, x, neurons_of(targets), self.rule, **choices)

    def note(self, network: Network) -> str:
        """What is done at other nonlinearities than ReLUs."""
        return caption(nonlinearities(network, self.layer or "", self.rule, self.nonlinear))


def project_classes(
    network: Network, x: Float[Tensor, "n c h w"], classes: Int[Tensor, " n"], rules: Rules
) -> Float[Tensor, "n c h w"]:
    """The pixels that count for one class of each image: the signal 1 starts at its logit.

    Args:
        network: The network.
        x: Preprocessed images.
        classes: The index of the class of each image.
        rules: What is done on the way down.

    Raises:
        ModelError: If the network cannot be traced, or has a nonlinearity that is refused.
    """
    channels, height, width = x.shape[1:]
    graph = network.graph_for((channels, height, width))
    nowhere, ones = torch.zeros_like(classes), torch.ones(len(x), dtype=x.dtype)
    signal = seed_signals(graph.output, classes, nowhere, nowhere, ones).to(x.device)
    return project_signals(network, x, "", signal, rules)
