"""Captum's ``LayerActivation`` in a loop: features of layers, and the strongest neurons of every unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn

from interpret.errors import ModelError
from interpret.images import Images, as_images
from interpret.network import Network, batches, takes_network
from interpret.plugin import Probe
from interpret.run import cached_pieces
from interpret_captum import library as captum
from interpret_captum.copies import ModuleCopy, last_call, separate_calls
from interpret_topk import Exemplars, LayerExemplars
from interpret_topk.fields import with_fields
from interpret_topk.maxima import count_maxima, no_maxima, sum_maxima


@takes_network
def layer_features(
    network: Network, x: Float[Tensor, "n c h w"], layers: Sequence[str]
) -> dict[str, Float[Tensor, "n ..."]]:
    """The activations of several layers by Captum's ``LayerActivation``: what ``Network.record`` gives.

    Args:
        network: The network.
        x: Preprocessed images.
        layers: Names or aliases.

    Raises:
        UnknownNameError: If there is no such layer.
        ModelError: If the module cannot be copied, or a layer's module has parts and is called again later.
    """
    return _Features.of(network, layers)(network.to_device(x))


@dataclass(frozen=True)
class _Features:
    """Several layers of a copy of a network."""

    copies: dict[str, ModuleCopy]

    @classmethod
    def of(cls, network: Network, layers: Sequence[str]) -> _Features:
        copy = ModuleCopy.of(network)
        separate_calls(copy, _called_again(copy, layers))
        return cls({layer: copy.at(layer) for layer in layers})

    def __call__(self, x: Tensor) -> dict[str, Tensor]:
        if not self.copies:
            return {}
        copies = list(self.copies.values())
        method = captum.LayerActivation(copies[0].module, [copy.tap for copy in copies])
        return dict(zip(self.copies, method.attribute(x), strict=True))


def _called_again(copy: ModuleCopy, layers: Sequence[str]) -> tuple[type[nn.Module], ...]:
    """The classes of modules without parts of which some layers are calls that others follow."""
    network = copy.network
    calls = [network.view(network.layer(layer)).call for layer in layers]
    again = [call.module for call in calls if call.number < last_call(network, call)]
    parts = [copy.inside.get_submodule(name) for name in again]
    return tuple({type(part) for part in parts if not any(True for _ in part.children())})


class LayerActivation(Probe):
    """The strongest neurons of every unit, by a loop over captum ``LayerActivation``."""

    name: ClassVar[str] = "captum.layer_activation"
    in_pieces: ClassVar[bool] = True

    layers: list[str] = Field([], description="Layers to mine, by name or alias; none: every convolution.")
    k: int = Field(9, ge=1, le=10_000, description="Neurons to keep of each unit, one for each image.")
    batch_size: int = Field(32, ge=1, le=4096, description="Images in one forward pass.")

    def run(self, network: Network, images: Images) -> Exemplars:
        """Mine the layers; the order is that of ``topk``: larger value, smaller id, smaller position."""
        images = as_images(images)
        features = _Features.of(network, self.layers or network.default_layers("convolutions"))
        places = _places(images)

        def some(piece: range) -> Exemplars:
            boards = {layer: _Board(layer, self.k, places) for layer in features.copies}
            labels = dict[str, int | None]()
            for batch in batches(network, images.subset(piece), self.batch_size):
                for layer, output in features(batch.x).items():
                    boards[layer].see(output, torch.tensor(batch.indices))
                labels |= zip(map(str, batch.indices), batch.labels, strict=True)
            return _exemplars(images.subset(piece), boards, labels)

        pieces = cached_pieces(some, range(len(images)), self.batch_size, kind=Exemplars)
        found = _joined(pieces, places, self.k) if len(pieces) > 1 else pieces[0]
        layers = {name: with_fields(network, name, layer) for name, layer in found.layers.items()}
        return replace(found, layers=layers, input=network.input, categories=images.categories)


class _Board:
    """The strongest neurons of one layer so far, strongest first.

    Args:
        layer: Its name.
        k: How many to keep of each unit.
        places: The index of every image among the sorted ids, by its place in the dataset.
    """

    def __init__(self, layer: str, k: int, indices: Int[Tensor, " any"]) -> None:
        self.layer, self.k, self.places = layer, k, indices
        self.found = _nothing(0, k)
        self.broken: set[int] = set()

    def see(self, output: Tensor, images: Int[Tensor, " n"]) -> None:
        """Take in one batch."""
        if output.dim() not in {2, 4}:
            raise ModelError(
                f"Layer {self.layer!r} gives values of shape {tuple(output.shape[1:])}: only maps (channels, "
                "rows, columns) and vectors (channels,) can be mined. Choose another layer."
            )
        maps = (output if output.dim() == 4 else output[:, :, None, None]).cpu()
        self.broken.update(images[maps.isnan().flatten(1).any(1)].tolist())
        known = self.found if len(self.found.nan) else _nothing(maps.shape[1], self.k)
        self.found = _strongest([known, _peaks(maps, images)], self.places, self.k)


def _nothing(units: int, k: int) -> LayerExemplars:
    nowhere = torch.full((units, k, 3), -1)
    values, nan = torch.full((units, k), -torch.inf), torch.zeros(units, dtype=torch.int64)
    return LayerExemplars(values, nowhere[..., 0], nowhere[..., 1:], nan, no_maxima(units, nan.device))


def _peaks(maps: Float[Tensor, "n unit h w"], images: Int[Tensor, " n"]) -> LayerExemplars:
    """The largest value of every map that is no NaN, and where it is first in reading order."""
    nan, maxima = maps.isnan(), no_maxima(maps.shape[1], maps.device)
    value, at = maps.masked_fill(nan, -torch.inf).flatten(2).max(2)
    count_maxima(maxima, value, ~nan.flatten(2).all(2))
    position = torch.stack([at // maps.shape[3], at % maps.shape[3]], 2).transpose(0, 1)
    dtype = value.dtype if value.dtype == torch.float64 else torch.float32
    image = images.expand(maps.shape[1], -1)
    return LayerExemplars(value.T.to(dtype), image, position, nan.sum((0, 2, 3)), maxima)


def _strongest(parts: Sequence[LayerExemplars], indices: Tensor, k: int) -> LayerExemplars:
    """The k first of all: larger value, then the smaller place of the image; -1 where there are fewer."""
    value, image, position = (
        torch.cat([getattr(part, name) for part in parts], 1) for name in ("values", "image", "position")
    )
    by_id = indices[image].argsort(dim=1, stable=True)
    order = by_id.gather(1, value.gather(1, by_id).argsort(dim=1, descending=True, stable=True))[:, :k]
    row = torch.arange(len(order))[:, None]
    value, image, position = value[row, order], image[row, order], position[row, order]
    missing = value == -torch.inf
    return LayerExemplars(
        value,
        image.masked_fill(missing, -1),
        position.masked_fill(missing[..., None], -1),
        torch.stack([part.nan for part in parts]).sum(0),
        sum_maxima([part.maxima for part in parts if part.maxima is not None]),
    )


def _joined(pieces: Sequence[Exemplars], places: Tensor, k: int) -> Exemplars:
    """The strongest neurons in all images from those in pieces of them."""
    layers = {
        layer: _strongest([piece.layers[layer] for piece in pieces], places, k) for layer in pieces[0].layers
    }
    names = {index: name for piece in pieces for index, name in piece.ids.items()}
    broken = tuple(sorted({name for piece in pieces for name in piece.nan_images}))
    count, ids = sum(piece.count for piece in pieces), _named(layers, names)
    known = {index: label for piece in pieces for index, label in piece.labels.items() if index in ids}
    return Exemplars(layers, ids, (), count, broken, labels=known)


def _named(layers: Mapping[str, LayerExemplars], names: Mapping[str, str]) -> dict[str, str]:
    """The ids of the images of all neurons, by their places in the dataset as text."""
    found = {index for layer in layers.values() for index in layer.image.flatten().tolist()} - {-1}
    return {str(index): names[str(index)] for index in sorted(found)}


def _places(images: Images) -> Int[Tensor, " any"]:
    """The index of every image among the sorted ids, by its place in the dataset."""
    by_id = sorted(zip(images.ids, images.indices, strict=True))
    indices = torch.zeros(max(images.indices) + 1, dtype=torch.int64)
    indices[[index for _, index in by_id]] = torch.arange(len(by_id))
    return indices


def _exemplars(images: Images, boards: dict[str, _Board], labels: Mapping[str, int | None]) -> Exemplars:
    names = {str(index): name for index, name in zip(images.indices, images.ids, strict=True)}
    layers = {layer: board.found for layer, board in boards.items()}
    broken = {names[str(index)] for board in boards.values() for index in board.broken}
    ids = _named(layers, names)
    known = {index: label for index in ids if (label := labels[index]) is not None}
    return Exemplars(layers, ids, (), len(images), tuple(sorted(broken)), labels=known)
