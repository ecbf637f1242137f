"""Typed results with their axes; they save and load without pickle.

A result is a frozen dataclass. Tensors go to ``result.safetensors``, the rest to ``result.json``, which is
written last, begins with its own checksum, and holds those of the tensors and of every further file: a folder
with a valid ``result.json`` holds a whole result. The axes of a tensor are the words of its jaxtyping
annotation: ``Float[Tensor, "unit rank"]``. What is a file of its own, such as a checkpoint, is a ``Path``:
saving brings the file along, and the folder can be moved.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from interpret.describing import told_of_skipped
from interpret.errors import InterpretError, clause
from interpret.files.folders import (
    file_hash,
    has_hash,
    inside,
    link_or_copy,
    read_plain,
    require_kind,
    write_atomically,
)
from interpret.files.reading import printable
from interpret.files.sealed import LARGEST_JSON, parse_json, seal, unseal
from interpret.records import Decoder, Encoder, Record, files_of, rows_of
from interpret.wording import as_html

__all__ = [
    "FORMAT",
    "Record",
    "Result",
    "load",
    "remember_images",
    "remembered_images",
    "replace",
    "result_digest",
    "rows_of",
    "warnings_of",
]

FORMAT = 2
"""1 had no checksum of ``result.json`` itself, nor of further files; it is still read."""

R = TypeVar("R", bound=Record)

_RECORD, _TENSORS = "result.json", "result.safetensors"
_IMAGES = "_remembered_images"
_OLD = b'{\n "format": 1,'


class Result(Record):
    """What one probe found: raw, signed values that know what they belong to."""

    def save(self, folder: Path) -> None:
        """Write the result into ``folder``; a killed process leaves no file that looks whole.

        Raises:
            InterpretError: If a file that belongs to the result is missing, or the folder holds a link.
            TypeError: If a field holds something else than the class declares, or what cannot be stored.
        """
        _save(self, folder)

    def __getstate__(self) -> dict[str, Any]:
        """Its fields, without the images that it remembers."""
        return {name: item for name, item in vars(self).items() if name != _IMAGES}

    def as_loaded(self) -> Result:
        """What `load_result` gives for it: another result where the class had another role once."""
        return self

    def warnings(self) -> tuple[str, ...]:
        """Sentences that a person should read before believing it; none where all is as it should be.

        A class that says nothing else tells of the images that its field ``skipped`` names.
        """
        return told_of_skipped(getattr(self, "skipped", ()))

    def _repr_html_(self) -> str:
        """The same as its ``repr``, with its warnings, as a notebook shows it."""
        return as_html(type(self).__name__, rows_of(self), warnings_of(self))

    def image_numbers(self, place: int) -> dict[str, Any]:  # noqa: ARG002 - for results that tell of single images
        """What it holds of the image at a place of the dataset, as plain values for programs (JSON).

        Empty where it says nothing of this image.
        """
        return {}


def remember_images(result: Result, images: Any) -> None:
    """Let a result know the images it was computed from, for as long as this process holds it.

    They are no part of it: they are neither stored nor pickled nor compared.

    Args:
        result: The result.
        images: What `interpret.images.as_images` takes; of None or an empty list nothing is remembered.
    """
    if images is not None and not (isinstance(images, list | tuple) and not images):
        vars(result)[_IMAGES] = images


def remembered_images(result: Result) -> Any:
    """The images a result was computed from, as they were given; None where it does not know them."""
    return vars(result).get(_IMAGES)


def warnings_of(result: Result) -> tuple[str, ...]:
    """The warnings of a result for people; none where a stranger's class fails or has a field so named."""
    own = getattr(type(result), "warnings", None)
    try:
        return tuple(map(printable, own(result))) if callable(own) else ()
    except Exception:  # noqa: BLE001 - who looks at a thing must not get an error in its place
        return ()


def replace(folder: Path, result: Result) -> None:
    """Save a result where an earlier one may be; files of the earlier one that are not this one's go."""
    _save(result, folder, anew=True)


def load(folder: Path) -> Result:
    """The result saved in ``folder``; the plugin that defines its type has to be imported already.

    Raises:
        InterpretError: If there is no whole result, or no plugin here defines its type.
    """
    try:
        result = _load(folder)
    except FileNotFoundError as error:
        missing = Path(str(error.filename)).name
        raise InterpretError(f"There is no result in {folder}: {missing} is missing. Run the step.") from None
    except InterpretError:
        raise
    except Exception as error:  # a stranger's file can be wrong in any way, also in a plugin's own checks
        raise InterpretError(
            f"The result in {folder} cannot be read: {clause(error)}. Run the step again."
        ) from error
    if not isinstance(result, Result):
        raise InterpretError(f"{folder} holds a {type(result).__name__}, which is no result.")
    return result


def _load(folder: Path) -> Any:
    record = _read_record(read_plain(folder / _RECORD, LARGEST_JSON))
    blob = read_plain(folder / _TENSORS)
    if hashlib.sha256(blob).hexdigest() != record["tensors_sha256"]:
        raise InterpretError(f"The tensors in {folder} belong to another result. Run the step again.")
    decoder = Decoder(lambda item: _find(folder, item, record["format"]), load_tensors(blob))
    return decoder.decode(record["result"])


def result_digest(folder: Path) -> str:
    """The hash of a ``result.json`` whose tensors and files are beside it, to the last bit; else empty.

    Raises:
        InterpretError: If one of them is a link, or lies outside the folder.
    """
    for name in (_RECORD, _TENSORS):
        require_kind(folder / name, folder=False)
    record, found = _sealed(folder)
    files = {inside(folder, name, _RECORD): known for name, known in _files(record).items()}
    files[folder / _TENSORS] = record.get("tensors_sha256")
    intact = record.get("format") == FORMAT and all(has_hash(file, known) for file, known in files.items())
    return found if intact else ""


def _save(result: Result, folder: Path, *, anew: bool = False) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in (_RECORD, _TENSORS):
        require_kind(folder / name, folder=False)
    bring = _Bringer(folder, {})
    encoder = Encoder(bring)
    tree = encoder.encode(result)
    blob = save_tensors(encoder.tensors)
    record = {"format": FORMAT, "tensors_sha256": hashlib.sha256(blob).hexdigest(), "result": tree}
    sealed = seal(record)
    _require_readable(result, len(sealed))
    write_atomically(folder / _TENSORS, blob)
    for name in _files(_sealed(folder)[0]) if anew else ():
        if name not in {*bring.brought, _RECORD, _TENSORS}:
            inside(folder, name, _RECORD).unlink(missing_ok=True)
    write_atomically(folder / _RECORD, sealed)


def _require_readable(result: Result, size: int) -> None:
    """Refuse to store what could not be read again."""
    if size > LARGEST_JSON:
        raise InterpretError(
            f"This {type(result).__name__} holds {size / 1e6:,.0f} MB of text beside its tensors, as ids "
            f"of images, and at most {LARGEST_JSON / 1e6:,.0f} MB could be read again. Ask about fewer "
            "images, as by the dataset option 'limit'."
        )


def _sealed(folder: Path) -> tuple[dict[str, Any], str]:
    """What ``result.json`` says, and its hash; nothing where it is missing or has changed."""
    try:
        data = read_plain(folder / _RECORD, LARGEST_JSON)
        return unseal(data), hashlib.sha256(data).hexdigest()
    except (FileNotFoundError, ValueError):
        return {}, ""


def _files(record: dict[str, Any]) -> dict[Any, Any]:
    """The hash of each file that belongs to a result, by its name."""
    return {str(item["$file"]): item.get("sha256") for item in files_of(record)}


def _read_record(data: bytes) -> dict[str, Any]:
    record = parse_json(data) if data.startswith(_OLD) else unseal(data)
    if record["format"] not in {1, FORMAT}:
        raise InterpretError(
            f"This result has format {str(record['format'])[:20]}, of a later version; "
            f"this one reads 1 and {FORMAT}. Update interpret-cnn."
        )
    return record


def _find(folder: Path, item: dict[str, Any], form: int) -> Path:
    file = inside(folder, item["$file"], _RECORD)
    if not file.is_file():
        raise FileNotFoundError(2, "missing", str(file))
    if form != 1 and not has_hash(file, item["sha256"]):
        raise InterpretError(f"{file} has changed since it was stored. Run the step again.")
    return file


@dataclass(frozen=True)
class _Bringer:
    """Puts files into a folder, each below the name of the folder it comes from."""

    folder: Path
    brought: dict[str, Path]

    def __call__(self, file: Path) -> dict[str, Any]:
        if not file.is_file():
            raise InterpretError(f"The file {file} belongs to the result and is missing. Run the step again.")
        source = file.resolve()
        parent = file.parent if file.parent.name not in {"", ".."} else file.parent.resolve()
        name = f"{parent.name or 'files'}/{file.name}"
        if self.brought.setdefault(name, source) != source:
            raise InterpretError(
                f"{file} and {self.brought[name]} would both be stored as {name}. Rename one, or its folder."
            )
        target = inside(self.folder, name)
        if not target.exists() or not target.samefile(source):
            target.parent.mkdir(exist_ok=True)
            link_or_copy(source, target)
        return {"$file": name, "sha256": file_hash(target)}
