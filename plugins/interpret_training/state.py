"""The state that a killed training goes on from: beside its target, and believed while it is intact."""

from __future__ import annotations

import logging
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch

from interpret.files import is_intact, link_or_copy, write_checked
from interpret_training.checkpoints import CHECKPOINTS, checkpoint_file

STATE = "state.ckpt"
"""Weights, momentum and history after the last whole epoch."""

PREVIOUS = "state-before.ckpt"
"""The same of the epoch before: one of the two is whole at any moment."""

logger = logging.getLogger(__name__)


def write_state(state: dict[str, Any], file: Path) -> None:
    """Write the state; the one before stays until the new one is on the disk."""
    if is_intact(file):
        write_checked(file.with_name(PREVIOUS), lambda part: link_or_copy(file, part))
    write_checked(file, lambda part: _save(state, part))


def _save(state: dict[str, Any], part: Path) -> None:
    """Save by a file of Python's, which says what a full disk says."""
    with part.open("wb") as file:
        torch.save(state, file)


def read_state(file: Path) -> dict[str, Any] | None:
    """The state in a file; None where there is none that is intact. No code in it is run."""
    if not is_intact(file):
        return None
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001 - what a stranger wrote breaks in any way
        logger.warning("%s cannot be read: %s", file, error)
        return None
    return state if isinstance(state, dict) else None


def find_state(folder: Path, key: str, epochs: Collection[int]) -> Path | None:
    """The latest state from which a training can go on; None where it is to begin anew.

    Args:
        folder: That of the training.
        key: What the training depends on, as the state has to say too.
        epochs: The epochs whose weights are to be there, as far as the state has come.
    """
    files = [file for file in (folder / STATE, folder / PREVIOUS) if file.exists()]
    for file in files:
        state = read_state(file)
        if state and state.get("key") == key and _has_weights(folder, epochs, state.get("epoch")):
            if file is not files[0]:
                logger.warning("The training goes on from the epoch before: %s.", file)
            return file
    if files:
        logger.warning("The training in %s begins anew: no state in it can be read.", folder)
    return None


def _has_weights(folder: Path, epochs: Collection[int], last: Any) -> bool:
    """Whether the weights of all epochs are intact; ``last`` is Lightning's number of the state's, from 0."""
    if not isinstance(last, int):
        return False
    wanted = [epoch for epoch in epochs if epoch <= last + 1]
    return all(is_intact(checkpoint_file(folder / CHECKPOINTS, epoch)) for epoch in wanted)
