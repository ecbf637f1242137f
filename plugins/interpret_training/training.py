"""Training a network by a recipe."""

from __future__ import annotations

import logging
import os
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from interpret.code import classes_of, code_version
from interpret.errors import InterpretError, ModelError, StepError
from interpret.files import digest, read_sealed, remove_checked, write_sealed
from interpret.images import Images, as_images
from interpret.network import Network, OnError, takes_network
from interpret.run import cache_dir, find_result, follows, processes, read_json
from interpret_training.checkpoints import CHECKPOINTS, stored_checkpoint, write_checkpoint
from interpret_training.evaluation.evaluating import class_count, probabilities, score
from interpret_training.initial import initialise
from interpret_training.loading import (
    CenterSteps,
    Share,
    TrainingSteps,
    center_loader,
    mean_image,
    training_loader,
)
from interpret_training.pixels import Pixels, output_names, read_pixels
from interpret_training.recipe import Recipe, read_recipe
from interpret_training.results import History, Scores, Training
from interpret_training.state import PREVIOUS, STATE, find_state

__all__ = ["training_key"]

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

    from interpret_training.lightning_module import TrainingModule

SCORED = 2000
"""Training images, at equal distances, that the last training error is measured on."""


@takes_network
def train(
    network: Network,
    images: Any,
    recipe: Recipe | str = "imagenet-zfnet",
    *,
    validation: Any = None,
    folder: str | Path | None = "training",
    on_error: OnError = "raise",
) -> Training:
    """Train a copy of a network (paper section 3); a training that was killed continues in its folder.

    All chance is a function of the recipe's seed: on one type of device the same call gives the same weights,
    whether or not it was killed on the way. Processes that ``torchrun`` starts share every batch.

    Args:
        network: The architecture and, with ``init: keep``, its first weights; it is left as it is.
        images: Labelled photographs.
        recipe: Every choice, or the name of a recipe that comes along.
        validation: Labelled photographs that the rate and the end are decided by; None: none.
        folder: Where checkpoints, logs and the state to continue from are written; None: a room that the run
            keeps for this training, see ``interpret.run.cache``.
        on_error: What to do with an image that cannot be read.

    Raises:
        InterpretError: If Lightning is missing, or the folder holds another training.
        DatasetError: If labels are missing or do not fit the network, or an image cannot be read.
        DivergenceError: If a loss or a gradient is not finite; the message names the step and the layer.
    """
    chosen = read_recipe(recipe) if isinstance(recipe, str) else recipe
    images = as_images(images)
    held_out = None if validation is None else as_images(validation)
    key = training_key(network, images, chosen, held_out)
    target = cache_dir("train", key, on_error) if folder is None else Path(folder).expanduser()
    if done := _claim(target, key):
        return done
    return _prepared(network, (images, held_out), chosen, folder=target, key=key, on_error=on_error).run()


def training_key(network: Network, images: Images, recipe: Recipe, validation: Images | None) -> str:
    """A hash of everything a training depends on."""
    data = [part.fingerprint() for part in (images, validation) if part is not None]
    code = code_version(train, *classes_of(network.module))
    return digest(network.fingerprint(), recipe.model_dump_json(), *data, code, torch.__version__)


def _claim(folder: Path, key: str) -> Training | None:
    """The training that is whole in the folder already; None where it is to be begun or continued."""
    note = folder / "training.json"
    known, other = read_sealed(note).get("key"), read_json(note)
    if known is None and "sha256" not in other and other.get("key") != key:
        known = other.get("key")  # written by an earlier version: not believed, but not overwritten either
    if known is not None and known != key:
        raise InterpretError(
            f"{folder} holds another training: network, images, recipe or code have changed since. "
            "Choose another folder, or remove this one."
        )
    if known == key and (found := find_result(folder, Training)):
        return found
    if not (known == key or follows()):
        write_sealed(note, {"key": key})
    return None


def _prepared(
    network: Network,
    images: tuple[Images, Images | None],
    recipe: Recipe,
    *,
    folder: Path,
    key: str,
    on_error: OnError,
) -> _TrainingRun:
    """Read the images, to train on and to validate on, and prepare a copy of the network."""
    names = output_names(network, images[0])
    read = partial(
        read_pixels, spec=network.input, classes=class_count(network), categories=names, on_error=on_error
    )
    pixels, checked = read(images[0]), None if images[1] is None else read(images[1], several=False)
    network = network.copy()
    initialise(network, recipe.init, recipe.seed, recipe.deviation)
    if recipe.mean == "pixel":
        _set_mean(network, pixels)
    network.module.to(memory_format=torch.channels_last)  # a quarter faster on CPU
    return _TrainingRun(network, recipe, pixels, checked, folder, key)


@dataclass(frozen=True)
class _TrainingRun:
    """One training: the network that changes, and what it is shown."""

    network: Network
    recipe: Recipe
    images: Pixels
    validation: Pixels | None
    folder: Path
    key: str

    def run(self) -> Training:
        """Train to the end, measure, and write down what was found."""
        with _quiet(), torch.random.fork_rng(devices=[]):
            learner, ended, rank = self.fit()
        found = self.finished(learner, ended)
        if rank == 0:
            found.save(self.folder)
            for name in (STATE, PREVIOUS):
                remove_checked(self.folder / name)
        return found

    def fit(self) -> tuple[TrainingModule, str, int]:
        """Let Lightning train; what was learnt, why it ended early if it did, and this process's rank."""
        trainer = self.trainer()
        share = Share(trainer.global_rank, trainer.world_size)
        steps = TrainingSteps(self.images, self.network.input.size, self.recipe, share)
        check_share(steps.batch, share)
        checks = self.validation and center_loader(
            CenterSteps(self.validation, self.network.input.size, steps.batch, share)
        )
        learner, device = self.learner(), self.network.device
        state = find_state(self.folder, self.key, self.recipe.kept_epochs)
        with _interrupted(trainer):
            trainer.fit(learner.train(), training_loader(steps), checks, ckpt_path=state, weights_only=True)
        self.network.module.to(device)  # Lightning leaves it on the CPU
        last = len(learner.history["rate"])
        if trainer.is_global_zero and last not in self.recipe.kept_epochs:
            write_checkpoint(self.network, last, self.folder / CHECKPOINTS)
        trainer.strategy.barrier()
        early = last < self.recipe.epochs
        ended = f"no lower validation error for {self.recipe.stop} epochs" if early else ""
        return learner, ended, trainer.global_rank

    def learner(self) -> TrainingModule:
        """The network as Lightning takes it."""
        from interpret_training.lightning_module import TrainingModule  # noqa: PLC0415 - Lightning takes seconds to import

        return TrainingModule(self.network, self.recipe, validated=self.validation is not None, key=self.key)

    def trainer(self) -> Trainer:
        """Lightning's trainer on the network's device, or one of those that ``torchrun`` started."""
        from lightning.pytorch import Trainer  # noqa: PLC0415

        from interpret_training.callbacks import StateFile, training_callbacks, training_loggers  # noqa: PLC0415

        device, count = self.network.device, processes()
        local = int(os.environ.get("LOCAL_WORLD_SIZE", str(count)))
        return Trainer(
            accelerator={"cuda": "gpu"}.get(device.type, device.type),
            devices=[device.index or 0] if device.type == "cuda" and count == 1 else local,
            num_nodes=count // local,
            strategy="ddp" if count > 1 else "auto",
            sync_batchnorm=count > 1 and device.type == "cuda",
            precision=self.recipe.precision,
            max_epochs=self.recipe.epochs,
            callbacks=training_callbacks(
                self.network, self.recipe, self.folder, validated=self.validation is not None
            ),
            logger=training_loggers(self.folder),
            plugins=[StateFile()],
            log_every_n_steps=1,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )

    def finished(self, learner: TrainingModule, ended: str) -> Training:
        """What was found; the trained network is measured as its checkpoint will be loaded."""
        last = len(learner.history["rate"])
        kept = sorted({last, *(epoch for epoch in self.recipe.kept_epochs if epoch <= last)})
        self.network.module.to(memory_format=torch.contiguous_format)
        skipped = self.images.skipped + (self.validation.skipped if self.validation else ())
        return Training(
            recipe=self.recipe.model_dump(mode="json"),
            history=History(**{name: torch.tensor(values) for name, values in learner.history.items()}),
            losses=torch.tensor(learner.losses),
            checkpoints=tuple(stored_checkpoint(self.folder / CHECKPOINTS, epoch) for epoch in kept),
            scores=self.scores(),
            images=len(self.images),
            skipped=skipped,
            ended=ended,
        )

    def scores(self) -> dict[str, Scores]:
        """How well the trained network does on what it was trained on, and on the validation images."""
        count = min(SCORED, len(self.images))
        sample = self.images.some([index * len(self.images) // count for index in range(count)])
        found = {"train": score(probabilities(self.network, sample), sample.labels, 1)}
        if self.validation is None:
            return found
        for crops in sorted({1, self.recipe.test_crops}):
            likely = probabilities(self.network, self.validation, crops=crops)
            name = "validation" if crops == 1 else "validation, ten crops"
            found[name] = score(likely, self.validation.labels, crops)
        return found


def check_share(batch: int, share: Share) -> None:
    """Refuse a batch that the processes cannot share equally: its gradient would be another.

    Raises:
        StepError: If it does not divide.
    """
    if batch % share.processes:
        raise StepError(
            f"{share.processes} processes cannot share a batch of {batch} images equally. "
            "Use a number of processes that divides it, or another batch."
        )


def _set_mean(network: Network, pixels: Pixels) -> None:
    """Give a network the mean image of its training images."""
    part = mean_image(network)
    if part is None:
        raise ModelError(
            f"The recipe subtracts the mean image (mean: pixel), but {type(network.module).__name__} has no "
            "place for one. Give the model mean_image: true, or the recipe mean: network."
        )
    part.mean.copy_(network.input.normalize(pixels.mean()))


@contextmanager
def _interrupted(trainer: Trainer) -> Iterator[None]:
    """Let Ctrl-C out as what it is: Lightning would end the process with code 1, and not hear of it again."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit:
        if trainer.interrupted:
            raise KeyboardInterrupt from None
        raise
    finally:
        if signal.getsignal(signal.SIGINT) is not handler:
            signal.signal(signal.SIGINT, handler)


@contextmanager
def _quiet() -> Iterator[None]:
    """Lightning without its remarks: what matters is in the result.

    Raises:
        InterpretError: If it is not installed.
    """
    try:
        import lightning.pytorch  # noqa: F401, PLC0415 - it takes seconds, and sets its own log level
    except ImportError:
        raise InterpretError(
            "Training needs Lightning, which is not installed: pip install 'interpret-cnn[train]'."
        ) from None
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"lightning\.")
            warnings.filterwarnings(
                "ignore", message=r".*(does not have many workers|isinstance\(treespec).*"
            )
            yield
    finally:
        logger.setLevel(level)
