"""One image, what the network makes of it, and what the network makes of it once it is transformed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from interpret.errors import ModelError
from interpret.modules import as_scores
from interpret.network import Network
from interpret.targets import check_classes
from interpret_invariance.transforms import find_transformation, transform
from interpret_invariance.warping import Border

T = TypeVar("T")


@dataclass(frozen=True)
class ReferenceImage:
    """An untransformed image.

    Attributes:
        network: The network that looks at it.
        layers: The layers that are compared.
        pixels: The image as the network sees it, before it is normalised.
        features: What each layer makes of it, flattened.
        logits: What the network answers.
    """

    network: Network
    layers: Sequence[str]
    pixels: Float[Tensor, "1 c h w"]
    features: dict[str, Float[Tensor, "1 d"]]
    logits: Float[Tensor, "1 classes"]

    @classmethod
    def of(cls, network: Network, layers: Sequence[str], x: Float[Tensor, "1 c h w"]) -> ReferenceImage:
        """Look at a preprocessed image.

        Raises:
            ModelError: If the network does not answer with one value for each of several classes, or a layer
                does not give one array of numbers for each image.
        """
        logits, features = forward(network, layers, x, lambda _, output: output.clone())
        check_classes(logits, least=1)
        return cls(network, layers, network.input.denormalize(_precise(x)), features, logits)

    @property
    def norm(self) -> dict[str, float]:
        """The length of the features, by layer."""
        return {layer: float(length(value)) for layer, value in self.features.items()}

    def curves(
        self, kind: str, amounts: Float[Tensor, " step"], target: int, border: Border, batch_size: int
    ) -> tuple[dict[str, Float[Tensor, " step"]], Float[Tensor, " step"]]:
        """The distance of each layer's features, and the target's probability, at each amount.

        At the identity nothing is computed: the distance is 0, the probability that of the image.
        """
        same = amounts == find_transformation(kind).identity
        parts = [self._changed(kind, some, border) for some in torch.split(amounts[~same], batch_size)]
        logits = torch.cat([self.logits, *(logits for logits, _ in parts)])
        found = as_scores(logits, self.network.output_kind)[:, target].cpu()
        probability = found.new_full((len(amounts),), float(found[0]))
        probability[~same] = found[1:]
        distance = {layer: torch.zeros_like(probability) for layer in self.features}
        for layer, curve in distance.items():
            curve[~same] = torch.cat([found[layer] for _, found in parts]).cpu()
        return distance, probability

    def _changed(
        self, kind: str, amounts: Float[Tensor, " n"], border: Border
    ) -> tuple[Float[Tensor, "n classes"], dict[str, Float[Tensor, " n"]]]:
        """The outputs, and the distance of each layer's features, at some amounts in one pass."""
        pixels = transform(self.pixels.expand(len(amounts), -1, -1, -1), kind, amounts, border)
        x = self.network.input.normalize(pixels)
        return forward(
            self.network, self.layers, x, lambda layer, output: length(output - self.features[layer])
        )


def forward(
    network: Network,
    layers: Sequence[str],
    x: Float[Tensor, "n c h w"],
    keep: Callable[[str, Float[Tensor, "n d"]], T],
) -> tuple[Float[Tensor, "n classes"], dict[str, T]]:
    """The network's outputs and something of each layer from one pass.

    Args:
        network: The network.
        layers: Names or aliases.
        x: Preprocessed images.
        keep: What to keep of a layer's flattened output. It is called during the pass, so that nothing
            larger stays in memory.
    """

    def tap(layer: str) -> Callable[[Tensor], T]:
        return lambda output: keep(layer, _flat(layer, output, len(x)))

    logits, found = network.forward(x, {layer: tap(layer) for layer in layers})
    return _precise(logits), found


def length(features: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
    """The Euclidean length of each row."""
    return features.square().sum(1).sqrt()


def _flat(layer: str, output: Tensor, count: int) -> Float[Tensor, "n d"]:
    if output.dim() < 2 or len(output) != count or not output.is_floating_point():
        raise ModelError(
            f"Layer {layer!r} gives {output.dtype} of shape {tuple(output.shape)} for {count} "
            f"image{'s' if count > 1 else ''}: distances need one array of real numbers for each image. "
            "Choose another layer."
        )
    return _precise(output.flatten(1))


def _precise(values: Tensor) -> Tensor:
    """Numbers of at least single precision: squares of half precision overflow."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
