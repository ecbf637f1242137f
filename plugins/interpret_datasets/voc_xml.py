"""The annotations of PASCAL VOC: one XML file for each picture."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

from interpret.errors import DatasetError, UnknownNameError
from interpret.images import Object

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


def read_objects(path: Path) -> tuple[Object, ...]:
    """The objects of one annotation, in its order.

    VOC counts pixels from 1 and a box includes its last ones; ours count from 0 and are half-open. Fractions,
    of which a few files have some, are rounded to the nearest pixel.

    Raises:
        DatasetError: If the file is missing or no XML, or it has no object, an unknown category, or no box.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}.") from None
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise DatasetError(f"{path} declares a document type, which no annotation of VOC does.")
    try:
        root = ET.fromstring(text)  # noqa: S314 - entities are refused above
    except ET.ParseError as error:
        raise DatasetError(f"{path} is not XML: {error}.") from None
    objects = tuple(_object(path, element) for element in root.iterfind("object"))
    if not objects:
        raise DatasetError(f"{path} has no object, but every image of VOC shows one.")
    return objects


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
