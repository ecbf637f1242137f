"""A checked pipeline -> a run folder.

Each step is computed once for its content key and kept afterwards. The shards of a sharded probe are cut on
one fixed grid and stored one by one: a killed run computes only what is missing, several processes share the
work without talking, and all ways write the same bits on one kind of processor. A step that fails blocks
only the steps that need it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import torch

from interpret.code.imports import allowing
from interpret.errors import InterpretError, StepError
from interpret.files.folders import remove_tree
from interpret.images.dataset import Images
from interpret.interrupts import stopping
from interpret.network.network import Network
from interpret.network.readers import readers as reading_by
from interpret.pipeline.reading import read_pipeline
from interpret.pipeline.steps import Pipeline, Step, written
from interpret.plugin import discovery as plugins
from interpret.plugin.discovery import Registry
from interpret.plugin.interfaces import Executor, ShardedProbe, probe_output
from interpret.plugin.shards import shard_grid
from interpret.progress import Progress, StepListener, listening
from interpret.results import Result
from interpret.run.cache import caching_parts, find_result, follows, new_run, resumption, working_in
from interpret.run.drawing import Drawing, reason
from interpret.run.jobs import ShardJob, StepJob, find_executor
from interpret.run.keys import Provenance
from interpret.run.memory import batch_size_of, is_out_of_memory, with_half_batch
from interpret.run.remote import find_place
from interpret.run.scheduling import Turns
from interpret.run.sharing import remove_claims
from interpret.run.store import RunFolder, StepFolder
from interpret.run.summary import Run, Status, StepRun
from interpret.run.tasks import Task, cut_task
from interpret.run.work import (
    StepWork,
    facts,
    seeded,
    select_images,
    step_inputs,
    step_network,
    stored_result,
    whole_of,
    working,
)

KEPT = "The same command keeps what is done."
READ = frozenset({"done", "drawn", "sharded", "failed"})
"""What becomes of steps that have read images."""

logger = logging.getLogger(__name__)


def run_pipeline(
    path: str | Path | Mapping[str, Any],
    out: str | Path,
    *,
    registry: Registry | None = None,
    allow: Sequence[str] = (),
    shard: tuple[int, int] | None = None,
    merge: bool = False,
    executor: str | Executor = "local",
    progress: Progress | None = None,
    force: bool = False,
    networks: Mapping[str, Network] | None = None,
    readers: int | None = None,
    take_over: bool = False,
) -> Run:
    """Run a pipeline into a folder; what is there already and has not changed is kept.

    Args:
        path: The YAML file, or what it would hold: a mapping of plain values.
        out: The run folder, or its URL in an object store or on another machine (``s3://bucket/run``).
        registry: The plugins (default: those installed).
        allow: Packages whose functions the pipeline may name as ``target``.
        shard: ``(i, n)``, i from 1: compute every n-th shard of the sharded steps, beside other processes.
        merge: Take the shards that other processes stored and compute none; other steps run as always.
        executor: Who computes the shards: the name of a plugin, or one with its parameters.
        progress: Who is told how far it is.
        force: Compute everything again.
        networks: Models that are loaded already, by their names in the pipeline; the others are loaded.
        readers: How many processes read photographs, for each that computes; see `interpret.readers`.
        take_over: Go on with a run behind a URL even if its process is not known to be gone.

    Raises:
        PipelineError: If the pipeline has mistakes.
        InterpretError: If a model or dataset cannot be opened, or the folder is in use by another run.
        StepError: If a step failed; all steps that do not need it are done.
    """
    known = registry or plugins.registry()
    pipeline = read_pipeline(path, known, allow=allow)
    if shard and (merge or not 1 <= shard[0] <= shard[1]):
        what = (
            "--shard and --merge exclude each other"
            if merge
            else "the first number goes from 1 to the second"
        )
        raise InterpretError(f"Shard {shard[0]}/{shard[1]} cannot be computed: {what}.")
    chosen = executor if isinstance(executor, Executor) else find_executor(known, executor)
    place = find_place(out, f"{shard[0]} of {shard[1]}" if shard else "")
    folder = RunFolder(place.folder)
    runner = _Runner(pipeline, folder, known, chosen, progress or Progress(), shard, merge, force, allow)
    runner.loaded.update(networks or {})
    runner.anew = new_run() if force and not (shard or merge) else ""
    work, shared = working_in(folder.work, anew=runner.anew), shard is not None
    with stopping(lambda: KEPT), allowing(allow), work, reading_by(readers):
        kept = place.kept(pipeline.steps, shared=shared, take_over=take_over)
        if follows() and not (shard or merge):
            with kept:
                return runner.follow()
        with folder.lock(shared=shared), kept:
            try:
                return replace(runner.run(), url=place.url)
            finally:
                chosen.close()


@dataclass
class _Runner:
    """One run of one pipeline."""

    pipeline: Pipeline
    folder: RunFolder
    registry: Registry
    executor: Executor
    progress: Progress
    shard: tuple[int, int] | None
    merge: bool
    force: bool
    allow: Sequence[str] = ()
    anew: str = ""
    loaded: dict[str, Network] = field(default_factory=dict)
    origins: Provenance = field(init=False)
    turns: Turns = field(init=False)
    runs: dict[str, StepRun] = field(default_factory=dict)
    errors: list[BaseException] = field(default_factory=list)
    remarks: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.turns = Turns(side_by_side=self.executor.side_by_side)

    def run(self) -> Run:
        self.folder.prepare(self.pipeline.steps, alone=self.shard is None)
        with self.turns.here():
            self.open()
        for run in self.turns.each(self.pipeline.steps, self.attempt):
            self.runs[run.name] = run
            self.note(run)
        self.runs = {name: self.runs[name] for name in self.pipeline.steps}
        if not self.shard:
            remove_claims(self.folder.work)
        self.forget_changed()
        failed = [run.error for run in self.runs.values() if run.status == "failed"]
        if failed:
            raise StepError("\n".join(failed)) from self.errors[0]
        images = {name: self.origins.images[step.dataset] for name, step in self.pipeline.steps.items()}
        return Run(self.folder.path, self.runs, images)

    def forget_changed(self) -> None:
        """Forget what was computed of images that changed meanwhile: it is not what its key says."""
        computed = {name for name, run in self.runs.items() if run.status in READ}
        if not computed:
            return
        wrong = {step.name for step in self.origins.changed()}
        for step in self.pipeline.steps.values():
            if wrong.intersection(step.needs):
                wrong.add(step.name)
            if step.name in wrong & computed:
                self.forget(step)

    def forget(self, step: Step) -> None:
        """Make a step fail whose images changed; other processes that compute shards find out themselves."""
        folder, key, run = self.folder.step(step.name), self.origins.keys[step.name], self.runs[step.name]
        if run.status == "drawn":
            folder.forget_figures()
        elif not self.shard:
            folder.forget(key)
            remove_tree(self.folder.work)
        elif isinstance(step.probe, ShardedProbe):
            for shard in self.grids(step, step.probe)[1]:
                remove_tree(folder.shard(key, shard).path)
        error = StepError(
            f"Images of the dataset {step.dataset!r} changed while they were read. What was computed of them "
            "is forgotten: run the same command again."
        )
        self.failed(step, error)
        told = "\n".join(filter(None, [run.error, self.explain(step, error)]))
        self.runs[step.name] = replace(run, status="failed", error=told)
        self.note(self.runs[step.name])

    def follow(self) -> Run:
        """Take part in the steps whose work the processes of ``torchrun`` share; the first one writes."""
        self.open()
        for step in self.pipeline.steps.values():
            if step.probe.collective and (self.force or not self.done(step.name)):
                while not all(map(self.done, step.needs)):
                    sleep(0.1)
                self.compute(step, self.folder.step(step.name))
        return Run(self.folder.path)

    def open(self) -> None:
        """Load what the steps use before any of them runs, so that a mistake shows at once."""
        networks, images = dict(self.loaded), dict[str, Images]()
        for name in {step.dataset: None for step in self.pipeline.steps.values()}:
            with _error_context(f"It was found while the dataset {name!r} was opened."):
                images[name] = self.pipeline.datasets[name].open()
        for name in {step.model: None for step in self.pipeline.steps.values() if step.model not in networks}:
            choice = self.pipeline.models[name]
            with _error_context(f"It was found while the model {name!r} was loaded."):
                networks[name] = choice.load(self.pipeline.seed)
        for step in self.pipeline.steps.values():
            with _error_context(f"It was found in the images of the step {step.name!r}."):
                select_images(images[step.dataset], step)
        self.origins = Provenance(self.pipeline, self.registry, networks, images)

    def manifest(self, latest: StepRun) -> dict[str, Any]:
        runs = {**self.runs, latest.name: latest}
        steps = {
            name: {
                "status": run.status,
                "key": self.origins.keys[name],
                "seconds": round(run.seconds, 3),
                "error": run.error,
                **({"remarks": remarks} if (remarks := self.remarks.get(name)) else {}),
                "code": sorted(self.origins.code[name]),
            }
            for name, run in runs.items()
        }
        return {**self.origins.manifest(), "executor": self.executor.name, "steps": steps}

    def note(self, run: StepRun) -> None:
        """Tell the manifest and the onlookers; processes that compute shards leave the manifest alone."""
        if not self.shard:
            with suppress(OSError):  # a full disk: the step's own error says so
                self.folder.write_manifest(self.manifest(run))
        if run.status != "running":
            self.progress.finished(run.name, run.status)

    def attempt(self, step: Step) -> StepRun:
        """Run one step and say what became of it."""
        self.turns.check()
        started = perf_counter()
        if missing := self.missing_inputs(step):
            return StepRun(step.name, "waiting" if self.shard else "blocked", error=missing)
        self.note(StepRun(step.name, "running"))
        try:
            shards = self.folder.step(step.name).shards(self.origins.keys[step.name])
            with stopping(resumption(step.name, shards)), caching_parts(shards / "parts"):
                status, files = self.perform(step)
        except Exception as error:  # noqa: BLE001 - the code of a plugin fails in any way; the others go on
            smaller = with_half_batch(step) if is_out_of_memory(error) else None
            if smaller is None:
                self.failed(step, error)
                seconds = perf_counter() - started
                return StepRun(step.name, "failed", seconds, error=self.explain(step, error))
        except BaseException as error:
            self.failed(step, error)
            self.note(StepRun(step.name, "interrupted", perf_counter() - started))
            raise
        else:
            skipped = self.folder.step(step.name).skipped()
            return StepRun(step.name, status, perf_counter() - started, files, skipped=skipped)
        return self.attempt(self.smaller(smaller))  # here, where nothing holds what the error held

    def smaller(self, step: Step) -> Step:
        """Go on as a run that began with smaller batches in a step."""
        remark = f"The memory did not suffice. It goes on with batch_size {batch_size_of(step)}."
        logger.warning("Step %s: %s", step.name, remark)
        self.remarks.setdefault(step.name, []).append(remark)
        self.pipeline = replace(self.pipeline, steps={**self.pipeline.steps, step.name: step})
        known = self.origins
        self.origins = Provenance(self.pipeline, self.registry, known.networks, known.images)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return step

    def missing_inputs(self, step: Step) -> str:
        """Why a step cannot run: the inputs that are not there."""
        missing = [name for name in step.needs if not self.available(name)]
        return f"It needs {', '.join(missing)}." if missing else ""

    def available(self, name: str) -> bool:
        """Whether the result of a step is whole, even if its figures failed."""
        return self.runs[name].status in {"done", "kept", "drawn"} or self.done(name)

    def done(self, name: str) -> bool:
        """Whether the whole result of a step is in the folder."""
        return self.folder.step(name).complete(self.origins.keys[name])

    def explain(self, step: Step, error: Exception) -> str:
        origin = self.origins.origin(step.probe)[0]
        return f"Step {step.name!r} ({type(step.probe).name}, {origin}) failed: {reason(error)}"

    def failed(self, step: Step, error: BaseException) -> None:
        self.errors.append(error)
        self.call("on_step_error", step, error=error)

    def call(self, hook: str, step: Step, **arguments: Any) -> None:
        """Call the hooks of onlookers; one that fails must not stop hours of work."""
        try:
            getattr(self.registry.manager.hook, hook)(
                step=step.name, folder=self.folder.path / step.name, **arguments
            )
        except Exception:
            logger.warning("A plugin's %s failed for step %s.", hook, step.name, exc_info=True)

    def perform(self, step: Step) -> tuple[Status, tuple[Path, ...]]:
        folder, key = self.folder.step(step.name), self.origins.keys[step.name]
        kept = self.done(step.name) and not self.force
        if self.shard:
            return ("kept" if kept else self.store_shards(step, folder)), ()
        if kept:
            folder.tidy(key)
        else:
            self.begin(step, folder)
            result = self.compute(step, folder)
            skipped = _tell_skipped(step, result)
            folder.finish(key, result, {"probe": written(step.probe), "skipped": skipped})
        files, drew = Drawing(
            step, folder, self.origins, lambda: self.result(step.name), anew=self.force
        ).draw()
        if not kept and self.registry.manager.hook.after_step.get_hookimpls():
            self.call("after_step", step, result=self.result(step.name))
        return ("drawn" if drew else "kept") if kept else "done", files

    def begin(self, step: Step, folder: StepFolder) -> None:
        folder.path.mkdir(parents=True, exist_ok=True)
        if self.force and not self.merge:  # the shards of others are hours of work
            folder.forget(self.origins.keys[step.name])
        self.call("before_step", step)

    def store_shards(self, step: Step, folder: StepFolder) -> Status:
        """Compute this process's share of a step."""
        if not isinstance(step.probe, ShardedProbe):
            return "waiting"
        self.call("before_step", step)
        self.compute_shards(step, step.probe, folder)
        return "sharded"

    def compute(self, step: Step, folder: StepFolder) -> Result:
        """The result of a step, of the type its probe promises."""
        if isinstance(step.probe, ShardedProbe):
            grid = self.compute_shards(step, step.probe, folder)
            key = self.origins.keys[step.name]
            result = step.probe.merge_all(folder.shard(key, shard).load() for shard in grid)
        elif step.probe.in_pieces and self.executor.capacity > 1:
            result = self.compute_together(step, folder)
        else:
            self.progress.started(step.name, 0)
            with seeded(self.pipeline.seed, 0), listening(StepListener(self.progress, step.name)):
                result = step.probe.run(
                    self.network(step),
                    select_images(self.origins.images[step.dataset], step),
                    **self.inputs(step),
                )
        wanted = probe_output(type(step.probe))
        if not isinstance(result, wanted):
            raise StepError(f"It returned a {type(result).__name__}, but promises a {wanted.__name__}.")
        return result

    def compute_shards(self, step: Step, probe: ShardedProbe, folder: StepFolder) -> list[range]:
        """Store the shards that are missing (of this process's share); returns the whole grid."""
        key, images = self.origins.keys[step.name], select_images(self.origins.images[step.dataset], step)
        grid, share = self.grids(step, probe)
        anew = self.force and self.shard is not None
        missing = [shard for shard in share if anew or not folder.has_shard(key, shard)]
        for shard in missing if anew else ():
            folder.shard(key, shard).forget(key)
        if self.merge and missing:
            raise StepError(
                f"{len(missing)} of {len(grid)} shards are missing, the first from image {missing[0].start}. "
                "Run the missing --shard i/n, or run without --merge to compute them here."
            )
        self.progress.started(step.name, sum(map(len, missing)))
        if missing:
            self.run_jobs(step, images, missing)
        return grid

    def grids(self, step: Step, probe: ShardedProbe) -> tuple[list[range], list[range]]:
        """All shards of a step, and those of this process."""
        images = select_images(self.origins.images[step.dataset], step)
        grid = shard_grid(len(images), probe.batch_size)
        return grid, grid[self.shard[0] - 1 :: self.shard[1]] if self.shard else grid

    def run_jobs(self, step: Step, images: Images, shards: Sequence[range]) -> None:
        """Let the executor compute shards, and see that it does."""
        task = self.task(step)
        with self.working(step, task, images) as work, self.turns.elsewhere():
            for job in self.executor.run([ShardJob(task, shard) for shard in shards]):
                work.finish(job.shard)
                self.turns.check()
        stored = self.folder.step(step.name)
        left = [s for s in shards if not (stored.shard(task.key, s).path / "step.json").is_file()]
        if left:
            raise StepError(
                f"The executor {type(self.executor).name} left out {len(left)} of {len(shards)} shards, the "
                f"first from image {left[0].start}. Run the same command again with --executor local."
            )

    def compute_together(self, step: Step, folder: StepFolder) -> Result:
        """Let the processes of the executor answer the question of a step together."""
        task, processes = self.task(step), self.executor.capacity
        images = select_images(self.origins.images[step.dataset], step)
        self.progress.started(step.name, 0)
        with self.working(step, task, images), self.turns.elsewhere():
            for _ in self.executor.run([StepJob(task, number, processes) for number in range(processes)]):
                self.turns.check()
        found = find_result(whole_of(folder.shards(task.key)), Result)
        if found is None:
            raise StepError(
                f"The executor {type(self.executor).name} left the step undone. Run the same command again "
                "with --executor local."
            )
        return found

    def working(self, step: Step, task: Task, images: Images) -> AbstractContextManager[StepWork]:
        """The work of a step, which its jobs find while this lasts; remarks on them are kept."""
        remarks = self.remarks.setdefault(step.name, [])
        given = StepWork(task, self.network(step), images, self.inputs(step), self.progress, remarks=remarks)
        return working(given)

    def task(self, step: Step) -> Task:
        """What the jobs of a step have in common."""
        return cut_task(
            self.pipeline,
            step,
            key=self.origins.keys[step.name],
            folder=self.folder.path.absolute(),
            facts=facts(self.origins.networks[step.model], self.origins.images[step.dataset]),
            allow=tuple(self.allow),
            anew=self.anew,
        )

    def network(self, step: Step) -> Network:
        return step_network(self.folder.path, self.pipeline, step, self.origins.networks[step.model])

    def inputs(self, step: Step) -> dict[str, Result]:
        return step_inputs(self.folder.path, self.pipeline, step)

    def result(self, name: str) -> Result:
        return stored_result(self.folder.path, self.pipeline.steps[name])


def _tell_skipped(step: Step, result: Result) -> int:
    """Say how many images a step left out, and why the first; returns the number."""
    skipped = getattr(result, "skipped", ())
    if skipped:
        count = f"{len(skipped)} image{'s' if len(skipped) > 1 else ''}"
        logger.warning("Step %s left out %s. The first, %r: %s", step.name, count, *skipped[0])
    return len(skipped)


@contextmanager
def _error_context(remark: str) -> Iterator[None]:
    try:
        yield
    except InterpretError as error:
        error.add_note(remark)
        raise
