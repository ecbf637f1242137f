"""Parameters that several of Captum's methods share, and how Captum is told of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field, field_validator
from torch import Tensor

from interpret.errors import StepError
from interpret.network import Network
from interpret.targets import Targets
from interpret_captum import rules
from interpret_captum.copies import ModuleCopy, plain_gradient_note, separate_calls, warn_of_plain_gradients
from interpret_captum.method import CaptumMethod, CaptumProbe
from interpret_captum.pixels import check_block, check_fill, colour_image, grid

Colour = float | list[float]
"""A grey, or one value for each channel, in pixel units."""

ACROSS = 7
"""Squares along the shorter side of an image, where nobody says how large they are."""


SQUARES = "The features are squares of a grid: 'patch' says their side in pixels."


class FromBaseline(CaptumMethod):
    """A method that compares with a baseline image."""

    removed_parameters: ClassVar[Mapping[str, str]] = {
        "fill": "The image of one colour that it compares with is its 'baseline'."
    }

    baseline: Colour = Field(
        0.5, description="The image of one colour to compare with, in pixel units: a grey or one per channel."
    )

    _baseline = field_validator("baseline")(check_fill)

    def arguments(self, copy: ModuleCopy, x: Float[Tensor, "n c h w"]) -> dict[str, Any]:
        """The baseline."""
        return {**super().arguments(copy, x), "baselines": colour_image(copy.network, self.baseline)}


class FromBaselines(CaptumMethod):
    """A method that compares with several baseline images."""

    removed_parameters: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("baseline", "fill"),
        "It compares with several images of one colour: 'baselines', such as [0.0, 0.5, 1.0].",
    )

    baselines: list[Colour] = Field(
        [0.0, 0.5, 1.0],
        min_length=2,
        max_length=1000,
        description="Images of one colour to compare with, in pixel units: greys or one value per channel.",
    )

    @field_validator("baselines")
    @classmethod
    def _colours(cls, given: list[Colour]) -> list[Colour]:
        return [check_fill(colour) for colour in given]

    def arguments(self, copy: ModuleCopy, x: Float[Tensor, "n c h w"]) -> dict[str, Any]:
        """The baselines."""
        images = torch.cat([colour_image(copy.network, colour) for colour in self.baselines])
        return {**super().arguments(copy, x), "baselines": images}


class InSteps(FromBaseline):
    """A method that adds up gradients on the way from a baseline image."""

    steps: int = Field(50, ge=1, le=10_000, description="Points on the way (Gauss-Legendre).")
    internal_batch_size: int = Field(
        32, ge=1, le=4096, description="Images in one backward pass; at least one step of the whole batch."
    )

    def arguments(self, copy: ModuleCopy, x: Float[Tensor, "n c h w"]) -> dict[str, Any]:
        """The points, and how many at once."""
        at_once = max(self.internal_batch_size, len(x))
        return {**super().arguments(copy, x), "n_steps": self.steps, "internal_batch_size": at_once}


class Covering(CaptumMethod):
    """A method that covers parts of the image."""

    removed_parameters: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("baseline", "baselines"), "What covers parts of the image is its 'fill', a grey or a colour."
    )

    fill: Colour = Field(
        0.5, description="What covers the image, in pixel units: a grey or one value per channel."
    )
    perturbations_per_eval: int = Field(
        8, ge=1, le=4096, description="Covered copies of each image in one forward pass."
    )
    batch_size: int = Field(4, ge=1, le=4096, description="Images that are attributed at once.")

    _fill = field_validator("fill")(check_fill)

    def arguments(self, copy: ModuleCopy, x: Float[Tensor, "n c h w"]) -> dict[str, Any]:
        """What covers, and how many at once."""
        return {
            **super().arguments(copy, x),
            "baselines": colour_image(copy.network, self.fill),
            "perturbations_per_eval": self.perturbations_per_eval,
        }


class Seeded(CaptumMethod):
    """A method that draws at random: the same for every image, whatever batch it is in."""

    alone: ClassVar[bool] = True

    seed: int = Field(0, ge=0, lt=2**32, description="Start of everything random.")

    def answer(
        self, copy: ModuleCopy, x: Float[Tensor, "n c h w"], targets: Targets
    ) -> Float[Tensor, "n c h w"]:
        """Captum's answer, from the same start for every image."""
        with seeded(self.seed, x.device):
            return super().answer(copy, x, targets)  # type: ignore[safe-super]


class Sampled(Seeded):
    """A method that draws a number of samples."""

    samples: int = Field(20, ge=1, le=10_000, description="Points that are drawn, all in one backward pass.")

    def arguments(self, copy: ModuleCopy, x: Float[Tensor, "n c h w"]) -> dict[str, Any]:
        """How many."""
        return {**super().arguments(copy, x), "n_samples": self.samples}


class DrawnPoints(Sampled, FromBaselines):
    """A method that draws baselines, and points on the way from them."""

    def copied(self, network: Network) -> ModuleCopy:
        """A copy that takes what Captum draws, which is in float32 where the network is in less."""
        copy = super().copied(network)
        copy.module.register_forward_pre_hook(lambda _, given: tuple(x.to(network.dtype) for x in given))
        return copy


class CoveringSquares(Sampled, Covering):
    """A method that covers chosen squares of a grid."""

    removed_parameters: ClassVar[Mapping[str, str]] = {"feature_mask": SQUARES}

    samples: int = Field(500, ge=3, le=100_000, description="Random sets of squares that are covered.")

    patch: int | None = Field(
        None,
        ge=1,
        le=16_384,
        description="Side of the squares in pixels; the last ones are cut off. None: a seventh of the "
        "image's shorter side.",
    )

    def check(self, copy: ModuleCopy) -> None:
        """Refuse a grid of one square, of which nothing can be learned."""
        height, width = copy.network.input.size
        side = self.side(copy)
        check_block(copy.network, "patch", side)
        if side >= max(height, width):
            raise StepError(
                f"One patch of {side} x {side} pixels covers the whole input of {height} x {width}: nothing "
                f"is left to compare. Choose a patch of at most {max(min(height, width) // 2, 1)}."
            )

    def side(self, copy: ModuleCopy) -> int:
        """Of a square, in pixels."""
        return self.patch or -(-min(copy.network.input.size) // ACROSS)

    def arguments(self, copy: ModuleCopy, x: Float[Tensor, "n c h w"]) -> dict[str, Any]:
        """The squares and the samples."""
        network = copy.network
        squares = grid(network.input.size, self.side(copy)).to(network.device)
        return {**super().arguments(copy, x), "feature_mask": squares.repeat(1, network.input.shape[0], 1, 1)}


class ReLURule(CaptumProbe):
    """A method that changes how ReLUs pass the gradient."""

    def check(self, copy: ModuleCopy) -> None:
        """Warn where Captum's rule does nothing."""
        warn_of_plain_gradients(copy, "the probe project")

    def note(self, network: Network) -> str:
        """Where Captum's rule does nothing."""
        return plain_gradient_note(ModuleCopy.of(network))


class Rescaled(CaptumMethod):
    """A method by DeepLIFT's rescale rule, which Captum has for modules that are called once."""

    alone: ClassVar[bool] = True  # at pools Captum takes some gradients of the first image for all

    def copied(self, network: Network) -> ModuleCopy:
        """A copy in which each call of a nonlinearity is a module of its own."""
        copy = super().copied(network)
        separate_calls(copy, rules.RESCALED)
        return copy

    def check(self, copy: ModuleCopy) -> None:
        """Warn where Captum has no rule."""
        rules.warn_of_no_rescaling(copy)

    def note(self, network: Network) -> str:
        """Where Captum has no rule."""
        return rules.no_rescaling_note(ModuleCopy.of(network))


class Relevance(CaptumMethod):
    """A method that hands relevance down from layer to layer."""

    rule: rules.Rule = Field(
        "epsilon",
        description="How convolutions and linear layers pass relevance: epsilon; gamma: positive weights "
        "count 1.25 times; alpha1_beta0: only they count.",
    )
    epsilon: float = Field(1e-9, gt=0, le=1e3, description="What steadies the epsilon rule's division.")

    def copied(self, network: Network) -> ModuleCopy:
        """A copy with weights of its own, each call a module of its own."""
        copy = rules.own_weights(super().copied(network))
        separate_calls(copy, (*rules.RELEVANT, *rules.PASSED, *rules.SHAPING))
        return copy

    def check(self, copy: ModuleCopy) -> None:
        """Refuse modules without a rule."""
        rules.check_relevance(copy)

    def note(self, network: Network) -> str:
        """Where relevance is not kept."""
        return rules.relevance_note(ModuleCopy.of(network))

    def arguments(self, copy: ModuleCopy, x: Float[Tensor, "n c h w"]) -> dict[str, Any]:
        """Nothing more; the rules are put on the modules."""
        rules.set_rules(copy, self.rule, self.epsilon)
        return super().arguments(copy, x)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """While this holds, the generators of PyTorch and NumPy start from ``seed``; then they are as before."""
    before = np.random.get_state()
    devices = list(range(torch.cuda.device_count())) if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        np.random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(before)
