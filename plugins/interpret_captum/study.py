"""The work of a comparison: run the probes, measure what they found, put it into one table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from math import nan
from typing import Any, TypeAlias

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from interpret.attributing import Attribute
from interpret.attributions import Attributions
from interpret.errors import ModelError, StepError
from interpret.images import Images
from interpret.modules import as_probabilities, has_probabilities
from interpret.network import Network
from interpret.plugin import Probe
from interpret.progress import track, track_long
from interpret.results import Result
from interpret.run import cached_alone, cached_part, cached_pieces, parts_for, run_probe, without_parts
from interpret_captum import metrics
from interpret_captum.agreement import feature_difference, map_agreement, mining_agreement
from interpret_captum.comparison import METRICS, Comparison, Family, Metric
from interpret_captum.features import Features
from interpret_captum.methods import asked_of, attribute_of, score_of
from interpret_captum.quantities import SCALED, quantity
from interpret_topk import Exemplars

FAMILIES: frozenset[Family] = frozenset(["agreement", "faithfulness", "localisation"])

UNFAITHFUL = "Without faithfulness: the network's outputs are values, and have no probability."


SHAKE = 0.02
"""Largest change of a pixel, in pixel units, under which a map should stay as it is."""

BLUR, SQUARE = 1 / 16, 1 / 4
"""Sigma of the blurred image, and side of a removed square, as shares of the image's shorter side."""


@dataclass(frozen=True)
class Settings:
    """What is measured, and how finely; see the parameters of ``Compare``; and what to say of it."""

    families: frozenset[Family] = FAMILIES
    steps: int = 20
    samples: int = 10
    stages: int = 4
    repeats: int = 5
    seed: int = 0
    batch_size: int = 32
    notes: tuple[str, ...] = ()


def usual_settings(network: Network) -> Settings:
    """What is measured where nobody says it; faithfulness only where outputs stand for probabilities."""
    known = has_probabilities(network.output_kind, network.class_count)
    return Settings() if known else Settings(FAMILIES - {"faithfulness"}, notes=(UNFAITHFUL,))


Measure: TypeAlias = Callable[[tuple[int, int]], dict[str, Tensor]]
"""What is measured of one map, which the places of its probe and its image say."""


@dataclass(frozen=True)
class _Values(Result):
    """What was measured of some maps."""

    values: tuple[dict[str, Tensor], ...]


@dataclass(frozen=True)
class _Costs(Result):
    """The seconds and the memory of each probe."""

    costs: Float[Tensor, "probe 2"]


@dataclass
class Study:
    """One comparison while it is being made.

    Attributes:
        network: What is asked.
        images: What it is asked about.
        probes: Who asks.
        reference: The probe that each is measured against, by its index.
        names: What the probes are called.
        settings: What is measured.
        results: What the probes found.
        found: The attributions among it, by the index of their probe.
        each: The values of the metrics in every image, by metric.
        whole: The values of the metrics that belong to no single image, by metric.
        parts: Fields of the result that go beyond the table.
    """

    network: Network
    images: Images
    probes: Sequence[Probe]
    reference: tuple[int, ...]
    names: tuple[str, ...]
    settings: Settings
    results: list[Result] = field(default_factory=list)
    found: dict[int, Attributions] = field(default_factory=dict)
    each: dict[str, Float[Tensor, "probe image"]] = field(default_factory=dict)
    whole: dict[str, Float[Tensor, " probe"]] = field(default_factory=dict)
    parts: dict[str, Any] = field(default_factory=dict)

    def comparison(self) -> Comparison:
        """Run every probe once and measure what is wanted."""
        self.results = [self.answer(index) for index in track_long(range(len(self.probes)))]
        self.found = {
            index: result.attributions()
            for index, result in enumerate(self.results)
            if hasattr(result, "attributions")
        }
        for index, other in enumerate(self.reference):
            self.check_questions(index, other)
        measures: dict[Family, Callable[[], None]] = {
            "agreement": self.agreement,
            "faithfulness": self.faithfulness,
            "sensitivity": self.sensitivity,
            "localisation": self.localisation,
            "sanity": self.sanity,
            "cost": self.cost,
        }
        for family, measure in measures.items():
            if family in self.settings.families:
                measure()
        return self.table()

    def answer(self, index: int) -> Result:
        """What one probe finds; its own parts are told from those of the others."""
        probe = self.probes[index]
        with parts_for("probe", index):
            return cached_part(partial(run_probe, probe, self.network, self.images), "found")

    def measured(self, about: object, measure: Measure) -> dict[tuple[int, int], dict[str, Tensor]]:
        """What is measured of every map, by the places of its probe and its image; a stopped step goes on."""
        maps = [(index, image) for index in self.found for image in range(len(self.images))]

        def some(piece: range) -> _Values:
            with without_parts():  # each map is one part
                return _Values(tuple(measure(which) for which in track(maps[piece.start : piece.stop])))

        pieces = cached_pieces(some, range(len(maps)), 1, about, kind=_Values) if maps else []
        values = [value for piece in pieces for value in piece.values]
        return dict(zip(maps, values, strict=True))

    def by_probe(
        self, measured: dict[tuple[int, int], dict[str, Tensor]], name: str
    ) -> dict[int, Float[Tensor, " image"]]:
        """One number of each image, by probe."""
        images = range(len(self.images))
        return {index: torch.cat([measured[index, image][name] for image in images]) for index in self.found}

    def prepared(self, network: Network) -> Callable[[int], Attribute]:
        """The method of each probe, ready for a network; that of the last one is held."""
        return lru_cache(maxsize=1)(lambda index: attribute_of(self.probes[index], network))

    def check_questions(self, index: int, other: int) -> None:
        """Refuse to measure answers to different questions against each other."""
        a, b = self.found.get(index), self.found.get(other)
        if a is None or b is None:
            return
        if a.layer != b.layer or not (
            torch.equal(a.target, b.target) and torch.equal(a.position, b.position)
        ):
            raise StepError(
                f"{self.names[index]} and {self.names[other]} answer different questions: {_question(a)} and "
                f"{_question(b)}. Give both the same target, or the same layer, unit and position."
            )

    def note(self, metric: str, index: int, values: Float[Tensor, " image"]) -> None:
        """Keep the values of one probe in every image."""
        shape = (len(self.probes), len(self.images))
        self.each.setdefault(metric, torch.full(shape, nan, dtype=torch.float64))[index] = values.double()

    def note_whole(self, metric: str, index: int, value: float) -> None:
        """Keep a value of one probe that belongs to no single image."""
        empty = torch.full((len(self.probes),), nan, dtype=torch.float64)
        self.whole.setdefault(metric, empty)[index] = value

    def image(self, index: int) -> Float[Tensor, "1 c h w"]:
        """One image as the network takes it."""
        return self.network.to_device(self.network.preprocess(self.images[index].image)[None])

    def agreement(self) -> None:
        """Each probe against its reference."""
        for index, other in enumerate(self.reference):
            if index == other:
                continue
            a, b = self.results[index], self.results[other]
            if index in self.found and other in self.found:
                alike = quantity(self.probes[index]) == quantity(self.probes[other])
                for name, values in map_agreement(self.found[index].maps, self.found[other].maps).items():
                    if alike or name not in SCALED:
                        self.note(name, index, values)
            elif isinstance(a, Exemplars) and isinstance(b, Exemplars):
                for name, value in mining_agreement(a, b).items():
                    self.note_whole(name, index, value)
            elif isinstance(a, Features) and isinstance(b, Features):
                self.note_whole("largest_difference", index, feature_difference(a, b))

    def faithfulness(self) -> None:
        """Deletion, insertion and infidelity of every map."""
        curves: dict[str, dict[str, Tensor]] = {"deletion": {}, "insertion": {}}
        measured = self.measured("faithfulness", self.faithful)
        for index in self.found:
            each = [measured[index, image] for image in range(len(self.images))]
            for name, kept in curves.items():
                kept[self.names[index]] = torch.stack([item[name] for item in each])
                self.note(name, index, metrics.area(kept[self.names[index]]))
            self.note("infidelity", index, torch.cat([item["infidelity"] for item in each]))
        self.parts |= curves

    def _probabilities(self, logits: Tensor, axis: int) -> Tensor:
        """Those of several classes; the softmax of one number is 1, whatever it is."""
        if not has_probabilities(self.network.output_kind, logits.shape[axis]):
            raise ModelError(
                "Faithfulness asks for probabilities, and the outputs are values: one number has no "
                "probability. Leave it out: metrics=['agreement', 'localisation']; or say what the outputs "
                "are: interpret.wrap(module, output_kind='logits')."
            )
        return as_probabilities(logits, self.network.output_kind, axis)

    def faithful(self, which: tuple[int, int]) -> dict[str, Tensor]:
        """Curves and infidelity of one map, by the places of its probe and its image."""
        found, image = self.found[which[0]], which[1]
        maps = found.maps[image : image + 1]
        x, targets = self.image(image), found.targets[image : image + 1]
        score = score_of(self.network, targets, self._probabilities)
        side, order = min(x.shape[2:]), metrics.pixel_maps(maps)[0].to(x.device)
        grey, blurred = metrics.grey(x, self.network.input), metrics.blur(x, side * BLUR)
        sizes = {"steps": self.settings.steps, "batch_size": self.settings.batch_size}
        return {
            "deletion": metrics.replacement_curve(score, x[0], grey[0], order, **sizes),
            "insertion": metrics.replacement_curve(score, blurred[0], x[0], order, **sizes),
            "infidelity": metrics.infidelity(
                score_of(self.network, targets),  # what the maps explain: they add up to no probability
                x,
                maps,
                grey,
                side=max(round(side * SQUARE), 1),
                samples=self.settings.samples,
                batch_size=self.settings.batch_size,
                seed=self.settings.seed + image,
            ),
        }

    def sensitivity(self) -> None:
        """The change of every map when its image hardly changes."""
        radius, attribute = SHAKE / torch.tensor(self.network.input.std), self.prepared(self.network)

        def sensitive(which: tuple[int, int]) -> dict[str, Tensor]:
            index, image = which
            value = metrics.sensitivity(
                asked_of(attribute(index), self.found[index].targets[image : image + 1]),
                self.image(image),
                radius,
                samples=self.settings.samples,
                batch_size=self.settings.batch_size,
                seed=self.settings.seed + image,
            )
            return {"sensitivity": value}

        for index, values in self.by_probe(self.measured("sensitivity", sensitive), "sensitivity").items():
            self.note("sensitivity", index, values)

    def localisation(self) -> None:
        """Whether the maps are on the object, where the dataset knows it."""
        masks = [metrics.object_mask(sample, self.network.input) for sample in self.images]
        known = torch.tensor([mask is not None and bool(mask.any()) for mask in masks])
        if not known.any():
            return
        empty = torch.zeros(self.network.input.size, dtype=torch.bool)
        objects = torch.stack([empty if mask is None else mask for mask in masks])
        self.parts["covered"] = _where(known, objects.double().mean((1, 2)))
        for index, found in self.found.items():
            maps = metrics.pixel_maps(found.maps)
            self.note("pointing", index, _where(known, metrics.pointing_game(maps, objects)))
            self.note("energy", index, _where(known, metrics.energy_inside(maps, objects)))

    def sanity(self) -> None:
        """Likeness of the maps to those of networks that are more and more random."""
        stages: list[str] = []
        rows: dict[int, list[Tensor]] = {index: [] for index in self.found}
        cascade = metrics.cascade(self.network, self.settings.stages, self.settings.seed)
        for stage in track_long(range(metrics.count_stages(self.network, self.settings.stages))):
            layer, network = next(cascade)
            stages.append(layer)
            for index, alike in self.likeness(stage, network).items():
                rows[index].append(alike)
        for index, values in rows.items():
            self.note("randomised", index, torch.stack(values).nanmean(0))
        self.parts["stages"] = tuple(stages)
        self.parts["randomised"] = {self.names[index]: torch.stack(values) for index, values in rows.items()}

    def likeness(self, stage: int, network: Network) -> dict[int, Float[Tensor, " image"]]:
        """Spearman's correlation of the magnitudes of maps with those of another network's, by probe."""
        attribute = self.prepared(network)

        def alike(which: tuple[int, int]) -> dict[str, Tensor]:
            index, image = which
            found = self.found[index]
            other = attribute(index)(self.image(image), found.targets[image : image + 1]).cpu()
            pairs = (metrics.pixel_maps(maps).abs() for maps in (other, found.maps[image : image + 1]))
            return {"randomised": metrics.rank_correlation(*pairs)}

        return self.by_probe(self.measured(("sanity", stage), alike), "randomised")

    def cost(self) -> None:
        """Seconds for each image, and memory."""
        runs = [partial(probe.run, self.network, self.images) for probe in self.probes]

        def measure() -> _Costs:
            with without_parts():  # what is found again costs nothing
                costs = metrics.interleaved(runs, self.settings.repeats, self.network.device)
            return _Costs(torch.tensor([(cost.seconds, cost.memory) for cost in costs], dtype=torch.float64))

        for index, (seconds, memory) in enumerate(cached_alone(measure, "cost", kind=_Costs).costs.tolist()):
            self.note_whole("seconds", index, seconds / len(self.images))
            self.note_whole("memory", index, memory)

    def table(self) -> Comparison:
        """Everything that was measured."""
        columns = [metric for metric in METRICS if metric.name in {*self.each, *self.whole}]
        empty = torch.full((len(self.probes), len(self.images)), nan, dtype=torch.float64)
        each = [self.each.get(metric.name, empty) for metric in columns]
        return Comparison(
            probes=self.names,
            reference=self.reference,
            metrics=tuple(columns),
            table=_stack([self.column(metric) for metric in columns], len(self.probes)),
            each=torch.stack(each, 1) if each else empty[:, None][:, :0],
            attributions={self.names[index]: found for index, found in self.found.items()},
            notes=self.settings.notes,
            **self.parts,
        )

    def column(self, metric: Metric) -> Float[Tensor, " probe"]:
        """One column of the table."""
        none = torch.full((len(self.probes),), nan, dtype=torch.float64)
        whole, each = self.whole.get(metric.name, none), self.each.get(metric.name, none[:, None])
        return torch.where(whole.isnan(), _over_images(metric, each), whole)


def _question(found: Attributions) -> str:
    where = f"layer {found.layer}, units" if found.layer else "the classes"
    units = found.target.tolist()
    return f"{where} {', '.join(map(str, units[:6]))}{', …' if len(units) > 6 else ''}"


def _where(known: Bool[Tensor, " image"], values: Float[Tensor, " image"]) -> Float[Tensor, " image"]:
    return torch.where(known, values.double(), nan)


def _over_images(metric: Metric, values: Float[Tensor, "probe image"]) -> Float[Tensor, " probe"]:
    """The mean or the maximum over the images for which there is a value; NaN where there is none."""
    if metric.over == "mean":
        return values.nanmean(1)
    largest = torch.where(values.isnan(), -torch.inf, values).amax(1)
    return torch.where(values.isnan().all(1), nan, largest)


def _stack(columns: Sequence[Tensor], rows: int) -> Float[Tensor, "probe metric"]:
    return torch.stack(list(columns), 1) if columns else torch.empty(rows, 0, dtype=torch.float64)
