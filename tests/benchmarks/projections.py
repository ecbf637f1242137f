"""The deconvnet on the top 9 of every unit of AlexNet, against Captum's NeuronDeconvolution.

Ours is the whole probe: every neuron, from the images to the stored patches. Captum projects a part of the
neurons in batches, with one neuron for each image of a batch, and its time is scaled to all of them, since
it takes as long for one neuron as for another.
"""

import warnings
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import captum.attr
import counts
import torch
from table import Row, in_turn
from torch import Tensor
from torchvision import models

from interpret.images import as_images
from interpret.network import Network, wrap
from interpret_captum import attr
from interpret_deconv import Deconv, LayerProjections
from interpret_topk import Exemplars, mine

LAYERS = {"conv2": "features.3", "conv3": "features.6", "conv5": "features.10"}
TARGETS = {"conv2": 100, "conv3": 20, "conv5": 10}
DROP_IN = {"conv2": 2.5, "conv3": 1.7, "conv5": 1.2}
"""By what the drop-in is to be faster, as it is asked in batches, with whole maps to return."""

CASES = tuple(LAYERS)
COUNT, BATCH, STEP, REPEATS = 200, 32, 27, 3


def measured(case: str) -> Iterator[Row]:
    """The drop-in beside Captum, then the probe; random weights and images take as long as real ones."""
    network, x, exemplars = subject()
    layer, images = LAYERS[case], as_images(list(x))
    probe = Deconv(layers=[layer])
    found = probe.run(network, images, exemplars)[layer]
    sample = torch.arange(0, len(found.unit), STEP)
    calls: list[Callable[[], object]] = [
        lambda: probe.run(network, images, exemplars),
        lambda: by_method(attr.NeuronDeconvolution, network, layer, x, found, sample),
        lambda: by_method(captum.attr.NeuronDeconvolution, network, layer, x, found, sample),
    ]
    ours, dropin, peer = in_turn(calls, REPEATS)
    against, reach = f"NeuronDeconvolution, batches of {BATCH}", f">= {DROP_IN[case]}"
    work = f"the drop-in's NeuronDeconvolution, AlexNet {case}"
    yield Row(work, f"{against}, {len(sample)} neurons", dropin, peer, peer / dropin, reach)
    peer *= len(found.unit) / len(sample)
    work, against = f"projecting the top 9 of every unit, AlexNet {case}", f"{against}, {len(sample)} neurons"
    against += f" scaled to {len(found.unit)}"
    counted = counts.projections(network, layer, found, probe.batch_size)
    yield Row(work, against, ours, peer, peer / ours, f">= {TARGETS[case]}", counted)


@cache
def subject() -> tuple[Network, Tensor, Exemplars]:
    """AlexNet, images, and the strongest neurons of the layers."""
    torch.manual_seed(0)
    network = wrap(models.alexnet(weights=None).eval())
    x = torch.randn(COUNT, *network.input.shape)
    return network, x, mine(network, as_images(list(x)), list(LAYERS.values()), k=9)


def by_method(  # noqa: PLR0917 - what is projected
    method: Any, network: Network, layer: str, x: Tensor, found: LayerProjections, sample: Tensor
) -> None:
    """Neurons by Captum's class, or by the drop-in's."""
    deconvolution = method(network.module, network.module.get_submodule(layer))
    for part in sample.split(BATCH):
        place = (torch.arange(len(part)), found.unit[part], *found.position[part].T)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            deconvolution.attribute(x[found.image[part]], neuron_selector=lambda maps, at=place: maps[at])
