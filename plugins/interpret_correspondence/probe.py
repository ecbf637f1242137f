"""The probe ``correspondence``: whether a network knows that a part is the same in several images."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from interpret.images import Fill, Images
from interpret.network import Network, OnError
from interpret.plugin import Probe
from interpret_correspondence.comparing import correspondence
from interpret_correspondence.placing import RandomRule
from interpret_correspondence.results import Correspondence

Pixels = Annotated[int, Field(ge=1)]


class MaskedParts(Probe):
    """Whether the same part matters alike in several images (Zeiler & Fergus 2014, Table 1)."""

    name: ClassVar[str] = "correspondence"
    in_pieces: ClassVar[bool] = True

    parts: list[str] = Field(
        min_length=1,
        description="Parts to mask, as the dataset names them; eye: all eyes; eye:2: the second one.",
    )
    layers: list[str] = Field(
        [],
        description="Layers to compare; none: layer5 and layer7 where there are such, else the middle and "
        "the last of the ReLUs.",
    )
    window: Pixels | tuple[Pixels, Pixels] | None = Field(
        None,
        description="Height and width of a mask in pixels of the network's input, or one number for both; "
        "none: a sixth of the shorter side.",
    )
    fill: Fill = Field(
        0.5, description="What a mask shows, in pixels from 0 to 1: a grey, a colour, mean, blur or noise."
    )
    random: int = Field(10, ge=0, le=1000, description="Masks at random positions in each image.")
    random_rule: RandomRule = Field(
        "each", description="Random positions for each image by itself (each), or the same for all (shared)."
    )
    avoid: bool = Field(False, description="Keep random masks off the masks on parts.")
    tolerance: float = Field(
        0.0, ge=0, lt=1, description="Changes up to this part of an image's largest count as none."
    )
    permutations: int = Field(
        1000,
        ge=0,
        le=1_000_000,
        description="Of the test that says whether a part is below random; 0: no test.",
    )
    seed: int = Field(0, ge=0, description="Start of the random positions, the permutations and the noise.")
    batch_size: int = Field(32, ge=1, le=4096, description="Images in one forward pass.")
    on_error: OnError = Field(
        "raise", description="What to do with images that cannot be read: raise, or skip and list them."
    )

    def run(self, network: Network, images: Images) -> Correspondence:
        """Mask every part and the random positions, and compare all pairs of images.

        Raises:
            DatasetError: If no image has parts, or fewer than two images show one.
            UnknownNameError: If there is no such part or layer.
            InterpretError: If a mask does not fit into the image.
        """
        return correspondence(
            network,
            images,
            self.parts,
            self.layers,
            window=self.window,
            fill=self.fill,
            random=self.random,
            random_rule=self.random_rule,
            avoid=self.avoid,
            tolerance=self.tolerance,
            permutations=self.permutations,
            seed=self.seed,
            batch_size=self.batch_size,
            on_error=self.on_error,
        )
