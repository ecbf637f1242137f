"""The run of an explanation: a page that grows with every step, and what was found, as text and as JSON."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interpret.browsers import open_address
from interpret.cli.explaining import (
    explaining_pipeline,
    find_questions,
    first_steps,
    further_steps,
    is_untrained,
    never_asked,
)
from interpret.cli.explanation import Explanation
from interpret.cli.imports import importing
from interpret.cli.options import ModelChoice
from interpret.cli.photographs import default_folder, find_photographs, own_folder
from interpret.cli.progress import Bars
from interpret.cli.remarks import remarks
from interpret.cli.telling import Talking, Telling
from interpret.cli.written import write_pipeline
from interpret.errors import InterpretError, StepError
from interpret.files.remote import local_folder
from interpret.network.network import Network
from interpret.plugin.discovery import Registry
from interpret.plugin.modelnames import read_model_name
from interpret.plugin.parameters import configure
from interpret.progress import Progress
from interpret.run import runner
from interpret.run.exporting import export_runs

WHOLE = frozenset({"done", "kept", "drawn"})
"""What became of a step whose result is there."""

logger = logging.getLogger(__name__)


def explain(
    paths: Sequence[str],
    model: ModelChoice,
    registry: Registry,
    *,
    targets: Sequence[str],
    folder: Path,
    force: bool,
    telling: Telling,
) -> Explanation:
    """Run everything that is asked about photographs into a folder.

    A step that cannot be done with this network is left out.

    Raises:
        InterpretError: If a photograph, the model or a target is wrong.
        StepError: If no step could be done.
    """
    photographs = find_photographs(registry, paths)
    with Bars() as bars, remarks(bars.console):
        bars.started("model", 0)
        with importing():
            network = model.load()
        questions = find_questions(network, targets)
        bars.finished("model", "loaded")
        allow = tuple(filter(None, [read_model_name(model.name, registry.models).module]))
        made = Explanation(folder, model.name, photographs, {}, network.input.size, allow)
        made.untrained = is_untrained(model, registry)
        growing = _Growing(bars, made, registry, telling)
        failed: StepError | None = None
        steps: dict[str, Any] = {}
        for more in (first_steps, lambda network: further_steps(network, made.unanswered(questions))):
            with importing():  # tracing imports the compiler of PyTorch
                steps |= more(network)
            made.never_asked = never_asked(network, steps, registry)
            made.pipeline = explaining_pipeline(model, photographs, steps, registry)
            failed = _run(made, network, registry, growing, force=force) if steps else None
        if failed and not made.found:
            raise failed
        made.page, made.file = growing.write_page(), write_pipeline(folder, made.able())
    return made


def _run(
    made: Explanation, network: Network, registry: Registry, progress: Progress, *, force: bool
) -> StepError | None:
    """Run the pipeline as far as it goes; returns what failed, if anything did."""
    try:
        runner.run_pipeline(
            made.pipeline,
            made.folder,
            registry=registry,
            allow=made.allow,
            progress=progress,
            force=force,
            networks={"net": network},
        )
    except StepError as error:
        return error
    return None


@dataclass
class _Growing(Progress):
    """Writes the page anew whenever a step is done.

    Attributes:
        bars: What shows how far it is.
        made: What was found so far.
        registry: What is installed.
        telling: Who is told of it.
    """

    bars: Bars
    made: Explanation
    registry: Registry
    telling: Telling

    def started(self, step: str, parts: int) -> None:
        self.bars.started(step, parts)

    def advanced(self, step: str, parts: int) -> None:
        self.bars.advanced(step, parts)

    def finished(self, step: str, status: str) -> None:
        if step in self.made.found:
            return  # it was the first one
        self.bars.finished(step, status)
        if status not in WHOLE:
            return
        self.made.read(step)
        first, self.made.page = self.made.page is None, self.write_page(growing=True)
        with self.bars.paused():
            self.telling.of_step(step, self.made)
            if first and self.made.page:
                self.telling.of_page(self.made.page)

    def write_page(self, *, growing: bool = False) -> Path | None:
        """The page; None where none can be made, which is said once."""
        parameters = {"layout": "page", "title": self.made.title, "allow": self.made.allow}
        try:
            exporter = configure(self.registry.lookup("exporter", "gallery"), "exporter", parameters)
            page = self.made.folder / "page"
            return export_runs([self.made.folder], exporter, page, growing=growing).first
        except InterpretError as error:
            logger.warning("There is no page: %s", error)
            return None


def explain_and_tell(
    photos: Sequence[str],
    registry: Registry,
    *,
    as_json: bool,
    model: ModelChoice,
    targets: Sequence[str],
    out: str | None,
    opens: bool,
    force: bool,
) -> None:
    """Explain photographs and say what was found.

    Raises:
        InterpretError: If the folder holds other files than those of an explanation.
        StepError: If nothing could be predicted although the network has classes; all else is done.
    """
    folder = own_folder(default_folder(photos) if out is None else local_folder(out))
    telling = Telling() if as_json else Talking()
    made = explain(photos, model, registry, targets=targets, folder=folder, force=force, telling=telling)
    telling.of_all(made)
    if opens and made.page:
        open_address(made.page.resolve().as_uri())
    if "predict" in made.pipeline["steps"] and "predict" not in made.found:
        raise StepError(f"Nothing could be predicted. {made.left_out().get('predict', '')}".rstrip())
