"""The probe ``diagnosis``: what is wrong with a network, alone or beside another."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from interpret.images import Images
from interpret.network import Network, OnError
from interpret.plugin import Probe
from interpret_diagnosis.diagnosing import diagnose
from interpret_diagnosis.results import Diagnosis, Thresholds

OURS = Thresholds()


class Diagnose(Probe):
    """What is wrong with a network: first filters, dead units, shifts, aliasing (the paper's Figure 6)."""

    name: ClassVar[str] = "diagnosis"
    in_pieces: ClassVar[bool] = True

    label: str = Field(
        "", description="The network's name in figures; none: its class and first convolution."
    )
    layers: list[str] = Field(
        [], description="Layers after their ReLU; none: the network's aliases, or the outputs of its ReLUs."
    )
    projected: str | None = Field(
        None, description="Layer whose projections may show aliasing; none: the second."
    )
    units: int = Field(
        64, ge=1, le=100_000, description="Units of that layer that are projected, drawn at random."
    )
    mined: int = Field(
        256, ge=1, le=100_000, description="Images in which their strongest neurons are looked for."
    )
    moved: int = Field(
        16, ge=1, le=100_000, description="Images that are moved to measure shift equivariance."
    )
    dominant: float = Field(
        OURS.dominant,
        gt=1,
        le=1_000_000,
        description="RMS over the median, from which on a filter dominates.",
    )
    faint: float = Field(
        OURS.faint, ge=0, lt=1, description="RMS over the median, up to which a filter is as good as missing."
    )
    noise: float = Field(
        OURS.noise,
        gt=0,
        le=1_000_000,
        description="Flatness over that of white noise, from which on filters look like noise.",
    )
    duplicate: float = Field(
        OURS.duplicate, gt=0, le=1, description="Similarity from which on two filters count as one."
    )
    mid: float = Field(
        OURS.mid, ge=0, le=1, description="Share of mid frequencies below which they are hardly covered."
    )
    nearly_dead: float = Field(
        OURS.nearly_dead, ge=0, le=1, description="Share of the images below which a unit is nearly dead."
    )
    aliasing: float = Field(
        OURS.aliasing,
        ge=0,
        le=1_000_000,
        description="Energy at the first stride's frequencies beyond what is expected.",
    )
    shift: float = Field(OURS.shift, ge=0, le=1_000_000, description="Shift-equivariance error of a layer.")
    batch_size: int = Field(32, ge=1, le=4096, description="Images in one forward pass.")
    on_error: OnError = Field(
        "raise", description="What to do with images that cannot be read: raise, or skip and list them."
    )

    def run(self, network: Network, images: Images, other: Diagnosis | None = None) -> Diagnosis:
        """The numbers and findings of this network, after those of ``other``.

        Raises:
            ModelError: If a layer gives neither maps nor vectors, or no layer can be found.
        """
        found = diagnose(
            network,
            images,
            self.layers,
            label=self.label,
            projected=self.projected,
            units=self.units,
            mined=self.mined,
            moved=self.moved,
            thresholds=self.thresholds,
            batch_size=self.batch_size,
            on_error=self.on_error,
        )
        return Diagnosis((*(other.networks if other else ()), found))

    @property
    def thresholds(self) -> Thresholds:
        """Where a number becomes a finding."""
        return Thresholds(**{name: getattr(self, name) for name in Thresholds.__dataclass_fields__})
