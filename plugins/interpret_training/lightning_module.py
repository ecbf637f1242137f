"""The network while it learns, as Lightning takes it: what one step does, and what is measured."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor
from torch.nn import functional as F

from interpret.modules import OutputKind, as_log_probabilities, output_kind
from interpret.network import Network
from interpret_training.clipping import clip_filters, first_convolution
from interpret_training.evaluation.evaluating import errors
from interpret_training.loading import Batch, Preparation
from interpret_training.recipe import Recipe
from interpret_training.results import DivergenceError
from interpret_training.rng import SharedDropout, seed_global

NOT_MEASURED = float("nan")


class TrainingModule(LightningModule):
    """Trains a network by a recipe; the history grows epoch by epoch.

    Args:
        network: The network, which is changed.
        recipe: Every choice.
        validated: Whether there are validation images.
        key: What the training depends on; its state says so.
    """

    def __init__(self, network: Network, recipe: Recipe, *, validated: bool, key: str) -> None:
        super().__init__()
        self.key = key
        self.module, self.recipe, self.validated = network.module, recipe, validated
        self.asked, self.prepare = network, Preparation.of(network)
        self.kinds: dict[bool, OutputKind] = {}  # by mode: in train mode many modules give logits
        self.first, self.divisor = first_convolution(network), torch.tensor(network.input.divisor)
        self.dropout = SharedDropout()
        self.history: dict[str, list[float]] = {name: [] for name in HISTORY_COLUMNS}
        self.losses: list[float] = []
        self._plateau_state: dict[str, Any] = {}
        self.seen = self.checked = torch.zeros(4)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Gradient descent with momentum."""
        recipe = self.recipe
        optimizer = torch.optim.SGD(
            self.module.parameters(), recipe.rate, recipe.momentum, weight_decay=recipe.decay
        )
        self.plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer,
            factor=recipe.anneal,
            patience=recipe.patience or 0,
            threshold=0.0,
            min_lr=recipe.lowest_rate,
        )
        return optimizer

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """What a training that continues must know."""
        checkpoint["key"] = self.key
        checkpoint["history"] = {"columns": self.history, "losses": torch.tensor(self.losses)}
        checkpoint["plateau"] = self.plateau.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on where the other process ended."""
        self.history = checkpoint["history"]["columns"]
        self.losses = checkpoint["history"]["losses"].tolist()
        self._plateau_state = checkpoint["plateau"]

    def on_train_start(self) -> None:
        """Share chance with the other processes; lower the rate where an earlier process left off."""
        if self._plateau_state:
            self.plateau.load_state_dict(self._plateau_state)
        self.dropout = SharedDropout(self.trainer.global_rank, self.trainer.world_size)

    def on_train_epoch_start(self) -> None:
        """Count anew."""
        self.seen = self.nothing()

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:  # noqa: ARG002 - Lightning's words
        """The loss of one batch."""
        self.dropout.purpose = (self.recipe.seed, "dropout", self.global_step)
        seed_global(self.device, self.recipe.seed, "step", self.global_step)
        with self.dropout.on(self.module):
            outputs = self.module(self.prepare(batch))
        loss = self.loss(outputs, batch.labels)
        if not torch.isfinite(loss):
            raise self.diverged(f"the loss is {float(loss.detach())}", batch)
        self.count(self.seen, outputs.detach(), batch, loss.detach())
        return loss

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:  # noqa: ARG002
        """Stop before a gradient that is no number spoils the weights; 16 bits skip such steps."""
        if self.recipe.precision == "16-mixed":
            return
        sums = {
            name: part.grad.sum() for name, part in self.module.named_parameters() if part.grad is not None
        }
        finite = torch.isfinite(torch.stack(list(sums.values())))  # one look at the device, not one each
        if not finite.all():
            broken = list(sums)[int(finite.logical_not().nonzero()[0])]
            raise self.diverged(f"the gradient of {broken} is not finite")

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
        """Clip the filters (paper section 3) and note the loss."""
        self.clip()
        loss = self.trainer.strategy.reduce(outputs["loss"].detach(), reduce_op="mean")
        self.losses.append(float(loss))
        self.log("step_loss", float(loss), sync_dist=True)

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """The loss by what the outputs are in this mode: what sigmoids make does not add up, as if logits."""
        if self.training not in self.kinds:
            logits = self.asked.output_kind == "logits"
            self.kinds[self.training] = "logits" if logits else output_kind(outputs.detach())
        return loss_of(outputs, labels, self.kinds[self.training])

    def clip(self) -> None:
        """Scale filters above the radius back to it; those that read the image at the paper's input scale."""
        if self.recipe.radius is None:
            return
        for part in self.module.modules():
            if isinstance(part, torch.nn.Conv2d):
                scale = self.divisor.to(part.weight) if part is self.first else None
                clip_filters(part.weight, self.recipe.radius, scale)

    def on_validation_epoch_start(self) -> None:
        """Count anew."""
        self.checked = self.nothing()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:  # noqa: ARG002
        """Count the errors of one batch."""
        outputs = self.module(self.prepare(batch))
        loss = self.loss(outputs, batch.labels)
        self.count(self.checked, outputs, batch, loss)

    def on_validation_epoch_end(self) -> None:
        """What an early end is decided by."""
        _, error, _ = self.means("checked")
        self.log("validation_error", error, sync_dist=True)

    def on_train_epoch_end(self) -> None:
        """Write a line of the history, and lower the rate when the validation error does not fall.

        Lightning would step the plateau after it has saved what a killed training goes on from.
        """
        loss, error, _ = self.means("seen")
        checked = self.means("checked") if self.validated else (NOT_MEASURED, NOT_MEASURED, NOT_MEASURED)
        rate = self.trainer.optimizers[0].param_groups[0]["lr"]
        for name, value in zip(HISTORY_COLUMNS, (rate, loss, error, *checked), strict=True):
            self.history[name].append(float(value))
            self.log(f"epoch_{name}", float(value), sync_dist=True)
        if self.validated and self.recipe.patience is not None:
            self.plateau.step(checked[1])

    def nothing(self) -> Tensor:
        """No images, loss, errors and top-5 errors yet; on the device, which is not asked at every step."""
        kind = torch.float32 if self.device.type == "mps" else torch.float64
        return torch.zeros(4, dtype=kind, device=self.device)

    def count(self, total: Tensor, outputs: Tensor, batch: Batch, loss: Tensor) -> None:
        """Add images, loss, errors and top-5 errors of a batch to a total."""
        outputs, images = outputs.detach().float(), torch.ones_like(batch.labels).sum()
        wrong, wrong5 = errors(outputs, batch.labels).sum(), errors(outputs, batch.labels, 5).sum()
        total += torch.stack([images, loss.detach() * images, wrong, wrong5]).to(total)

    def means(self, total: str) -> tuple[float, float, float]:
        """Loss, error and top-5 error over the images of all processes."""
        images, *sums = self.trainer.strategy.reduce(getattr(self, total), reduce_op="sum").tolist()
        loss, error, error5 = (value / max(images, 1) for value in sums)
        return loss, error, error5

    def diverged(self, what: str, batch: Batch | None = None) -> DivergenceError:
        """An error that says where a training went wrong."""
        epoch, step = self.current_epoch + 1, self.global_step + 1
        rate = self.trainer.optimizers[0].param_groups[0]["lr"]
        where = self.first_broken(batch) if batch else ""
        return DivergenceError(
            f"The training diverged at step {step} (epoch {epoch}): {what}.{where} "
            f"The learning rate was {rate:g}: lower it, or limit the filters (radius: 0.1)."
        )

    def first_broken(self, batch: Batch) -> str:
        """The first layer that gives a value that is no number, in a sentence; nothing if there is none."""
        parameters = self.module.named_parameters()
        broken = next((name for name, value in parameters if not torch.isfinite(value).all()), None)
        if broken:
            return f" The parameter {broken} is not finite."
        x = self.prepare(batch)
        finite = self.asked.record(x, self.asked.layers, lambda output: bool(torch.isfinite(output).all()))
        layer = next((name for name, fine in finite.items() if not fine), None)
        return f" The first layer that is not finite is {layer}." if layer else ""


def loss_of(outputs: Tensor, labels: Tensor, kind: OutputKind) -> Tensor:
    """The mean negative logarithm of the labels' probabilities, which outputs may be already."""
    if kind == "logits":
        return F.cross_entropy(outputs, labels)
    return F.nll_loss(as_log_probabilities(outputs.float(), kind), labels)


HISTORY_COLUMNS = ("rate", "loss", "error", "validation_loss", "validation_error", "validation_error5")
"""What the history holds of every epoch."""
