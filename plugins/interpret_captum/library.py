"""Captum's names, imported when one is first used: Captum takes half a second and brings pyplot along."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    """A name of ``captum.attr`` or ``captum.metrics`` (PEP 562)."""
    from captum import attr, metrics  # noqa: PLC0415 - only when it is used

    return getattr(attr, name) if hasattr(attr, name) else getattr(metrics, name)
