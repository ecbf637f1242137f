"""The deconvnet on the top 9 of every unit of AlexNet, against Captum's NeuronDeconvolution.

Ours is the whole probe: every neuron, from the images to the stored patches. Captum projects a part of the
neurons in batches, with one neuron for each image of a batch, and its time is scaled to all of them, since
it takes as long for one neuron as for another.
"""

import warnings
from collections.abc import Iterator
from typing import Any

import captum.attr
import torch
from table import Row, in_turn
from torch import Tensor
from torchvision import models

from interpret.images import as_images
from interpret.network import Network, wrap
from interpret_captum import attr
from interpret_deconv import Deconv, LayerProjections
from interpret_topk import mine

LAYERS = {"features.3": ("conv2", 30), "features.6": ("conv3", 8), "features.10": ("conv5", 4)}
DROP_IN = {"conv2": 2.5, "conv3": 1.7, "conv5": 1.2}
"""By what the drop-in is to be faster, as it is asked in batches, with whole maps to return."""

COUNT, BATCH, STEP, REPEATS = 200, 32, 27, 3


def rows() -> Iterator[Row]:
    """One row for each layer; random weights and images take as long as real ones."""
    torch.manual_seed(0)
    network = wrap(models.alexnet(weights=None).eval())
    x = torch.randn(COUNT, *network.input.shape)
    images = as_images(list(x))
    exemplars = mine(network, images, list(LAYERS), k=9)
    for layer, (name, target) in LAYERS.items():
        probe = Deconv(layers=[layer])
        found = probe.run(network, images, exemplars)[layer]
        sample = torch.arange(0, len(found.unit), STEP)
        ours, dropin, peer = in_turn(
            [
                lambda probe=probe: probe.run(network, images, exemplars),
                lambda layer=layer, found=found, sample=sample: by_method(
                    attr.NeuronDeconvolution, network, layer, x, found, sample
                ),
                lambda layer=layer, found=found, sample=sample: by_method(
                    captum.attr.NeuronDeconvolution, network, layer, x, found, sample
                ),
            ],
            REPEATS,
        )
        work = f"the drop-in's NeuronDeconvolution, {len(sample)} neurons of AlexNet {name}"
        reach = f">= {DROP_IN[name]}"
        yield Row(work, f"NeuronDeconvolution, batches of {BATCH}", dropin, peer, peer / dropin, reach)
        peer *= len(found.unit) / len(sample)
        work = f"projecting {len(found.unit)} neurons of AlexNet {name}"
        against = f"NeuronDeconvolution, batches of {BATCH}, {len(sample)} neurons scaled to all"
        yield Row(work, against, ours, peer, peer / ours, f">= {target}")


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
