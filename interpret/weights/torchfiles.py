"""Files of ``torch.save``: the tensors in them, read without ``torch.load`` and without running anything.

``torch.load(..., weights_only=True)`` refuses a file for one number of numpy beside the weights, and calls
functions with sizes that the file chooses. Here the pickle is only described (`unpickling`), and a
tensor is made from the description of one, where all of it lies within the bytes that the file holds.
"""

from __future__ import annotations

import io
import pickle
import struct
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

import torch
from torch import Tensor

from interpret.weights.numpyarrays import array_tensor, is_array, plain_bytes
from interpret.weights.unpickling import Inert, Named, Stored, unpickle, unpickle_next

MAGIC = 0x1950A86A20F9469CFC6C
"""The number that files of before PyTorch 1.6 begin with, as a pickle."""

SHARED = 16
"""So many times a file's bytes may arrays take: one that has several names is copied for each."""

_STORAGES = {
    "Float": torch.float32,
    "Double": torch.float64,
    "Half": torch.float16,
    "BFloat16": torch.bfloat16,
    "Long": torch.int64,
    "Int": torch.int32,
    "Short": torch.int16,
    "Char": torch.int8,
    "Byte": torch.uint8,
    "Bool": torch.bool,
    "ComplexFloat": torch.complex64,
    "ComplexDouble": torch.complex128,
    "Untyped": torch.uint8,
}
_DTYPES = {str(dtype): dtype for dtype in vars(torch).values() if isinstance(dtype, torch.dtype)}

_SUBCLASS = "torch._tensor._rebuild_from_type_v2"
_REBUILD = "torch._utils._rebuild_"
_PARAMETERS = {f"{_REBUILD}parameter", f"{_REBUILD}parameter_with_state", "torch.nn.parameter.Parameter"}
_STRIDED = {f"{_REBUILD}tensor": 4, f"{_REBUILD}tensor_v2": 6, f"{_REBUILD}tensor_v3": 7}
_FOREIGN = {
    f"{_REBUILD}qtensor": "quantised: its numbers mean nothing without their scale",
    f"{_REBUILD}sparse_tensor": "sparse",
    f"{_REBUILD}sparse_csr_tensor": "sparse",
    f"{_REBUILD}nested_tensor": "nested",
    f"{_REBUILD}meta_tensor_no_storage": "on the meta device: it has no values",
}


class TensorError(ValueError):
    """A tensor that cannot be had from its description; says why."""


@dataclass(frozen=True)
class TorchFile:
    """What a file of ``torch.save`` holds.

    Attributes:
        content: What was saved: plain values, ``Inert`` objects for all others, tensors among them.
        storage: The bytes behind a reference, as a tensor of bytes; the same for the same reference.
        left: Bytes that numbers inside the pickle may still take, of which one piece may be named many times.
    """

    content: Any
    storage: Callable[[Stored], Tensor]
    left: list[int]

    def tensor(self, described: Any) -> Tensor:
        """The tensor that an object of ``content`` describes.

        Raises:
            TensorError: If it is none of ordinary layout, or reaches beyond the bytes in the file.
        """
        if is_array(described):
            try:
                return self._counted(array_tensor(described))
            except ValueError as error:
                raise TensorError(str(error)) from error
        plain = _unwrapped(described)
        if not isinstance(plain, Inert) or plain.name not in _STRIDED:
            raise TensorError(what(plain))
        args, (stored, storage) = plain.args, self._numbers(plain)
        if len(args) < _STRIDED[plain.name] or not isinstance(stored, Stored):
            raise TensorError("a tensor that is not whole")
        if any(isinstance(item, dict) and (item.get("conj") or item.get("neg")) for item in args[6:]):
            raise TensorError("a conjugate or negative view: save tensor.resolve_conj().resolve_neg()")
        dtype = _dtype(args[6] if plain.name == f"{_REBUILD}tensor_v3" else _storage_class(stored))
        data = storage(stored)
        if len(data) % dtype.itemsize:
            raise TensorError("a tensor whose bytes are no whole numbers")
        return _strided(data.view(dtype), *args[1:4])

    def _numbers(self, tensor: Inert) -> tuple[Any, Callable[[Stored], Tensor]]:
        """The reference to a tensor's numbers, and what follows it; Python's pickle keeps a file for each."""
        source = tensor.args[0] if tensor.args else None
        if not isinstance(source, Inert) or source.name != "torch.storage._load_from_bytes":
            return source, self.storage
        try:
            data = plain_bytes(source.args[0] if source.args else None)
            file = read_legacy(io.BytesIO(data), len(data))
        except ValueError as error:
            raise TensorError(f"damaged ({error})") from error
        return file.content, lambda stored: self._counted(file.storage(stored))

    def _counted(self, numbers: Tensor) -> Tensor:
        self.left[0] -= numbers.nbytes
        if self.left[0] < 0:
            raise TensorError(f"one of tensors that take {SHARED} times the bytes of the file")
        return numbers


def is_tensor(described: Any) -> bool:
    """Whether an object describes a tensor, of whatever kind."""
    return isinstance(described, Inert) and described.name in {*_STRIDED, *_PARAMETERS, *_FOREIGN, _SUBCLASS}


def what(described: Any) -> str:
    """What an object is, in words."""
    if isinstance(described, Stored):
        return "a reference to numbers"
    if not isinstance(described, Inert | Named):
        return f"a {type(described).__name__}"
    return f"a tensor that is {_FOREIGN[described.name]}" if described.name in _FOREIGN else described.name


def read_zip(file: BinaryIO, size: int) -> TorchFile:
    """A file of PyTorch 1.6 or later: a zip archive with a pickle and the numbers of each tensor.

    Args:
        file: The file.
        size: Its size in bytes; no more is held of it.

    Raises:
        ValueError: If it is no such archive, or not whole; the message says how.
    """
    try:
        archive = zipfile.ZipFile(file)
        members = {member.filename: member for member in archive.infolist()}
        root = next(name for name in members if name.endswith("/data.pkl")).removesuffix("data.pkl")
        described = members[f"{root}data.pkl"]
        if described.file_size > size:
            raise ValueError("its pickle is longer than the file")
        if described.compress_type != zipfile.ZIP_STORED:
            raise ValueError("its pickle is compressed, which torch.save never does")
        if f"{root}byteorder" in members and archive.read(f"{root}byteorder") != sys.byteorder.encode():
            raise ValueError("its numbers have the other byte order than this machine's")
        content = unpickle(archive.read(f"{root}data.pkl"))
    except StopIteration:
        raise ValueError("it has no data.pkl") from None
    except _DAMAGED as error:
        raise ValueError(str(error) or type(error).__name__) from error

    def read(key: str) -> tuple[int, Callable[[], bytes]]:
        member = members[f"{root}data/{key}"]
        if member.compress_type != zipfile.ZIP_STORED:
            raise TensorError("compressed, which torch.save never does")
        return member.file_size, lambda: archive.read(member)

    return TorchFile(content, _Storages(read, size), [SHARED * size])


def read_legacy(file: BinaryIO, size: int) -> TorchFile:
    """A file of before PyTorch 1.6: five pickles, then the numbers of each tensor.

    Args:
        file: The file.
        size: Its size in bytes; no more is held of it.

    Raises:
        ValueError: If it is not whole; the message says how.
    """
    stored: list[Stored] = []
    try:
        _, _, system, content, keys = (unpickle_next(file, stored) for _ in range(5))
        if not isinstance(system, dict) or system.get("little_endian") is not (sys.byteorder == "little"):
            raise ValueError("its numbers have the other byte order than this machine's")
        items = {_key(one): _dtype(_storage_class(one)).itemsize for one in stored}
        places: dict[str, tuple[int, int]] = {}
        for key in map(str, keys):
            (count,) = struct.unpack("<q", file.read(8))
            places[key] = (file.tell(), count * items[key])
            if count < 0 or file.seek(count * items[key], 1) > size:
                raise ValueError("it ends too early")
    except (*_DAMAGED, TensorError) as error:
        raise ValueError(str(error) or type(error).__name__) from error

    def read(key: str) -> tuple[int, Callable[[], bytes]]:
        place, length = places[key]
        return length, lambda: _bytes_at(file, place, length)

    return TorchFile(content, _Storages(read, size), [SHARED * size])


def _bytes_at(file: BinaryIO, place: int, length: int) -> bytes:
    file.seek(place)
    return file.read(length)


class _Storages:
    """The bytes of a file's storages, each read once; all together no more than the file.

    Args:
        read: The length of a storage, and what reads it, by its key; KeyError where there is none.
        limit: Bytes of the file.
    """

    def __init__(self, read: Callable[[str], tuple[int, Callable[[], bytes]]], limit: int) -> None:
        self.read, self.left = read, limit
        self.held: dict[str, Tensor] = {}

    def __call__(self, stored: Stored) -> Tensor:
        """The bytes behind a reference."""
        key = _key(stored)
        if key not in self.held:
            try:
                length, data = self.read(key)
                if length > self.left:
                    raise TensorError("a tensor with more bytes than the file has")
                self.left -= length
                self.held[key] = torch.frombuffer(bytearray(data()) or bytearray(1), dtype=torch.uint8)[
                    :length
                ]
            except KeyError:
                raise TensorError("a tensor whose numbers are not in the file") from None
            except _DAMAGED as error:
                raise TensorError(f"damaged ({error})") from error
        return self.held[key]


_DAMAGED = (
    *(zipfile.BadZipFile, NotImplementedError, pickle.UnpicklingError, EOFError, OSError, RuntimeError),
    *(struct.error, KeyError, TypeError, ValueError),
)
"""What reading a file raises that is no whole one."""


def _unwrapped(described: Any) -> Any:
    """The plain tensor in a parameter, or in an ordinary subclass of a tensor."""
    for _ in range(4):
        if not isinstance(described, Inert):
            break
        args = described.args
        if described.name in _PARAMETERS and args:
            described = args[0]
        elif described.name == _SUBCLASS and len(args) > 2 and isinstance(args[0], Named):
            described = Inert(args[0].name, args[2] if isinstance(args[2], tuple) else ())
    return described


def _key(stored: Stored) -> str:
    """What a file calls the bytes behind a reference."""
    parts = stored.id
    if not isinstance(parts, tuple) or len(parts) < 5 or parts[0] not in {"storage", b"storage"}:
        raise TensorError("a reference to something else than numbers")
    if len(parts) > 5 and parts[5] is not None:
        raise TensorError("a part of other numbers, as before PyTorch 0.4")
    return parts[2].decode("ascii", "replace") if isinstance(parts[2], bytes) else str(parts[2])


def _storage_class(stored: Stored) -> Any:
    return stored.id[1] if isinstance(stored.id, tuple) and len(stored.id) > 1 else None


def _dtype(named: Any) -> torch.dtype:
    """The type of numbers that a file names, as a dtype or as a class of storages."""
    name = named.name if isinstance(named, Named) else ""
    short = name.rpartition(".")[2].removesuffix("Storage")
    if name in _DTYPES or short in _STORAGES:
        return _DTYPES.get(name) or _STORAGES[short]
    raise TensorError(f"a tensor of {name or 'an unknown type'}")


def _strided(values: Tensor, offset: Any, size: Any, stride: Any) -> Tensor:
    """A view of numbers, if it lies within them."""
    size, stride = (tuple(item.args[0]) if isinstance(item, Inert) else item for item in (size, stride))
    if not (isinstance(size, tuple) and isinstance(stride, tuple) and len(size) == len(stride) <= 64):
        raise TensorError("a tensor without a shape")
    if not all(type(n) is int and 0 <= n < 1 << 62 for n in (offset, *size, *stride)):
        raise TensorError("a tensor with an impossible shape")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if 0 not in size and last >= len(values):
        raise TensorError("a tensor that reaches beyond its numbers")
    return values.new_empty(size) if 0 in size else values.as_strided(size, stride, offset)
