"""The diagnosis of one network: every number that can be had, and why the others cannot."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from interpret.errors import InterpretError, ModelError
from interpret.images import Images, as_images
from interpret.network import Network, OnError, batches, takes_network
from interpret_deconv import Deconv, LayerProjections
from interpret_deconv.signed import ends_in_activation
from interpret_diagnosis.activity import Activity, count_activity
from interpret_diagnosis.aliasing import alias_energy
from interpret_diagnosis.filters import duplicates, filter_rms, relative_size
from interpret_diagnosis.findings import find
from interpret_diagnosis.layers import first_convolution, second_layer
from interpret_diagnosis.results import Aliasing, FirstLayer, NetworkDiagnosis, Thresholds
from interpret_diagnosis.shifts import ShiftError, shift_error
from interpret_diagnosis.spectrum import band_energy, likeness_to_noise
from interpret_topk import mine

TIMES = "\N{MULTIPLICATION SIGN}"


@takes_network
def diagnose(
    network: Network,
    images: Any,
    layers: Sequence[str] = (),
    *,
    label: str = "",
    projected: str | None = None,
    units: int = 64,
    mined: int = 256,
    moved: int = 16,
    thresholds: Thresholds | None = None,
    batch_size: int = 32,
    on_error: OnError = "raise",
) -> NetworkDiagnosis:
    """What is wrong with a network: first filters, dead units, shifts, aliasing (the paper's Figure 6).

    Args:
        network: The network.
        images: What a dataset opens, or a sequence of paths, PIL images or preprocessed tensors (c, h, w).
        layers: Layers after their ReLU, whose units are counted and whose maps are moved; default: see
            ``Network.default_layers``.
        label: The network's name in figures; default: its class and its first convolution.
        projected: The layer whose projections are looked at for aliasing; default: see ``second_layer``.
        units: So many of its units, at most, drawn at random.
        mined: Images, evenly spaced, in which their strongest neurons are looked for.
        moved: Images, evenly spaced, that are moved.
        thresholds: Where a number becomes a finding.
        batch_size: Images in one forward pass.
        on_error: ``skip`` leaves out images that cannot be read and lists them.

    Raises:
        UnknownNameError: If there is no such layer.
        ModelError: If a layer gives neither maps nor vectors, or no layer can be found.
        DatasetError: If an image cannot be read and ``on_error`` is ``raise``, or if none can.
    """
    images, limits = as_images(images), thresholds or Thresholds()
    names, notes = list(layers) or network.default_layers(), dict[str, str]()
    first = first_layer(network, limits.duplicate)
    if projected is not None:
        network.layer(projected)
    counted, skipped = count_activity(network, images, names, batch_size, on_error)
    x = _read(network, _some(images, moved), batch_size, on_error)
    unread = ShiftError(None, reason="None of the images that were to be moved can be read.")
    shifts = shift_error(network, x, names) if len(x) else dict.fromkeys(names, unread)
    try:
        aliasing = measure_aliasing(
            network, _some(images, mined), projected or _second_layer(network, names), units=units,
            batch_size=batch_size, on_error=on_error,
        )  # fmt: skip
    except InterpretError as error:
        aliasing, notes["aliasing"] = None, str(error)
    if first is None:
        notes["filters"] = f"{type(network.module).__name__} has no nn.Conv2d."
    return NetworkDiagnosis(
        label=label or default_label(network),
        first=first,
        activity=counted,
        shifts=shifts,
        aliasing=aliasing,
        notes=notes,
        findings=find(first, _judged(network, counted), shifts, aliasing, limits),
        thresholds=limits,
        count=next(iter(counted.values())).count,
        tried=(len(x), len(_some(images, mined))),
        skipped=skipped,
        input=network.input,
    )


def _judged(network: Network, counted: Mapping[str, Activity]) -> dict[str, Activity]:
    """The layers whose units should be above zero now and then: all that end in an activation.

    A block of a transformer, or a norm, adds what is below zero as well as what is above it.
    """
    return {name: one for name, one in counted.items() if not one.signed or ends_in_activation(network, name)}


def first_layer(network: Network, duplicate: float = Thresholds.duplicate) -> FirstLayer | None:
    """The numbers of the first convolution's filters; none if the network has no ``nn.Conv2d``.

    Args:
        network: The network.
        duplicate: Similarity from which on two filters count as one.
    """
    found = first_convolution(network)
    if found is None:
        return None
    name, conv = found
    weight = conv.weight.detach().to("cpu", torch.float32, copy=True)
    size, noise = filter_rms(weight, _input_scale(network, conv)), likeness_to_noise(weight)
    stride = conv.stride
    return FirstLayer(
        layer=name,
        weight=weight,
        stride=(int(stride[0]), int(stride[1])),
        rms=size.float(),
        relative=relative_size(size).float(),
        energy=band_energy(weight).float(),
        duplicates=duplicates(weight, duplicate, groups=conv.groups),
        noise=None if math.isnan(noise) else noise,
    )


def measure_aliasing(
    network: Network,
    images: Images,
    layer: str,
    *,
    units: int = 64,
    batch_size: int = 32,
    on_error: OnError = "raise",
) -> Aliasing:
    """The energy of a layer's projections at the frequencies of the first convolution's stride.

    Args:
        network: The network.
        images: Where the strongest neuron of each unit is looked for.
        layer: Name or alias of the layer; the paper looks at the second.
        units: So many of its units, at most, drawn at random with seed 0.
        batch_size: Images in one forward pass.
        on_error: ``skip`` leaves out images that cannot be read.

    Raises:
        InterpretError: If the first stride is 1, or the projections cannot be had or are too small to tell.
    """
    stride = _first_stride(network)
    exemplars = mine(network, images, [layer], k=1, batch_size=batch_size, on_error=on_error)
    chosen = None if len(exemplars[layer].values) <= units else units
    found = Deconv(layers=[layer], units=chosen, ranks=1).run(network, images, exemplars)
    projections = _visible(found[layer])
    if not len(projections.unit):
        raise ModelError(f"No unit of layer {layer!r} has a projection to look at.")
    energy = alias_energy(projections.patches.float(), stride)
    return Aliasing(layer, stride, energy, projections, found.nonlinearities[layer])


def _first_stride(network: Network) -> tuple[int, int]:
    """The stride of the first convolution; an error where it cannot alias."""
    found = first_convolution(network)
    if found is None:
        raise ModelError(f"{type(network.module).__name__} has no nn.Conv2d.")
    down, across = found[1].stride
    if max(down, across) == 1:
        raise ModelError("The first convolution has no stride that could alias.")
    return int(down), int(across)


def _second_layer(network: Network, layers: Sequence[str]) -> str:
    """The second layer among some; an error where there is none, or where it is of no use."""
    _first_stride(network)
    layer = second_layer(network, layers)
    if layer is None:
        raise ModelError("No layer that is looked at lies above two convolutions of more than 1 x 1 pixels.")
    return layer


def default_label(network: Network) -> str:
    """The class of the module, unless it is only a sequence, and its first convolution: ``11 × 11 / 4``."""
    kind, found = type(network.module), first_convolution(network)
    name = "" if kind is nn.Sequential and found else kind.__name__
    if found is None:
        return name
    rows, columns = found[1].kernel_size
    return f"{name} {rows} {TIMES} {columns} / {found[1].stride[0]}".strip()


def _visible(projections: LayerProjections) -> LayerProjections:
    """The projections that are not zero."""
    seen = projections.patches.abs().amax((1, 2, 3)) > 0
    return projections.take(seen)


def _input_scale(network: Network, conv: nn.Conv2d) -> Float[Tensor, " channel"] | None:
    """How many times larger the weights are than they would be at the paper's input scale."""
    divisor = torch.tensor(network.input.divisor, dtype=torch.float64)
    return divisor if conv.weight.shape[1] == len(divisor) else None


def _some(images: Images, count: int) -> Images:
    """So many images at most, evenly spaced."""
    if len(images) <= count:
        return images
    return images.subset([index * len(images) // count for index in range(count)])


def _read(network: Network, images: Images, batch_size: int, on_error: OnError) -> Float[Tensor, "n c h w"]:
    """The images that can be read."""
    return torch.cat([batch.x for batch in batches(network, images, batch_size, on_error=on_error)])
