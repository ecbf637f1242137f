"""The probes ``predict`` and ``strongest``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from interpret.images import Images
from interpret.network import Network, OnError
from interpret.plugin import Probe, ShardedProbe
from interpret_deconv.choices import Nonlinear, Rule
from interpret_explain.predicting import join, scan
from interpret_explain.results import Predictions, StrongestUnits
from interpret_explain.strongest import strongest_units

__all__ = ["Predict", "Strongest"]

ON_ERROR = "What to do with images that cannot be read: raise, or skip and list them."


class Predict(ShardedProbe):
    """The most probable categories of each image, and where its label stands among all."""

    name: ClassVar[str] = "predict"

    k: int = Field(5, ge=1, le=10_000, description="How many categories of each image.")
    on_error: OnError = Field("raise", description=ON_ERROR)

    def run_shard(self, network: Network, images: Images) -> Predictions:
        """The predictions of one part of the dataset."""
        return scan(network, images, self.k, batch_size=self.batch_size, on_error=self.on_error)

    def join(self, pieces: Sequence[Predictions]) -> Predictions:
        """The predictions of one part of the dataset, from those of its pieces."""
        return join(pieces, some=False)

    def merge(self, partials: Sequence[Predictions]) -> Predictions:
        """The predictions of all parts."""
        return join(partials)


class Strongest(Probe):
    """The strongest units of some layers in each image, projected back to pixels."""

    name: ClassVar[str] = "strongest"

    layers: list[str] = Field(
        [], description="Layers, by name or alias; none: four layers of maps, from early to late."
    )
    units: int = Field(6, ge=1, le=1_000, description="Units of each layer and image.")
    rule: Rule = Field(
        "deconvnet", description="How ReLUs treat the signal: deconvnet, gradient or guided (both)."
    )
    nonlinear: Nonlinear = Field(
        "rectify",
        description="Nonlinearities that are no ReLUs: rectify (as if they were), gradient, or refuse.",
    )
    batch_size: int = Field(16, ge=1, le=4096, description="Images in one forward pass.")
    on_error: OnError = Field("raise", description=ON_ERROR)

    def run(self, network: Network, images: Images) -> StrongestUnits:
        """The units, and their projections."""
        return strongest_units(
            network,
            images,
            self.layers,
            self.units,
            rule=self.rule,
            nonlinear=self.nonlinear,
            batch_size=self.batch_size,
            on_error=self.on_error,
        )
