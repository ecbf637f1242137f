"""Pickles of strangers, read without running anything: whatever a file names becomes an inert object.

Python's unpickler calls what a pickle names. Here a name stays a name, a call stays a record of the call, and
what a file says of an object's state is only kept. So a pickle of any class can be looked into, and the
tensors in it found, though the class is missing, unknown or hostile.
"""

from __future__ import annotations

import io
import pickle
import struct
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

MAX_PICKLE_BYTES = 1 << 25
"""Bytes of one pickle that are read, without its tensors and long pieces; its objects take up to 64 times as
many."""

LONG = 1 << 12
"""Bytes beyond which a piece is not counted: a text or an array, which takes no more memory than a tensor."""

MOST_READS = 1 << 23
"""Pieces of one pickle that are read: its operations and what they hold; 100,000 tensors have 4 million."""

_PLAIN = (str, int, float, bool, bytes, type(None))
_DICTS = ("collections.OrderedDict", "collections.defaultdict", "collections.Counter", "builtins.dict")


class Named:
    """A class or function that a file names; nothing is imported or called.

    Args:
        name: Module and name.
    """

    def __init__(self, name: str) -> None:
        self.name = name


class Inert:
    """An object as a file describes it; it holds what the file says and does nothing.

    Attributes:
        name: The class or function that would have made it.
        args: With what it would have been called.
        state: What it would have been given then.
        items: What it would hold, if it is a mapping.
        held: What it would hold, if it is a set or a list of a class of its own.
    """

    def __init__(self, name: str, args: tuple[Any, ...]) -> None:
        self.name, self.args = name, args
        self.state: Any = None
        self.items: dict[Any, Any] = {}
        self.held: list[Any] = []


class Stored:
    """A reference to bytes that lie elsewhere in the file; see `interpret.weights.torchfiles`.

    Args:
        id: What the file calls it.
    """

    def __init__(self, id: Any) -> None:  # noqa: A002 - pickle's word for it
        self.id = id


def unpickle(data: bytes) -> Any:
    """What a pickle describes, as plain values, ``Inert`` objects and ``Stored`` references.

    Raises:
        pickle.UnpicklingError: If it is none, is not whole, or would change what is no object of its own.
    """
    return unpickle_next(io.BytesIO(data))


def unpickle_next(file: BinaryIO, stored: list[Stored] | None = None) -> Any:
    """What the next pickle in a file describes; the file stands behind it afterwards.

    Args:
        file: Where it is read from.
        stored: Gets every reference that the pickle makes.

    Raises:
        pickle.UnpicklingError: As ``unpickle``.
    """
    try:
        unpickler = _Unpickler(_Bounded(file))
        found = unpickler.load()
        if stored is not None:
            stored.extend(unpickler.stored)
        return found
    except pickle.UnpicklingError:
        raise
    except Exception as error:  # damaged bytes fail in as many ways as there are
        raise pickle.UnpicklingError(f"{type(error).__name__}: {error}") from error


def mapping(value: Any) -> Mapping[Any, Any] | None:
    """A dictionary, also one of a class that derives from it; None for everything else."""
    if isinstance(value, Inert) and (value.items or value.name in _DICTS):
        return value.items
    return value if isinstance(value, dict) else None


class _Bounded:
    """The beginning of a file."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.left, self.reads = file, MAX_PICKLE_BYTES, 0
        place = file.tell()
        self.end = file.seek(0, io.SEEK_END)
        file.seek(place)

    def read(self, size: int) -> bytes:
        """So many bytes, or what is left."""
        if size > LONG:
            data = self.file.read(min(size, self.end - self.file.tell()))
            self.left += len(data)
            return self._counted(data)
        return self._counted(self.file.read(min(size, self.left + 1)))

    def readline(self) -> bytes:
        """One line."""
        return self._counted(self.file.readline(self.left + 1))

    def _counted(self, data: bytes) -> bytes:
        self.left -= len(data)
        self.reads += 1
        if self.reads > MOST_READS:
            raise pickle.UnpicklingError(f"it has more than {MOST_READS:,} pieces, tensors not counted")
        if self.left < 0:
            raise pickle.UnpicklingError(f"it is longer than {MAX_PICKLE_BYTES:,} bytes, tensors not counted")
        return data


class _Unpickler(pickle._Unpickler):  # the one in Python: that in C makes its memory as large as a file says
    """Python's, with every operation replaced that would look up, call, build, or hash what a file chose."""

    stack: list[Any]
    read: Callable[[int], bytes]
    readline: Callable[[], bytes]
    if TYPE_CHECKING:  # no stubs say so

        def pop_mark(self) -> list[Any]:
            """The objects since the last mark."""

    def __init__(self, file: _Bounded) -> None:
        super().__init__(file)
        self.stored: list[Stored] = []

    def find_class(self, module: str, name: str, /) -> Any:
        """A name, which stays one."""
        return Named(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> Any:
        """A reference, which is followed later; of a class that comes with its source, the name."""
        if isinstance(pid, tuple) and len(pid) > 1 and pid[0] == "module":
            return pid[1]
        self.stored.append(Stored(pid))
        return self.stored[-1]

    def get_extension(self, code: int) -> None:
        """Refuse what only a number names: it may be an object of this process."""
        raise pickle.UnpicklingError(f"it names an extension by the number {code}")

    def inert(self, name: Any, args: Any) -> Inert:
        """What a call would have made."""
        if not isinstance(name, Named) or not isinstance(args, tuple):
            raise pickle.UnpicklingError(f"it calls a {type(name).__name__}")
        return Inert(name.name, args)

    def call(self) -> None:
        """Keep a call as what it is."""
        args = self.stack.pop()
        self.stack[-1] = self.inert(self.stack[-1], args)

    def call_by_name(self) -> None:
        """The same with arguments by name, which no tensor needs."""
        self.stack.pop()
        self.call()

    def call_class(self) -> None:
        """The oldest way to write a call: the class follows in two lines."""
        module, name = (self.readline()[:-1].decode("ascii") for _ in range(2))
        self.stack_append(self.inert(self.find_class(module, name), tuple(self.pop_mark())))

    def call_object(self) -> None:
        """The next oldest: the class is the first of some objects."""
        name, *args = self.pop_mark()
        self.stack_append(self.inert(name, tuple(args)))

    def build(self) -> None:
        """Keep the state of an object."""
        state = self.stack.pop()
        if not isinstance(self.stack[-1], Inert):
            raise pickle.UnpicklingError(f"it gives a {type(self.stack[-1]).__name__} a state")
        self.stack[-1].state = state

    def append_one(self) -> None:
        """Put an object into a list."""
        self.extend([self.stack.pop()])

    def append_many(self) -> None:
        """Put objects into a list."""
        self.extend(self.pop_mark())

    def extend(self, values: list[Any]) -> None:
        """Put objects into the list on the stack."""
        target = self.stack[-1]
        target = target.held if isinstance(target, Inert) else target
        if type(target) is not list:
            raise pickle.UnpicklingError(f"it appends to a {type(target).__name__}")
        target.extend(values)

    def set_one(self) -> None:
        """Put an object into a dictionary."""
        value, key = self.stack.pop(), self.stack.pop()
        self.update([key, value])

    def set_many(self) -> None:
        """Put objects into a dictionary."""
        self.update(self.pop_mark())

    def dictionary(self) -> None:
        """Make a dictionary."""
        pairs = self.pop_mark()
        self.stack_append({})
        self.update(pairs)

    def update(self, pairs: list[Any]) -> None:
        """Put keys and values into the dictionary on the stack."""
        target = self.stack[-1]
        target = target.items if isinstance(target, Inert) else target
        if type(target) is not dict:
            raise pickle.UnpicklingError(f"it puts items into a {type(target).__name__}")
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            target[_key(key)] = value

    def frame(self) -> None:
        """Pass over the length of a part: parts that are read as one would not be counted."""
        self.read(8)

    def empty_set(self) -> None:
        """A set, which is not looked into."""
        self.stack_append(Inert("builtins.set", ()))

    def frozen_set(self) -> None:
        """The same, filled."""
        self.pop_mark()
        self.stack_append(Inert("builtins.frozenset", ()))

    def byte_array(self) -> None:
        """Bytes, read before room is made for them."""
        (size,) = struct.unpack("<Q", self.read(8))
        self.stack_append(bytes(self.read(size)))

    def stack_append(self, value: Any) -> None:
        """Put a value on the stack."""
        self.stack.append(value)

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        **pickle._Unpickler.dispatch,
        pickle.REDUCE[0]: call,
        pickle.NEWOBJ[0]: call,
        pickle.NEWOBJ_EX[0]: call_by_name,
        pickle.INST[0]: call_class,
        pickle.OBJ[0]: call_object,
        pickle.BUILD[0]: build,
        pickle.APPEND[0]: append_one,
        pickle.APPENDS[0]: append_many,
        pickle.SETITEM[0]: set_one,
        pickle.SETITEMS[0]: set_many,
        pickle.ADDITEMS[0]: append_many,
        pickle.DICT[0]: dictionary,
        pickle.EMPTY_SET[0]: empty_set,
        pickle.FRAME[0]: frame,
        pickle.FROZENSET[0]: frozen_set,
        pickle.BYTEARRAY8[0]: byte_array,
    }


def _key(key: Any) -> Any:
    """A key whose hash costs little: nested tuples can be built so that theirs never ends."""
    return key if type(key) in _PLAIN else Inert("builtins.tuple", (key,))
