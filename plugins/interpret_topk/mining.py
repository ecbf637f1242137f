"""Mining: the strongest neurons of every unit over a dataset, in one pass over the images."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from interpret.arguments import require_count, without_parameter
from interpret.errors import DatasetError, InterpretError, ModelError
from interpret.images import Images, as_images
from interpret.network import Network, OnError, batches, takes_network, undecided
from interpret.run import cached_pieces
from interpret_topk.fields import with_fields
from interpret_topk.maxima import count_maxima, no_maxima, sum_maxima
from interpret_topk.ranking import NOWHERE, Ranking, empty, first, pack, peaks, unpack, update
from interpret_topk.results import Exemplars, LayerExemplars

logger = logging.getLogger(__name__)

NO_PROGRESS = (
    "Mining tells of its batches as all long work does: mine within "
    "interpret.progress.listening(StepListener(progress, 'mine'))."
)


@without_parameter("progress", NO_PROGRESS)
@takes_network
def mine(
    network: Network,
    images: Any,
    layers: Sequence[str] = (),
    k: int = 9,
    *,
    batch_size: int = 32,
    per_image: int = 1,
    on_error: OnError = "raise",
    fields: bool = True,
) -> Exemplars:
    """The k strongest neurons of every unit of some layers over a dataset (paper, figure 2).

    Order: larger value, then smaller id of the image (as text), then smaller position. The memory needed does
    not grow with the number of images. NaN are left out and counted.

    Args:
        network: The network.
        images: What a dataset opens, or a sequence of paths, PIL images or preprocessed tensors (c, h, w).
        layers: Names or aliases; default: every convolution, before what follows it. A token without a
            place has a name of its own: ``blocks.3@class``.
        k: How many neurons to keep of each unit.
        batch_size: Images in one forward pass. Equal sizes give equal bits on one kind of processor.
        per_image: How many neurons of one unit a single image may give.
        on_error: ``skip`` leaves out images that cannot be read and lists them in ``Exemplars.skipped``.
        fields: Whether to keep receptive fields, by which patches are cut later on. The network is traced for
            them, once, in about a second; one that cannot be traced has none.

    Raises:
        UnknownNameError: If there is no such layer.
        ModelError: If a layer gives neither maps (n, c, h, w) nor vectors (n, c).
        DatasetError: If an image cannot be read and ``on_error`` is ``raise``, or if none can.
    """
    images = as_images(images)

    def some(piece: range) -> Exemplars:
        return scan(
            network,
            images.subset(piece),
            layers,
            k=k,
            batch_size=batch_size,
            per_image=per_image,
            on_error=on_error,
            fields=fields,
        )

    about = ("mining", str(layers), k, per_image, fields)
    return merge(cached_pieces(some, range(len(images)), batch_size, *about, kind=Exemplars))


def scan(
    network: Network,
    images: Images,
    layers: Sequence[str],
    *,
    k: int,
    batch_size: int,
    per_image: int,
    on_error: OnError,
    fields: bool = True,
) -> Exemplars:
    """The part of ``mine`` that sees the images; its results over parts of a dataset can be merged."""
    require_count("k", k)
    require_count("per_image", per_image)
    names = _names(network, layers)
    boards = {name: _Board(name, k, per_image, maps=network.view(name).layout is not None) for name in names}
    order = _Order(dict(zip(images.indices, images.ids, strict=True)))
    skipped: list[tuple[str, str]] = []
    labels: dict[int, int] = {}
    count = 0
    for batch in batches(network, images, batch_size, on_error=on_error):
        if batch.indices:
            indices = order.places(torch.tensor(batch.indices)).to(batch.x.device)
            network.record(batch.x, {name: partial(board.see, indices) for name, board in boards.items()})
        skipped.extend(batch.skipped)
        labels |= {
            i: label for i, label in zip(batch.indices, batch.labels, strict=True) if label is not None
        }
        count += len(batch.indices)
    found = {name: board.exemplars(order) for name, board in boards.items()}
    if fields:
        found = {name: with_fields(network, name, layer) for name, layer in found.items()}
    broken = {order.name(index) for board in boards.values() for index in board.broken}
    ids = order.winners(found)
    return Exemplars(
        found,
        ids,
        tuple(sorted(skipped)),
        count,
        tuple(sorted(broken)),
        network.input,
        images.categories,
        {index: labels[int(index)] for index in ids if int(index) in labels},
    )


def merge(partials: Sequence[Exemplars]) -> Exemplars:
    """The result over a dataset from results over its parts, in any order and any grouping.

    Raises:
        DatasetError: If no image of any part could be read.
        InterpretError: If there are no parts.
    """
    if not partials:
        raise InterpretError("There is nothing to merge: no part of the dataset was mined.")
    found = join(partials)
    if not found.count:
        skipped = found.skipped
        reason = f" The first: {skipped[0][0]!r}: {skipped[0][1]}" if skipped else ""
        raise DatasetError(f"None of the {len(skipped)} images can be read.{reason}")
    if found.nan_images:
        logger.warning(
            "Images that give NaN: %d of %d, such as %r. NaN neurons are left out: look at the weights.",
            *(len(found.nan_images), found.count, min(found.nan_images)),
        )
    return found


def join(partials: Sequence[Exemplars]) -> Exemplars:
    """As ``merge``, for a part of a dataset, of which perhaps no image can be read; nobody is told of NaN."""
    skipped = tuple(sorted(item for part in partials for item in part.skipped))
    seen = [part for part in partials if part.count] or list(partials[:1])
    order = _Order({int(index): name for part in seen for index, name in part.ids.items()})
    layers = {name: _merge_layer([part[name] for part in seen], order) for name in seen[0].layers}
    broken = {name for part in seen for name in part.nan_images}
    labels = {index: label for part in seen for index, label in part.labels.items()}
    ids = order.winners(layers)
    return Exemplars(
        layers,
        ids,
        skipped,
        sum(part.count for part in seen),
        tuple(sorted(broken)),
        next((part.input for part in seen if part.input), None),
        next((part.categories for part in seen if part.categories), ()),
        {index: labels[index] for index in ids if index in labels},
    )


class _Order:
    """The order of images by their ids: an image's place is its number there, its index that in the dataset.

    Args:
        ids: The id of every image, by index.
    """

    def __init__(self, ids: Mapping[int, str]) -> None:
        self.ids = ids
        by_id = sorted(ids, key=lambda index: ids[index])
        self.indices = torch.tensor([*by_id, -1])  # so that place -1, no image, is index -1
        self._ascending, self._places = self.indices[:-1].sort()

    def places(self, indices: Int[Tensor, "*n"]) -> Int[Tensor, "*n"]:
        """The places of images; of an index that none of them has, any.

        They are looked up among these images: a table of all indices would be as long as the dataset.
        """
        if not len(self._ascending):
            return torch.zeros_like(indices)
        at = torch.searchsorted(self._ascending, indices).clamp(max=len(self._ascending) - 1)
        return self._places[at]

    def name(self, place: int) -> str:
        """The id of the image at a place."""
        return self.ids[int(self.indices[place])]

    def winners(self, layers: Mapping[str, LayerExemplars]) -> dict[str, str]:
        """The ids of the images that are in any ranking, by index as text."""
        found = {index for layer in layers.values() for index in set(layer.image.flatten().tolist())}
        return {str(index): self.ids[index] for index in sorted(found - {-1})}


class _Board:
    """What is known of one layer after some batches; it stays on the layer's device."""

    def __init__(self, layer: str, k: int, per_image: int, *, maps: bool) -> None:
        self.layer, self.k, self.per_image, self.maps = layer, k, per_image, maps
        self.ranking: Ranking | None = None
        self.nan = torch.zeros(0, dtype=torch.int64)
        self.maxima = no_maxima(0, self.nan.device)
        self.broken: set[int] = set()

    def see(self, images: Tensor, output: Tensor) -> None:
        """Take in one batch; ``images`` are the places of its images among the sorted ids."""
        self._check(output, len(images))
        maps = output if output.dim() == 4 else output[:, :, None, None]
        if self.ranking is None:
            self.ranking = empty(maps.shape[1], self.k, maps)
            self.nan = torch.zeros(maps.shape[1], dtype=torch.int64, device=maps.device)
            self.maxima = no_maxima(maps.shape[1], maps.device)
        best, lost = peaks(maps)
        broken = bool(lost.any())
        if broken:
            self.nan += lost.sum(0)
            self.broken.update(images[lost.any(1)].tolist())
        count_maxima(self.maxima, best, lost < maps.shape[2:].numel() if broken else None)
        update(self.ranking, maps, best, images, per_image=self.per_image)

    def _check(self, output: Tensor, count: int) -> None:
        shaped = output.dim() == 2 or (output.dim() == 4 and self.maps)
        if shaped and len(output) == count and output.is_floating_point():
            return
        raise ModelError(
            f"Layer {self.layer!r} gives {output.dtype} of shape {tuple(output.shape)} for {count} images. "
            "Only maps (n, channels, height, width) and vectors (n, channels) of real numbers can be mined. "
            + undecided(self.layer, output.shape if len(output) == count else ())
        )

    def exemplars(self, order: _Order) -> LayerExemplars:
        """What was found."""
        ranking = self.ranking or empty(0, self.k, torch.empty(0))
        return _exemplars(ranking, self.nan, self.maxima, order)


def _exemplars(ranking: Ranking, nan: Tensor, maxima: Tensor | None, order: _Order) -> LayerExemplars:
    index, y, x = unpack(ranking.keys.cpu())
    return LayerExemplars(
        ranking.values.cpu(),
        order.indices[index],
        torch.stack([y, x], -1),
        nan.cpu(),
        None if maxima is None else maxima.cpu(),
    )


def _merge_layer(parts: Sequence[LayerExemplars], order: _Order) -> LayerExemplars:
    """The strongest neurons of all parts; keys are made anew, since each part knows only its own ids."""
    values, image, position = (
        torch.cat([getattr(part, axis) for part in parts], 1) for axis in ("values", "image", "position")
    )
    keys = pack(order.places(image), *position.unbind(-1)).masked_fill(image < 0, NOWHERE)
    ranking = first(values, keys, parts[0].values.shape[1])
    nan, maxima = torch.stack([part.nan for part in parts]).sum(0), [part.maxima for part in parts]
    known = [counts for counts in maxima if counts is not None]
    total = sum_maxima(known) if len(known) == len(parts) else None  # mined before they were counted
    found = _exemplars(ranking, nan, total, order)
    seen = next((part for part in parts if part.field or part.own), parts[0])
    return replace(found, field=seen.field, own=seen.own, mixed_by=seen.mixed_by)


def _names(network: Network, layers: Sequence[str]) -> list[str]:
    """The layers that were asked for, by the names used, each once."""
    if not isinstance(layers, Iterable) or not all(isinstance(name, Hashable) for name in layers):
        raise InterpretError(f"layers must be a list of names. Got {layers!r}.")
    names = dict.fromkeys(
        [layers] if isinstance(layers, str) else layers or network.default_layers("convolutions")
    )
    for name in names.keys() - network.calls.keys():
        network.layer(name)
    return list(names)
