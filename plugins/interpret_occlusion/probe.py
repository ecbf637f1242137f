"""The probe ``occlusion``: a sweep over each image, and what the followed units look for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import torch
from jaxtyping import Float
from pydantic import Field, field_validator
from torch import Tensor

from interpret.attributing import takes_targets
from interpret.errors import ModelError
from interpret.images import Fill, Images, as_images
from interpret.network import Network
from interpret.plugin import Probe
from interpret.results import Result
from interpret.run import cached_parts
from interpret.targets import Target, Targets, find_targets, tell, used_labels
from interpret_deconv import LayerProjections, nonlinearities
from interpret_deconv.mined import in_images
from interpret_occlusion.checks import NO_APPROXIMATE, NO_TOLERANCE
from interpret_occlusion.features import project_unit
from interpret_occlusion.results import OcclusionMaps, Sweep
from interpret_occlusion.sweeping import Choice, Strongest, sweep_image
from interpret_topk import Exemplars

Pixels = Annotated[int, Field(ge=1)]


class Occlusion(Probe):
    """What the network answers while a grey square covers one place after another (Zeiler & Fergus 2014)."""

    name: ClassVar[str] = "occlusion"
    in_pieces: ClassVar[bool] = True
    removed_parameters: ClassVar[Mapping[str, str]] = {"tolerance": NO_TOLERANCE}

    window: Pixels | tuple[Pixels, Pixels] = Field(
        16, description="Height and width of the occluder in pixels, or one number for both."
    )
    stride: Pixels | tuple[Pixels, Pixels] = Field(
        8, description="Pixels from one place to the next; the last row and column end at the border."
    )
    fill: Fill = Field(
        0.5,
        description="What the occluder shows, in pixels from 0 to 1: a grey, a colour, mean, blur or noise.",
    )
    target: Target = Field(
        None,
        description="The class that is followed: index, category, label or predicted; none: the label where "
        "the network knows it, else what is predicted.",
    )
    layers: list[str] = Field(
        [], description="Layers whose strongest unit is followed; it is chosen in the unoccluded image."
    )
    units: dict[str, list[int]] = Field({}, description="Further units to follow, by layer.")
    strongest: Strongest = Field("peak", description="Strongest by the peak of its map, or by its sum.")
    engine: Choice = Field(
        "auto",
        description="What changes only (incremental), whole passes (full), or the cheaper one (auto).",
    )
    others: int = Field(
        3, ge=0, le=100, description="Exemplars of each followed unit that are projected too."
    )
    batch_size: int = Field(32, ge=1, le=4096, description="Occluded images in one full forward pass.")
    seed: int = Field(0, ge=0, description="Start of the noise.")

    @field_validator("engine", mode="before")
    @classmethod
    def _exact(cls, value: Any) -> Any:
        if value == "approximate":
            raise ValueError(NO_APPROXIMATE)
        return value

    def run(self, network: Network, images: Images, exemplars: Exemplars | None = None) -> OcclusionMaps:
        """One sweep for each image, which is stored when it is done: a step that was stopped goes on there.

        Raises:
            InterpretError: If the occluder does not fit into the image, or there is no such class or unit.
            ModelError: If the network does not answer with one value for each of several classes.
            StepError: If the exemplars come from other images.
        """
        images = as_images(images)
        exemplars = in_images(exemplars, images.whole) if exemplars and self.layers else None
        logits = torch.cat([network(network.preprocess(sample.image)[None]).cpu() for sample in images])
        targets = find_targets(network, images, logits, self.target).tolist()
        matching = tell(used_labels(network, images, logits.shape[1], self.target))
        maps = cached_parts(
            lambda number: self._sweep(network, network.preprocess(images[number].image), targets[number]),
            images.indices,
            kind=Sweep,
        )
        followed = cached_parts(
            lambda number: self._features(
                network, images.whole, images.indices[number], maps[number], exemplars
            ),
            [("features", place) for place in images.indices],
            kind=_Followed,
        )
        features = tuple(found.features for found in followed)
        shown = {place for found in features for layer in found.values() for place in layer.image.tolist()}
        everywhere = images.whole.ids
        return OcclusionMaps(
            maps=tuple(maps),
            image=torch.tensor(list(images.indices)),
            ids={str(place): everywhere[place] for place in sorted({*images.indices, *shown})},
            input=network.input,
            categories=network.categories,
            features=features,
            notes={layer: note for found in followed for layer, note in found.notes.items()},
            matching=matching,
            nonlinearities={
                layer: nonlinearities(network, layer)
                for layer in self.layers
                if any(layer in projections for projections in features)
            },
        )

    @takes_targets
    def attribute(
        self, network: Network, x: Float[Tensor, "n c h w"], targets: Targets
    ) -> Float[Tensor, "n c h w"]:
        """How much the logit of one class of each image falls where it is covered; no unit is followed."""
        probe = self.model_copy(update={"layers": [], "units": {}})
        pairs = zip(x, targets.unit.tolist(), strict=True)
        return torch.stack(
            [probe._sweep(network, image, target).attribution() for image, target in pairs]
        ).to(x)

    def _sweep(self, network: Network, x: Float[Tensor, "c h w"], target: int) -> Sweep:
        return sweep_image(
            network,
            x,
            self.window,
            self.stride,
            self.fill,
            target,
            self.layers,
            self.engine,
            units=self.units,
            strongest=self.strongest,
            seed=self.seed,
            batch_size=self.batch_size,
        )

    def _features(
        self, network: Network, images: Images, place: int, maps: Sweep, exemplars: Exemplars | None
    ) -> _Followed:
        """What the strongest units look for."""
        found, notes = {}, {}
        for layer in self.layers:
            unit = int(maps.followed[layer].unit[0])
            try:
                found[layer] = project_unit(
                    network, images, place, layer, unit, exemplars=exemplars, others=self.others
                )
            except ModelError as error:
                notes[layer] = str(error)
        return _Followed(found, notes)


@dataclass(frozen=True)
class _Followed(Result):
    """The projections of an image's strongest units by layer, and why there are none of a layer."""

    features: dict[str, LayerProjections]
    notes: dict[str, str]
