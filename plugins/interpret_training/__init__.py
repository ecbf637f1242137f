"""Training by the paper's recipe, and what forms meanwhile (Zeiler & Fergus 2014, sections 3 and 4)."""

from typing import Any

from interpret.plugin import Probe, Renderer, hookimpl
from interpret_training.ablation import ablate
from interpret_training.ablation_probe import Ablate
from interpret_training.ablation_results import Ablation
from interpret_training.checkpoints import Checkpoint, load_checkpoint, read_checkpoints, write_checkpoint
from interpret_training.evaluation import evaluate
from interpret_training.evaluation_probe import Evaluate, Evaluation
from interpret_training.evolution import evolve
from interpret_training.evolution_probe import Evolve
from interpret_training.evolution_results import Evolution
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
    from interpret_training.renderers import (  # noqa: PLC0415 - matplotlib takes time
        AblationFigure,
        AblationTable,
        EvolutionCurves,
        EvolutionGrid,
        EvolutionTable,
        TrainingCurves,
    )

    return [AblationFigure, AblationTable, EvolutionCurves, EvolutionGrid, EvolutionTable, TrainingCurves]
