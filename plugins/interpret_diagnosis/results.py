"""What a diagnosis finds: the numbers of one network or several side by side, and the findings."""

from __future__ import annotations

from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor

from interpret.describing import told_of_skipped
from interpret.images import InputSpec
from interpret.records import Record
from interpret.results import Result
from interpret.wording import counted
from interpret_deconv import LayerProjections
from interpret_diagnosis.activity import Activity
from interpret_diagnosis.aliasing import AliasEnergy
from interpret_diagnosis.filters import Pairs
from interpret_diagnosis.shifts import ShiftError
from interpret_diagnosis.spectrum import shares


@dataclass(frozen=True)
class Thresholds(Record):
    """Where a number becomes a finding. They are ours: the paper judges by eye and gives no numbers.

    Attributes:
        dominant: RMS of a filter over the median of its layer, from which on it dominates.
        faint: RMS over the median, up to which a filter is as good as missing.
        noise: Likeness to white noise from which on the filters of the first layer have learned nothing.
        duplicate: Similarity from which on two filters count as one.
        mid: Share of the mid frequencies in the average filter, below which they are hardly covered.
        nearly_dead: Share of the images below which a unit is nearly dead.
        aliasing: Part of the projections' energy at the frequencies of the first stride, beyond what is
            expected there.
        shift: Shift-equivariance error of a layer.
    """

    dominant: float = 4.0
    faint: float = 0.1
    noise: float = 0.8
    duplicate: float = 0.95
    mid: float = 0.2
    nearly_dead: float = 0.01
    aliasing: float = 0.02
    shift: float = 0.5


@dataclass(frozen=True)
class Finding(Record):
    """Something that is probably wrong.

    Attributes:
        name: What, in a few words.
        layer: Where.
        value: What was measured.
        threshold: Where it becomes a finding.
        evidence: One sentence with the numbers.
        helps: What usually helps.
        units: The units it is about, if it is about single ones.
    """

    name: str
    layer: str
    value: float
    threshold: float
    evidence: str
    helps: str
    units: tuple[int, ...] = ()


@dataclass(frozen=True)
class FirstLayer(Record):
    """The filters of the first convolution.

    Attributes:
        layer: Its name.
        weight: Its signed weights.
        stride: Its stride, down and across.
        rms: Root mean square of each filter, at the paper's input scale of -128 to 128.
        relative: The same over the median.
        energy: Energy of each filter in the low, mid and high frequencies.
        duplicates: Filters that are nearly the same.
        noise: Likeness to white noise, about 1 where nothing is learned; none for filters of one pixel.
    """

    layer: str
    weight: Float[Tensor, "unit channel h w"]
    stride: tuple[int, int]
    rms: Float[Tensor, " unit"]
    relative: Float[Tensor, " unit"]
    energy: Float[Tensor, "unit band"]
    duplicates: Pairs
    noise: float | None

    @property
    def kernel(self) -> tuple[int, int]:
        """Rows and columns of a filter."""
        return self.weight.shape[2], self.weight.shape[3]

    @property
    def bands(self) -> tuple[float, float, float] | None:
        """Shares of the low, mid and high frequencies in the average filter; none if it has one pixel."""
        if self.noise is None:
            return None
        low, mid, high = shares(self.energy).tolist()
        return low, mid, high


@dataclass(frozen=True)
class Aliasing(Record):
    """The projections of the second layer, and their energy at the frequencies of the first stride.

    Attributes:
        layer: The layer that is projected.
        stride: The stride of the first convolution, down and across.
        energy: What was measured, for each projection.
        projections: The strongest neuron of each unit, projected by the deconvnet.
        nonlinearities: What that did at other nonlinearities than ReLUs.
    """

    layer: str
    stride: tuple[int, int]
    energy: AliasEnergy
    projections: LayerProjections
    nonlinearities: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """The average part of the energy at the grid's frequencies."""
        return float(self.energy.share.mean())

    @property
    def expected(self) -> float:
        """The part that would be there without a grid."""
        return self.energy.expected

    @property
    def excess(self) -> float:
        """What the grid adds."""
        return self.share - self.expected


@dataclass(frozen=True)
class NetworkDiagnosis(Record):
    """What was found about one network.

    Attributes:
        label: Its name in figures.
        first: The filters of the first convolution, or none.
        activity: How often units are active, by layer.
        shifts: The shift-equivariance error, by layer.
        aliasing: The projections of the second layer, or none.
        notes: Why a number is missing, by what it is about.
        findings: What is probably wrong.
        thresholds: Where a number becomes a finding.
        count: Images over which activity was counted.
        tried: Images that were moved, and images that were mined for projections.
        skipped: The id of every image that could not be read, and the reason.
        input: What the network takes.
    """

    label: str
    first: FirstLayer | None
    activity: dict[str, Activity]
    shifts: dict[str, ShiftError]
    aliasing: Aliasing | None
    notes: dict[str, str]
    findings: tuple[Finding, ...]
    thresholds: Thresholds
    count: int
    tried: tuple[int, int]
    skipped: tuple[tuple[str, str], ...]
    input: InputSpec

    @property
    def layers(self) -> list[str]:
        """The layers that were looked at."""
        return list(self.activity)


@dataclass(frozen=True)
class Diagnosis(Result):
    """One network, or several side by side.

    Attributes:
        networks: What was found about each.
    """

    networks: tuple[NetworkDiagnosis, ...]

    def __len__(self) -> int:
        return len(self.networks)

    def summary(self) -> dict[str, str]:
        """How much is probably wrong with each network."""
        return {
            network.label or "network": f"{counted(len(network.findings), 'finding')}, "
            f"{counted(len(network.layers), 'layer')}, {counted(network.count, 'image')}"
            for network in self.networks
        }

    def warnings(self) -> tuple[str, ...]:
        """Every finding, and images that could not be read."""
        several = len(self.networks) > 1
        told = [
            f"{network.label + ': ' if several else ''}{finding.layer}: {finding.name}. {finding.evidence}"
            for network in self.networks
            for finding in network.findings
        ]
        skipped = dict.fromkeys(item for network in self.networks for item in network.skipped)
        return (*told, *told_of_skipped(tuple(skipped)))

    def __getitem__(self, index: int) -> NetworkDiagnosis:
        return self.networks[index]
