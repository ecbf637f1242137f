"""A network: a module in eval mode with named layers, its input specification and its categories.

- ``network``: `Network`; ``wrapping``: `wrap`, which makes one of any ``nn.Module``.
- ``layerchoices``: the layers that an analysis takes by itself.
- ``recording``: activations of several layers in one pass.
- ``layouts``: how what a layer returns is a map: channels first or last, tokens (``found_layouts``: which
  each layer has; ``views``: a layer by name as maps; ``map_graph``: the same in the program).
- ``checks``: what every analysis takes for granted of a module, tested once (``passes``, ``rounding``).
- ``known``: what was found out about a module, and kept while it does not change.
- ``precision``: forward passes in fewer bits; ``memory_format``: with channels last.
- ``summary``: the layers, and what can be asked of each (``summarizing``).
- ``entry``: what every function that takes a network does first.
- ``batching``: preprocessed batches, read a little ahead; ``readers``: by threads or processes.
"""

from interpret.network.batching import Batch, OnError, batches
from interpret.network.entry import takes_network
from interpret.network.layouts import (
    Layout,
    LayoutChoice,
    LayoutKind,
    as_maps,
    raw_index,
    require_layouts,
    undecided,
)
from interpret.network.memory_format import MemoryFormat
from interpret.network.network import Network
from interpret.network.precision import Precision
from interpret.network.readers import READERS, readers
from interpret.network.recording import Call, watching
from interpret.network.summary import LayerField, LayerSummary, Summary, Working
from interpret.network.views import LayerView
from interpret.network.wrapping import IMAGENET_MEAN, IMAGENET_STD, wrap

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "READERS",
    "Batch",
    "Call",
    "LayerField",
    "LayerSummary",
    "LayerView",
    "Layout",
    "LayoutChoice",
    "LayoutKind",
    "MemoryFormat",
    "Network",
    "OnError",
    "Precision",
    "Summary",
    "Working",
    "as_maps",
    "batches",
    "raw_index",
    "readers",
    "require_layouts",
    "takes_network",
    "undecided",
    "watching",
    "wrap",
]
