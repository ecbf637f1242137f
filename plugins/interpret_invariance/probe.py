"""The probe ``invariance``: features and answers while images are transformed."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from interpret.images import Images
from interpret.network import Network, OnError
from interpret.plugin import Probe
from interpret.targets import Target
from interpret_invariance.measuring import invariance
from interpret_invariance.results import Invariances
from interpret_invariance.transforms import PAPER, STEPS, Kind
from interpret_invariance.warping import Border


class Invariance(Probe):
    """How far features move while the image is moved, scaled, turned and so on (the paper's Figure 5)."""

    name: ClassVar[str] = "invariance"
    in_pieces: ClassVar[bool] = True

    layers: list[str] = Field(
        [], description="Layers whose features are compared; none: the first and the last hidden one."
    )
    transforms: tuple[Kind, ...] = Field(
        PAPER,
        min_length=1,
        description="Any of vertical_translation, horizontal_translation, scale, rotation, brightness, "
        "contrast, blur.",
    )
    ranges: dict[Kind, tuple[float, float]] = Field(
        {},
        description="Lowest and highest amount, by transformation, in its unit; left out: the paper's, or "
        "ours where it has none. Pixels grow with the input, from 224.",
    )
    steps: int = Field(
        STEPS, ge=2, le=10_000, description="Amounts in a range; translations are by whole pixels."
    )
    border: Border = Field(
        "mean",
        description="What is seen beyond the image: its mean colour, its nearest pixel (edge), the image "
        "mirrored (reflect), or black.",
    )
    target: Target = Field(
        None,
        description="The class whose probability is followed: index, category, label or predicted; none: the "
        "label where the network knows it, else what is predicted.",
    )
    batch_size: int = Field(32, ge=1, le=4096, description="Transformed images in one forward pass.")
    on_error: OnError = Field(
        "raise", description="What to do with images that cannot be read: raise, or skip and list them."
    )

    def run(self, network: Network, images: Images) -> Invariances:
        """Every image under every transformation.

        Raises:
            InterpretError: If a range is empty, an amount makes no sense, or there is no such layer or class.
            ModelError: If the network does not answer with one value for each of several classes.
        """
        return invariance(
            network,
            images,
            self.layers,
            transforms=self.transforms,
            ranges={str(kind): ends for kind, ends in self.ranges.items()},
            steps=self.steps,
            border=self.border,
            target=self.target,
            batch_size=self.batch_size,
            on_error=self.on_error,
        )
