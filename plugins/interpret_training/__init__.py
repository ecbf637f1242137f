"""Training by the paper's recipe, and what forms meanwhile (Zeiler & Fergus 2014, sections 3 and 4)."""

from typing import Any

from interpret.plugin import Page, Probe, Renderer, hookimpl
from interpret_training.ablation.ablating import ablate
from interpret_training.ablation.probe import Ablate
from interpret_training.ablation.results import Ablation
from interpret_training.checkpoints import Checkpoint, load_checkpoint, read_checkpoints, write_checkpoint
from interpret_training.evaluation.evaluating import evaluate
from interpret_training.evaluation.probe import Evaluate, Evaluation
from interpret_training.evolution.evolving import evolve
from interpret_training.evolution.probe import Evolve
from interpret_training.evolution.results import Evolution
from interpret_training.probe import Train
from interpret_training.recipe import Recipe, read_recipe, recipe_names
from interpret_training.results import DivergenceError, History, Scores, Training
from interpret_training.training import train

__all__ = [
    "Ablate",
    "Ablation",
    "Checkpoint",
    "DivergenceError",
    "Evaluate",
    "Evaluation",
    "Evolution",
    "Evolve",
    "History",
    "Recipe",
    "Scores",
    "Train",
    "Training",
    "ablate",
    "evaluate",
    "evolve",
    "load_checkpoint",
    "read_checkpoints",
    "read_recipe",
    "recipe_names",
    "register_probes",
    "train",
    "write_checkpoint",
]


@hookimpl
def register_probes() -> list[type[Probe]]:
    """The probes that train, evaluate, watch features form, and compare variants."""
    return [Train, Evaluate, Evolve, Ablate]


@hookimpl
def register_renderers() -> list[type[Renderer[Any]]]:
    """What draws the results of ``train``, ``evolution`` and ``ablation``."""
    # Matplotlib takes time.
    from interpret_training.ablation.renderers import AblationFigure, AblationTable  # noqa: PLC0415
    from interpret_training.evolution.renderers import (  # noqa: PLC0415
        EvolutionCurves,
        EvolutionGrid,
        EvolutionTable,
    )
    from interpret_training.renderers import TrainingCurves  # noqa: PLC0415

    return [TrainingCurves, EvolutionGrid, EvolutionCurves, EvolutionTable, AblationFigure, AblationTable]


@hookimpl
def register_pages() -> list[type[Page[Any]]]:
    """The pages of a gallery about the results of this package."""
    from interpret_training.pages import AblationPage, EvaluationPage, EvolutionPage, TrainingPage  # noqa: PLC0415 - as above

    return [TrainingPage, EvaluationPage, EvolutionPage, AblationPage]
