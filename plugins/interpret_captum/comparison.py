"""What a comparison finds: one table of numbers, and the maps they belong to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from jaxtyping import Float
from torch import Tensor

from interpret.attributions import Attributions
from interpret.records import Record
from interpret.results import Result
from interpret.wording import listed
from interpret.wording import value as number

Family = Literal["agreement", "faithfulness", "sensitivity", "localisation", "sanity", "cost"]


@dataclass(frozen=True)
class Metric(Record):
    """One number by which probes are compared.

    Attributes:
        name: Its handle in files.
        title: Its name in tables.
        family: The question it answers.
        better: ``higher``, ``lower``, or nothing where neither is.
        meaning: In a few words.
        over: How the values of several images become one: their ``mean``, or their ``max``.
    """

    name: str
    title: str
    family: Family
    better: Literal["higher", "lower", ""]
    meaning: str
    over: Literal["mean", "max"] = "mean"


METRICS = (
    Metric(
        "largest_difference",
        "largest difference",
        "agreement",
        "lower",
        "of any two values that should be equal, in their own unit",
        over="max",
    ),
    Metric(
        "relative_l2",
        "relative L2",
        "agreement",
        "lower",
        "length of the difference over the length of the reference",
    ),
    Metric("spearman", "Spearman", "agreement", "higher", "correlation of the ranks of the pixels"),
    Metric("ssim", "SSIM", "agreement", "higher", "likeness of the two pictures, each at its own scale"),
    Metric("overlap", "top-k overlap", "agreement", "higher", "share of the mined neurons that both found"),
    Metric(
        "deletion",
        "deletion",
        "faithfulness",
        "lower",
        "area under the probability while pixels turn grey, the marked ones first",
    ),
    Metric(
        "insertion",
        "insertion",
        "faithfulness",
        "higher",
        "area under the probability while a blurred image gets sharp, the marked pixels first",
    ),
    Metric(
        "infidelity",
        "infidelity",
        "faithfulness",
        "lower",
        "mean square error of foretelling from the map what the removal of a square does",
    ),
    Metric(
        "sensitivity",
        "sensitivity",
        "sensitivity",
        "lower",
        "largest relative change of the map when pixels change by at most 0.02",
    ),
    Metric(
        "pointing",
        "pointing game",
        "localisation",
        "higher",
        "share of images whose maximum is on the object",
    ),
    Metric(
        "energy",
        "energy inside",
        "localisation",
        "higher",
        "share of the positive values that is on the object",
    ),
    Metric(
        "randomised",
        "after randomising",
        "sanity",
        "lower",
        "rank correlation of magnitudes with the maps of networks that are more and more random",
    ),
    Metric("seconds", "s per image", "cost", "lower", "wall time, median of interleaved runs"),
    Metric("memory", "peak MiB", "cost", "lower", "memory at the peak beyond the start, median"),
)
"""All there are, in the order of the table."""


@dataclass(frozen=True)
class Comparison(Result):
    """Probes side by side on the same images.

    Attributes:
        probes: What each is called; no two alike.
        reference: The probe that each is measured against, by its place; its own place: against none.
        metrics: The columns.
        table: Their values over all images; NaN where a metric does not apply.
        each: Their values in each image; NaN where it is not a matter of single images.
        attributions: What the probes that attribute found, by what they are called.
        deletion: The score while pixels turn grey, the marked ones first, from 0 to all of them.
        insertion: The score while a blurred image becomes sharp, the marked pixels first.
        stages: The lowest layer that is random at each stage of the sanity check.
        randomised: Spearman's correlation of the maps' magnitudes with those of the network at each stage.
        covered: The share of each image that the object takes; NaN where the dataset does not say.
        notes: What must be known of the whole comparison: what was left out, and why.
    """

    probes: tuple[str, ...]
    reference: tuple[int, ...]
    metrics: tuple[Metric, ...]
    table: Float[Tensor, "probe metric"]
    each: Float[Tensor, "probe metric image"]
    attributions: dict[str, Attributions]
    deletion: dict[str, Float[Tensor, "image step"]] = field(default_factory=dict)
    insertion: dict[str, Float[Tensor, "image step"]] = field(default_factory=dict)
    stages: tuple[str, ...] = ()
    randomised: dict[str, Float[Tensor, "stage image"]] = field(default_factory=dict)
    covered: Float[Tensor, " image"] | None = None
    notes: tuple[str, ...] = ()

    def summary(self) -> dict[str, str]:
        """What is compared by what."""
        return {
            "probes": listed(self.probes, most=8),
            "images": number(self.each.shape[2]),
            "measured": listed([metric.title for metric in self.metrics], most=14),
        }

    def warnings(self) -> tuple[str, ...]:
        """What must be known of the whole comparison."""
        return (*super().warnings(), *self.notes)

    def value(self, probe: str, metric: str) -> float:
        """One number of the table; NaN where the metric was not measured or does not apply."""
        names = [item.name for item in self.metrics]
        if metric not in names:
            return float("nan")
        return float(self.table[self.probes.index(probe), names.index(metric)])
