"""What the maps of a probe measure: only maps of one quantity can differ by a length."""

from __future__ import annotations

from interpret.plugin import Probe

SCALED = frozenset({"largest_difference", "relative_l2"})
"""Metrics that compare values: of unlike quantities, each in its own unit, they say nothing."""

COUNTERPARTS = {
    "captum.deconvolution": "deconvnet",
    "captum.guided_backprop": "guided",
    "captum.occlusion": "occlusion",
}
"""Captum's method for what a probe of ours, or a rule of ``project``, measures."""


def quantity(probe: Probe) -> str:
    """What a probe measures, in a word: equal words can be compared value by value.

    Two of one class measure the same, with whatever parameters, but ``project``, whose rule decides, and
    the gradient, of which the magnitude is another quantity.
    """
    if probe.name == "project":
        return str(getattr(probe, "rule", probe.name))
    if probe.name == "captum.saliency" and not getattr(probe, "abs", False):
        return "gradient"
    return COUNTERPARTS.get(probe.name, probe.name)
