"""Folders that a command chooses by itself."""

from __future__ import annotations

from pathlib import Path

from interpret.errors import InterpretError


def own_folder(out: Path) -> Path:
    """A folder for a run, unless a link leads from it to a folder with other files than a run's.

    Raises:
        InterpretError: If one does: who received files in a folder has not chosen where the links in it lead.
    """
    linked = out.parent.is_symlink() or out.is_symlink()
    if linked and out.is_dir() and any(out.iterdir()) and not (out / ".lock").exists():
        raise InterpretError(
            f"A link leads from {out} to {out.resolve()}, a folder of other files, which a run could change. "
            "Say where this run belongs: --out FOLDER."
        )
    return out
