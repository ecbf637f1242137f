"""Bases of probes that attribute: they say how much each input value counts for a class or a neuron."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial, wraps
from typing import Any, ClassVar, TypeAlias

import torch
from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor

from interpret.attributions import Attributions
from interpret.errors import InterpretError
from interpret.images.dataset import Images, as_images
from interpret.images.inputs import image_shape
from interpret.modules.contexts import plain
from interpret.network.batching import batches
from interpret.network.entry import require_network
from interpret.network.network import Network
from interpret.plugin.interfaces import Probe
from interpret.run.pieces import cached_pieces
from interpret.targets import (
    Target,
    Targets,
    Unit,
    as_targets,
    find_class,
    find_neurons,
    find_targets,
    tell,
    used_labels,
)

Attribute: TypeAlias = Callable[[Tensor, Targets], Tensor]
"""Attributions (n, c, h, w) of the targets in a batch of preprocessed images (n, c, h, w)."""

Choose: TypeAlias = Callable[[Tensor, Images], tuple[Targets, Tensor]]
"""The targets in a batch of preprocessed images, and their values, from the batch and its images."""


def takes_targets(method: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A method ``attribute(self, network, x, targets)`` of a probe, which checks what it is given.

    The images come to the network's device and type. One class stands for all images, and may be a number.
    Gradients are on, and the surroundings plain, whatever the caller has set.

    Raises:
        ModelError: When it is called with anything but a Network and a batch of images.
        InterpretError: When there are not as many targets as images, or there is no such class.
    """

    @wraps(method)
    def checked(
        probe: Probe, network: Network, x: Float[Tensor, "n c h w"], targets: Targets | Tensor | int
    ) -> Float[Tensor, "n c h w"]:
        require_network(network, f"{probe.name}.attribute")
        if image_shape(x) != network.input.shape:
            network(x[:1])  # says what does not fit
        targets = as_targets(targets, len(x))
        if targets.layer and not isinstance(probe, NeuronAttribution):
            raise InterpretError(
                f"{probe.name} attributes classes. Got neurons of layer {targets.layer!r}: give the index of "
                "one class of each image."
            )
        for unit in () if targets.layer else targets.unit.tolist():
            find_class(network, network.class_count, unit)
        with plain(), torch.enable_grad():
            return method(probe, network, network.to_device(x.detach()), targets).detach()

    return checked


class ClassAttribution(Probe):
    """A probe that attributes a class of each image to its pixels.

    A method is one function of tensors, ``attribute``; the rest, from reading images to a result that any
    figure draws and ``compare`` measures, comes with this class.

    Example:
        >>> class Gradient(ClassAttribution):
        ...     name: ClassVar[str] = "gradient"
        ...
        ...     def attribute(self, network, x, targets):
        ...         x = x.requires_grad_()
        ...         score = targets.pick(network.as_module()(x)).sum()
        ...         return torch.autograd.grad(score, x)[0]
    """

    in_pieces: ClassVar[bool] = True

    target: Target = Field(
        None,
        description="The class: an index, a category, label, or predicted; none: the label where the image "
        "has one that the network knows, else what is predicted.",
    )
    batch_size: int = Field(16, ge=1, le=4096, description="Images that are attributed at once.")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Its ``attribute`` checks what it is given."""
        super().__init_subclass__(**kwargs)
        own = vars(cls).get("attribute")
        if own is not None and not getattr(own, "__isabstractmethod__", False):
            cls.attribute = takes_targets(own)  # type: ignore[method-assign]

    def run(self, network: Network, images: Images) -> Attributions:
        """Attribute what is asked about in each image.

        Raises:
            InterpretError: If a class, a layer or a neuron does not exist.
        """
        images = as_images(images)
        found = attribute_images(
            network,
            images,
            partial(self.choose, network),
            self.prepare(network),
            method=self.name,
            batch_size=self.batch_size,
        )
        return replace(found, matching=self.matching(network, images), note=self.note(network))

    @abstractmethod
    def attribute(
        self, network: Network, x: Float[Tensor, "n c h w"], targets: Targets
    ) -> Float[Tensor, "n c h w"]:
        """How much each value of preprocessed images counts for a target in each of them.

        Args:
            network: Any network: not always the one of an earlier call.
            x: Preprocessed images.
            targets: One class or neuron of each image; users may also give the index of a class for each
                image, or one for all.
        """

    def prepare(self, network: Network) -> Attribute:
        """``attribute`` for many batches of one network, which a method may look at first."""
        return partial(self.attribute, network)

    def choose(
        self, network: Network, x: Float[Tensor, "n c h w"], images: Images
    ) -> tuple[Targets, Float[Tensor, " n"]]:
        """The target in each image of a batch, and its value."""
        logits = network(x).cpu()
        targets = Targets.of_classes(find_targets(network, images, logits, self.target))
        return targets, targets.pick(logits)

    def matching(self, network: Network, images: Images) -> str:
        """How the images' labels were matched to outputs; empty where no label is used."""
        return tell(used_labels(network, images, network.class_count, self.target))

    def note(self, network: Network) -> str:  # noqa: ARG002 - a method may look at it
        """What must be known of the method on this network, for figures; empty if nothing."""
        return ""


class NeuronAttribution(ClassAttribution):
    """A probe that attributes a class, or one neuron, of each image to its pixels.

    Its ``attribute`` gets targets of a layer, too: ``targets.pick(output)`` picks their values in what the
    layer ``targets.layer`` gives, or the network where that is empty.
    """

    layer: str | None = Field(
        None, description="The layer of the neuron, by name or alias; none: a class is asked about."
    )
    unit: Unit = Field(
        "strongest", description="The neuron's unit, or strongest: the one with the image's largest value."
    )
    position: tuple[int, int] | None = Field(
        None, description="The neuron's row and column; none: where its unit is strongest in the image."
    )

    @model_validator(mode="after")
    def _one_target(self) -> NeuronAttribution:
        if self.layer is None and (self.unit != "strongest" or self.position is not None):
            raise ValueError("'unit' and 'position' say which neuron of a layer: give 'layer' as well")
        if self.layer is not None and self.target is not None:
            raise ValueError("'target' asks about a class and 'layer' about a neuron: give one of them")
        return self

    def choose(
        self, network: Network, x: Float[Tensor, "n c h w"], images: Images
    ) -> tuple[Targets, Float[Tensor, " n"]]:
        """The target in each image of a batch, and its value."""
        if self.layer is None:
            return super().choose(network, x, images)
        name = network.layer(self.layer)
        output: Tensor = network.record(x, [name])[name]
        targets = find_neurons(output, name, self.unit, self.position)
        return targets, targets.pick(output).cpu()

    def matching(self, network: Network, images: Images) -> str:
        """How the images' labels were matched to outputs; empty where no label is used."""
        return super().matching(network, images) if self.layer is None else ""


def attribute_images(
    network: Network,
    images: Images,
    choose: Choose,
    attribute: Attribute,
    *,
    method: str,
    batch_size: int,
) -> Attributions:
    """The attributions of all images, batch by batch; a step that was stopped goes on where it was.

    Args:
        network: The network.
        images: The images, at least one.
        choose: Who is asked about in a batch: gets its tensor and its images.
        attribute: The method: gets a batch and its targets.
        method: Its name, for the result.
        batch_size: Images in one batch.

    Raises:
        InterpretError: If the method gives no attribution of each input value.
    """

    def some(piece: range) -> Attributions:
        chosen, maps, start = list[tuple[Targets, Tensor]](), list[Tensor](), piece.start
        for batch in batches(network, images.subset(piece), batch_size):
            part = images.subset(range(start, start + len(batch.x)))
            chosen.append(choose(batch.x.clone(), part))  # a network may work in place on its very input
            found = attribute(batch.x, chosen[-1][0])
            maps.append(_checked(found, batch.x, method).detach().to("cpu", network.dtype))
            start += len(batch.x)
        indices = images.indices[piece.start : piece.stop]
        return Attributions(
            maps=torch.cat(maps),
            image=torch.tensor(indices),
            ids={str(index): images.ids[at] for index, at in zip(indices, piece, strict=True)},
            target=torch.cat([targets.unit for targets, _ in chosen]),
            layer=chosen[0][0].layer,
            position=torch.cat([targets.position for targets, _ in chosen]),
            score=torch.cat([values for _, values in chosen]),
            method=method,
            input=network.input,
            categories=network.categories,
            outputs=network.class_count,
        )

    return _joined(cached_pieces(some, range(len(images)), batch_size, method, kind=Attributions))


def _checked(found: Any, x: Float[Tensor, "n c h w"], method: str) -> Float[Tensor, "n c h w"]:
    if isinstance(found, Tensor) and found.shape == x.shape:
        return found
    shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
    raise InterpretError(
        f"attribute() of {method} must return one value for each value of its images, {tuple(x.shape)}. "
        f"Got {shape}."
    )


def _joined(pieces: Sequence[Attributions]) -> Attributions:
    """The attributions of all images from those of consecutive pieces of them."""
    if len(pieces) == 1:
        return pieces[0]
    joined: dict[str, Any] = {
        name: torch.cat([getattr(piece, name) for piece in pieces])
        for name in ("maps", "image", "target", "position", "score")
    }
    ids = {index: name for piece in pieces for index, name in piece.ids.items()}
    return replace(pieces[0], **joined, ids=ids)
