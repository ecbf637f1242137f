"""Captum's methods as probes, with the results that ours have, so that any figure draws them."""

from interpret.hookspecs import hookimpl
from interpret.interfaces import Probe

__all__: list[str] = []


@hookimpl
def register_probes() -> list[type[Probe]]:
    """The probes ``captum.*``."""
    return []
