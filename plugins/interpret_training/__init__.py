"""Training by the paper's recipe, and what forms meanwhile (Zeiler & Fergus 2014, sections 3 and 4)."""

from interpret.hookspecs import hookimpl
from interpret.interfaces import Probe
from interpret_training.checkpoints import Checkpoint, load_checkpoint, read_checkpoints, write_checkpoint
from interpret_training.evaluation import evaluate
from interpret_training.probe import Train
from interpret_training.recipe import Recipe, read_recipe, recipe_names
from interpret_training.results import History, Scores, Training
from interpret_training.training import train

__all__ = [
    "Checkpoint",
    "History",
    "Recipe",
    "Scores",
    "Train",
    "Training",
    "evaluate",
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
    """The probe that trains."""
    return [Train]
