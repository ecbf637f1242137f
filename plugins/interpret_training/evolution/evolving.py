"""How units come to be: the strongest neuron of each at every checkpoint, projected (paper, Figure 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import torch
from torch import Tensor

from interpret.errors import InterpretError, StepError, UnknownNameError
from interpret.files import digest
from interpret.images import as_images
from interpret.network import Network, OnError, takes_network
from interpret.progress import track_long
from interpret.run import parts_for
from interpret_deconv import Deconv, LayerProjections, Projections
from interpret_deconv.choices import Nonlinear, Rule
from interpret_deconv.signed import signed_layers
from interpret_topk import Exemplars
from interpret_training.checkpoints import Checkpoint, load_checkpoint
from interpret_training.evolution import numbers
from interpret_training.evolution.mining import Miner
from interpret_training.evolution.results import Evolution, LayerEvolution

Units: TypeAlias = int | Sequence[int] | Mapping[str, Sequence[int]]
"""So many of each layer at random; these of each layer; or these of the layers that are named."""

WHOLE = 10**6
"""Megabytes for the projections of a layer: they are not cut, so that checkpoints can be compared."""

THRESHOLD = 0.5
"""The overlap with the end from which on a unit counts as settled. Ours: the paper gives no number."""


@takes_network
def evolve(
    network: Network,
    images: Any,
    checkpoints: Sequence[Checkpoint],
    layers: Sequence[str] = (),
    *,
    units: Units = 6,
    random_seed: int = 0,
    k: int = 9,
    threshold: float = THRESHOLD,
    rule: Rule = "deconvnet",
    nonlinear: Nonlinear = "rectify",
    batch_size: int = 32,
    on_error: OnError = "raise",
) -> Evolution:
    """The strongest neurons of every unit at each checkpoint, and projections of some (paper, section 4.1).

    All units are mined over all images, once for each checkpoint; the strongest neuron of the chosen units is
    projected with that checkpoint's weights. One checkpoint is in memory at a time.

    Args:
        network: The architecture; it is left as it is.
        images: What a dataset opens, or a sequence of paths, PIL images or preprocessed tensors (c, h, w).
            The paper takes the training set.
        checkpoints: Weights, as ``read_checkpoints`` finds them or a training leaves them.
        layers: Names or aliases; default: ``network.default_layers("maps")``.
        units: Units to project: so many of each layer at random, among those that live at the last
            checkpoint; or a list, for all layers or by layer. 0: the numbers only, for any network.
        random_seed: Start of the random choice.
        k: How many strongest images of a unit the numbers compare; the first one is projected.
        threshold: From which overlap with the last checkpoint on a unit counts as settled, 0 to 1.
        rule: How ReLUs treat the signal of the projections.
        nonlinear: What other nonlinearities than ReLUs do: see ``interpret_deconv.project``.
        batch_size: Images in one forward pass. Equal sizes give equal bits on one kind of processor.
        on_error: ``skip`` leaves out images that cannot be read and lists them in ``Evolution.skipped``.

    Raises:
        UnknownNameError: If there is no such layer.
        ModelError: If a checkpoint is missing, was changed, or belongs to another architecture.
        DatasetError: If an image cannot be read and ``on_error`` is ``raise``, or if none can.
        InterpretError: If there are no checkpoints, or a chosen unit does not exist.
    """
    images, series = as_images(images), sorted(checkpoints, key=lambda one: one.epoch)
    if not series:
        raise InterpretError("There are no checkpoints: give at least one, two or more to compare them.")
    layers = list(dict.fromkeys([layers] if isinstance(layers, str) else layers)) or network.default_layers(
        "maps"
    )
    check_units(network, layers, units)
    miner = Miner(images, digest(images.fingerprint(), *images.ids), k, batch_size, on_error)
    projector = Deconv(rule=rule, nonlinear=nonlinear, ranks=1, batch_size=batch_size, max_mb=WHOLE)
    rows, stages = dict[str, list[int]](), list[_Stage]()
    for checkpoint in track_long(series[::-1]):  # the last one first: it says which units live
        then = load_checkpoint(network, checkpoint, layers)
        with parts_for(checkpoint.sha256):
            found = miner.mined(then, checkpoint, layers)
            rows = rows or {layer: choose_rows(found, layer, units, random_seed) for layer in layers}
            projected = projector.run(then, images, strongest(found, rows)) if any(rows.values()) else None
        stages.append(_Stage(found, projected))
    return _assembled(network, series, stages[::-1], rows, rule=rule, threshold=threshold)


def check_units(network: Network, layers: Sequence[str], units: Units) -> None:
    """Refuse what cannot be projected, before hours of mining.

    Raises:
        UnknownNameError: If there is no such layer, or units are given of one that is not asked about.
        InterpretError: If a unit does not exist.
    """
    shapes = network.layer_shapes(layers)
    for layer in units if isinstance(units, Mapping) else ():
        if layer not in layers:
            raise UnknownNameError("layer of the evolution", layer, layers)
    for layer, shape in shapes.items():
        for unit in _listed(units, layer):
            if shape and not 0 <= unit < shape[0]:
                raise InterpretError(
                    f"Layer {layer!r} has no unit {unit}: it has {shape[0]}, 0 to {shape[0] - 1}."
                )


def choose_rows(found: Exemplars, layer: str, units: Units, random_seed: int) -> list[int]:
    """The units of a layer to project: in the order given, or ascending where they are drawn.

    Args:
        found: What was mined at the last checkpoint; units that are dead there are not drawn.
        layer: The layer.
        units: What is asked for.
        random_seed: Start of the random choice, the same for all layers.
    """
    if not isinstance(units, int):
        return list(dict.fromkeys(_listed(units, layer)))
    alive = (~found[layer].dead).nonzero()[:, 0]
    order = torch.randperm(len(alive), generator=torch.Generator().manual_seed(random_seed))
    return sorted(alive[order[:units]].tolist())


def strongest(found: Exemplars, rows: Mapping[str, Sequence[int]]) -> Exemplars:
    """What was mined, with only the strongest neurons of the chosen units."""
    layers = {}
    for layer, units in rows.items():
        image = torch.full_like(found[layer].image, -1)
        image[list(units), 0] = found[layer].image[list(units), 0]
        layers[layer] = replace(found[layer], image=image)
    return replace(found, layers=layers)


@dataclass(frozen=True)
class _Stage:
    """What one checkpoint shows; no projections where no unit is to be projected."""

    mined: Exemplars
    projected: Projections | None


def _assembled(
    network: Network,
    series: Sequence[Checkpoint],
    stages: Sequence[_Stage],
    rows: Mapping[str, Sequence[int]],
    *,
    rule: Rule,
    threshold: float,
) -> Evolution:
    """The result of all stages, in the order of the checkpoints."""
    epochs = tuple(checkpoint.epoch for checkpoint in series)
    ids = {index: name for stage in stages for index, name in stage.mined.ids.items()}
    last = stages[-1].mined
    return Evolution(
        epochs=epochs,
        layers={
            layer: replace(
                _layer(stages, layer, rows[layer], epochs, threshold),
                signed=_is_signed(network, stages, layer),
            )
            for layer in rows
        },
        ids={index: ids[index] for index in sorted(ids, key=int)},
        input=network.input,
        rule=rule,
        threshold=threshold,
        checkpoints=tuple(checkpoint.sha256 for checkpoint in series),
        count=last.count,
        skipped=last.skipped,
        nonlinearities=stages[-1].projected.nonlinearities if stages[-1].projected else {},
    )


def _is_signed(network: Network, stages: Sequence[_Stage], layer: str) -> bool:
    return any(signed_layers(network, stage.mined, [layer]) for stage in stages)


def _layer(
    stages: Sequence[_Stage], layer: str, rows: Sequence[int], epochs: Sequence[int], threshold: float
) -> LayerEvolution:
    mined = [stage.mined[layer] for stage in stages]
    values, image, position = (
        torch.stack([getattr(one, axis) for one in mined], 1) for axis in ("values", "image", "position")
    )
    top = numbers.winners(values, image)
    kept = numbers.overlap(top)
    found = [stage.projected[layer] for stage in stages if stage.projected]
    box, patches, scale = _cells(found, rows) if found else _no_cells(len(epochs))
    own = _own_cells(found, rows)
    return LayerEvolution(
        values=values,
        image=image,
        position=position,
        turnover=numbers.turnover(top),
        overlap=kept,
        settled=numbers.settled(kept, epochs, threshold),
        unit=torch.tensor(list(rows), dtype=torch.int64),
        box=box,
        patches=patches,
        scale=scale,
        similarity=numbers.similarity(patches),
        own=own,
        mixed_by=found[0].mixed_by if found else "",
    )


def _cells(found: Sequence[LayerProjections], rows: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes, patches and scales by row and epoch; what is dead has no projection and stays zero."""
    size = (len(rows), len(found))
    box = torch.zeros(*size, 4, dtype=torch.int64)
    patches = torch.zeros(*size, *found[0].patches.shape[1:], dtype=torch.float16)
    scale = torch.ones(size)
    for column, one in enumerate(found):
        row = [list(rows).index(unit) for unit in one.unit.tolist()]
        box[row, column], patches[row, column], scale[row, column] = one.box, one.patches, one.scale
    return box, patches, scale


def _own_cells(found: Sequence[LayerProjections], rows: Sequence[int]) -> Tensor | None:
    """The neurons' own patches by row and epoch, if they have any."""
    own = torch.zeros(len(rows), len(found), 4, dtype=torch.int64)
    for column, one in enumerate(found):
        if one.own is None:
            return None
        own[[list(rows).index(unit) for unit in one.unit.tolist()], column] = one.own
    return own if found else None


def _no_cells(columns: int) -> tuple[Tensor, Tensor, Tensor]:
    """The same of a network that was not asked for projections: it need not be one that can be projected."""
    patches = torch.zeros(0, columns, 0, 0, 0, dtype=torch.float16)
    return torch.zeros(0, columns, 4, dtype=torch.int64), patches, torch.ones(0, columns)


def _listed(units: Units, layer: str) -> Sequence[int]:
    """The units that are named of a layer."""
    if isinstance(units, int):
        return ()
    return units.get(layer, ()) if isinstance(units, Mapping) else units


def chosen(checkpoints: Sequence[Checkpoint], epochs: Sequence[int] | None) -> tuple[Checkpoint, ...]:
    """The checkpoints of some epochs, or all.

    Raises:
        StepError: If the series has none of one of them.
    """
    known = {checkpoint.epoch: checkpoint for checkpoint in checkpoints}
    for epoch in epochs or ():
        if epoch not in known:
            there = ", ".join(map(str, sorted(known)))
            raise StepError(f"There is no checkpoint of epoch {epoch}: the series has {there}.")
    return tuple(known[epoch] for epoch in sorted(set(known if epochs is None else epochs)))
