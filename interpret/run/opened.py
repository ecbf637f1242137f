"""A run folder as it can be read again: its steps, their results, and what they were asked of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from interpret.code.imports import allowing
from interpret.errors import PipelineError
from interpret.files.contents import digest
from interpret.files.remote import readable_folder
from interpret.images.dataset import Images
from interpret.network.network import Network
from interpret.pipeline.reading import read_pipeline
from interpret.pipeline.steps import Pipeline, Step
from interpret.plugin import discovery
from interpret.plugin.discovery import Registry
from interpret.results import Result
from interpret.run.store import RunFolder
from interpret.run.work import step_network, stored_result

__all__ = ["OpenedRun", "OpenedStep", "open_run"]


def open_run(path: str | Path, *, registry: Registry | None = None, allow: Sequence[str] = ()) -> OpenedRun:
    """Read what a run left in its folder; models and datasets are opened when they are asked for.

    Args:
        path: The run folder, or its URL: then what has changed there is brought to this machine first.
        registry: The plugins (default: those installed).
        allow: Packages whose functions the pipeline may name as ``target``.

    Raises:
        InterpretError: If there is no run, or its pipeline cannot be read with the plugins installed here.

    Example:
        >>> open_run("runs/quickstart").steps["strongest"].result()  # doctest: +SKIP
    """
    folder = readable_folder(path)
    manifest = RunFolder(folder).read_manifest()
    known = registry or discovery.registry()
    try:
        pipeline = read_pipeline(manifest["pipeline"], known, allow=allow)
    except PipelineError as error:
        error.add_note(f"It was found in the pipeline that {folder / 'manifest.json'} holds.")
        raise
    return OpenedRun(folder, manifest, pipeline, known, tuple(allow))


@dataclass(frozen=True)
class OpenedRun:
    """A run that can be read.

    Attributes:
        folder: Its folder.
        manifest: What ``manifest.json`` says.
        pipeline: What was asked.
        registry: The plugins.
        allow: Packages whose functions the pipeline may name.
    """

    folder: Path
    manifest: Mapping[str, Any]
    pipeline: Pipeline
    registry: Registry
    allow: tuple[str, ...] = ()
    _images: dict[str, Images] = field(default_factory=dict, repr=False)
    _networks: dict[str, Network] = field(default_factory=dict, repr=False)

    @cached_property
    def steps(self) -> dict[str, OpenedStep]:
        """The steps in the order in which they ran."""
        said = self.manifest.get("steps")
        known = said if isinstance(said, dict) else {}
        return {
            name: OpenedStep(self, step, known[name] if isinstance(known.get(name), dict) else {})
            for name, step in self.pipeline.steps.items()
        }

    def images(self, dataset: str) -> Images:
        """The images of a dataset of the pipeline, opened once."""
        if dataset not in self._images:
            with allowing(self.allow):
                self._images[dataset] = self.pipeline.datasets[dataset].open()
        return self._images[dataset]

    def network(self, model: str) -> Network:
        """A model of the pipeline, loaded once."""
        if model not in self._networks:
            choice = self.pipeline.models[model]
            with allowing(self.allow):
                self._networks[model] = choice.load(self.pipeline.seed)
        return self._networks[model]

    def key(self) -> str:
        """What changes when any step has another result or another status."""
        steps = [(name, step.status, step.key, step.error) for name, step in self.steps.items()]
        return digest(self.pipeline.resolved(), steps)


@dataclass(frozen=True)
class OpenedStep:
    """A step of a run, with what the manifest says of it.

    Attributes:
        run: The run.
        asked: The step of the pipeline.
        said: Its entry in the manifest.
    """

    run: OpenedRun
    asked: Step
    said: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the step."""
        return self.asked.name

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return RunFolder(self.run.folder).step(self.name).path

    @property
    def key(self) -> str:
        """The content key it was run with; empty where it has not run."""
        return str(self.said.get("key", ""))

    @property
    def complete(self) -> bool:
        """Whether its whole result is stored, to the last bit."""
        return RunFolder(self.run.folder).step(self.name).complete(self.key)

    @property
    def status(self) -> str:
        """What became of it, as `interpret.StepRun` has it; ``missing`` where it has not run."""
        return str(self.said.get("status", "missing"))

    @property
    def error(self) -> str:
        """Why it failed; empty if it did not."""
        return str(self.said.get("error", ""))

    @property
    def figures(self) -> tuple[Path, ...]:
        """What its renderers drew and is still as they left it."""
        folder = RunFolder(self.run.folder).step(self.name)
        drawn = folder.figures().values()
        return tuple(folder.path / name for files in drawn if folder.has_figures(files) for name in files)

    def result(self) -> Result:
        """What its probe found.

        Raises:
            InterpretError: If no whole result is stored.
        """
        return stored_result(self.run.folder, self.asked)

    def network(self) -> Network:
        """Its model, with the weights of an earlier step where it asks for them."""
        return step_network(
            self.run.folder, self.run.pipeline, self.asked, self.run.network(self.asked.model)
        )

    def images(self) -> Images:
        """The whole dataset it was asked about."""
        return self.run.images(self.asked.dataset)
