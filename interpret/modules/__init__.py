"""Modules (``nn.Module``) as users hand them over, before anything is known of their layers.

- ``wrappers``, ``copies``: DataParallel and the like taken off; copies that share the weights.
- ``outputs``: which part of what a module returns is (n, classes), and what its numbers are.
- ``returned``: what a module returns, taken apart.
- ``dense``: (n, classes) of segmenters and detectors.
- ``contexts``: autocast, inference mode and default device, kept out.
- ``dispatched``: the operations of one pass, as PyTorch runs them.
- ``modes``: what sees the operations, without PyTorch's compiler.
- ``snapshots``: whether a module is still what it was.
- ``budget``: the memory that building one may take.
"""

from interpret.modules.dense import BestScore, Box, MaxOverImage, MeanOverImage
from interpret.modules.outputs import (
    Output,
    OutputKind,
    as_log_probabilities,
    as_probabilities,
    as_scores,
    has_probabilities,
    output_kind,
    pick_output,
    require_output,
)
from interpret.modules.returned import Key, layer_value, with_layer_value
from interpret.modules.snapshots import writes

__all__ = [
    "BestScore",
    "Box",
    "Key",
    "MaxOverImage",
    "MeanOverImage",
    "Output",
    "OutputKind",
    "as_log_probabilities",
    "as_probabilities",
    "as_scores",
    "has_probabilities",
    "layer_value",
    "output_kind",
    "pick_output",
    "require_output",
    "with_layer_value",
    "writes",
]
