"""What label files say of pictures, checked: files must exist, boxes and positions lie inside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from interpret.errors import DatasetError
from interpret.files import is_inside, read_text

Box: TypeAlias = tuple[int, int, int, int]
"""(left, top, right, bottom) in pixels, half-open."""

Position: TypeAlias = tuple[float, float]
"""(x, y) in pixels."""

LARGEST_LIST = 2**26
"""Bytes of a list or table that are read; that of ImageNet's training pictures has 34 million."""

_NAMED = 5


def require_pictures(folder: Path, files: Sequence[str], source: str) -> None:
    """Raise DatasetError if ``folder`` has not all the files that the label file ``source`` names."""
    if not folder.is_dir():
        raise DatasetError(f"There is no folder {folder}. Check dataset option 'path'.")
    present = {file.name for file in folder.iterdir()}
    missing = [file for file in files if file not in present]
    if missing:
        some = ", ".join(missing[:_NAMED]) + (", …" if len(missing) > _NAMED else "")
        raise DatasetError(
            f"{source} names {len(missing)} of {len(files)} pictures that are not in {folder}: {some}. Put "
            "them there, take them out of the label file, or set dataset option broken: keep and on_error: "
            "skip in the steps."
        )


def read_lines(path: Path) -> str:
    """The text of a list or table that comes with a data set.

    Raises:
        DatasetError: If it is no regular file, too large, or no text.
    """
    try:
        return read_text(path, LARGEST_LIST)
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise DatasetError(f"{path} is no text in UTF-8. Unpack it again, or save it as such.") from None


def require_inside(file: str, source: str) -> None:
    """Raise DatasetError if a label file names a picture that lies outside of the data set."""
    if not is_inside(file):
        raise DatasetError(f"{source} names {file[:200]!r}, which lies outside of its folder of pictures.")


def require_box_inside(box: Box, size: tuple[int, int], whose: str) -> None:
    """Raise DatasetError unless a half-open box has an area and lies inside ``size`` (width, height)."""
    left, top, right, bottom = box
    if not (0 <= left < right <= size[0] and 0 <= top < bottom <= size[1]):
        raise DatasetError(
            f"The box of {whose} is {box} (left, top, right, bottom, counted from 0), but the picture has "
            f"{size[0]} x {size[1]} pixels. Correct the label file."
        )


def require_position_inside(position: Position, size: tuple[int, int], whose: str) -> None:
    """Raise DatasetError unless (x, y) lies inside ``size`` (width, height)."""
    if not (0 <= position[0] < size[0] and 0 <= position[1] < size[1]):
        raise DatasetError(
            f"The {whose} is at {position} (x, y), outside of the picture's {size[0]} x {size[1]} pixels. "
            "Correct the label file."
        )
