"""What a run of a pipeline came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from interpret.describing import cleaned
from interpret.errors import UnknownNameError
from interpret.images.dataset import Images
from interpret.results import Result, remember_images
from interpret.run.store import RunFolder
from interpret.wording import as_text

Status = Literal["running", "done", "kept", "drawn", "sharded", "waiting", "failed", "blocked", "interrupted"]


@dataclass(frozen=True)
class StepRun:
    """What became of a step.

    Attributes:
        name: The step.
        status: ``done``: computed now; ``kept``: nothing had changed; ``drawn``: result kept, figures new;
            ``sharded``: this process's shards are stored; ``waiting``: for ``--merge``; ``failed``;
            ``blocked``: a step it needs failed.
        seconds: How long it took.
        files: What the renderers wrote.
        error: Why it failed.
        skipped: How many images were left out because they cannot be read.
    """

    name: str
    status: Status
    seconds: float = 0.0
    files: tuple[Path, ...] = ()
    error: str = ""
    skipped: int = 0


@dataclass(frozen=True, repr=False)
class Run:
    """A finished run; ``run["strongest"]`` is the result of that step, which knows its images.

    Attributes:
        folder: Where it is, on this machine.
        steps: What became of each step.
        images: The dataset of each step.
        url: Where it is besides, if it was given as a URL.
    """

    folder: Path
    steps: Mapping[str, StepRun] = field(default_factory=dict)
    images: Mapping[str, Images] = field(default_factory=dict, compare=False)
    url: str = ""

    def __getitem__(self, step: str) -> Result:
        if step not in self.steps:
            raise UnknownNameError("step", step, self.steps)
        found = RunFolder(self.folder).step(step).load()
        remember_images(found, self.images.get(step))
        return found

    def __repr__(self) -> str:
        """Where it is, and what became of each step."""
        steps = {
            name: f"{run.status}{': ' if run.error else ''}{run.error}" for name, run in self.steps.items()
        }
        where = {"folder": str(self.folder), **({"url": self.url} if self.url else {})}
        return as_text("Run", cleaned({**where, **steps}))
