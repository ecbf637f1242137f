"""The probe ``project``: a class or one neuron of each image, projected back to pixels."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor

from interpret.graph import Rules, remember, seed_signals, top_down
from interpret.network import Network
from interpret_deconv.asking import Asked, AsksNeuron, Explain
from interpret_deconv.choices import Nonlinear, Norm, Rule, Unpool, as_rules
from interpret_deconv.derivatives import whole_gradient
from interpret_deconv.neurons import Neuron
from interpret_deconv.projection import project


class Project(AsksNeuron):
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
        "refuse", description="Nonlinearities without a rule: refuse them, or take their gradient."
    )

    def explainer(self, network: Network) -> Explain:
        """The projection, ready for this network."""

        def explain(x: Tensor, asked: Asked) -> Tensor:
            if asked.layer:
                return project(
                    network,
                    x,
                    _neurons(asked),
                    self.rule,
                    unpool=self.unpool,
                    lrn=self.lrn,
                    nonlinear=self.nonlinear,
                )
            rules = as_rules(self.rule, self.unpool, self.lrn, self.nonlinear)
            return project_classes(network, x, asked.unit, rules)

        return explain


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
        ModelError: If the network cannot be traced, or has a nonlinearity without a rule.
    """
    channels, height, width = x.shape[1:]
    graph = network.graph_for((channels, height, width))
    nowhere, images = torch.zeros_like(classes), torch.arange(len(x), device=x.device)
    ones = torch.ones(len(x), dtype=x.dtype)
    signal = seed_signals(graph.output, classes, nowhere, nowhere, ones).to(x.device)
    if gradient := whole_gradient(network, graph, "", rules):
        return gradient(x, signal, images)
    memory = remember(graph, x, [graph.output], rules)
    return top_down(memory, graph.output, signal, images)


def _neurons(asked: Asked) -> list[Neuron]:
    places = zip(asked.unit.tolist(), asked.position.tolist(), strict=True)
    return [Neuron(image, asked.layer, unit, y, x) for image, (unit, (y, x)) in enumerate(places)]
