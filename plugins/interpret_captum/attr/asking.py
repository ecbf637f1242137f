"""Whether our engine can answer what Captum is asked; the network that answers; which outputs are meant."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float
from torch import Tensor, nn

from interpret.errors import InterpretError
from interpret.images import InputSpec
from interpret.network import Network

log = logging.getLogger(__name__)

R = TypeVar("R")


class DelegatedError(Exception):
    """Captum's own code is to answer; the message says why."""


FAILURES = (DelegatedError, InterpretError, RuntimeError, ValueError, TypeError, LookupError)
"""After these Captum's own code answers: what is wrong with a question, it says in its own words."""

SHAPES = 8
"""Of how many shapes of images what was traced is kept, for each module."""

_networks: WeakKeyDictionary[nn.Module, dict[tuple[int, ...], Network]] = WeakKeyDictionary()
"""What modules were wrapped as, by the shape of an image: a network notices changes of its module itself."""


class Asked(NamedTuple):
    """Images, and the network that is asked about them."""

    network: Network
    x: Float[Tensor, "n c h w"]


def answer(method: object, ours: Callable[[], R], captums: Callable[[], R]) -> R:
    """Our answer, or Captum's where our engine has none.

    Args:
        method: Who is asked, for the log.
        ours: Gives our answer.
        captums: Gives Captum's.
    """
    try:
        return ours()
    except FAILURES as error:
        log.info("%s: Captum's own code answers: %s", type(method).__name__, error)
    return captums()


def as_asked(model: Any, inputs: Any, more: Any) -> Asked:
    """The network and the images of a question that our engine takes.

    Args:
        model: What was given to the constructor.
        inputs: What was given to ``attribute``.
        more: Its ``additional_forward_args``.

    Raises:
        DelegatedError: If it is another question: several inputs, a function, train mode, other dtypes, ...
        InterpretError: If the module cannot be looked into.
    """
    x = _images(inputs, more)
    if not isinstance(model, nn.Module):
        raise DelegatedError("forward_func is no module")
    if any(part.training for part in model.modules()):
        raise DelegatedError("the module is in train mode; call eval() first")
    if torch.is_autocast_enabled(x.device.type) or torch.is_inference_mode_enabled():
        raise DelegatedError("it is asked under autocast or in inference mode")
    network = network_of(model, x)
    if any(_is_users(hook) for part in model.modules() for hook in _hooks(part)):
        raise DelegatedError(
            "the module has hooks, which a trace would call with tensors that hold no numbers"
        )
    if (x.dtype, x.device) != (network.dtype, network.device):
        raise DelegatedError("images and weights differ in dtype or device")
    return Asked(network, x.detach())


def _hooks(part: nn.Module) -> Iterator[Any]:
    for hooks in (
        part._forward_hooks,
        part._forward_pre_hooks,
        part._backward_hooks,
        part._backward_pre_hooks,
    ):
        yield from hooks.values()


def _is_users(hook: Any) -> bool:
    """Whether it is none of PyTorch's own, such as those of weight norms and pruned layers."""
    return not str(getattr(hook, "__module__", "")).startswith("torch.")


def _images(inputs: Any, more: Any) -> Float[Tensor, "n c h w"]:
    x = inputs[0] if isinstance(inputs, tuple) and len(inputs) == 1 else inputs
    if not isinstance(x, Tensor) or more is not None:
        raise DelegatedError("the module takes several inputs")
    if x.dim() != 4 or not x.numel() or not x.is_floating_point() or x.layout is not torch.strided:
        raise DelegatedError("the input is no batch of images (n, c, h, w)")
    if x.is_inference():
        raise DelegatedError("the images were made in inference mode")
    return x


def network_of(model: nn.Module, x: Float[Tensor, "n c h w"]) -> Network:
    """A module as a network for images like these, as it was wrapped before.

    Raises:
        DelegatedError: If it is a wrapper of another module (DataParallel, torch.compile).
        ModelError: If it has no layers to see (TorchScript).
    """
    known, shape = _networks.setdefault(model, {}), tuple(x.shape[1:])
    network = known.get(shape)
    if network is None or not _is_alias(network.module, model):
        alias, channels = _alias(model), x.shape[1]
        plain = InputSpec((x.shape[2], x.shape[3]), mean=(0.0,) * channels, std=(1.0,) * channels)
        network = Network(alias, plain)
        if network.module is not alias:
            raise DelegatedError("the module wraps another one")
        for oldest in list(known)[: max(0, len(known) + 1 - SHAPES)]:
            known.pop(oldest, None)  # another thread may have been faster
        known[shape] = network
    return network


def _alias(module: nn.Module) -> nn.Module:
    """A module of the same attributes, now and later: a network of it does not keep the first one alive."""
    alias: nn.Module = object.__new__(type(module))
    object.__setattr__(alias, "__dict__", vars(module))
    return alias


def _is_alias(alias: nn.Module, module: nn.Module) -> bool:
    return type(alias) is type(module) and vars(alias) is vars(module)


def output_indices(target: Any, output: Float[Tensor, "n ..."]) -> Sequence[tuple[Any, ...]]:
    """Where the outputs lie that are asked about, in the output of each example.

    Args:
        target: As Captum takes it: nothing, a number, a tuple, a tensor or list of numbers, a list of tuples.
        output: What the module returned.

    Raises:
        DelegatedError: If Captum takes no such target.
    """
    found = [item if isinstance(item, tuple) else (item,) for item in _targets(target, output)]
    if len(found) != len(output) or any(len(index) >= output.dim() for index in found):
        raise DelegatedError("the target does not fit the output")
    return found


def _targets(target: Any, output: Tensor) -> list[Any]:
    """The target of each example, as a number or a tuple."""
    if target is None:
        return [()] * len(output)
    if isinstance(target, int | tuple):
        return [target] * len(output)
    if isinstance(target, Tensor) and target.numel() == 1 and isinstance(target.item(), int):
        return [target.item()] * len(output)
    if isinstance(target, Tensor) and target.dim() == 1 and target.dtype in (torch.int32, torch.int64):
        target = target.tolist()
    if isinstance(target, list) and all(isinstance(item, tuple) for item in target):
        return target
    if isinstance(target, list) and all(isinstance(item, int) for item in target) and output.dim() == 2:
        if any(item < 0 for item in target):
            raise DelegatedError("Captum counts no targets of single examples from the end")
        return target
    raise DelegatedError("the target is none that Captum takes")
