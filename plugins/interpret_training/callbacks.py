"""What Lightning does beside the loop: checkpoints at some epochs, the state to go on from, progress."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint, EarlyStopping
from lightning.pytorch.loggers import CSVLogger, Logger
from lightning.pytorch.loggers.tensorboard import TensorBoardLogger

from interpret.network import Network
from interpret.progress import track
from interpret_training.checkpoints import CHECKPOINTS, write_checkpoint
from interpret_training.recipe import Recipe
from interpret_training.state import STATE, write_state


class WriteCheckpoints(Callback):
    """Writes the weights after some epochs.

    Args:
        network: What is trained.
        epochs: After which epochs.
        folder: Where to.
    """

    def __init__(self, network: Network, epochs: Sequence[int], folder: Path) -> None:
        self.network, self.epochs, self.folder = network, epochs, folder

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Write them if it is time."""
        epoch = trainer.current_epoch + 1
        if trainer.is_global_zero and epoch in self.epochs:
            write_checkpoint(self.network, epoch, self.folder / CHECKPOINTS)


class TellProgress(Callback):
    """Tells whoever listens how many steps are done."""

    steps: Iterator[int] = iter(())

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Count from where the training begins."""
        self.steps = track(range(int(trainer.estimated_stepping_batches)))
        for _ in range(trainer.global_step + 1):
            next(self.steps, None)

    def on_train_batch_end(self, *_: object) -> None:
        """One more."""
        next(self.steps, None)


class StopEarly(EarlyStopping):
    """Ends a training whose validation error falls no more, also where it was killed just after that."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Remember the end."""
        trainer.should_stop = trainer.should_stop or self.stopped_epoch > 0


class StateFile(TorchCheckpointIO):
    """Writes what Lightning saves beside its target: Lightning itself takes the system's temporary folder."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:  # noqa: ARG002
        """Write it whole or not at all, with its checksum."""
        write_state(checkpoint, Path(path))


class KeepState(Checkpoint):
    """Saves after each epoch what a killed training goes on from.

    Args:
        folder: Where to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Save it."""
        trainer.save_checkpoint(self.folder / STATE, weights_only=False)


def training_callbacks(network: Network, recipe: Recipe, folder: Path, *, validated: bool) -> list[Callback]:
    """All that one training needs; the state is saved last, when the others are done with the epoch."""
    needed: list[Callback] = [TellProgress()]
    if recipe.stop is not None and validated:
        needed.append(StopEarly("validation_error", patience=recipe.stop, check_finite=False))
    return [*needed, WriteCheckpoints(network, recipe.kept_epochs, folder), KeepState(folder)]


def training_loggers(folder: Path) -> list[Logger]:
    """A table of every step and epoch, and TensorBoard's files where it is installed; for each attempt."""
    table: Logger = CSVLogger(folder, "log", flush_logs_every_n_steps=50)
    return [table, TensorBoardLogger(folder, "tensorboard")] if find_spec("tensorboard") else [table]
