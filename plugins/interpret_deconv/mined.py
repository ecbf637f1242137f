"""Which of the mined neurons are projected, and how their projections are collected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from jaxtyping import Bool, Float, Float16, Int
from torch import Tensor

from interpret.errors import StepError, UnknownNameError
from interpret.images import Images, Matching
from interpret_deconv.cutting import MAX_MB, cut, kept_size
from interpret_deconv.results import LayerProjections
from interpret_topk import Exemplars, LayerExemplars

__all__ = ["choose", "empty_projections", "in_images", "mined_layers", "packed", "store"]


def mined_layers(exemplars: Exemplars, layers: Sequence[str]) -> list[str]:
    """The layers to project; none named: all that were mined.

    Raises:
        UnknownNameError: If one was not mined.
    """
    for layer in layers:
        if layer not in exemplars.layers:
            raise UnknownNameError("mined layer", layer, exemplars.layers)
    return list(layers or exemplars.layers)


def choose(
    mined: LayerExemplars, layer: str, units: Sequence[int] | None, ranks: int | None
) -> Bool[Tensor, "unit rank"]:
    """Which of a layer's neurons are projected; those that do not exist and dead units never are.

    Args:
        mined: The layer's strongest neurons.
        layer: Its name, for the message.
        units: Their units; none: all.
        ranks: How many neurons of each unit; none: all that were mined.

    Raises:
        StepError: If a unit does not exist.
    """
    count = len(mined.image)
    units = range(count) if units is None else units
    for unit in units:
        if not 0 <= unit < count:
            raise StepError(f"Layer {layer!r} has no unit {unit}: it has {count}, 0 to {count - 1}.")
    chosen = torch.zeros_like(mined.image, dtype=torch.bool)
    chosen[list(units), :ranks] = True
    return chosen & (mined.image >= 0) & ~mined.dead[:, None]


def in_images(exemplars: Exemplars, images: Images) -> Exemplars:
    """The exemplars as if they had been mined in these images, which may have another order or other paths.

    Raises:
        StepError: If one of them is missing.
    """
    matching, ids, indices = Matching(images, exemplars.ids), images.ids, images.indices
    places = {index: matching.find(index) for index in map(int, exemplars.ids)}
    for index, place in places.items():
        if place is None:
            raise StepError(
                f"The exemplars were mined from other images. {matching.reason(index)} "
                "Use the dataset of the mining step."
            )
    found = {index: place for index, place in places.items() if place is not None}
    named = {str(indices[place]): ids[place] for place in sorted(found.values())}
    moved = {index: indices[place] for index, place in found.items()}
    same = all(old == new for old, new in moved.items())
    return exemplars if same and named == exemplars.ids else _moved(exemplars, moved, named)


def _moved(exemplars: Exemplars, moved: Mapping[int, int], ids: dict[str, str]) -> Exemplars:
    """Exemplars whose images are elsewhere."""
    largest = max(
        [*moved, *(int(layer.image.max()) for layer in exemplars.layers.values() if layer.image.numel())]
    )
    table = torch.full((largest + 2,), -1)  # its last entry stands for no image
    table[[*moved]] = torch.tensor([*moved.values()])
    layers = {name: replace(layer, image=table[layer.image]) for name, layer in exemplars.layers.items()}
    labels = {str(moved[int(index)]): label for index, label in exemplars.labels.items()}
    return replace(exemplars, layers=layers, ids=ids, labels=labels)


def empty_projections(
    mined: LayerExemplars,
    chosen: Bool[Tensor, "unit rank"],
    shape: tuple[int, int, int],
    max_mb: int = MAX_MB,
) -> LayerProjections:
    """Projections of the chosen neurons that are still to be computed: zeros, which `store` fills.

    Args:
        mined: The layer's strongest neurons.
        chosen: Which of them.
        shape: Channels, height and width of a projection.
        max_mb: Megabytes that they may take: larger ones are cut.
    """
    unit, rank = chosen.nonzero(as_tuple=True)
    count = len(unit)
    size = kept_size(count, shape, max_mb)
    part = size != shape[1:]
    return LayerProjections(
        unit=unit,
        rank=rank,
        image=mined.image[chosen],
        position=mined.position[chosen],
        value=mined.values[chosen].float(),
        box=torch.zeros(count, 4, dtype=torch.int64),
        patches=torch.zeros(count, shape[0], *size, dtype=torch.float16),
        scale=torch.ones(count),
        field=torch.zeros(count, 4, dtype=torch.int64) if part else None,
        kept=torch.ones(count) if part else None,
    )


def store(
    into: LayerProjections,
    which: Int[Tensor, " m"],
    patches: Float[Tensor, "m c h w"],
    box: Int[Tensor, "m 4"],
    image: tuple[int, int],
) -> None:
    """Put projections into their places, cut where these are smaller, as `packed` gives them.

    Args:
        into: Where they belong.
        which: Their places.
        patches: The projections.
        box: Where they lie in the image.
        image: Its height and width.
    """
    if into.field is not None and into.kept is not None:
        own = None if into.own is None else into.own[which]
        into.field[which] = box
        patches, box, into.kept[which] = cut(patches, box, into.size, image, own)
    into.box[which] = box
    into.patches[which], into.scale[which] = packed(patches)


def packed(patches: Float[Tensor, "m c h w"]) -> tuple[Float16[Tensor, "m c h w"], Float[Tensor, " m"]]:
    """Projections in 16 bits, each divided by its largest magnitude, which is its scale."""
    scale = patches.abs().amax((1, 2, 3))
    scale = torch.where(scale > 0, scale, 1.0)
    return (patches / scale[:, None, None, None]).to("cpu", torch.float16), scale.float().cpu()
