"""A network's weights at some epochs of its training, as files."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from safetensors.torch import save

from interpret.errors import ModelError
from interpret.files import checksum_of, is_intact, write_checked
from interpret.images import InputSpec
from interpret.network import Network, takes_network
from interpret.records import Record
from interpret.weights import mismatches, read_weights, strip_prefixes, weights_hash
from interpret_zoo import MeanImage
from interpret_zoo.cards import FOLDER, series_names

NAME = re.compile(r"epoch-(\d+)\.(?:safetensors|pth|pt)")

CHECKPOINTS = "checkpoints"
"""The folder of checkpoints in that of a training."""


@dataclass(frozen=True)
class Checkpoint(Record):
    """The weights of a network after some epochs.

    Attributes:
        epoch: How many whole epochs of training they have seen.
        file: A weights file, as any model takes it.
        sha256: Hash of the file, 64 hexadecimal digits.
    """

    epoch: int
    file: Path
    sha256: str


@takes_network
def write_checkpoint(network: Network, epoch: int, folder: Path) -> Checkpoint:
    """Write the weights of a network into ``folder/epoch-NNNN.safetensors``, with what its input is.

    Its checksum is in ``epoch-NNNN.safetensors.sha256``.
    """
    tensors = {
        name: tensor.detach().cpu().contiguous() for name, tensor in network.module.state_dict().items()
    }
    file, blob = checkpoint_file(folder, epoch), save(tensors)
    folder.mkdir(parents=True, exist_ok=True)
    told = {**stated(network), "epoch": str(epoch)}
    write_checked(file, lambda part: part.write_bytes(with_metadata(blob, told)))
    return Checkpoint(epoch, file, weights_hash(file))


def checkpoint_file(folder: Path, epoch: int) -> Path:
    """Where the weights of an epoch are."""
    return folder / f"epoch-{epoch:04d}.safetensors"


def with_metadata(blob: bytes, metadata: Mapping[str, str]) -> bytes:
    """A safetensors file with metadata in a fixed order: its own writer changes that from call to call."""
    length = int.from_bytes(blob[:8], "little")
    header = {"__metadata__": dict(sorted(metadata.items())), **json.loads(blob[8 : 8 + length])}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of 8
    return len(text).to_bytes(8, "little") + text + blob[8 + length :]


def stated(network: Network) -> dict[str, str]:
    """What a weights file says of the network's input and categories."""
    numbers = {
        "input_size": network.input.size,
        "mean": network.input.mean,
        "std": network.input.std,
        "resize": (network.input.shorter_side,),
    }
    told = {name: ",".join(map(repr, values)) for name, values in numbers.items()}
    usual = InputSpec()
    if network.input.interpolation != usual.interpolation:
        told["interpolation"] = network.input.interpolation
    if network.input.squash:
        told["squash"] = "true"
    return {**told, "categories": json.dumps(network.categories)} if network.categories else told


def stored_checkpoint(folder: Path, epoch: int) -> Checkpoint:
    """The checkpoint of an epoch that `write_checkpoint` has written.

    Raises:
        ModelError: If it is missing, or has changed since.
    """
    return _checked(epoch, checkpoint_file(folder, epoch))


def read_checkpoints(folder: str | Path) -> tuple[Checkpoint, ...]:
    """The checkpoints in a folder, by epoch: files named ``epoch-1.safetensors`` (or ``.pth``, ``.pt``).

    Args:
        folder: The folder, or the name of a series that comes along (``zfnet-imagenette``).

    Raises:
        ModelError: If the folder is missing, holds none, or holds one epoch twice; if a file is not what its
            checksum says.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir() and str(folder) in series_names():
        folder = FOLDER / folder
    if not folder.is_dir():
        raise ModelError(
            f"There is no folder of checkpoints {folder} (looked from {Path.cwd()}), nor does a series of "
            f"that name come along: {', '.join(series_names()) or 'there is none'}."
        )
    files = [(match, file) for file in sorted(folder.iterdir()) if (match := NAME.fullmatch(file.name))]
    if not files:
        names = ", ".join(sorted(file.name for file in folder.iterdir())[:5]) or "nothing"
        raise ModelError(
            f"There are no checkpoints in {folder}: their files are named epoch-1.safetensors, "
            f"epoch-2.safetensors, … It holds {names}."
        )
    found = [_checked(int(match[1]), file) for match, file in files]
    found.sort(key=lambda checkpoint: checkpoint.epoch)
    _check_epochs(found)
    return tuple(found)


@takes_network
def load_checkpoint(network: Network, checkpoint: Checkpoint, layers: Sequence[str] = ()) -> Network:
    """A copy of a network with the weights of a checkpoint.

    Args:
        network: The architecture; it is left as it is.
        checkpoint: The weights.
        layers: The layers that are asked about; then tensors of modules that are called after all of them
            may be missing, and keep the network's own values, as may a mean image that the network has.
            None: every tensor must be there.

    Raises:
        ModelError: If the file is missing, was changed, or belongs to another architecture.
    """
    weights = read_weights(checkpoint.file, sha256=checkpoint.sha256)
    copy = network.copy()
    expected = copy.module.state_dict()
    found = strip_prefixes(weights.tensors, expected)
    needed = {
        name: tensor for name, tensor in expected.items() if name in found or _before(network, name, layers)
    }
    if problems := mismatches(needed, found):
        raise ModelError(
            f"The checkpoint of epoch {checkpoint.epoch}, {checkpoint.file}, does not fit "
            f"{type(network.module).__name__}:\n  " + "\n  ".join(problems) + "\n"
            "Use the model, with the parameters, that was trained."
        )
    copy.module.load_state_dict(found, strict=False)
    return copy


def _before(network: Network, tensor: str, layers: Sequence[str]) -> bool:
    """Whether a tensor is needed for ``layers``: its module is called up to the last; none named: always.

    A mean image is not learnt: the one that the network has already will do.
    """
    if not layers:
        return True
    owner = tensor.rpartition(".")[0]
    if isinstance(part := network.module.get_submodule(owner), MeanImage) and part.mean.any():
        return False
    order = list(network.layers)
    last = max(order.index(network.layer(layer)) for layer in layers)
    called = [index for index, layer in enumerate(order) if network.calls[layer].module == owner]
    return not called or called[0] <= last


def _checked(epoch: int, file: Path) -> Checkpoint:
    """A checkpoint that is what the checksum beside it says, where there is one."""
    beside = checksum_of(file)
    if beside.exists() and not is_intact(file):
        raise ModelError(
            f"The checkpoint {file} has changed since it was written: its SHA-256 is not that in "
            f"{beside.name}. Train again, or remove {beside.name} if the change is yours."
        )
    return Checkpoint(epoch, file, weights_hash(file))


def _check_epochs(found: Sequence[Checkpoint]) -> None:
    for one, other in pairwise(found):
        if one.epoch == other.epoch:
            raise ModelError(
                f"Epoch {one.epoch} comes twice: {one.file.name} and {other.file.name}. Remove one of them."
            )
