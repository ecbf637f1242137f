"""What a sweep finds: the network's answers at every place of the occluder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Generic, TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from interpret.attributions import Attributions
from interpret.errors import InterpretError
from interpret.images import Fill, InputSpec
from interpret.modules import OutputKind, as_probabilities, as_scores, has_probabilities
from interpret.records import Record
from interpret.results import Result, remember_images, remembered_images
from interpret.wording import listed
from interpret.wording import value as number
from interpret_deconv import LayerProjections
from interpret_deconv.beyond import captions
from interpret_occlusion.occluder import per_pixel

T = TypeVar("T")


@dataclass(frozen=True)
class Followed(Record):
    """One layer's units over a sweep: the sum of a unit's map at each place of the occluder.

    Attributes:
        unit: The strongest unit of the unoccluded image, then those that were listed.
        response: Sum over the map of each unit, with the occluder at each place.
        unoccluded: The same without it.
    """

    unit: Int[Tensor, " unit"]
    response: Float[Tensor, "rows columns unit"]
    unoccluded: Float[Tensor, " unit"]


@dataclass(frozen=True)
class Sweep(Result):
    """What a network answers to one image while an occluder covers one place after another.

    Attributes:
        logits: The outputs with the occluder at each place.
        unoccluded: The outputs without it.
        target: The class asked about.
        rows: Top pixel of the occluder in each row of places.
        columns: Left pixel of the occluder in each column of places.
        window: Height and width of the occluder in pixels.
        size: Height and width of the image in pixels.
        channels: Channels of the image.
        fill: What the occluder shows, in pixels from 0 to 1: a grey, a colour, ``mean``, ``blur`` or
            ``noise``.
        followed: What became of each layer's units, by the names the layers were asked for.
        output_kind: What the outputs are: ``logits``, of which a softmax makes probabilities, what the
            network gives as ``probabilities`` or ``log_probabilities`` itself, or ``values``.
        engine: ``incremental`` or ``full``; of a result stored before also ``approximate``, which is gone and
            interpolated some of the places.
        multiply_adds: How many the engine took, and how many full forward passes at every place take.
    """

    stored_as: ClassVar[str] = "OcclusionMaps"
    removed_fields: ClassVar[frozenset[str]] = frozenset({"interpolated", "error"})

    logits: Float[Tensor, "rows columns classes"]
    unoccluded: Float[Tensor, " classes"]
    target: int
    rows: Int[Tensor, " rows"]
    columns: Int[Tensor, " columns"]
    window: tuple[int, int]
    size: tuple[int, int]
    channels: int
    fill: Fill = 0.5
    followed: dict[str, Followed] = field(default_factory=dict)
    output_kind: OutputKind = "logits"
    engine: str = "full"
    multiply_adds: tuple[int, int] = (0, 0)

    def summary(self) -> dict[str, str]:
        """What was asked about, and what the occluder did to it."""
        return self.told(f"class {self.target}")

    def told(self, target: str) -> dict[str, str]:
        """The same, where the target has a name."""
        asked = "probability" if self.has_probability else "output"
        known = self.value.masked_fill(self.value.isnan(), torch.inf)
        row, column = divmod(int(known.argmin()), len(self.columns))
        least, top, left = float(self.value[row, column]), int(self.rows[row]), int(self.columns[column])
        return {
            "target": target,
            f"{asked} uncovered": number(self.unoccluded_value),
            f"lowest {asked}": f"{number(least)}, occluder at row {top}, column {left}",
            "places": f"{len(self.rows)} x {len(self.columns)}",
            "occluder": f"{self.window[0]} x {self.window[1]} of {self.size[0]} x {self.size[1]} pixels",
            "engine": self.engine,
        }

    def as_loaded(self) -> OcclusionMaps:
        """`sweep` once returned the maps of one image by themselves."""
        plain = InputSpec(self.size, mean=(0.0,) * self.channels, std=(1.0,) * self.channels)
        return OcclusionMaps((self,), torch.tensor([0]), {"0": "0"}, plain)

    @property
    def offsets(self) -> tuple[Int[Tensor, " rows"], Int[Tensor, " columns"]]:
        """Top pixels of the rows of places, and left pixels of the columns."""
        return self.rows, self.columns

    @property
    def has_probability(self) -> bool:
        """Whether the outputs stand for probabilities; those of a regression and single logits do not."""
        return has_probabilities(self.output_kind, self.logits.shape[-1])

    @property
    def value(self) -> Float[Tensor, "rows columns"]:
        """What is asked for of the target: its probability, or its output where that stands for none."""
        return as_scores(self.logits, self.output_kind)[..., self.target]

    @property
    def unoccluded_value(self) -> float:
        """The same without the occluder."""
        return float(as_scores(self.unoccluded, self.output_kind)[self.target])

    @property
    def probability(self) -> Float[Tensor, "rows columns"]:
        """The probability of the target (Figure 7 d of the paper).

        Raises:
            InterpretError: If the outputs stand for none: the softmax of one number is 1, whatever it is.
        """
        return self._shares(self.logits)[..., self.target]

    @property
    def label(self) -> Int[Tensor, "rows columns"]:
        """The most probable class (Figure 7 e)."""
        return self.logits.argmax(2)

    @property
    def response(self) -> dict[str, Float[Tensor, "rows columns"]]:
        """The summed response of each layer's strongest unit (Figure 7 b)."""
        return {layer: followed.response[..., 0] for layer, followed in self.followed.items()}

    @property
    def drop(self) -> Float[Tensor, "rows columns"]:
        """By how much the occluder lowers the target's ``value``; negative where it raises it."""
        return as_scores(self.unoccluded, self.output_kind)[self.target] - self.value

    @property
    def unoccluded_probability(self) -> float:
        """The probability of the target without the occluder.

        Raises:
            InterpretError: If the outputs stand for none.
        """
        return float(self._shares(self.unoccluded)[self.target])

    def _shares(self, logits: Float[Tensor, "*place classes"]) -> Float[Tensor, "*place classes"]:
        """Probabilities of the classes."""
        if not self.has_probability:
            raise InterpretError(
                "The outputs are values: one number has no probability, nor have means of maps or what was "
                "wrapped as values. Look at .value, which is the output itself."
            )
        return as_probabilities(logits, self.output_kind)

    def attribution(self) -> Float[Tensor, "c h w"]:
        """For each pixel, how much the target's logit falls, averaged over the occluders that cover it.

        The same for all channels. It equals Captum's ``Occlusion`` where the stride fits the image; where
        not, Captum cuts its last window at the border, while ours is moved to end there. A pixel that no
        occluder covers (a stride longer than the window leaves gaps) has 0.
        """
        fall = self.unoccluded[self.target] - self.logits[..., self.target]
        return self.per_pixel(fall).expand(self.channels, -1, -1)

    def per_pixel(self, values: Float[Tensor, "rows columns"]) -> Float[Tensor, "h w"]:
        """Values of places averaged over the occluders that cover each pixel; 0 where none does."""
        starts = self.rows.tolist(), self.columns.tolist()
        return per_pixel(values, starts, self.window, self.size)


class OfOne(Generic[T]):
    """An attribute of an `OcclusionMaps` of one image: what its only sweep has.

    Args:
        read: Takes it from the sweep.
    """

    def __init__(self, read: Callable[[Sweep], T]) -> None:
        self.read = read

    def __get__(self, maps: OcclusionMaps, owner: object = None) -> T:
        return self.read(maps.only)


@dataclass(frozen=True)
class OcclusionMaps(Result):
    """What a network answers to images while an occluder covers one place after another.

    Of one image it has all that its `Sweep` has, such as ``probability``; ``result[i]`` is one of several.

    Attributes:
        maps: One sweep for each image.
        image: The index of each image in the dataset.
        ids: The id of every image that is shown, by its place in the dataset as text.
        input: What the network takes.
        categories: The names of the network's outputs.
        features: For each image, the projections of the followed units: rank 0 in the image itself, then in
            their exemplars; by layer.
        notes: Why there is no projection of a layer.
        matching: How the images' labels were matched to outputs; empty where no label was used.
        nonlinearities: What the projections of each layer did at other nonlinearities than ReLUs, as
            ``interpret_deconv.nonlinearities`` says it.
    """

    stored_as: ClassVar[str] = "Occlusions"

    maps: tuple[Sweep, ...]
    image: Int[Tensor, " image"]
    ids: dict[str, str]
    input: InputSpec
    categories: tuple[str, ...] = ()
    features: tuple[dict[str, LayerProjections], ...] = ()
    notes: dict[str, str] = field(default_factory=dict)
    matching: str = ""
    nonlinearities: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.maps)

    def __getitem__(self, place: int) -> OcclusionMaps:
        place = range(len(self))[place]
        features = self.features[place : place + 1]
        shown = {*self.image[place : place + 1].tolist()}
        shown |= {index for layer in features for found in layer.values() for index in found.image.tolist()}
        one = replace(
            self,
            maps=self.maps[place : place + 1],
            image=self.image[place : place + 1],
            ids={index: name for index, name in self.ids.items() if int(index) in shown},
            features=features,
        )
        remember_images(one, remembered_images(self))
        return one

    def summary(self) -> dict[str, str]:
        """What was asked about, and what the occluder did to it, of one image or of several together."""
        if len(self.maps) == 1:
            (place,) = self.image.tolist()
            return {"image": self.ids[str(place)], **self.maps[0].told(self._category(self.maps[0].target))}
        targets = dict.fromkeys(self._category(maps.target) for maps in self.maps)
        return {
            "images": listed([self.ids[str(place)] for place in self.image.tolist()]),
            "targets": listed(targets),
            "largest drop": number(max((float(maps.drop.max()) for maps in self.maps), default=0.0)),
            "engine": listed(dict.fromkeys(maps.engine for maps in self.maps)),
        }

    def warnings(self) -> tuple[str, ...]:
        """Why there is no projection of a layer, and what projections did beyond ReLUs."""
        notes = (f"{layer} is not projected: {note}" for layer, note in self.notes.items())
        beyond = captions(self.nonlinearities)
        told = (f"At other nonlinearities than ReLUs: {beyond}",) if beyond else ()
        return (*super().warnings(), *self._broken(), *notes, *told)

    def _broken(self) -> tuple[str, ...]:
        broken = sum(int(maps.value.isnan().sum()) for maps in self.maps)
        places = sum(maps.value.numel() for maps in self.maps)
        return (f"At {broken:,} of {places:,} places the network gave no number (NaN).",) if broken else ()

    def _category(self, target: int) -> str:
        return self.categories[target] if target < len(self.categories) else f"class {target}"

    @property
    def only(self) -> Sweep:
        """The sweep over the only image.

        Raises:
            InterpretError: If there are several.
        """
        if len(self.maps) == 1:
            return self.maps[0]
        raise InterpretError(
            f"These are the occlusion maps of {len(self.maps)} images: say which, result[0] to "
            f"result[{len(self.maps) - 1}]."
        )

    logits = OfOne(lambda sweep: sweep.logits)
    unoccluded = OfOne(lambda sweep: sweep.unoccluded)
    target = OfOne(lambda sweep: sweep.target)
    rows = OfOne(lambda sweep: sweep.rows)
    columns = OfOne(lambda sweep: sweep.columns)
    offsets = OfOne(lambda sweep: sweep.offsets)
    window = OfOne(lambda sweep: sweep.window)
    size = OfOne(lambda sweep: sweep.size)
    channels = OfOne(lambda sweep: sweep.channels)
    fill = OfOne(lambda sweep: sweep.fill)
    followed = OfOne(lambda sweep: sweep.followed)
    output_kind = OfOne(lambda sweep: sweep.output_kind)
    engine = OfOne(lambda sweep: sweep.engine)
    multiply_adds = OfOne(lambda sweep: sweep.multiply_adds)
    has_probability = OfOne(lambda sweep: sweep.has_probability)
    value = OfOne(lambda sweep: sweep.value)
    unoccluded_value = OfOne(lambda sweep: sweep.unoccluded_value)
    probability = OfOne(lambda sweep: sweep.probability)
    label = OfOne(lambda sweep: sweep.label)
    response = OfOne(lambda sweep: sweep.response)
    drop = OfOne(lambda sweep: sweep.drop)
    unoccluded_probability = OfOne(lambda sweep: sweep.unoccluded_probability)
    attribution = OfOne(lambda sweep: sweep.attribution)
    per_pixel = OfOne(lambda sweep: sweep.per_pixel)

    def image_numbers(self, place: int) -> dict[str, Any]:
        """The target of the image at a place of the dataset, and where covering it matters most."""
        rows = (self.image == place).nonzero().flatten().tolist()
        return {"occlusion": [_numbers(self.maps[row], self.categories) for row in rows]} if rows else {}

    def attributions(self) -> Attributions:
        """For each pixel, how much the target's logit falls when it is covered."""
        target = torch.tensor([maps.target for maps in self.maps])
        logits = torch.stack([maps.unoccluded for maps in self.maps])
        found = Attributions(
            maps=torch.stack([maps.attribution() for maps in self.maps]),
            image=self.image,
            ids={str(place): self.ids[str(place)] for place in self.image.tolist()},
            target=target,
            layer="",
            position=torch.zeros(len(target), 2, dtype=torch.int64),
            score=logits.gather(1, target[:, None])[:, 0],
            method="occlusion",
            input=self.input,
            categories=self.categories,
            matching=self.matching,
            outputs=logits.shape[1],
        )
        remember_images(found, remembered_images(self))
        return found


def _numbers(maps: Sweep, categories: Sequence[str]) -> dict[str, Any]:
    """What one sweep comes to, in plain values; boxes are (top, left, bottom, right) in pixels."""
    score, drop = "probability" if maps.has_probability else "value", maps.drop
    most = int(drop.masked_fill(drop.isnan(), -torch.inf).argmax())
    row, column = divmod(most, drop.shape[1])
    top, left = int(maps.rows[row]), int(maps.columns[column])
    return {
        "target": _named(maps.target, categories),
        score: maps.unoccluded_value,
        "window": list(maps.window),
        "places": list(drop.shape),
        "most_important": {
            "box": [top, left, top + maps.window[0], left + maps.window[1]],
            "drop": float(drop[row, column]),
            score: float(maps.value[row, column]),
            "prediction": _named(int(maps.label[row, column]), categories),
        },
    }


def _named(output: int, categories: Sequence[str]) -> dict[str, Any]:
    name = categories[output] if output < len(categories) else f"class {output}"
    return {"category": name, "index": output}


Occlusions = OcclusionMaps
"""The name of a step's result before `sweep` returned the same."""
