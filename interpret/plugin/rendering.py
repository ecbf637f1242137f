"""What a renderer is called with: images and a folder in whatever form a person has them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from interpret.errors import DatasetError, InterpretError
from interpret.files.folders import user_path
from interpret.images.dataset import Images, Sample, as_images
from interpret.results import Result, remembered_images

F = TypeVar("F", bound=Callable[..., Any])

__all__ = ["Unknown", "images_for", "takes_anything"]


class Unknown(Images):
    """Images that nobody gave: a table that reads none can be drawn, and what reads one says what is missing.

    Args:
        result: The name of the class of the result.
    """

    def __init__(self, result: str) -> None:
        self.result = result

    @property
    def ids(self) -> Sequence[str]:
        """None: it is an error to ask for them."""
        raise DatasetError(
            f"This {self.result} does not know its images: it was loaded, or made in another process. Give "
            'those it was made from: images=["a.jpg", …], or images=interpret.load_dataset("folder", path=…).'
        )

    def __getitem__(self, index: int) -> Sample:
        raise DatasetError(f"There is no image {index}: none were given for this {self.result}.")

    def fingerprint(self) -> str:
        """Of no image."""
        return ""


def images_for(result: Any, images: Any) -> Images:
    """The images that a result is drawn with.

    Args:
        result: The result.
        images: What `interpret.images.as_images` takes; None, or an empty list: those that the result
            remembers.

    Raises:
        DatasetError: If they are nothing of the kind.
    """
    if images is None or (isinstance(images, list | tuple) and not images):
        images = remembered_images(result) if isinstance(result, Result) else None
    return Unknown(type(result).__name__) if images is None else as_images(images)


def takes_anything(render: F) -> F:
    """A method ``render`` that gets Images and a folder that is there, whatever it is called with.

    Raises:
        DatasetError: When it is called with what are no images.
        InterpretError: When it is called with what is no folder and cannot be made one.
    """
    signature = inspect.signature(render)

    @functools.wraps(render)
    def checked(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs).arguments
        if "images" in given:
            given["images"] = images_for(given.get("result"), given["images"])
        if "folder" in given:
            given["folder"] = made_folder(given["folder"])
        bound = inspect.BoundArguments(signature, given)
        return render(*bound.args, **bound.kwargs)

    return checked  # type: ignore[return-value]


def made_folder(given: str | Path) -> Path:
    """A folder that is there.

    Raises:
        InterpretError: If it cannot be made.
    """
    folder = user_path(given)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InterpretError(
            f"The folder {folder} cannot be made: {error.strerror or error}. Give another one."
        ) from error
    return folder
