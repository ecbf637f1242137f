"""RISE: the mean of random masks, weighed by the answer to the image under them (Petsiuk et al. 2018)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from pydantic import Field, field_validator
from torch import Tensor

from interpret.attributing import NeuronAttribution
from interpret.errors import StepError
from interpret.modules import as_scores
from interpret.network import Network
from interpret.progress import track
from interpret.targets import Targets
from interpret_captum.methods import score_of
from interpret_captum.options import Colour
from interpret_captum.pixels import check_fill, colour_image


class Rise(NeuronAttribution):
    """The mean of random masks, weighed by the answer to the image under them (RISE)."""

    name: ClassVar[str] = "rise"

    masks: int = Field(4000, ge=1, le=1_000_000, description="Masks, the same for every image.")
    grid: int = Field(7, ge=1, le=1024, description="Cells along each side of a mask before it is scaled up.")
    keep: float = Field(0.5, gt=0, lt=1, description="Probability that a cell is left to be seen.")
    fill: Colour = Field(
        0.5, description="What covers the image, in pixel units: a grey or one value per channel."
    )
    value: Literal["probability", "output"] = Field(
        "probability",
        description="What the masks of a class are weighed by: its probability, as in the paper, where the "
        "outputs stand for some; or the network's output as it is. A neuron's are weighed by its value.",
    )
    centred: bool = Field(
        True,
        description="Take the mean answer from each: zero is then where covering changes nothing. False: the "
        "paper's sum (eq. 6), which is this and nearly the mean answer at every pixel.",
    )
    perturbations_per_eval: int = Field(
        32, ge=1, le=4096, description="Masked copies of each image in one forward pass."
    )
    seed: int = Field(0, ge=0, lt=2**63, description="Start of the masks.")
    batch_size: int = Field(1, ge=1, le=4096, description="Images that are attributed at once.")

    _fill = field_validator("fill")(check_fill)

    def attribute(
        self, network: Network, x: Float[Tensor, "n c h w"], targets: Targets
    ) -> Float[Tensor, "n c h w"]:
        """The map for one class or neuron of each image; each channel gets an equal share.

        Raises:
            StepError: If there are more cells than pixels.
        """
        masks = Masks.draw(network.input.size, self.masks, self.grid, self.keep, self.seed)
        fill = colour_image(network, self.fill)
        found = [
            self._weighed(network, x[index : index + 1], targets[index : index + 1], masks, fill)
            for index in range(len(x))
        ]
        return torch.cat(found).expand_as(x) / x.shape[1]

    def _weighed(
        self, network: Network, x: Tensor, targets: Targets, masks: Masks, fill: Tensor
    ) -> Float[Tensor, "1 1 h w"]:
        score = score_of(network, targets, self._value_of(network))
        total, seen = (torch.zeros(x.shape[2:], dtype=torch.float64) for _ in range(2))
        answered, starts = 0.0, range(0, len(masks), self.perturbations_per_eval)
        with torch.no_grad():
            for start in track(starts):
                part = masks[start : start + self.perturbations_per_eval]
                shown = part.to(x)
                answers = score(x * shown + fill * (1 - shown)).double().cpu()
                total += torch.einsum("m,mhw->hw", answers, part[:, 0])
                seen, answered = seen + part[:, 0].sum(0), answered + float(answers.sum())
        if self.centred:
            total -= answered / len(masks) * seen
        return (total / (len(masks) * self.keep)).to(x)[None, None]

    def _value_of(self, network: Network) -> Callable[[Tensor, int], Tensor]:
        """What is made of the outputs for all classes."""
        if self.value == "output":
            return lambda outputs, _: outputs
        return lambda outputs, axis: as_scores(outputs, network.output_kind, axis)


@dataclass(frozen=True)
class Masks:
    """Random masks, scaled up when they are asked for.

    Attributes:
        cells: Which cells of each mask are left to be seen.
        shift: Where the image begins in each scaled mask, in pixels down and to the right.
        size: Height and width of the image.
    """

    cells: Bool[Tensor, "mask row column"]
    shift: Int[Tensor, "mask 2"]
    size: tuple[int, int]

    @classmethod
    def draw(cls, size: tuple[int, int], count: int, grid: int, keep: float, seed: int) -> Masks:
        """Masks of ``grid`` x ``grid`` cells, shifted by less than a cell; always the same for a seed.

        Raises:
            StepError: If there are more cells than pixels.
        """
        if grid > min(size):
            raise StepError(
                f"A grid of {grid} x {grid} cells is finer than the input of {size[0]} x {size[1]} pixels. "
                f"Choose a grid of at most {min(size)}."
            )
        generator = torch.Generator().manual_seed(seed)
        cells = torch.rand(count, grid, grid, generator=generator) < keep
        cell = torch.tensor([-(-side // grid) for side in size])
        shift = (torch.rand(count, 2, generator=generator, dtype=torch.float64) * cell).long()
        return cls(cells, shift, size)

    def __len__(self) -> int:
        return len(self.cells)

    def __getitem__(self, which: slice) -> Float[Tensor, "mask 1 h w"]:
        """Some masks over the image, from 0 (covered) to 1 (seen)."""
        height, width = self.size
        grid = self.cells.shape[1]
        whole = [-(-side // grid) * (grid + 1) for side in self.size]
        cells = self.cells[which, None].double()
        large = F.interpolate(cells, whole, mode="bilinear", align_corners=False)
        places = self.shift[which].tolist()
        return torch.stack(
            [mask[:, y : y + height, x : x + width] for mask, (y, x) in zip(large, places, strict=True)]
        )
