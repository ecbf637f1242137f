"""Draw a result with the renderer that fits it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from interpret.errors import InterpretError, clause
from interpret.images.dataset import Images
from interpret.plugin.interfaces import Renderer
from interpret.plugin.rendering import images_for
from interpret.records import Record
from interpret.results import Result, remember_images, remembered_images
from interpret.showing.choosing import Choice, choose
from interpret.showing.shown import Shown, remove


def show(
    result: Result,
    images: Any = None,
    renderer: Choice | Sequence[Choice] | None = None,
    **parameters: Any,
) -> Shown:
    """Draw any result: a notebook displays what is returned, ``save`` writes it, ``open`` opens it.

    Args:
        result: What a probe or a function found, or `load_result` loaded.
        images: The images it was made from: a dataset, or a list of paths, PIL images or tensors; None: those
            that it remembers, which a result does until its process ends.
        renderer: A name, a renderer, its class, or a list of them; None: the one that fits. ``interpret list
            renderers`` shows all. Where none fits, the main numbers are shown. Without parameters, too, it
            draws a first look: some units of each layer, not thousands.
        **parameters: The renderer's own; ``interpret describe NAME`` shows them.

    Raises:
        InterpretError: If it is no result, or cannot be drawn.
        UnknownNameError: If no plugin offers the renderer.
        PluginError: If a renderer refuses a parameter, or draws other results.
        DatasetError: If images are missing, or others than the result speaks of.

    Example:
        >>> interpret.show(mine(network, photographs, ["layer4"]), units=[7])  # doctest: +SKIP
    """
    result = _loaded(_required(result))
    renderers = choose(result, renderer, parameters)
    known = images_for(result, images)
    root = Path(tempfile.mkdtemp(prefix="interpret-")).resolve()
    try:
        files = _drawn(renderers, result, known, root / "files")
    except BaseException:
        remove(root)
        raise
    return Shown(result, root, files, [_told(item, renderer, parameters) for item in renderers])


def _told(renderer: Renderer[Any], asked: Any, parameters: Mapping[str, Any]) -> str:
    """Its name, and the parameters of a first look: who wants all of it sees what to say."""
    name, look = type(renderer).name, type(renderer).first_look
    told = ", ".join(f"{key}={value!r}" for key, value in look.items())
    return name if asked is not None or parameters or not told else f"{name}({told})"


def _required(result: Any) -> Result:
    """What can be shown.

    Raises:
        InterpretError: If it is something else; the message says what to give.
    """
    if isinstance(result, Result):
        return result
    kind = type(result).__name__
    cure = "Give what a probe's run, or a function such as mine or sweep, returns."
    if isinstance(result, Record):
        cure = "It is a part of a result: give the whole, and say which layers or units as parameters."
    elif isinstance(result, str | Path):
        cure = f"Load it: interpret.show(interpret.load_result({str(result)!r}), images=…)."
    raise InterpretError(f"show() takes a result. Got {kind}. {cure}")


def _loaded(result: Result) -> Result:
    """The result in the role that its class has today, with the images it remembers."""
    found = result.as_loaded()
    remember_images(found, remembered_images(result))
    return found


def _drawn(renderers: Sequence[Renderer[Any]], result: Result, images: Images, root: Path) -> list[Path]:
    """The files of all renderers, those of several each in a folder of its own."""
    root.mkdir()
    files: list[Path] = []
    for number, item in enumerate(renderers):
        names = [type(other).name for other in renderers]
        again = names[:number].count(names[number])
        folder = root / f"{names[number]}{f'-{again + 1}' if again else ''}" if len(renderers) > 1 else root
        files += _files(item, result, images, folder)
    return files


def _files(item: Renderer[Any], result: Result, images: Images, folder: Path) -> list[Path]:
    """What one renderer writes into the folder, as it says; or all that is there, where it says nothing."""
    try:
        named = [Path(file) for file in item.render(result, images, folder) or ()]
    except InterpretError:
        raise
    except Exception as error:
        raise InterpretError(
            f"The renderer {type(item).name!r} failed: {type(error).__name__}: {clause(error)}."
        ) from error
    there = [file for file in named if file.is_relative_to(folder)]
    return [file for file in there or sorted(folder.rglob("*")) if file.is_file()]
