"""Files of weights: which format a file has, and what it holds; of other files what they are and the cure."""

from __future__ import annotations

import logging
import pickle
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

from safetensors import safe_open
from torch import Tensor

from interpret.errors import InterpretError, ModelError, clause, nearest
from interpret.files.folders import user_path
from interpret.files.reading import open_file
from interpret.weights.extracting import is_module, module_tensors
from interpret.weights.statedicts import EXTRACT, SAVE, Held, holds_numbers, listed, state_dict
from interpret.weights.torchfiles import MAGIC, SHARED, TensorError, TorchFile, read_legacy, read_zip, what
from interpret.weights.unpickling import Stored, mapping, unpickle_next

log = logging.getLogger(__name__)

LARGEST_HEADER = 1 << 25
"""Bytes of a safetensors header that are read; that of 100,000 tensors has a third."""

_SHARDS = (
    "an index of weights that lie in several files. Put them into one: import torch; from interpret.weights "
    "import read_weights; torch.save({name: tensor for file in FILES for name, tensor in "
    'read_weights(file).tensors.items()}, "one.pth")'
)
_ELSEWHERE = f"Convert them to PyTorch where they were made, and save them there with {SAVE}"
_BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs", "a pointer of Git LFS, not the weights. Fetch these: git lfs pull"),
    (b"<", "a page of the web, not weights. Fetch the file itself: its address is the one behind 'download'"),
    (b"\x89HDF", f"HDF5, as Keras writes it. {_ELSEWHERE}"),
    (b"GGUF", f"GGUF. {_ELSEWHERE}"),
    (b"\x93NUMPY", f"an array of numpy. Save tensors by name: {SAVE}"),
    (b"\x1f\x8b", "compressed with gzip. Unpack it: gunzip"),
    (b"BZh", "compressed with bzip2. Unpack it: bunzip2"),
    (b"\xfd7zXZ", "compressed with xz. Unpack it: unxz"),
    (b"7z\xbc\xaf", "a 7z archive. Unpack it, and give the weights file in it"),
)
_MEMBERS: tuple[tuple[str, str], ...] = (
    ("constants.pkl", f"TorchScript: a program and its weights. {EXTRACT}"),
    ("model.weights.h5", f"an archive of Keras. {_ELSEWHERE}"),
    ("archive_format", f"a program of torch.export. Where it was made, save the weights alone: {SAVE}"),
    (".npy", f"an archive of numpy. {_ELSEWHERE}"),
)


def existing_file(path: str | Path) -> Path:
    """The path, if a file is there that can be read.

    Raises:
        ModelError: If none is; the message shows the nearest names in its folder.
    """
    try:
        path = user_path(path)
        if path.is_dir():
            raise ModelError(f"{path} is a folder: give a weights file in it, such as {_some_file(path)}.")
        open_file(path).close()
    except FileNotFoundError:
        raise ModelError(f"There is no weights file {path}. {_nearest_file(Path(path))}") from None
    except OSError as error:
        raise ModelError(f"The weights file {path} cannot be read: {error.strerror}.") from error
    except InterpretError as error:
        raise ModelError(str(error)) from None
    return path


def read_held(path: Path, names: Collection[str] = ()) -> Held:
    """The tensors in a file, whatever its name says of its format.

    Args:
        path: The file.
        names: The names of the network's tensors, by which one of several state dicts is chosen.

    Raises:
        ModelError: If it is of another format, is not whole, or holds no tensors by name.
    """
    with open_file(path) as file:
        size, start = file.seek(0, 2), _start(file)
        if is_safetensors(start):
            return read_safetensors(path)
        try:
            return state_dict(path, _torch_file(path, file, start, size), names)
        except (ValueError, OSError) as error:
            raise ModelError(
                f"{path} is not a whole weights file ({clause(error)}). Expected safetensors, or what {SAVE} "
                "writes. Fetch or save it again."
            ) from error


def read_modules(path: Path) -> dict[str, Tensor]:
    """The tensors of the whole network in a file, by the names that its state dict has; nothing is run.

    Raises:
        ModelError: If the file is not whole, or holds no network that was pickled whole, nor TorchScript.
    """
    try:
        with open_file(path) as file:
            size, start = file.seek(0, 2), _start(file)
            opened = read_zip(file, size) if start.startswith(b"PK") else read_legacy(file, size)
            found = [opened.content, *(mapping(opened.content) or {}).values()]
            network = next(filter(is_module, found), None)
            return {name: opened.tensor(item) for name, item in module_tensors(network)}
    except (ValueError, OSError) as error:
        raise ModelError(f"{path} holds no whole network that can be read ({clause(error)}).") from error


def is_safetensors(start: bytes) -> bool:
    """Whether a file begins as safetensors does: a length in 8 bytes, then a JSON header."""
    return start[8:9] == b"{"


def begins_as_safetensors(path: Path) -> bool:
    """Whether a file begins as safetensors does."""
    with open_file(path) as file:
        return is_safetensors(_start(file))


def read_safetensors(path: Path, *, tensors: bool = True) -> Held:
    """A safetensors file.

    Args:
        path: The file.
        tensors: Whether its tensors are read, too.

    Raises:
        ModelError: If it is not whole.
    """
    try:
        with open_file(path) as file:
            length = int.from_bytes(file.read(8), "little")
        if length > LARGEST_HEADER:
            raise ValueError(f"its header would have {length:,} bytes")
        with safe_open(path, framework="pt") as opened:
            names = opened.keys() if tensors else ()
            return Held({name: opened.get_tensor(name) for name in names}, dict(opened.metadata() or {}))
    except Exception as error:  # a broken file fails in as many ways as bytes can
        raise ModelError(
            f"{path} is not a whole safetensors file ({clause(error)}). Fetch it again."
        ) from error


def _start(file: BinaryIO) -> bytes:
    """The first bytes of a file, which stands at its beginning afterwards."""
    file.seek(0)
    start = file.read(512)
    file.seek(0)
    return start


def _torch_file(path: Path, file: BinaryIO, start: bytes, size: int) -> TorchFile:
    """What torch.save wrote.

    Raises:
        ModelError: If the file is of another format.
        ValueError: If it is not whole.
    """
    if not size:
        raise ValueError("it is empty")
    if start.startswith(b"\x80"):
        return _read_pickle(path, file, size)
    if start.startswith(b"PK"):
        _refuse_other_archives(path, file)
        return read_zip(file, size)
    if other := next((text for head, text in _BEGINNINGS if start.lstrip().startswith(head)), ""):
        raise ModelError(f"{path} holds no weights that can be read: it is {other}.")
    if start.lstrip().startswith(b"{"):
        shards = b'"weight_map"' in file.read(1 << 20)
        kind = _SHARDS if shards else "JSON. Give the file with the tensors, which often lies beside it"
        raise ModelError(f"{path} holds no weights that can be read: it is {kind}.")
    if start[257:262] == b"ustar":
        raise ModelError(f"{path} is a tar archive: unpack it (tar xf), and give the weights file in it.")
    if path.suffix == ".onnx":
        raise ModelError(f"{path} holds no weights that can be read: it is ONNX. {_ELSEWHERE}.")
    raise ValueError("it begins like no format of weights")


def _refuse_other_archives(path: Path, file: BinaryIO) -> None:
    """Refuse zip archives of other programs."""
    try:
        names = zipfile.ZipFile(file).namelist()
    except Exception as error:  # a broken archive fails in as many ways as bytes can
        raise ValueError(str(error)) from error
    for end, text in _MEMBERS:
        if any(name.endswith(end) for name in names):
            raise ModelError(f"{path} holds no weights that can be read: it is {text}.")


def _read_pickle(path: Path, file: BinaryIO, size: int) -> TorchFile:
    """A file of before PyTorch 1.6, or what Python pickled by name; others are described and refused."""
    try:
        content = unpickle_next(file)
    except pickle.UnpicklingError as error:
        raise ValueError(str(error)) from error
    if content == MAGIC:
        file.seek(0)
        return read_legacy(file, size)
    if holds_numbers(content):
        return TorchFile(content, _no_storage, [SHARED * size])
    found = mapping(content)
    held = listed([f"{name} is {what(item)}" for name, item in (found or {"it": content}).items()])
    raise ModelError(
        f"{path} was refused, and nothing in it was run: Python's pickle wrote it, not torch.save ({held}). "
        f"Save tensors only: {SAVE}, or safetensors."
    )


def _no_storage(_stored: Stored) -> Tensor:
    """Python's pickle keeps numbers where they are used."""
    raise TensorError("a tensor whose numbers are not in the file")


def _nearest_file(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"Its folder {folder} does not exist."
    try:
        close = nearest(path.name, (item.name for item in folder.iterdir() if item.is_file()))
    except OSError as error:
        return f"Its folder {folder} cannot be looked into: {error.strerror}."
    if close:
        return f"Did you mean {' or '.join(map(repr, close))}?"
    where = f"the folder {folder}" if path.is_absolute() else f"the folder {folder.absolute()}"
    return f"No file in {where} has a name like it. Give the path of the file, from there or from the root."


def _some_file(folder: Path) -> str:
    names = sorted(item.name for item in folder.iterdir() if item.is_file())
    return repr(names[0]) if names else "none yet"
