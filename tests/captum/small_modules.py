"""Small modules for the drop-in of Captum, in float64 and eval mode, and who answered a question."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIZE = (3, 12, 14)
"""Of one image."""


class Residual(nn.Module):
    """Batch norms and a branch that meets its shortcut before a ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.relu = (
            nn.Conv2d(3, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(inplace=True),
        )
        self.branch, self.last = nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.ReLU()
        self.head = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.norm(self.conv(x)))
        x = self.last(self.branch(x) + x)
        return self.head(x.mean((2, 3)))


class Functional(nn.Module):
    """`F.relu` and no module for it: Captum takes the plain gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Linear(4 * 4 * 5, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.second(F.relu(self.first(x)))), 2)
        return self.head(x.flatten(1))


class Shared(nn.Module):
    """A ReLU whose input goes on beside it, as in residual networks with pre-activation."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.relu, self.second = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1)
        self.head = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        return self.head((x + self.second(self.relu(x))).mean((2, 3)))


class Two(nn.Module):
    """Takes a second image, or does without."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.relu, self.head = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Linear(4, 5)

    def forward(self, x: Tensor, other: Tensor | None = None, factor: float = 1.0) -> Tensor:
        made = self.relu(self.conv(x)) * factor
        if other is not None:
            made = made + self.relu(self.conv(other)).roll(1, 1)
        return self.head(made.mean((2, 3)))


class Gated(nn.Module):
    """Squeeze and excitation: Captum takes the gradient of the gate, too."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.relu, self.head = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Linear(4 * 10 * 12, 5)
        self.squeeze = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 2, 1), nn.ReLU(), nn.Conv2d(2, 4, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.conv(x))
        return self.head((x * self.squeeze(x).sigmoid()).flatten(1))


def chain() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(4, 6, 3, padding=1, groups=2),
        nn.ReLU(inplace=True),
        nn.AvgPool2d(2, ceil_mode=True),
        nn.Flatten(),
        nn.Linear(6 * 3 * 3, 5),
    )


def smooth() -> nn.Module:
    """Nonlinearities other than ReLU."""
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.SiLU(), nn.Conv2d(4, 6, 3), nn.ReLU(), nn.Conv2d(6, 4, 3, stride=2),
        nn.ReLU6(), nn.Conv2d(4, 5, 2), nn.GELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 5),
    )  # fmt: skip


def normed() -> nn.Module:
    """Response norms, one of them scaled so that it matters."""
    return nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.ReLU(), nn.LocalResponseNorm(3, alpha=0.5), nn.MaxPool2d(2),
        nn.Conv2d(6, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 3 * 4, 5),
    )  # fmt: skip


def linear() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 12 * 14, 7), nn.ReLU(), nn.Linear(7, 5))


def reused() -> nn.Module:
    """One ReLU in several places."""
    relu = nn.ReLU()
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), relu, nn.Conv2d(4, 4, 3, dilation=2), relu, nn.Flatten(),
        nn.Linear(4 * 6 * 8, 5), relu,
    )  # fmt: skip


def dense() -> nn.Module:
    """Outputs with places: (n, classes, h, w)."""
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 5, 3, stride=2))


def one_output() -> nn.Module:
    """One number for each image, without an axis for it."""
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 10 * 12, 1), nn.Flatten(0)
    )


ALIKE: dict[str, Callable[[], nn.Module]] = {
    "chain": chain,
    "residual": Residual,
    "smooth": smooth,
    "gated": Gated,
    "normed": normed,
    "linear": linear,
    "reused": reused,
}
"""Networks of which Captum is right."""


@lru_cache
def built(build: Callable[[], nn.Module], dtype: torch.dtype = torch.float64, seed: int = 0) -> nn.Module:
    """A module with random weights and running statistics; the same one each time."""
    torch.manual_seed(seed)
    module = build().to(dtype)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.3)
            part.running_var.uniform_(0.5, 2)
    return module.eval()


def images(count: int = 2, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    return torch.randn(count, *SIZE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(
        dtype
    )


class Rectified(torch.autograd.Function):
    """A ReLU that rectifies the signal on its way down, and under ``guided`` keeps to what was active too."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, guided: bool) -> Tensor:
        ctx.active = x > 0 if guided else None
        return x.clamp_min(0)

    @staticmethod
    def backward(ctx: Any, signal: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        kept = signal.clamp_min(0)
        return (kept if ctx.active is None else kept * ctx.active), None


class _Rectifying(torch.overrides.TorchFunctionMode):
    """Every `F.relu`, also that of an `nn.ReLU`, is a `Rectified`."""

    def __init__(self, guided: bool) -> None:
        super().__init__()
        self.guided = guided

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is F.relu:
            return Rectified.apply(args[0], self.guided)
        return func(*args, **(kwargs or {}))


def rectified_gradient(value: Callable[[Tensor], Tensor], x: Tensor, *, guided: bool = False) -> Tensor:
    """The reference: autograd with every ReLU replaced.

    Args:
        value: The number that is asked about, of each image.
        x: Images.
        guided: Whether the gradient at ReLUs counts, too.
    """
    leaf = x.clone().requires_grad_()
    with _Rectifying(guided):
        (found,) = torch.autograd.grad(value(leaf).sum(), leaf)
    return found


@contextlib.contextmanager
def answered_by(who: str) -> Iterator[list[str]]:
    """Checks who answers: ``us`` or ``captum``; what was logged is in the list."""
    heard: list[str] = []
    logger, handler = logging.getLogger("interpret_captum.attr"), logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            yield heard
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    assert bool(heard) == (who == "captum"), heard


def near(found: Tensor, right: Tensor, tolerance: float = 1e-9) -> None:
    """Equal to rounding, in parts of the largest value, and not just zero."""
    assert found.shape == right.shape
    assert found.dtype == right.dtype
    scale = float(right.abs().max())
    assert scale > 0
    assert float((found - right).abs().max()) <= tolerance * scale
