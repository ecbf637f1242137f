"""The followed units as the deconvnet sees them: in the image itself, and in their exemplars (Figure 7 c)."""

from __future__ import annotations

import torch
from torch import Tensor

from interpret.images import Images
from interpret.network import Network
from interpret_deconv import Deconv, LayerProjections
from interpret_topk import Exemplars, LayerExemplars


def project_unit(
    network: Network,
    images: Images,
    place: int,
    layer: str,
    unit: int,
    *,
    exemplars: Exemplars | None,
    others: int,
) -> LayerProjections:
    """One unit where it is strongest in one image, then in the other images that drive it most.

    Args:
        network: The network.
        images: The whole dataset.
        place: Where the image is in it.
        layer: The unit's layer.
        unit: The unit.
        exemplars: What was mined, if anything.
        others: At most so many other images.

    Raises:
        ModelError: If the network has an operation below the layer that the deconvnet has no rule for.
        StepError: If the exemplars come from other images.
    """
    own = _strongest(network, images, place, layer, unit)
    chosen = _with_others(
        own, exemplars[layer] if exemplars and layer in exemplars.layers else None, unit, others
    )
    ids = {str(index): images.ids[index] for index in chosen.image[unit].tolist() if index >= 0}
    wanted = Exemplars({layer: chosen}, ids, (), len(images))
    return Deconv(units=[unit]).run(network, images, wanted)[layer]


def _strongest(network: Network, images: Images, place: int, layer: str, unit: int) -> LayerExemplars:
    """The strongest neuron of a unit in one image; the other units are empty."""
    x = network.preprocess(images[place].image)
    values: Tensor = network.record(x[None], [layer])[layer][0].cpu()
    maps = values.reshape(len(values), *(values.shape[1:] or (1, 1)))
    peak = int(maps[unit].argmax())
    found = _empty(len(maps), 1)
    found.values[unit, 0] = maps[unit].flatten()[peak]
    found.image[unit, 0] = place
    found.position[unit, 0] = torch.tensor(divmod(peak, maps.shape[2]))
    return found


def _with_others(own: LayerExemplars, mined: LayerExemplars | None, unit: int, others: int) -> LayerExemplars:
    """The image's own neuron, then those mined in other images, strongest first."""
    if mined is None:
        return own
    (elsewhere,) = ((mined.image[unit] >= 0) & (mined.image[unit] != own.image[unit, 0])).nonzero(
        as_tuple=True
    )
    chosen = elsewhere[:others]
    found = _empty(len(own.image), 1 + len(chosen))

    def joined(name: str) -> Tensor:
        return torch.cat([getattr(own, name)[unit], getattr(mined, name)[unit, chosen]])

    found.values[unit], found.image[unit] = joined("values"), joined("image")
    found.position[unit] = joined("position")
    return found


def _empty(units: int, ranks: int) -> LayerExemplars:
    return LayerExemplars(
        torch.full((units, ranks), -torch.inf),
        torch.full((units, ranks), -1),
        torch.full((units, ranks, 2), -1),
        torch.zeros(units, dtype=torch.int64),
    )
