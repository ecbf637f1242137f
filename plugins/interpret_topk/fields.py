"""Where in the image the neurons of a layer look, so that patches can be cut without the network."""

from __future__ import annotations

from dataclasses import replace
from weakref import WeakKeyDictionary

import numpy as np
import torch

from interpret.errors import InterpretError
from interpret.graph import Graph, ReceptiveField, mixed_by, own_field, receptive_field
from interpret.network import Network, takes_network
from interpret_topk.results import LayerExemplars, LayerField

__all__ = ["layer_fields", "own_patch", "with_fields"]

ATTENTION = "attention"

Fields = tuple[LayerField | None, LayerField | None, str]

_known: WeakKeyDictionary[Graph, dict[str, Fields]] = WeakKeyDictionary()
"""What was found: a dataset is mined in many pieces, of one network."""


@takes_network
def layer_fields(network: Network, layer: str) -> Fields:
    """The receptive fields of a layer, its neurons' own patches, and what mixes in the rest.

    Args:
        network: It is traced for that, which takes about a second, once.
        layer: Name or alias.

    Returns:
        Nothing of a network that cannot be traced.
    """
    try:
        graph, name = network.graph, network.layer(layer)
        known = _known.setdefault(graph, {})
        if name not in known:
            known[name] = _fields(graph, name)
        return known[name]
    except InterpretError:
        return None, None, ""


def with_fields(network: Network, name: str, layer: LayerExemplars) -> LayerExemplars:
    """A layer's exemplars, with what `layer_fields` finds."""
    field, own, mixed_by = layer_fields(network, name)
    return replace(layer, field=field, own=own, mixed_by=mixed_by)


def own_patch(graph: Graph, layer: str) -> tuple[ReceptiveField, str] | None:
    """The part of the image where each neuron of a layer stands, and what mixes in the rest of it.

    None of a layer whose receptive field says all, or whose patches are as large as the image, and of a
    convolutional network with gates, too: these scale its signal, which stays in its window.
    """
    if 0 not in receptive_field(graph, layer, measure=False).stride:
        return None
    moved = layer in graph.returned and graph.returned[layer] is not graph.layers[layer]
    if not moved and mixed_by(graph, layer) != ATTENTION:
        return None
    own = own_field(graph, layer)
    if own is None or any(mine >= whole for mine, whole in zip(own.largest, graph.input.extent, strict=True)):
        return None
    return own, mixed_by(graph, layer)


def _fields(graph: Graph, layer: str) -> Fields:
    field = receptive_field(graph, layer, measure=False)  # patches are cut to it: it misses no pixel
    if 0 not in field.stride:
        return _stored(field), None, ""
    own = own_patch(graph, layer)
    if own is not None:
        return None, _stored(own[0]), own[1]
    windows = own_field(graph, layer)  # what is left without gates and statistics of whole maps
    if windows is None or 0 in windows.stride:
        return None, None, ""
    return _stored(windows), None, mixed_by(graph, layer)


def _stored(field: ReceptiveField) -> LayerField:
    rows, columns = (torch.from_numpy(np.stack(axis, 1)).long() for axis in field.edges)
    stride = float(field.stride[0]), float(field.stride[1])
    return LayerField(rows, columns, field.size, stride)
