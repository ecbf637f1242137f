"""The choices of a projection, checked."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

from interpret.errors import InterpretError
from interpret.graph import Rules

__all__ = ["Nonlinear", "Rule", "as_rules"]

Rule = Literal["deconvnet", "gradient", "guided"]
Unpool = Literal["sum", "overwrite"]
Norm = Literal["identity", "scale", "gradient"]
Nonlinear = Literal["rectify", "gradient", "refuse"]
Engine = Literal["auto", "full", "windows"]


def as_rules(rule: Rule, unpool: Unpool, lrn: Norm | None, nonlinear: Nonlinear) -> Rules:
    """What is done on the way down.

    Raises:
        InterpretError: If a choice does not exist; the message lists those that do.
    """
    _check("rule", rule, get_args(Rule))
    _check("unpool", unpool, get_args(Unpool))
    _check("lrn", lrn, (None, *get_args(Norm)))
    _check("nonlinear", nonlinear, get_args(Nonlinear))
    return Rules(rule, unpool, lrn, nonlinear)


def check_seed(seed: float | str) -> float | str:
    """The signal that starts at neurons, if it is one.

    Raises:
        InterpretError: If it is neither a finite number nor ``activation``.
    """
    number = isinstance(seed, int | float) and not isinstance(seed, bool) and math.isfinite(seed)
    if not number and seed != "activation":
        raise InterpretError(f"seed is {seed!r}; it must be a number or 'activation'.")
    return seed


def check_engine(engine: Engine) -> Engine:
    """The engine, if it is one.

    Raises:
        InterpretError: If there is no such engine.
    """
    _check("engine", engine, get_args(Engine))
    return engine


def _check(name: str, value: Any, allowed: tuple[Any, ...]) -> None:
    if value not in allowed:
        choices = ", ".join(repr(item) for item in allowed)
        raise InterpretError(f"{name} is {value!r}; it must be one of {choices}.")
