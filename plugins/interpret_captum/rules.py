"""What Captum's rules for modules need of a network: DeepLIFT's, and relevance propagation's (LRP).

Captum applies both at modules of certain kinds. Functions such as ``F.relu`` and modules of other kinds it
passes by with the plain gradient, or refuses; a module that is called several times it refuses.
"""

from __future__ import annotations

import copy as copies
import logging
from typing import Literal, TypeAlias

from torch import nn

from interpret.errors import StepError
from interpret_captum.copies import NONLINEAR, ModuleCopy, calls_outside, listed

log = logging.getLogger(__name__)

Rule: TypeAlias = Literal["epsilon", "gamma", "alpha1_beta0"]

RESCALED = (nn.ReLU, nn.ELU, nn.LeakyReLU, nn.Sigmoid, nn.Tanh, nn.Softplus, nn.MaxPool2d, nn.Softmax)
"""Modules for which Captum's DeepLIFT has a rule."""

WEIGHTED = (nn.Conv2d, nn.Linear)
"""Modules whose rule of relevance propagation can be chosen."""

POOLED = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.BatchNorm2d)
RELEVANT = (*WEIGHTED, *POOLED)
"""Modules for which Captum's LRP has a rule."""

PASSED = (nn.ReLU, nn.Dropout, nn.Tanh)
"""Modules that Captum's LRP passes by: their relevance is that of what comes after them."""

SHAPING = (nn.Flatten, nn.Identity, nn.Unflatten, nn.ZeroPad2d, nn.Dropout2d)
"""Modules that compute nothing: the epsilon rule is right for them, although Captum knows none."""

HARMLESS = frozenset(
    {"view", "reshape", "_unsafe_view", "flatten", "unflatten", "squeeze", "unsqueeze", "expand", "permute"}
    | {"t", "transpose", "clone", "detach", "alias", "contiguous", "_to_copy", "cat", "stack", "select"}
    | {"slice", "split", "split_with_sizes", "chunk", "unbind", "relu"}
)
"""Functions through which relevance passes as it should."""

NO_RESCALING = (
    NONLINEAR
    | {"_softmax", "max_pool2d", "max_pool2d_with_indices", "adaptive_max_pool2d"}
    | {"native_group_norm", "native_layer_norm"}
)
"""Functions that are not linear, for which DeepLIFT needs a rule."""


def warn_of_no_rescaling(copy: ModuleCopy) -> None:
    """Log the operations at which DeepLIFT has no rule, so that Captum takes the plain gradient."""
    plain = _unscaled(copy)
    if plain:
        log.warning(
            "Captum has DeepLIFT's rule at modules only, of the kinds %s; %s has other nonlinearities, where "
            "Captum takes the plain gradient: %s. Where they are functions such as F.relu, make them "
            "modules, or use captum.integrated_gradients.",
            ", ".join(kind.__name__ for kind in RESCALED),
            type(copy.network.module).__name__,
            listed(plain),
        )
    overlapping = [name for name, part in leaves(copy.inside).items() if overlaps(part)]
    if overlapping:
        log.warning(
            "Where the windows of a pool overlap, Captum's rule of DeepLIFT loses what several of them take "
            "from one place, so the maps of %s do not add up to what the image adds: %s. Use "
            "captum.integrated_gradients where they must.",
            type(copy.network.module).__name__,
            ", ".join(overlapping),
        )


def no_rescaling_note(copy: ModuleCopy) -> str:
    """Those operations for a result and its figures; empty where there are none."""
    plain = _unscaled(copy)
    return f"Captum takes the plain gradient of {listed(plain)}, for which it has no rule." if plain else ""


def _unscaled(copy: ModuleCopy) -> dict[str, int]:
    found = calls_outside(copy, RESCALED)
    return {name: count for name, count in found.items() if name in NO_RESCALING}


def overlaps(part: nn.Module) -> bool:
    """Whether it is a pool whose windows overlap."""
    if not isinstance(part, nn.MaxPool2d):
        return False
    sizes, strides = (_both(side) for side in (part.kernel_size, part.stride))
    return sizes[0] > strides[0] or sizes[1] > strides[1]


def _both(side: int | tuple[int, ...]) -> tuple[int, ...]:
    return (side, side) if isinstance(side, int) else side


def check_relevance(copy: ModuleCopy) -> None:
    """Refuse modules without a rule for relevance; log functions at which relevance is not kept.

    Raises:
        StepError: If a module has no rule.
    """
    for name, part in leaves(copy.inside).items():
        if type(part) not in (*RELEVANT, *PASSED, *SHAPING):
            raise StepError(
                f"Captum's LRP has no rule for {name!r} ({type(part).__name__}): it has rules for "
                f"{', '.join(kind.__name__ for kind in (*RELEVANT, *PASSED))}. Ask a method that goes "
                "through any module: captum.input_x_gradient or captum.integrated_gradients."
            )
    lost = _lost(copy)
    if lost:
        log.warning(
            "Captum's LRP has rules at modules only; %s computes with functions as well, at which relevance "
            "is not kept (an addition passes all of it to both sides): %s. Make them modules (for an "
            "addition captum.attr._utils.custom_modules.Addition_Module), or use "
            "captum.integrated_gradients.",
            type(copy.network.module).__name__,
            listed(lost),
        )


def relevance_note(copy: ModuleCopy) -> str:
    """Those functions for a result and its figures; empty where there are none."""
    lost = _lost(copy)
    return f"Relevance is not kept at {listed(lost)}, which are no modules." if lost else ""


def _lost(copy: ModuleCopy) -> dict[str, int]:
    found = calls_outside(copy, (*RELEVANT, *PASSED, *SHAPING))
    return {name: count for name, count in found.items() if name not in HARMLESS}


def set_rules(copy: ModuleCopy, rule: Rule, epsilon: float) -> None:
    """Give every module its rule of relevance propagation: Captum takes them off after each use."""
    from captum.attr._utils import lrp_rules  # noqa: PLC0415 - only when it is used

    for part in leaves(copy.inside).values():
        if type(part) in WEIGHTED and rule != "epsilon":
            chosen = lrp_rules.GammaRule() if rule == "gamma" else lrp_rules.Alpha1_Beta0_Rule()
            part.rule = chosen
        elif type(part) in (*RELEVANT, *SHAPING):
            part.rule = lrp_rules.EpsilonRule(epsilon)


def own_weights(copy: ModuleCopy) -> ModuleCopy:
    """The same with weights of its own: Captum's LRP overwrites them for a while."""
    return ModuleCopy(copy.network, copies.deepcopy(copy.module), copy.layer)


def leaves(module: nn.Module) -> dict[str, nn.Module]:
    """The parts without parts of their own, by name."""
    return {name: part for name, part in module.named_modules() if not any(part.children())}
