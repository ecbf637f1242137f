"""Small ablations: as of Table 3, with seeds, with trainings that diverged."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from interpret_training import History
from interpret_training.ablation.results import Ablation

ROWS = (
    ("AlexNet replica", 35.1, 40.5, 18.1),
    ("AlexNet, removed 3, 4", 41.8, 45.4, 22.1),
    ("AlexNet, removed 3, 4, 6, 7", 71.1, 71.3, 50.1),
    ("our model", 33.1, 38.4, 16.5),
    ("ours, 6, 7 = 8192/4 and 3, 4, 5 = 512/4, 1024/4, 512/4", 10.0, 38.3, 16.9),
)
NAN = float("nan")


def history(epochs: int) -> History:
    names = ("rate", "loss", "error", "validation_loss", "validation_error", "validation_error5")
    return History(**{name: torch.linspace(1, 0.5, epochs) for name in names})


def ablation(
    rows: Sequence[tuple[str, float, float, float]] = ROWS,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    diverged: Sequence[tuple[int, int]] = (),
    paper: bool = True,
    validated: int = 1000,
    crops: int = 10,
) -> Ablation:
    """Errors near the paper's, random but always the same."""
    random = torch.Generator().manual_seed(0)
    errors = torch.tensor([row[1:] for row in rows], dtype=torch.float64) / 100
    noise = 0.02 * torch.randn(3, len(rows), len(seeds), generator=random, dtype=torch.float64)
    found = (errors.T[:, :, None] + 0.05 + noise).clamp(0, 1)
    failed = torch.zeros(len(rows), len(seeds), dtype=torch.bool)
    for row, column in diverged:
        failed[row, column] = True
    found[:, failed] = NAN
    if not validated:
        found[1:] = NAN
    ended = tuple(tuple("It diverged at step 3." if flag else "" for flag in row) for row in failed.tolist())
    return Ablation(
        labels=tuple(row[0] for row in rows),
        models=tuple({"name": "zfnet"} for _ in rows),
        seeds=tuple(seeds),
        train=found[0],
        validation=found[1],
        validation5=found[2],
        epochs=torch.where(failed, 0, 12),
        diverged=failed,
        ended=ended,
        histories=tuple(tuple(history(0 if flag else 12) for flag in row) for row in failed.tolist()),
        parameters=torch.tensor([1_279_082 * (row + 1) for row in range(len(rows))]),
        multiply_adds=torch.tensor([5_145_096 * row - 1 for row in range(len(rows))]),
        seconds=0.9 + noise[0].abs(),
        paper=errors if paper else torch.full_like(errors, NAN),
        recipe={"epochs": 12, "rate": 0.001},
        images=9103,
        validated=validated,
        crops=crops,
        classes=10,
    )
