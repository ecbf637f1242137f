"""The figures of a step: drawn where they are missing, have changed since, or are asked for anew."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interpret.errors import InterpretError, StepError
from interpret.pipeline.steps import Step
from interpret.plugin.interfaces import Renderer
from interpret.results import Result
from interpret.run.keys import Provenance
from interpret.run.store import StepFolder

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""How a disk, a quota or a file says that nothing more can be written."""


@dataclass(frozen=True)
class Drawing:
    """Draws what the renderers of a step make of its result.

    Attributes:
        step: The step.
        folder: Where its files are.
        origins: What the content keys of drawings are made of, and the images.
        result: Loads the result.
        anew: Draw all, also what is there.
    """

    step: Step
    folder: StepFolder
    origins: Provenance
    result: Callable[[], Result]
    anew: bool

    def draw(self) -> tuple[tuple[Path, ...], bool]:
        """The files of all renderers of the step, and whether any had to draw."""
        folder = self.folder
        known, figures, drew = folder.figures(), dict[str, dict[str, str]](), False
        for subfolder, renderer in _subfolders(self.step.renderers):
            key = self.origins.drawing_key(self.step, renderer, subfolder)
            if self.anew or key not in known or not folder.has_figures(known[key]):
                taken = {name for files in figures.values() for name in files}
                known[key], drew = self._draw_one(renderer, subfolder, taken), True
            figures[key] = known[key]
        if figures != folder.figures():
            folder.keep_figures(figures)
        return tuple(folder.path / name for files in figures.values() for name in files), drew

    def _draw_one(self, renderer: Renderer[Any], subfolder: str, taken: set[str]) -> dict[str, str]:
        """Draw in a folder of its own, then move the files into ``subfolder`` of the step."""
        try:
            with self.folder.drawing() as drawn:
                renderer.render(self.result(), self.origins.images[self.step.dataset], drawn)
                return self.folder.install(drawn, subfolder, taken)
        except Exception as error:
            name, origin = type(renderer).name, self.origins.origin(renderer)[0]
            raise StepError(
                f"The renderer {name} ({origin}) failed: {reason(error)} The result is kept."
            ) from error


def _subfolders(renderers: Sequence[Renderer[Any]]) -> list[tuple[str, Renderer[Any]]]:
    """Where in the step each draws: beside the result, or in a folder of its own if it comes once more."""
    names = [type(renderer).name for renderer in renderers]
    earlier = [names[:index].count(name) for index, name in enumerate(names)]
    found = [f"{name}-{count + 1}" if count else "" for name, count in zip(names, earlier, strict=True)]
    return list(zip(found, renderers, strict=True))


def reason(error: Exception) -> str:
    """An error in the user's words."""
    if isinstance(error, InterpretError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        location = f" ({error.filename})" if error.filename else ""
        cure = "make room" if error.errno in FULL else "mend that"
        return f"{error.strerror}{location}. What is done is kept: {cure} and run the same command again."
    if isinstance(error, BrokenExecutor):
        return (
            "A process that computed shards died, as when memory runs out or it is killed. The shards that "
            "are stored are kept: run the same command again, with a smaller batch_size or fewer processes."
        )
    return f"{type(error).__name__}: {error}"
