"""The probe ``compare``: several probes side by side on the same images, device and targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from interpret.images import Images, as_images
from interpret.network import Network, takes_network
from interpret.plugin import Probe
from interpret.targets import Target
from interpret_captum.comparison import Comparison, Family
from interpret_captum.specs import ProbeSpec, build, kind, labels
from interpret_captum.study import Settings, Study, usual_settings

BUNDLED: tuple[dict[str, Any], ...] = (
    {"probe": "project", "lrn": "gradient"},  # as autograd, and so Captum, treats response norms
    {"probe": "captum.deconvolution"},
    {"probe": "project", "rule": "guided"},
    {"probe": "captum.guided_backprop"},
    {"probe": "occlusion", "window": 16, "stride": 8},
    {"probe": "captum.occlusion", "window": 16, "stride": 8},
    {"probe": "topk"},
    {"probe": "captum.layer_activation"},
    {"probe": "layer_features"},
    {"probe": "captum.layer_features"},
)
"""Each analysis of ours, followed by Captum's."""


def _or_bundled(schema: dict[str, Any]) -> None:
    """Let editors accept the word too."""
    given = {key: schema.pop(key) for key in ("type", "items", "minItems")}
    schema["anyOf"] = [{"const": "bundled"}, given]


class Compare(Probe):
    """Probes side by side on the same images: whether they agree, are faithful, and what they cost."""

    name: ClassVar[str] = "compare"
    in_pieces: ClassVar[bool] = True

    probes: list[ProbeSpec] = Field(
        "bundled",  # type: ignore[arg-type]  # _expand writes it out; people read it as it is
        min_length=1,
        max_length=1000,
        description="Probes with their parameters, as in a step; bundled: each analysis beside Captum's.",
        json_schema_extra=_or_bundled,
    )
    reference: int | Literal["pairs"] = Field(
        0,
        description="The probe, counted from 0, that the others are measured against; pairs: each second one "
        "against the one before it.",
    )
    metrics: list[Family] = Field(
        ["agreement", "faithfulness", "localisation"],
        description="What is measured: agreement, faithfulness, sensitivity, localisation, sanity, cost; by "
        "default no faithfulness where outputs are values and stand for no probabilities.",
    )
    target: Target = Field(
        None,
        description="The class all probes are asked about: an index, a category, label or predicted; none: "
        "the label where there is one.",
    )
    steps: int = Field(20, ge=1, le=10_000, description="Steps in which pixels are removed or added.")
    samples: int = Field(
        10,
        ge=1,
        le=10_000,
        description="Removed squares of an image (infidelity), or changed images (sensitivity).",
    )
    stages: int = Field(
        4, ge=1, le=1000, description="Stages in which the network is randomised from the output down."
    )
    repeats: int = Field(
        5, ge=1, le=1000, description="Interleaved runs of every probe whose cost is measured."
    )
    seed: int = Field(0, ge=0, description="Start of everything random.")
    batch_size: int = Field(32, ge=1, le=4096, description="Images in one forward pass of a metric.")

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, values: Any) -> Any:
        """Write out the bundled pairs."""
        if isinstance(values, dict) and values.get("probes", "bundled") == "bundled":
            return {"reference": "pairs", **values, "probes": [dict(spec) for spec in BUNDLED]}
        return values

    @model_validator(mode="after")
    def _reference_exists(self) -> Compare:
        count = len(self.probes)
        if self.reference == "pairs" and count % 2:
            raise ValueError(f"'reference' is pairs, but there are {count} probes: one has no partner")
        if isinstance(self.reference, int) and not 0 <= self.reference < count:
            raise ValueError(f"'reference' must be a probe from 0 to {count - 1}. Got {self.reference}")
        for spec, index in zip(self.probes, self._references(), strict=True):
            other = self.probes[index]
            if kind(spec) != kind(other):
                raise ValueError(
                    f"{spec['probe']} gives {kind(spec)}, but its reference {other['probe']} gives "
                    f"{kind(other)}: compare them in steps of their own"
                )
        return self

    def nested(self) -> list[Probe]:
        """The probes that are compared."""
        return [build(spec, target=self.target) for spec in self.probes]

    def run(self, network: Network, images: Images) -> Comparison:
        """Run every probe, then measure.

        Raises:
            StepError: If probes that are measured against each other answer different questions.
        """
        own = type(self).model_fields
        shared = {item.name: getattr(self, item.name) for item in fields(Settings) if item.name in own}
        given = "metrics" in self.model_fields_set
        settings = Settings(frozenset(self.metrics)) if given else usual_settings(network)
        return compare(
            network,
            images,
            self.nested(),
            reference=self._references(),
            names=labels(self.probes),
            settings=replace(settings, **shared),
        )

    def _references(self) -> tuple[int, ...]:
        indices = range(len(self.probes))
        if self.reference == "pairs":
            return tuple(index - index % 2 for index in indices)
        return tuple(int(self.reference) for _ in indices)


@takes_network
def compare(
    network: Network,
    images: Any,
    probes: Sequence[Probe],
    *,
    reference: Sequence[int] | None = None,
    names: Sequence[str] | None = None,
    settings: Settings | None = None,
) -> Comparison:
    """Several probes on the same images, measured.

    Args:
        network: Every probe runs on it, where it is.
        images: The images.
        probes: Each gives attributions, exemplars or features.
        reference: The place of the probe that each is measured against; none: the first.
        names: What the probes are called, no two alike; none: their own names, numbered.
        settings: What is measured, and how finely; none: as ``Compare`` has it.

    Raises:
        StepError: If probes that are measured against each other answer different questions.
    """
    references = tuple(reference or [0] * len(probes))
    called = tuple(names or labels([{"probe": probe.name} for probe in probes]))
    settings = settings or usual_settings(network)
    return Study(network, as_images(images), probes, references, called, settings).comparison()
