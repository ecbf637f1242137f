"""What a run of a pipeline came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from interpret.errors import UnknownNameError
from interpret.results import Result
from interpret.run.store import RunFolder

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


@dataclass(frozen=True)
class Run:
    """A finished run; ``run["strongest"]`` is the result of that step."""

    folder: Path
    steps: Mapping[str, StepRun] = field(default_factory=dict)

    def __getitem__(self, step: str) -> Result:
        if step not in self.steps:
            raise UnknownNameError("step", step, self.steps)
        return RunFolder(self.folder).step(step).load()
