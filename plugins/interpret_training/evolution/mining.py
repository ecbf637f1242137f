"""Mining of checkpoints: done once for each, and found again by every later step and after a kill."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import torch

from interpret import results
from interpret.code import classes_of
from interpret.files import digest
from interpret.images import Images
from interpret.network import Network, OnError
from interpret.run import cache_dir, find_result, store_result
from interpret_topk import Exemplars, mine
from interpret_training.checkpoints import Checkpoint
from interpret_training.loading import mean_image


@dataclass(frozen=True)
class Miner:
    """Mines checkpoints of one network over the same images, every layer of each once.

    Attributes:
        images: The images.
        fingerprint: A hash of them and of their ids, which the results hold.
        k: How many neurons to keep of each unit.
        batch_size: Images in one forward pass.
        on_error: What to do with images that cannot be read.
    """

    images: Images
    fingerprint: str
    k: int
    batch_size: int
    on_error: OnError

    def mined(self, network: Network, checkpoint: Checkpoint, layers: Sequence[str]) -> Exemplars:
        """The strongest neurons of all units; only layers that were never mined see the images.

        Args:
            network: The network with the weights of the checkpoint.
            checkpoint: The weights. What its file does not hold belongs to modules after the layers and
                decides nothing: so the file's hash stands for the weights.
            layers: Names or aliases.
        """
        rooms = {layer: self._room(network, checkpoint, layer) for layer in layers}
        known = {layer: find_result(folder, Exemplars) for layer, folder in rooms.items()}
        missing = [layer for layer, found in known.items() if found is None]
        if missing:
            mined = mine(
                network,
                self.images,
                missing,
                self.k,
                batch_size=self.batch_size,
                on_error=self.on_error,
                fields=False,
            )
            for layer in missing:
                store_result(rooms[layer], _only(mined, layer))
                known[layer] = cast(Exemplars, results.load(rooms[layer]))
        return joined({layer: found for layer, found in known.items() if found is not None})

    def _room(self, network: Network, checkpoint: Checkpoint, layer: str) -> Path:
        return cache_dir(
            "mining", checkpoint.sha256, architecture(network), network.layer(layer),
            self.fingerprint, self.k, self.batch_size, self.on_error,
            torch.__version__, Miner, *classes_of(network.module), type(self.images.whole),
        )  # fmt: skip


def architecture(network: Network) -> str:
    """A hash of everything that decides a network's activations, except its weights.

    A mean image is no part of the weights: a checkpoint may leave it to the network.
    """
    tensors = {name: tuple(tensor.shape) for name, tensor in network.module.state_dict().items()}
    mean = mean_image(network)
    seen = None if mean is None else hashlib.sha256(mean.mean.cpu().numpy().tobytes()).hexdigest()
    return digest(repr(network.module), tensors, seen, network.input, network.dtype, network.device.type)


def joined(parts: dict[str, Exemplars]) -> Exemplars:
    """One result from results over single layers of the same network and images."""
    ids = {index: name for part in parts.values() for index, name in part.ids.items()}
    broken = {name for part in parts.values() for name in part.nan_images}
    first = next(iter(parts.values()))
    labels = {index: label for part in parts.values() for index, label in part.labels.items()}
    return Exemplars(
        {layer: next(iter(part.layers.values())) for layer, part in parts.items()},
        {index: ids[index] for index in sorted(ids, key=int)},
        first.skipped,
        first.count,
        tuple(sorted(broken)),
        first.input,
        first.categories,
        {index: labels[index] for index in sorted(labels, key=int)},
    )


def _only(found: Exemplars, layer: str) -> Exemplars:
    """The part of a result that is about one layer."""
    own = found[layer]
    indices = sorted(set(own.image.flatten().tolist()) - {-1})
    ids = {str(index): found.ids[str(index)] for index in indices}
    labels = {index: found.labels[index] for index in ids if index in found.labels}
    return replace(found, layers={layer: own}, ids=ids, labels=labels)
