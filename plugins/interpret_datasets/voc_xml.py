"""The annotations of PASCAL VOC: one XML file for each picture."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

from interpret.errors import DatasetError, UnknownNameError, clause
from interpret.files import read_file
from interpret.images import Object

MAX_XML_BYTES = 2**22
"""Bytes of an annotation that are read; VOC's have a few thousand."""

CATEGORIES = (
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)
"""The 20 categories in the order of the challenge, which is that of the paper's Table 6."""


class Annotation(NamedTuple):
    """What one file says.

    Attributes:
        objects: In its order.
        size: Width and height of the picture it was made on; None where it does not say.
    """

    objects: tuple[Object, ...]
    size: tuple[int, int] | None


def read_annotation(path: Path) -> Annotation:
    """One annotation.

    VOC counts pixels from 1 and a box includes its last ones; ours count from 0 and are half-open. Fractions,
    of which a few files have some, are rounded to the nearest pixel.

    Raises:
        DatasetError: If the file is missing or no XML, or it has no object, an unknown category, or no box.
    """
    root = _parse(path)
    objects = tuple(_object(path, element) for element in root.iterfind("object"))
    if not objects:
        raise DatasetError(f"{path} has no object, but every image of VOC shows one.")
    return Annotation(objects, _size(root))


def _parse(path: Path) -> ET.Element:
    try:
        text = read_file(path, MAX_XML_BYTES)
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}.") from None
    if b"\0" in text:  # UTF-16, in which the next test would find nothing, or no text at all
        raise DatasetError(f"{path} is not XML in UTF-8. Save it as such.")
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise DatasetError(f"{path} declares a document type, which no annotation of VOC does.")
    try:
        return ET.fromstring(text)  # noqa: S314 - entities are refused above
    except ET.ParseError as error:
        raise DatasetError(f"{path} is not XML: {clause(error)}.") from None
    except (ValueError, LookupError) as error:
        raise DatasetError(f"{path} is not XML in UTF-8: {clause(error)}. Save it as such.") from None


def _size(root: ET.Element) -> tuple[int, int] | None:
    try:
        width, height = (int(root.findtext(f"size/{side}", "")) for side in ("width", "height"))
    except ValueError:
        return None
    return width, height


def _object(path: Path, element: ET.Element) -> Object:
    name = element.findtext("name", "").strip()
    if name not in CATEGORIES:
        unknown = UnknownNameError("category of VOC", name, CATEGORIES)
        raise DatasetError(f"{path} has an object {name!r}. {unknown}")
    try:
        left, top, right, bottom = (
            round(float(element.findtext(f"bndbox/{side}", ""))) for side in ("xmin", "ymin", "xmax", "ymax")
        )
        difficult = int(element.findtext("difficult", "0")) != 0
    except (ValueError, OverflowError):
        raise DatasetError(
            f"{path} has a {name} whose bndbox lacks a number among xmin, ymin, xmax and ymax, or whose "
            "'difficult' is none."
        ) from None
    return Object(CATEGORIES.index(name), (left - 1, top - 1, right, bottom), difficult)
