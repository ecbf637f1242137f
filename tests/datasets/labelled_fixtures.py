"""Small data sets in the official layouts of Animal-Pose and PASCAL VOC, written for the tests."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image

PARTS = ["left_eye", "right_eye", "nose"]


def picture(path: Path, size: tuple[int, int] = (20, 10), tone: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (tone, 20, 30)).save(path)


def animal_labels() -> dict:
    """Two dogs in one picture, and a cat whose nose cannot be seen."""
    return {
        "categories": [
            {"id": 1, "name": "dog", "supercategory": "animal", "keypoints": PARTS, "skeleton": [[0, 1]]},
            {"id": 2, "name": "cat", "supercategory": "animal", "keypoints": PARTS, "skeleton": []},
        ],
        "images": {"7": "dogs.png", "12": "cat.png"},
        "annotations": [
            animal(7, 1, [0, 0, 10, 10], [[2, 3, 1], [6, 3, 1], [4, 5, 1]]),
            animal(12, 2, [1, 1, 20, 10], [[19, 9, 1], [0, 0, 1], [5, 5, 0]]),
            animal(7, 1, [10, 0, 20, 10], [[12, 3, 1], [16, 3, 1], [14, 5, 1]]),
        ],
    }


def animal(image: int, category: int, box: list, keypoints: list) -> dict:
    found = {"image_id": image, "category_id": category, "bbox": box, "keypoints": keypoints}
    return {**found, "num_keypoints": len(keypoints)}


def make_animals(folder: Path, labels: dict | str | None = None) -> Path:
    """The pictures and the label file; ``labels`` instead of what ``animal_labels`` says."""
    picture(folder / "images" / "dogs.png", tone=1)
    picture(folder / "images" / "cat.png", tone=2)
    text = labels if isinstance(labels, str) else json.dumps(labels or animal_labels())
    (folder / "keypoints.json").write_text(text)
    return folder


def shown(name: str, box: tuple, difficult: str | None = "0", more: str = "") -> str:
    """One object of an annotation of VOC."""
    sides = zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    corners = "".join(f"<{side}>{value}</{side}>" for side, value in sides)
    hard = "" if difficult is None else f"<difficult>{difficult}</difficult>"
    return f"<object><name>{name}</name>{hard}{more}<bndbox>{corners}</bndbox></object>"


VOC = {
    "2008_000001": [
        shown("person", (1, 1, 4, 10)),
        shown("dog", (5, 2, 20, 10)),
        shown("person", (2, 2, 3, 3)),
    ],
    "2008_000002": [shown("cat", (3, 3, 5, 5), "1"), shown("sofa", (1, 1, 20, 10), None)],
    "2008_000003": [shown("bird", (2, 2, 6, 6), "1")],
    "2008_000010": [
        shown("dog", (1, 1, 20, 10), "1"),
        shown("dog", (1, 1, 2, 2)),
        shown("car", (3, 3, 6, 6)),
    ],
}
"""A dog and people; a sofa and a difficult cat; a difficult bird; a difficult dog, a plain one and a car."""

SPLITS = {"train": ["2008_000001", "2008_000002"], "val": ["2008_000003", "2008_000010"], "trainval": [*VOC]}


def make_voc(folder: Path, year: str = "2012") -> Path:
    """``VOCdevkit`` below ``folder``; the folder of the year."""
    root = folder / "VOCdevkit" / f"VOC{year}"
    for part in ("Annotations", "ImageSets/Main"):
        (root / part).mkdir(parents=True)
    for tone, (name, objects) in enumerate(VOC.items()):
        picture(root / "JPEGImages" / f"{name}.jpg", tone=tone)
        annotate(root, name, objects)
    for split, names in SPLITS.items():
        (root / "ImageSets" / "Main" / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
        (root / "ImageSets" / "Main" / f"dog_{split}.txt").write_text("not read\n")
    return root


def annotate(root: Path, name: str, objects: list[str]) -> None:
    head = f"<filename>{name}.jpg</filename><size><width>20</width><height>10</height><depth>3</depth></size>"
    (root / "Annotations" / f"{name}.xml").write_text(f"<annotation>{head}{''.join(objects)}</annotation>")
