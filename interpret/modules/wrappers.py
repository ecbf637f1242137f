"""Modules as users hand them over: wrappers taken off, parts by name, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch._ops import OpOverload
from torch.nn.parameter import is_lazy
from torch.nn.utils.parametrize import ParametrizationList

from interpret.errors import ModelError

HOOKS = ("_forward_hooks", "_forward_pre_hooks")
WRAPPED_ATTRIBUTES = {
    "OptimizedModule": "_orig_mod",
    "DataParallel": "module",
    "DistributedDataParallel": "module",
    "AveragedModel": "module",
    "CheckpointWrapper": "_checkpoint_wrapped_module",
    "FullyShardedDataParallel": "_fsdp_wrapped_module",
}
"""The attribute of each of PyTorch's wrappers that holds what is wrapped."""


WHOLE = (
    "Collect them (torch.distributed.checkpoint.state_dict.get_model_state_dict with full_state_dict=True), "
    "load them into a module of one process, and wrap that."
)
"""What to do with weights of which each process holds a part."""


def unwrapped(module: nn.Module) -> nn.Module:
    """The module inside PyTorch's wrappers, such as ``torch.compile`` and ``DataParallel``.

    Raises:
        ModelError: If the wrapper keeps a part of the weights in each process.
    """
    while (inner := _inner(module)) is not None:
        module = inner
    return module


def _inner(module: nn.Module) -> nn.Module | None:
    name = WRAPPED_ATTRIBUTES.get(type(module).__name__)
    if getattr(getattr(module, "sharding_strategy", None), "name", "NO_SHARD") != "NO_SHARD":
        raise ModelError(f"{type(module).__name__} keeps a part of the weights in each process. {WHOLE}")
    return vars(module)["_modules"].get(name) if name else None


def named_parts(module: nn.Module) -> dict[str, nn.Module]:
    """Every module by its dotted name, the module itself as ``""``; wrappers have no part in the names.

    A module that has several names has its first one, as in ``named_modules``.
    """
    found: dict[str, nn.Module] = {}
    seen: set[int] = set()
    waiting = [("", module)]
    while waiting:
        name, part = waiting.pop()
        part = unwrapped(part)
        if id(part) in seen:
            continue
        seen.add(id(part))
        found[name] = part
        dot = f"{name}." if name else ""
        waiting += [(dot + key, child) for key, child in reversed(part._modules.items()) if child is not None]
    return found


def hookable_parts(module: nn.Module) -> dict[str, nn.Module]:
    """The parts inside that make activations and can have hooks, by name.

    TorchScript cannot have any; parametrizations (``weight_norm``, ``spectral_norm``) make weights.
    """
    parts = named_parts(module)
    inside = tuple(f"{name}." for name, part in parts.items() if isinstance(part, ParametrizationList))
    return {
        name: part
        for name, part in parts.items()
        if name and not isinstance(part, torch.jit.ScriptModule) and not f"{name}.".startswith(inside)
    }


def scripted_parts(module: nn.Module) -> dict[str, nn.Module]:
    """The outermost parts that are TorchScript, by name."""
    found: dict[str, nn.Module] = {}
    for name, part in named_parts(module).items():
        inside = any(name.startswith(f"{outer}.") for outer in found)
        if isinstance(part, torch.jit.ScriptModule) and not inside:
            found[name] = part
    return found


def require_module(given: Any) -> None:
    """Refuse what is no module.

    Raises:
        ModelError: If it is something else.
    """
    if not isinstance(given, nn.Module):
        raise ModelError(
            f"wrap() takes an nn.Module, such as torchvision.models.resnet18(). Got {type(given).__name__}."
        )


def require_visible(module: nn.Module) -> None:
    """Refuse what has no layers to see, or no weights yet.

    Raises:
        ModelError: For TorchScript, for a program that torch.export wrote, and for modules whose weights wait
            for the first input (``nn.LazyConv2d``), are on no device, or are spread over processes.
    """
    kind = type(module).__name__
    if isinstance(module, torch.jit.ScriptModule):
        raise ModelError(
            f"{kind} is TorchScript: its layers run outside Python, where nothing can see them. "
            "Wrap the nn.Module it was made from (the one given to torch.jit.script or torch.jit.trace)."
        )
    if isinstance(module, fx.GraphModule) and _is_aten_program(module):
        raise ModelError(
            f"{kind} is a program that torch.export wrote: its layers are dissolved into operations. "
            "Wrap the nn.Module that was exported."
        )
    for name, part in named_parts(module).items():
        if any(hasattr(tensor, "full_tensor") for tensor in _own_tensors(part)):  # a DTensor
            raise ModelError(
                f"The weights of {name or kind!r} ({type(part).__name__}) are spread over processes. {WHOLE}"
            )
        if any(tensor.is_meta for tensor in _own_tensors(part) if not is_lazy(tensor)):
            raise ModelError(
                f"The weights of {name or kind!r} ({type(part).__name__}) are on the device 'meta', which "
                "holds no values. Call module.to_empty(device='cpu') and load the weights."
            )
        if not isinstance(part, torch.jit.ScriptModule) and any(map(is_lazy, _own_tensors(part))):
            raise ModelError(
                f"The weights of {name or kind!r} ({type(part).__name__}) wait for the first input. "
                "Call the module once on a batch of images, for example module(torch.zeros(2, 3, 224, 224))."
            )


def _is_aten_program(module: fx.GraphModule) -> bool:
    called = [node for node in module.graph.nodes if node.op == "call_module" and node.target != "_guards_fn"]
    return not called and any(isinstance(node.target, OpOverload) for node in module.graph.nodes)


def _own_tensors(part: nn.Module) -> Iterator[Tensor]:
    for tensor in (*part._parameters.values(), *part._buffers.values()):
        if tensor is not None:
            yield tensor
