"""The strongest units of some layers in single images, each where it is strongest, projected to pixels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from interpret.arguments import require_count
from interpret.errors import DatasetError
from interpret.images import as_images
from interpret.network import Network, OnError, batches, takes_network
from interpret_deconv.choices import Nonlinear, Rule, as_rules
from interpret_explain.neurons import find_strongest
from interpret_explain.projecting import LayerWork
from interpret_explain.results import StrongestUnits

__all__ = ["few_layers", "strongest_units"]

FEW = 4
"""So many layers, from early to late, where nobody names any."""


@takes_network
def strongest_units(
    network: Network,
    images: Any,
    layers: Sequence[str] = (),
    units: int = 6,
    *,
    rule: Rule = "deconvnet",
    nonlinear: Nonlinear = "rectify",
    batch_size: int = 16,
    on_error: OnError = "raise",
) -> StrongestUnits:
    """The units of some layers whose largest activations in an image are the largest, projected to pixels.

    Each stands with its strongest neuron in that image, projected as ``interpret_deconv.project`` does and
    cropped to what it sees (Zeiler & Fergus 2014, section 2.1). A layer that cannot be projected has its
    neurons and boxes all the same, and ``notes`` say why. Units that are nowhere positive are left out.

    Args:
        network: The network.
        images: What a dataset opens, or a sequence of paths, PIL images or preprocessed tensors (c, h, w).
        layers: Names or aliases; default: four layers of maps at equal distances.
        units: How many units of each layer and image.
        rule: As in ``interpret_deconv.project``, and so is ``nonlinear``.
        nonlinear: What other nonlinearities than ReLUs do.
        batch_size: Images in one forward pass.
        on_error: ``skip`` leaves out images that cannot be read and lists them.

    Raises:
        UnknownNameError: If there is no such layer.
        ModelError: If a layer gives neither maps (n, c, h, w) nor vectors (n, c).
        DatasetError: If an image cannot be read and ``on_error`` is ``raise``, or if none can.

    Example:
        >>> network, scenes = interpret.load_model("zfnet:scenes"), interpret.load_dataset("scenes", limit=2)
        >>> strongest_units(network, scenes, ["layer3"], units=4)["layer3"].unit.shape
        torch.Size([8])
    """
    require_count("units", units)
    images, rules = as_images(images), as_rules(rule, "sum", None, nonlinear)
    works = {name: LayerWork.of(network, name, rules) for name in layers or few_layers(network)}
    taps = {name: partial(find_strongest, layer=name, units=units) for name in works}
    ids, skipped = dict(zip(images.indices, images.ids, strict=True)), list[tuple[str, str]]()
    seen: list[int] = []
    for batch in batches(network, images, batch_size, on_error=on_error):
        skipped += batch.skipped
        seen += batch.indices
        for name, found in network.record(batch.x, taps).items() if batch.indices else ():
            works[name].add(batch.x, batch.indices, found)
    if not seen:
        reason = f" The first: {skipped[0][0]!r}: {skipped[0][1]}" if skipped else ""
        raise DatasetError(f"None of the {len(skipped)} images can be read.{reason}")
    return StrongestUnits(
        layers={name: work.collected() for name, work in works.items()},
        ids={str(place): ids[place] for place in seen},
        input=network.input,
        rule=rule,
        notes={name: work.note for name, work in works.items() if work.note},
        nonlinearities={name: work.nonlinearities for name, work in works.items()},
        skipped=tuple(skipped),
    )


def few_layers(network: Network) -> list[str]:
    """A few layers of maps at equal distances, from early to late; others where there are no maps.

    Raises:
        ModelError: If the network has no layer to choose.
    """
    names = network.default_layers("spread")
    shapes = network.layer_shapes(names)
    maps = [name for name in names if len(shapes[name]) == 3] or names
    count = min(FEW, len(maps))
    return [maps[(index + 1) * len(maps) // count - 1] for index in range(count)]
