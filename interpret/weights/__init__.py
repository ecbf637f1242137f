"""Weights in and out; nothing that a file names is called.

- ``loading``: `read_weights`, `load_into` a module, and what does not fit.
- ``formats``: which format a file has; ``statedicts``: where in it the state dict is.
- ``torchfiles``, ``extracting``: files of ``torch.save``, whole networks and TorchScript.
- ``unpickling``, ``numpyarrays``: pickles described instead of run.
"""

from typing import TYPE_CHECKING

from interpret.moved import elsewhere
from interpret.weights.loading import (
    Weights,
    extract,
    load_into,
    mismatches,
    read_metadata,
    read_weights,
    strip_prefixes,
    weights_hash,
)

__all__ = [
    "Weights",
    "extract",
    "load_into",
    "mismatches",
    "read_metadata",
    "read_weights",
    "strip_prefixes",
    "weights_hash",
]

if not TYPE_CHECKING:  # or type checkers would believe any name
    __getattr__ = elsewhere(__name__)
