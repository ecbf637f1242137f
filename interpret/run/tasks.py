"""What all jobs of one step have in common, as it is sent to other processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from interpret.files.contents import digest
from interpret.network.readers import asked_readers
from interpret.pipeline.steps import Pipeline, Step


@dataclass(frozen=True)
class Task:
    """What all jobs of one step have in common.

    Attributes:
        pipeline: What of the resolved pipeline the step needs.
        step: Its name.
        key: Its content key.
        folder: The run folder.
        facts: What the process of the run knows of model and images: others must find the same.
        allow: Packages whose functions the pipeline may name.
        anew: What tells this run from others where it believes nothing that was stored before; else empty.
        threads: How many threads torch uses: the last bits depend on it.
        readers: How many processes read photographs; None: threads do.
    """

    pipeline: Pipeline
    step: str
    key: str
    folder: Path
    facts: Mapping[str, Any]
    allow: tuple[str, ...] = ()
    anew: str = ""
    threads: int = field(default_factory=torch.get_num_threads)
    readers: int | None = field(default_factory=asked_readers)

    def at(self, folder: Path) -> Task:
        """The same where the run folder is elsewhere."""
        return replace(self, folder=folder)

    @property
    def name(self) -> str:
        """What tells it from other tasks."""
        return digest(self.folder, self.step, self.key, self.anew)


def cut_task(pipeline: Pipeline, step: Step, **about: Any) -> Task:
    """The task of a step, with no more of the pipeline than that needs."""
    plain = {name: replace(pipeline.steps[name], renderers=(), inputs={}, weights="") for name in step.needs}
    steps = {**plain, step.name: replace(step, renderers=())}
    part = replace(
        pipeline,
        models={step.model: pipeline.models[step.model]},
        datasets={step.dataset: pipeline.datasets[step.dataset]},
        steps=steps,
    )
    return Task(part, step.name, **about)
