"""Small data sets in the official layouts of Caltech-101, Caltech-256, ImageNet and Imagenette."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from interpret_datasets.imagenette import NAMES

CALTECH101 = (("BACKGROUND_Google", 2), ("ant", 3), ("Faces", 4))
CALTECH256 = (("001.ak47", 3), ("002.dog", 2), ("257.clutter", 2))


def picture(path: Path, tone: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (6, 4), (tone, 20, 30)).save(path)


def make_caltech101(root: Path, counts: Sequence[tuple[str, int]] = CALTECH101) -> Path:
    for name, count in counts:
        for i in range(1, count + 1):
            picture(root / "101_ObjectCategories" / name / f"image_{i:04d}.jpg", 10 * i)
    return root


def make_caltech256(root: Path, counts: Sequence[tuple[str, int]] = CALTECH256) -> Path:
    for name, count in counts:
        for i in range(1, count + 1):
            picture(root / "256_ObjectCategories" / name / f"{name[:3]}_{i:04d}.jpg", 10 * i)
    return root


def make_imagenet(root: Path, wnids: Sequence[str] = ("n01440764", "n03126707", "n03888257")) -> Path:
    """Only the training pictures."""
    for wnid in wnids:
        for i in (10026, 1009, 29):
            picture(root / "train" / wnid / f"{wnid}_{i}.JPEG", i % 200)
    return root


def make_imagenette(root: Path, wnids: Sequence[str] = tuple(NAMES), count: int = 2) -> Path:
    for split in ("train", "val"):
        for wnid in wnids:
            for i in range(count):
                picture(root / split / wnid / f"{wnid}_{i}.JPEG", 20 * i)
    return root
