"""One sweep of an occluder over one image (Zeiler & Fergus 2014, section 4.2)."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from interpret.arguments import without_parameter
from interpret.errors import InterpretError
from interpret.images import Fill, Picture, as_images, filled
from interpret.network import Network, takes_network
from interpret.results import remember_images
from interpret.targets import check_classes, find_class
from interpret_occlusion import checks
from interpret_occlusion.engines import SweepTask, answer_everywhere, pick_engine, sums
from interpret_occlusion.occluder import places
from interpret_occlusion.results import Followed, OcclusionMaps, Sweep

Choice = Literal["auto", "incremental", "full"]
Strongest = Literal["peak", "sum"]


@without_parameter("tolerance", checks.NO_TOLERANCE)
@takes_network
def sweep(  # noqa: PLR0917 - what a sweep is asked by comes in this order, the rest by name
    network: Network,
    x: Float[Tensor, "c h w"] | Picture | str | Path,
    window: int | tuple[int, int] = 16,
    stride: int | tuple[int, int] = 8,
    fill: Fill = 0.5,
    target: int | str | None = None,
    layers: Sequence[str] = (),
    engine: Choice = "auto",
    *,
    units: Mapping[str, Sequence[int]] | None = None,
    strongest: Strongest = "peak",
    seed: int = 0,
    batch_size: int = 32,
) -> OcclusionMaps:
    """Slide an occluder over an image and note what the network answers at every place.

    It is what the probe ``occlusion`` finds in one image; ``interpret.show`` draws it.

    Args:
        network: The network.
        x: One image, preprocessed; or a photograph, which is preprocessed: a path or a PIL image.
        window: Height and width of the occluder in pixels, or one number for both.
        stride: Pixels from one place to the next, down and across; the last ones end at the border.
        fill: What the occluder shows, in pixels from 0 to 1: a grey, a colour, ``mean``, ``blur`` or
            ``noise``.
        target: The class whose probability counts, as index or category; None: the most probable one. Of
            a network with one output it is 0.
        layers: Layers whose strongest unit is followed; it is chosen once, in the unoccluded image.
        engine: ``incremental`` computes only what changes, ``full`` passes each occluded image through the
            whole network, ``auto`` takes the cheaper one; all are exact.
        units: Further units to follow, by layer.
        strongest: Strongest by the ``peak`` of its map or by its ``sum``.
        seed: Of the noise.
        batch_size: Occluded images in one full forward pass.

    Raises:
        InterpretError: If the occluder does not fit into the image, or a choice does not exist.
        ModelError: If the network does not answer with one value for each of its classes.
        UnknownNameError: If there is no such layer or category.
    """
    swept = sweep_image(
        network,
        x,
        window,
        stride,
        fill,
        target,
        layers,
        engine,
        units=units,
        strongest=strongest,
        seed=seed,
        batch_size=batch_size,
    )
    images = as_images([x])
    found = OcclusionMaps(
        maps=(swept,),
        image=torch.tensor([0]),
        ids={"0": images.ids[0]},
        input=network.input,
        categories=network.categories,
    )
    remember_images(found, images)
    return found


def sweep_image(  # noqa: PLR0917 - as `sweep`
    network: Network,
    x: Float[Tensor, "c h w"] | Picture | str | Path,
    window: int | tuple[int, int],
    stride: int | tuple[int, int],
    fill: Fill,
    target: int | str | None,
    layers: Sequence[str],
    engine: Choice,
    *,
    units: Mapping[str, Sequence[int]] | None,
    strongest: Strongest,
    seed: int,
    batch_size: int,
) -> Sweep:
    """The maps of `sweep` alone."""
    if str(engine) == "approximate":
        raise InterpretError(f"engine {checks.NO_APPROXIMATE}.")
    _check("engine", engine, get_args(Choice))
    _check("strongest", strongest, get_args(Strongest))
    height, width = checks.pixels("window", window)
    down, across = checks.pixels("stride", stride)
    batch_size = checks.whole("batch_size", batch_size, range(1, sys.maxsize), "a whole number from 1 on")
    seed = checks.whole("seed", seed, checks.SEEDS, "a whole number of 64 bits")
    layers, units = checks.names("layers", layers), checks.units_by_layer(units or {})
    x = network.to_device(network.preprocess(checks.one_image(network, x)))
    rows, columns = places(x.shape[1], height, down), places(x.shape[2], width, across)
    followed, logits = _unoccluded(network, x, layers, units, strongest)
    chosen = int(logits.argmax()) if target is None else find_class(network, len(logits), target)
    task = SweepTask(
        network,
        x,
        filled(network.input, x, fill, (height, width), seed),
        {layer: follow.unit for layer, follow in followed.items()},
        batch_size,
    )
    picked = pick_engine(engine, task, rows, columns)
    picked, answers = answer_everywhere(engine, picked, task, rows, columns)
    return Sweep(
        logits=answers.logits.cpu(),
        unoccluded=logits.cpu(),
        target=chosen,
        rows=torch.tensor(rows.starts),
        columns=torch.tensor(columns.starts),
        window=(height, width),
        size=(x.shape[1], x.shape[2]),
        channels=len(x),
        fill=fill,
        followed={
            layer: Followed(follow.unit, answers.sums[layer].cpu(), follow.unoccluded)
            for layer, follow in followed.items()
        },
        output_kind=network.output_kind,
        engine=picked.name,
        multiply_adds=picked.cost(rows, columns),
    )


def _unoccluded(
    network: Network,
    x: Float[Tensor, "c h w"],
    layers: Sequence[str],
    units: Mapping[str, Sequence[int]],
    strongest: Strongest,
) -> tuple[dict[str, Followed], Float[Tensor, " classes"]]:
    """The units to follow with their sums, and the outputs."""
    names = list(dict.fromkeys([*layers, *units]))
    values: dict[str, Tensor] = network.record(x[None], names) if names else {}
    logits = network(x[None])
    check_classes(logits, least=1)
    followed = {}
    for name, value in values.items():
        chosen = [_strongest(value[0], strongest)] if name in layers else []
        unit = torch.tensor([*chosen, *_known_units(name, value.shape[1], units.get(name, ()))])
        total = sums(value, unit)[0].cpu()
        followed[name] = Followed(unit, torch.zeros(0, 0, len(unit)), total)
    return followed, logits[0]


def _strongest(value: Tensor, rule: Strongest) -> int:
    """The unit of one image's maps (c, ...) that is strongest."""
    maps = value.reshape(len(value), -1)
    return int((maps.amax(1) if rule == "peak" else maps.sum(1)).argmax())


def _known_units(layer: str, count: int, units: Sequence[int]) -> Sequence[int]:
    for unit in units:
        if not 0 <= unit < count:
            raise InterpretError(f"Layer {layer!r} has no unit {unit}: it has {count}, 0 to {count - 1}.")
    return units


def _check(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        choices = ", ".join(repr(item) for item in allowed)
        raise InterpretError(f"{name} is {value!r}; it must be one of {choices}.")
