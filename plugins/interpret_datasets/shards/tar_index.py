"""Where the members of a tar shard lie: found once, so that each is read alone afterwards."""

from __future__ import annotations

import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, TypeVar, cast

from interpret.errors import DatasetError, clause
from interpret.files import printable
from interpret.interrupts import check_interrupt
from interpret_datasets.shards.labels import LONGEST, Said, said_by_json, said_by_text

SUFFIXES = ("jpg", "jpeg", "png", "webp", "ppm", "pgm", "pbm", "pnm", "bmp", "tif", "tiff", "gif")
"""What members of pictures end in, behind the first dot of their names; the first of a sample counts."""

COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}

_LARGEST, _LARGEST_HEADER = 1 << 60, 1 << 20
_BLOCK = tarfile.BLOCKSIZE

T = TypeVar("T")


@dataclass(frozen=True)
class Wanted:
    """Which members count.

    Attributes:
        image: Endings of pictures, the first that a sample has counts.
        label: The ending of labels; empty: ``cls``, else ``json``.
        field: Where a JSON object has the label.
    """

    image: tuple[str, ...]
    label: str
    field: str

    def is_label(self, suffix: str) -> bool:
        """Whether a member of that ending may hold the label."""
        return suffix == self.label if self.label else suffix in {"cls", "json"}


@dataclass
class TarIndex:
    """The samples of one shard, in order.

    Attributes:
        keys: What the names of their members have in common.
        offsets: Where the file of each picture begins.
        sizes: How many bytes it has.
        said: Their labels.
        broken: Why some cannot be read, by their place.
        suffixes: The endings of the members, and how many have each.
        notes: What else was found, in sentences.
    """

    keys: list[str] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    broken: dict[int, str] = field(default_factory=dict)
    suffixes: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def index_tar(file: BinaryIO, size: int, wanted: Wanted) -> TarIndex:
    """Go through a shard: headers and labels are read, pictures are passed over.

    Members whose names are equal up to the first dot behind the folders are one sample, as in webdataset, and
    also if others lie between them. A second picture of one name is a sample of its own that is broken.

    Args:
        file: The shard, at its beginning.
        size: Its bytes.
        wanted: Which members count.

    Raises:
        DatasetError: If it is no tar file, or a compressed one.
    """
    _require_tar(file)
    checked = _Checked(file)
    samples = _Samples(checked, size, wanted)
    end = 0
    try:
        with tarfile.open(fileobj=cast(Any, checked), mode="r:") as tar:
            for member in _members(tar):
                samples.add(member)
            end = tar.offset
        ended = _ending(checked, end)
    except (tarfile.TarError, RecursionError, OverflowError, ValueError) as error:
        ended = _damaged(samples.last, str(error) or type(error).__name__)
    return samples.index(ended)


def _members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The members one by one; none is kept, and none lies before the one behind which it stands."""
    before = -1
    while (member := tar.next()) is not None:
        vars(tar)["members"] = []
        if not 0 <= member.size < _LARGEST or member.offset <= before:
            raise tarfile.ReadError("a header has a size that cannot be")
        before = member.offset
        check_interrupt()
        yield member


class _Checked:
    """A file of which a header cannot ask for more than a header needs."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.tell = file, file.tell

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _LARGEST_HEADER:
            raise tarfile.ReadError("a header is too large")
        return self._asked(self.file.read, size)

    def seek(self, place: int) -> int:
        if not 0 <= place < _LARGEST:
            raise tarfile.ReadError("a header has a size that cannot be")
        return self._asked(self.file.seek, place)

    def _asked(self, call: Callable[[int], T], number: int) -> T:
        """What the file does; what it raises is no fault of the headers."""
        try:
            return call(number)
        except Exception as error:
            raise DatasetError(f"The shard cannot be read: {clause(error)}.") from error


@dataclass
class _Sample:
    key: str
    rank: int = -1
    offset: int = 0
    size: int = 0
    said: Said = None
    label_rank: int = -1
    trouble: str = ""
    suffixes: list[str] = field(default_factory=list)


class _Samples:
    """The samples of a shard, as its members come."""

    def __init__(self, file: _Checked, size: int, wanted: Wanted) -> None:
        self.file, self.size, self.wanted = file, size, wanted
        self.found: dict[str, _Sample] = {}
        self.newest: dict[str, _Sample] = {}
        self.suffixes: Counter[str] = Counter()
        self.passed_over: Counter[str] = Counter()
        self.last = ""

    def add(self, member: tarfile.TarInfo) -> None:
        name = member.name.removeprefix("./")
        if not member.isfile():
            self.passed_over["links or devices"] += not member.isdir()
            return
        folder, slash, base = name.rpartition("/")
        stem, dot, suffix = base.partition(".")
        if not (stem and dot) or _is_meta(name):
            self.passed_over["files without a key"] += not _is_meta(name)
            return
        self.last, suffix = printable(name), printable(suffix.lower())
        sample = self._sample(printable(f"{folder}{slash}{stem}"), suffix)
        sample.suffixes.append(suffix)
        self.suffixes[suffix] += 1
        self._take(sample, member, suffix)

    def _sample(self, key: str, suffix: str) -> _Sample:
        """The sample of a key; a new one where it has such a member already."""
        newest = self.newest.get(key)
        if newest is not None and suffix not in newest.suffixes:
            return newest
        unique, count = key, 1
        while unique in self.found:
            count += 1
            unique = f"{key}#{count}"
        sample = self.found[unique] = self.newest[key] = _Sample(unique)
        if newest is not None:
            sample.trouble = f"The shard has two members {key}.{suffix}. Give each its own name."
        return sample

    def _take(self, sample: _Sample, member: tarfile.TarInfo, suffix: str) -> None:
        wanted = self.wanted
        if suffix in wanted.image:
            rank = len(wanted.image) - wanted.image.index(suffix)
            if rank > sample.rank:
                sample.rank, sample.offset, sample.size = rank, member.offset_data, member.size
        elif not wanted.is_label(suffix):
            return
        if member.offset_data + member.size > self.size or member.issparse():
            what = (
                "is stored with holes" if member.issparse() else "is cut short: the shard ends before it does"
            )
            sample.trouble = f"{self.last} {what}. Write the shard anew."
        elif wanted.is_label(suffix):
            self._say(sample, member, suffix)

    def _say(self, sample: _Sample, member: tarfile.TarInfo, suffix: str) -> None:
        rank = 2 if suffix == "cls" else 1
        if rank < sample.label_rank:
            return
        sample.label_rank = rank
        if member.size > LONGEST:
            sample.trouble = sample.trouble or f"{self.last} has {member.size:,} bytes, which is no label."
            return
        self.file.seek(member.offset_data)
        content = self.file.read(member.size)
        try:
            by_json = suffix.endswith("json")
            sample.said = said_by_json(content, self.wanted.field) if by_json else said_by_text(content)
        except DatasetError as error:
            sample.trouble = sample.trouble or str(error)

    def index(self, ended: tuple[str, str]) -> TarIndex:
        """All of it; with how the shard ended: a sample that says what was lost, and a note."""
        found = TarIndex(suffixes=dict(self.suffixes), notes=[ended[1]] if ended[1] else [])
        if ended[0]:
            self.found["#end"] = _Sample("#end", trouble=ended[0])
        for place, sample in enumerate(self.found.values()):
            found.keys.append(sample.key)
            found.offsets.append(sample.offset)
            found.sizes.append(sample.size)
            found.said.append(sample.said)
            if trouble := sample.trouble or _pictureless(sample):
                found.broken[place] = trouble
        if some := [f"{what} ({count:,})" for what, count in self.passed_over.items() if count]:
            found.notes.append(f"Passed over: {', '.join(some)}.")
        return found


def _pictureless(sample: _Sample) -> str:
    if sample.rank >= 0:
        return ""
    return f"The sample has no picture: its members end in {', '.join(sample.suffixes)[:200]}."


def _is_meta(name: str) -> bool:
    """Whether webdataset keeps notes of its own there, which are no samples: ``__index__``."""
    first = name.partition("/")[0]
    return len(first) > 4 and first.startswith("__") and first.endswith("__")


def _require_tar(file: BinaryIO) -> None:
    begin = file.read(_BLOCK)
    file.seek(0)
    kind = next((name for magic, name in COMPRESSED.items() if begin.startswith(magic)), None)
    if kind:
        raise DatasetError(
            f"The shard is compressed ({kind}), and its members cannot be read one by one. Unpack it to a "
            "plain .tar: pictures are compressed themselves."
        )
    if not begin:
        raise DatasetError("The shard is empty. Write it anew.")
    if len(begin) < _BLOCK or (any(begin) and not _is_header(begin)):
        raise DatasetError("The shard is no tar file, or a damaged one. Write it anew.")


def _is_header(block: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def _ending(file: _Checked, end: int) -> tuple[str, str]:
    """How a shard ends: what was lost, or may be."""
    file.seek(end)
    block = file.read(_BLOCK)
    if not block:
        return "", "It has no mark at its end: if it was cut short, pictures are missing."
    if len(block) == _BLOCK and not any(block):
        more = any(file.read(_LARGEST_HEADER))
        return (
            "",
            f"Behind its end, at byte {end:,}, is more, which no reader of tar files sees." if more else "",
        )
    return _damaged(f"byte {end:,}", "no header of a member stands there")


def _damaged(where: str, why: str) -> tuple[str, str]:
    return f"The shard is damaged behind {where or 'its beginning'} ({why}): what follows is lost.", ""
