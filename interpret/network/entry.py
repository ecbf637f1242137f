"""The ways in: what every function that takes a network does first."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from torch import nn

from interpret.errors import ModelError
from interpret.images.dataset import as_images
from interpret.modules.contexts import plain
from interpret.network.network import Network
from interpret.results import Result, remember_images

P = ParamSpec("P")
T = TypeVar("T")


def takes_network(function: Callable[P, T]) -> Callable[P, T]:
    """A function with a parameter ``network``, which refuses anything but a Network.

    It runs without autocast, outside inference mode and with the CPU as default device, whatever the caller
    has set: results do not depend on it, and gradients work. A result remembers the argument ``images``, so
    that it can be drawn (see ``interpret.show``).

    Raises:
        ModelError: When it is called with an ``nn.Module`` or anything else; the message says what to give.

    Example:
        >>> @takes_network
        ... def strongest_class(network, x):
        ...     return network(x).argmax(1)
    """
    parameters = list(inspect.signature(function).parameters)
    if "network" not in parameters:
        return function
    index = parameters.index("network")
    place = parameters.index("images") if "images" in parameters else len(parameters)

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        if len(args) > index or "network" in kwargs:  # else Python says that it is missing
            require_network(args[index] if len(args) > index else kwargs["network"], function.__name__)
        with plain():
            found = function(*args, **kwargs)
        images = args[place] if len(args) > place else kwargs.get("images")
        if isinstance(found, Result):
            remember_images(found, images)
        return found

    return checked


def takes_images(function: Callable[P, T]) -> Callable[P, T]:
    """A function with a parameter ``images``, which gets Images whatever sequence it is called with.

    None and an empty list are handed on: what reads no image works without any.

    Raises:
        DatasetError: When it is called with what `interpret.images.as_images` refuses.

    Example:
        >>> @takes_images
        ... def first_id(images):
        ...     return images.ids[0]
        >>> first_id(["./cat.jpg"])
        'cat.jpg'
    """
    parameters = list(inspect.signature(function).parameters)
    if "images" not in parameters:
        return function
    index = parameters.index("images")

    @functools.wraps(function)
    def converted(*args: P.args, **kwargs: P.kwargs) -> T:
        if len(args) > index:
            args = (*args[:index], _images(args[index]), *args[index + 1 :])  # type: ignore[assignment]
        elif "images" in kwargs:
            kwargs["images"] = _images(kwargs["images"])
        return function(*args, **kwargs)

    return converted


def _images(given: Any) -> Any:
    return given if _are_none(given) else as_images(given)


def _are_none(images: Any) -> bool:
    return images is None or (isinstance(images, list | tuple) and not images)


def require_network(given: Any, asked: str) -> None:
    """Raise ModelError unless it is a Network.

    Args:
        given: What the user gave.
        asked: What asks for it, such as ``mine``.
    """
    if isinstance(given, Network):
        return
    kind = type(given).__name__
    if isinstance(given, nn.Module):
        raise ModelError(
            f"{asked}() takes a Network. Got the nn.Module {kind}: give it "
            "interpret.wrap(module, input_size=…), with the mean and std it was trained with."
        )
    raise ModelError(
        f"{asked}() takes a Network. Got {kind}: make one with interpret.wrap(module) or "
        'interpret.load_model("zfnet").'
    )
