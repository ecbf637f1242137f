"""The probe ``filters``."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from interpret.images import Images
from interpret.network import Network
from interpret.plugin import Probe
from interpret_filters.filters import first_filters
from interpret_filters.results import Filters


class FirstLayerFilters(Probe):
    """The filters of the network's first convolution (Zeiler & Fergus 2014, Figures 2 and 6)."""

    name: ClassVar[str] = "filters"

    layer: str | None = Field(None, description="A convolution, or a layer that holds one; none: the first.")

    def run(self, network: Network, images: Images) -> Filters:  # noqa: ARG002
        """The weights; no image is read."""
        return first_filters(network, self.layer)
