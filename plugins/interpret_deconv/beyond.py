"""What projections do at other nonlinearities than ReLUs, for results and for captions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from interpret.graph import nonlinearities as named
from interpret.network import Network, takes_network
from interpret_deconv.choices import Nonlinear, Rule, as_rules

__all__ = ["caption", "captions", "nonlinearities", "phrase"]


@takes_network
def nonlinearities(
    network: Network, layer: str = "", rule: Rule = "deconvnet", nonlinear: Nonlinear = "rectify"
) -> dict[str, tuple[str, ...]]:
    """What `project` does at the nonlinearities below a layer that are no ReLUs.

    Args:
        network: The network; it is left as it is.
        layer: The name of a layer, or an alias; empty: the network's output.
        rule: As in `project`.
        nonlinear: As in `project`.

    Returns:
        The names of operations, each with how often it occurs: ``rectified`` are those that treat the signal
        as a ReLU does, ``gated`` those that scale it as they did on the way up; those under ``gradient`` pass
        their gradient. What does not occur is left out. Empty under ``rule="gradient"``.

    Raises:
        InterpretError: If a layer or a choice does not exist.
        ModelError: If the network cannot be traced.

    Example:
        >>> import torchvision
        >>> from interpret import wrap
        >>> network = wrap(torchvision.models.mobilenet_v3_small().eval())
        >>> nonlinearities(network, "features.12")
        {'rectified': ('Hardswish x 18',), 'gated': ('hardsigmoid x 9',)}
    """
    rules, graph = as_rules(rule, "sum", None, nonlinear), network.graph
    return named(graph, graph.layer(network.layer(layer)) if layer else graph.output, rules)


def caption(found: Mapping[str, Sequence[str]]) -> str:
    """What was done beyond ReLUs, in a sentence; empty where there was nothing.

    Args:
        found: As `nonlinearities` gives it.

    Example:
        >>> caption({"rectified": ("Hardswish x 18",), "gated": ("hardsigmoid x 9",)})
        'Hardswish rectified as ReLU; 9 gates as recorded.'
    """
    said = phrase(found)
    begun = "G" + said[1:] if said.startswith("gradient of") else said  # names are spelt as they are
    return f"{begun}." if said else ""


def phrase(found: Mapping[str, Sequence[str]]) -> str:
    """The same within a sentence.

    Args:
        found: As `nonlinearities` gives it.

    Example:
        >>> phrase({"gradient": ("layer_norm x 2",)})
        'gradient of layer_norm'
    """
    parts = [_listed(found.get("rectified", ()), "{} rectified as ReLU")]
    count = sum(_count(name) for name in found.get("gated", ()))
    parts += [f"{count} gates as recorded" if count > 1 else "1 gate as recorded"] if count else []
    parts += [_listed(found.get("gradient", ()), "gradient of {}")]
    return "; ".join(part for part in parts if part)


def captions(found: Mapping[str, Mapping[str, Sequence[str]]]) -> str:
    """The same of several layers: once where it is the same of all.

    Args:
        found: By layer, as `nonlinearities` gives it.
    """
    said = {layer: caption(names) for layer, names in found.items()}
    if len(set(said.values())) == 1:
        return next(iter(said.values()))
    return " ".join(f"{layer}: {text}" for layer, text in said.items() if text)


def _listed(names: Sequence[str], sentence: str) -> str:
    """The names without their counts; beyond three only how many more there are."""
    plain = list(dict.fromkeys(name.partition(" x ")[0] for name in names))
    shown = plain if len(plain) <= 3 else [*plain[:2], f"{len(plain) - 2} more"]
    joined = " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
    return sentence.format(joined) if plain else ""


def _count(name: str) -> int:
    return int(name.partition(" x ")[2] or 1)
