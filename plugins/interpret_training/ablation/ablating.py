"""Which part of an architecture matters: variants of a model, trained alike (paper section 5.1, Table 3)."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from math import nan
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor

from interpret.errors import InterpretError, StepError
from interpret.images import Images, as_images
from interpret.network import Network, OnError
from interpret.plugin import Device, Model
from interpret.progress import track_long
from interpret.run import cache_dir, cached, follows, processes
from interpret_training.ablation.cost import image_multiply_adds, parameter_count, step_seconds
from interpret_training.ablation.results import MEASURES, Ablation, Measure, PaperErrors, VariantRun
from interpret_training.evaluation.evaluating import class_count
from interpret_training.loading import Share
from interpret_training.pixels import check_labels, output_names
from interpret_training.read_once import Shared
from interpret_training.recipe import Recipe, read_recipe
from interpret_training.results import DivergenceError, History, Scores, Training
from interpret_training.training import check_share, train, training_key


def ablate(
    variants: Mapping[str, Model],
    images: Any,
    recipe: Recipe | str = "imagenet-zfnet",
    *,
    validation: Any = None,
    seeds: Sequence[int] = (0,),
    device: Device = "auto",
    paper: Mapping[str, PaperErrors] | None = None,
    on_error: OnError = "raise",
) -> Ablation:
    """Train every variant of a model from scratch, once for each seed, and compare (paper, Table 3).

    What is done is kept: a run that was killed goes on, also inside a training, and a further variant or seed
    trains only what is new. A training that diverges leaves its numbers empty and the others alone; only
    where several processes share the work (``torchrun``), it ends them all.

    Args:
        variants: The models by the labels of their rows, in the order of the table.
        images: Labelled photographs.
        recipe: How all are trained, or the name of a recipe; its seed and checkpoints are not used.
        validation: Labelled photographs that the rate and the end are decided by, and that are scored.
        seeds: Each decides initial weights, order, crops and dropout of one training of every variant.
        device: Where they are trained.
        paper: What the paper says, by label.
        on_error: What to do with an image that cannot be read.

    Raises:
        InterpretError: If there is no variant or no seed, or a seed comes twice; if Lightning is missing.
        DatasetError: If labels are missing, or an image cannot be read.
        StepError: If a variant cannot be built or does not fit the images, or if all trainings diverge.
    """
    if not variants or not seeds or len(set(seeds)) < len(seeds):
        raise InterpretError(
            f"An ablation needs variants and different seeds. Got {len(variants)} variants and the seeds "
            f"{list(seeds)}."
        )
    chosen = read_recipe(recipe) if isinstance(recipe, str) else recipe
    held_out = None if validation is None else Shared(as_images(validation))
    work = _AblationRun(Shared(as_images(images)), held_out, chosen, device, on_error)
    units = [_Unit(label, model, seed) for label, model in variants.items() for seed in seeds]
    keys = [work.key(unit) for unit in units]
    check_share(min(chosen.batch, len(work.images.images)), Share(0, processes()))
    runs = [work.run(unit, key) for unit, key in track_long(list(zip(units, keys, strict=True)))]
    if all(run.diverged for run in runs):
        raise StepError(f"All {len(runs)} trainings diverged. The first: {runs[0].ended}")
    return assembled(variants, seeds, runs, chosen, paper or {})


@dataclass(frozen=True)
class _Unit:
    """One training: a row and a seed."""

    label: str
    model: Model
    seed: int


@dataclass(frozen=True)
class _AblationRun:
    """What all trainings have in common."""

    images: Shared
    validation: Shared | None
    recipe: Recipe
    device: Device
    on_error: OnError
    costs: dict[str, int] = field(default_factory=dict)
    """Multiply-adds by row: the same for every seed."""

    def key(self, unit: _Unit) -> tuple[object, ...]:
        """Everything that one training depends on; its row is built and checked.

        Raises:
            StepError: If the model cannot be built, or does not fit the images.
        """
        try:
            network = self.network(unit)
            shown, held_out = self.shown(network)
            for images in filter(None, (shown, held_out)):
                check_labels(images, class_count(network), output_names(network, shown))
        except InterpretError as error:
            raise StepError(f"The row {unit.label!r} cannot be trained: {error}") from error
        key = training_key(network, shown, self.recipe_of(unit), held_out)
        return key, network.device.type, self.on_error, type(unit.model), _Unit

    def network(self, unit: _Unit) -> Network:
        """The network with its initial weights."""
        return unit.model.load(self.device, seed=unit.seed)

    def recipe_of(self, unit: _Unit) -> Recipe:
        """The recipe with the unit's seed; no weights are kept on the way."""
        return self.recipe.model_copy(update={"seed": unit.seed, "checkpoints": ()})

    def shown(self, network: Network) -> tuple[Images, Images | None]:
        """The images to train on and those to validate on, read once for all networks of one input."""
        spec = network.input
        return self.images.take(spec), None if self.validation is None else self.validation.take(spec)

    def run(self, unit: _Unit, key: tuple[object, ...]) -> VariantRun:
        """What one training gives, from an earlier run if it is there.

        The room of the training, with its large files, goes when that is stored; where a process was killed
        between the two, it goes now.
        """
        found = cached(lambda: self.measured(unit, key), "ablation", *key, kind=VariantRun)
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.barrier()  # another process may still read there
        if not follows():
            shutil.rmtree(cache_dir("ablation", *key), ignore_errors=True)
        return found

    def measured(self, unit: _Unit, key: tuple[object, ...]) -> VariantRun:
        """Train, and measure what the network costs."""
        network, recipe = self.network(unit), self.recipe_of(unit)
        if unit.label not in self.costs:
            self.costs[unit.label] = image_multiply_adds(network)
        return VariantRun(
            **_outcome(self.trained(unit, key)),
            parameters=parameter_count(network.module),
            multiply_adds=self.costs[unit.label],
            seconds=step_seconds(network, recipe, len(self.images.images)),
            classes=class_count(network),
        )

    def trained(self, unit: _Unit, key: tuple[object, ...]) -> Training | str:
        """One training, or why it diverged."""
        network, folder = self.network(unit), cache_dir("ablation", *key)
        shown, held_out = self.shown(network)
        try:
            return train(
                network,
                shown,
                self.recipe_of(unit),
                validation=held_out,
                folder=folder,
                on_error=self.on_error,
            )
        except DivergenceError as error:
            if processes() > 1:
                raise
            return error.reason


def assembled(
    variants: Mapping[str, Model],
    seeds: Sequence[int],
    runs: Sequence[VariantRun],
    recipe: Recipe,
    paper: Mapping[str, PaperErrors],
) -> Ablation:
    """The table of all trainings, which are given row by row; one of them at least went well."""
    good = next(run for run in runs if not run.diverged)
    checked, columns = _validation(good.scores), len(seeds)
    rows = [runs[start : start + columns] for start in range(0, len(runs), columns)]
    return Ablation(
        labels=tuple(variants),
        models=tuple({"name": model.name, **model.model_dump(mode="json")} for model in variants.values()),
        seeds=tuple(seeds),
        **{measure: _table(_error(run, measure) for run in runs).view(-1, columns) for measure in MEASURES},
        epochs=torch.tensor([len(run.history.rate) for run in runs]).view(-1, columns),
        diverged=torch.tensor([run.diverged for run in runs]).view(-1, columns),
        ended=tuple(tuple(run.ended for run in row) for row in rows),
        histories=tuple(tuple(run.history for run in row) for row in rows),
        parameters=torch.tensor([row[0].parameters for row in rows]),
        multiply_adds=torch.tensor([row[0].multiply_adds for row in rows]),
        seconds=_table(run.seconds for run in runs).view(-1, columns),
        paper=torch.stack([_reported(paper.get(label)) for label in variants]),
        recipe={k: v for k, v in recipe.model_dump(mode="json").items() if k not in {"seed", "checkpoints"}},
        images=good.images,
        validated=checked.images if checked else 0,
        crops=checked.crops if checked else 1,
        classes=good.classes,
        skipped=good.skipped,
    )


def _error(run: VariantRun, measure: Measure) -> float:
    """One error of one training; NaN where there is none."""
    scores = run.scores.get("train") if measure == "train" else _validation(run.scores)
    if scores is None:
        return nan
    return scores.error5 if measure == "validation5" else scores.error


def _validation(scores: Mapping[str, Scores]) -> Scores | None:
    """The last test's: over ten crops where the recipe asks for them."""
    return scores.get("validation, ten crops") or scores.get("validation")


def _reported(paper: PaperErrors | None) -> Float[Tensor, " measure"]:
    """The paper's percent as shares."""
    values = [getattr(paper, measure, None) for measure in MEASURES]
    return _table(nan if value is None else value / 100 for value in values)


def _table(values: Iterable[float]) -> Float[Tensor, " n"]:
    return torch.tensor(list(values), dtype=torch.float64)


def _outcome(found: Training | str) -> dict[str, Any]:
    """What is kept of a training, or of one that diverged and why."""
    if isinstance(found, str):
        none = History(**{field.name: torch.empty(0) for field in fields(History)})
        return {"scores": {}, "history": none, "ended": found, "diverged": True, "images": 0, "skipped": ()}
    names = ("scores", "history", "ended", "images", "skipped")
    return {"diverged": False, **{name: getattr(found, name) for name in names}}


def device_of(network: Network) -> Device:
    """Where a network is, as a word that models understand."""
    return cast(Device, network.device.type)
