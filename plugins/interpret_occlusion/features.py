"""The followed units as the deconvnet sees them: in the image itself, and in their exemplars (Figure 7 c)."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from interpret.images import Images
from interpret.network import Network
from interpret.targets import Targets, find_neurons
from interpret_deconv import LayerProjections, project_cropped
from interpret_deconv.mined import packed
from interpret_deconv.own_patches import own_patches, with_own_patches
from interpret_topk import Exemplars


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

    There is nothing to project where the unit is never positive in the image.

    Args:
        network: The network.
        images: The whole dataset.
        place: Where the image is in it.
        layer: The unit's layer.
        unit: The unit.
        exemplars: What was mined in these images, if anything.
        others: At most so many other images.

    Raises:
        ModelError: If the network has an operation below the layer that the deconvnet has no rule for.
    """
    x = network.to_device(network.preprocess(images[place].image)[None])
    output: Tensor = network.record(x, [layer])[layer]
    own = find_neurons(output, layer, unit)
    value, image, position = own.pick(output).cpu(), torch.tensor([place]), own.position
    if exemplars and layer in exemplars.layers:
        more = _elsewhere(exemplars, layer, unit, place, others)
        value, image, position = (
            torch.cat(pair) for pair in zip((value, image, position), more, strict=True)
        )
    if value[0] <= 0:
        value, image, position = value[:0], image[:0], position[:0]
    targets = Targets(layer, torch.full_like(image, unit), position)
    pictures = [network.preprocess(images[index].image) for index in image.tolist()]
    x = torch.stack(pictures) if pictures else x[:0]
    patches, box = project_cropped(network, x, targets)
    found = _as_projections(patches, box, targets, image, value)
    return with_own_patches(found, own_patches(network, layer))


def _elsewhere(
    exemplars: Exemplars, layer: str, unit: int, place: int, others: int
) -> tuple[Float[Tensor, " k"], Int[Tensor, " k"], Int[Tensor, "k 2"]]:
    """Values, images and positions of a unit's strongest neurons in other images."""
    mined = exemplars[layer]
    image = mined.image[unit]
    rows = ((image >= 0) & (image != place)).nonzero()[:others, 0]
    return mined.values[unit, rows], image[rows], mined.position[unit, rows]


def _as_projections(
    patches: Float[Tensor, "k c height width"],
    box: Int[Tensor, "k 4"],
    targets: Targets,
    image: Int[Tensor, " k"],
    value: Float[Tensor, " k"],
) -> LayerProjections:
    rank = torch.arange(len(patches))
    return LayerProjections(targets.unit, rank, image, targets.position, value.float(), box, *packed(patches))
