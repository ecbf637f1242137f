"""A step of a gallery whose run is made by hand: what a page wrote, as people and the script get it."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image

from interpret.images import Images
from interpret_gallery.context import Context, Photos


def context_of(
    folder: Path, images: Images, step: str = "covered", *, single: bool = False, run: str = "run"
) -> Context:
    """The context of a step over some images, without a network."""
    opened: Any = SimpleNamespace(
        name=step,
        run=SimpleNamespace(folder=Path(run), steps={}, pipeline=SimpleNamespace(datasets={"val": images})),
        asked=SimpleNamespace(model="net", dataset="val", probe=None, inputs={}),
        images=lambda: images,
    )
    own = folder / "steps" / step
    return Context(opened, own, folder if single else own, Photos(folder / "photos"))


def data_of(context: Context, script: str) -> Any:
    """What a page's data hands to the gallery's script."""
    text = (context.base / script).read_text(encoding="ascii")
    assert text.startswith("gallery.put(")
    assert text.endswith(");\n")
    return json.loads(f"[{text[len('gallery.put(') : -3]}]")[1]


def pixels_of(context: Context, url: str) -> np.ndarray:
    """A picture of a page."""
    return np.asarray(Image.open(context.base / url).convert("RGB"))
