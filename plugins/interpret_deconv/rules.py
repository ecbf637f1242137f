"""How a signal goes down: the choices of a projection, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from interpret.errors import InterpretError, ModelError
from interpret.graph.ops import is_linear
from interpret.graph.program import Graph, Node

Rule = Literal["deconvnet", "gradient", "guided"]
Unpool = Literal["sum", "overwrite"]
Norm = Literal["identity", "scale"]
Nonlinear = Literal["refuse", "gradient"]
Engine = Literal["auto", "full", "windows"]

KNOWN = frozenset({"input", "relu", "max_pool2d", "local_response_norm"})


@dataclass(frozen=True)
class Choices:
    """The rules of one projection.

    Attributes:
        rule: ``deconvnet``: ReLUs keep the positive part of the signal; ``gradient``: they let it through where
            they were active on the way up; ``guided``: both.
        unpool: Where pooling windows share a maximum their signals add (``sum``), or the last one stays.
        lrn: Whether the deconvnet's response norms pass the signal unchanged or divide it by what they divided
            by on the way up (``scale``). The other rules use their true gradient.
        nonlinear: What to do with any other nonlinearity: refuse it, or use its gradient.
        engine: Whole maps (``full``), windows, or the cheaper of both.
    """

    rule: Rule = "deconvnet"
    unpool: Unpool = "sum"
    lrn: Norm = "identity"
    nonlinear: Nonlinear = "refuse"
    engine: Engine = "auto"

    def __post_init__(self) -> None:
        allowed = {"rule": Rule, "unpool": Unpool, "lrn": Norm, "nonlinear": Nonlinear, "engine": Engine}
        for name, words in allowed.items():
            _check(name, getattr(self, name), get_args(words))
        if self.engine == "windows" and self.unpool == "overwrite":
            raise InterpretError(
                "unpool='overwrite' depends on whole maps: use it with engine='full' or 'auto'."
            )

    def check_path(self, graph: Graph, layer: Node) -> None:
        """Refuse a nonlinearity that has no rule.

        Raises:
            ModelError: The message names layer and operation.
        """
        if self.rule == "gradient" or self.nonlinear == "gradient":
            return
        for node in graph.path(layer):
            if node.op not in KNOWN and not is_linear(node):
                raise ModelError(
                    f"{node.place} has no {self.rule} rule. Project a layer below it, or use rule='gradient', "
                    "or nonlinear='gradient' to take the gradient there."
                )


def _check(name: str, value: Any, allowed: tuple[Any, ...]) -> None:
    if value not in allowed:
        choices = ", ".join(repr(item) for item in allowed)
        raise InterpretError(f"{name} is {value!r}; it must be one of {choices}.")
