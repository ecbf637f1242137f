"""What the metrics call: the method of a probe, and the score of what it explains, as functions of images."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from interpret.attributing import Attribute, ClassAttribution
from interpret.images import as_images
from interpret.network import Network
from interpret.plugin import Probe
from interpret.targets import Targets
from interpret_captum.metrics.faithfulness import Explain, Score


def score_of(
    network: Network,
    targets: Targets,
    of: Callable[[Tensor, int], Tensor] = lambda logits, _: logits,
) -> Score:
    """What the map of one image explains: the logit of its class, or its neuron's activation.

    Args:
        network: What is asked.
        targets: The one target.
        of: What is made of the logits of all classes, such as ``torch.softmax``; a neuron stays as it is.
    """
    if not targets.layer:
        return lambda images: targets.pick(of(network(images), 1))
    return lambda images: network.record(images, [targets.layer], targets.pick)[targets.layer]


def attribute_of(probe: Probe, network: Network) -> Attribute:
    """The attributions of a probe for any images and targets, its batch size at a time."""
    attribute = prepared(probe, network)

    def in_batches(images: Tensor, targets: Targets) -> Tensor:
        parts = torch.split(images.detach(), getattr(probe, "batch_size", len(images)))
        with torch.enable_grad():  # Captum's metrics switch gradients off
            found = [attribute(part, targets.repeat(len(part))) for part in parts]
        return torch.cat(found).detach().to(images)

    return in_batches


def asked_of(attribute: Attribute, targets: Targets) -> Explain:
    """A method that is asked about the same target in any images."""
    return lambda images: attribute(images, targets)


def prepared(probe: Probe, network: Network) -> Attribute:
    """The method of a probe that attributes, ready for this network."""
    if isinstance(probe, ClassAttribution):
        return probe.prepare(network)
    return partial(getattr(probe, "attribute", partial(by_run, probe)), network)


def by_run(probe: Probe, network: Network, x: Float[Tensor, "n c h w"], targets: Targets) -> Tensor:
    """What a probe without a method of tensors finds in images that all have the same target."""
    unit, position = int(targets.unit[0]), tuple(targets.position[0].tolist())
    asked = {"unit": unit, "position": position} if targets.layer else {"target": unit}
    fixed = probe.model_copy(update={k: v for k, v in asked.items() if k in type(probe).model_fields})
    result: Any = fixed.run(network, as_images(list(x.cpu())))
    found: Tensor = result.attributions().maps
    return found
