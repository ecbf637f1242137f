"""Captum's ``captum.attr`` with our engine in it: change the import, and nothing else.

``Occlusion``, ``Deconvolution``, ``GuidedBackprop``, ``NeuronDeconvolution``, ``NeuronGuidedBackprop`` and
``LayerActivation`` have Captum's arguments, shapes, warnings and errors. Our engine answers where it can,
Captum's own code elsewhere (several inputs, a ``forward_func`` that is no module, train mode, ...). Every
other name of ``captum.attr`` is Captum's.

Example:
    >>> from interpret_captum.attr import Occlusion
    >>> Occlusion(model).attribute(x, (3, 16, 16), strides=(3, 8, 8), target=281)
"""

from typing import TYPE_CHECKING, Any

import captum.attr

from interpret_captum.attr.activation import LayerActivation
from interpret_captum.attr.deconvolution import (
    Deconvolution,
    GuidedBackprop,
    NeuronDeconvolution,
    NeuronGuidedBackprop,
)
from interpret_captum.attr.occlusion import Occlusion

__all__ = [
    "Deconvolution",
    "GuidedBackprop",
    "LayerActivation",
    "NeuronDeconvolution",
    "NeuronGuidedBackprop",
    "Occlusion",
]


if not TYPE_CHECKING:  # or type checkers would believe any name

    def __getattr__(name: str) -> Any:
        """Every other name of ``captum.attr`` (PEP 562)."""
        if name.startswith("_"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(captum.attr, name)

    def __dir__() -> list[str]:
        """With Captum's names, so that a prompt completes them."""
        return sorted({*globals(), *captum.attr.__all__})
