"""The contract of a renderer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from interpret.images.dataset import Images, as_images
from interpret.plugin.interfaces import (
    Renderer,
    renderer_input,
)
from interpret.results import Result
from interpret.testing.requirements import require, require_class
from interpret.testing.results import check_type, stored_bytes
from interpret.testing.small import small_images


def check_renderer(renderer: Renderer[Any], result: Result, images: Any = None) -> None:
    """Check that a renderer writes exactly the files it returns, and leaves the result as it was.

    Args:
        renderer: With the parameters to test.
        result: Of the type it draws.
        images: The dataset the result is about. Default: ``small_images()``.

    Raises:
        PluginError: With the first promise that is broken.
    """
    check = partial(require, renderer)
    require_class("renderer", renderer)
    check_type(renderer, result, renderer_input(type(renderer)))
    images = as_images(small_images() if images is None else images)
    before = stored_bytes(result)
    written = _rendered(renderer, result, images)
    check(bool(written), "returns no files.")
    check(stored_bytes(result) == before, "changes the result it draws.")
    check(_rendered(renderer, result, images) == written, "writes other files the second time.")


def _rendered(renderer: Renderer[Any], result: Result, images: Images) -> list[str]:
    """The names of the files that are written into a new folder."""
    check = partial(require, renderer)
    with TemporaryDirectory() as name:
        folder = Path(name).resolve()
        returned = sorted(Path(path).resolve() for path in renderer.render(result, images, folder))
        found = sorted(path for path in folder.rglob("*") if path.is_file())
        check(returned == found, f"returns {_names(returned)} but writes {_names(found)}.")
        check(all(path.stat().st_size for path in found), "writes an empty file.")
        return [path.relative_to(folder).as_posix() for path in found]


def _names(paths: Sequence[Path]) -> str:
    return ", ".join(path.name for path in paths) or "nothing"
