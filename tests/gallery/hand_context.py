"""A step of a gallery whose run is made by hand: what a page wrote, as people and the script get it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from browsing import PHONE, overflow, violations
from PIL import Image
from squares import Squares

from interpret.images import Images
from interpret.plugin import Page
from interpret_gallery.context import Context, Photos
from interpret_gallery.site import StepPages
from interpret_gallery.writing import Writer


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


def written(folder: Path, page: Page[Any], result: Any) -> tuple[Path, list[str]]:
    """The pages of one step with all that frames them, as a gallery writes them."""
    context = context_of(folder, Squares(), "step")
    step = StepPages(context.opened, "step", context.folder, list(page.compose(result, context)))
    site: Any = SimpleNamespace(folder=folder, title="site", single=False, runs=[], steps=[])
    writer = Writer(site, [], [])
    writer.shared()
    files = [writer.page(step.file(sheet), sheet, step) for sheet in step.sheets]
    return folder, [file.relative_to(folder).as_posix() for file in files]


def check_reading(visit: Callable[..., Any], folder: Path, places: Sequence[str]) -> None:
    """The first pages fit a phone, and axe finds nothing serious in either theme."""
    for place in places[:2]:
        page = visit(folder, place, size=PHONE, theme="dark")
        assert overflow(page) <= 0
        assert violations(page) == []
        page.emulate_media(color_scheme="light")
        assert violations(page) == []
