"""Copies of modules in eval mode whose parts are new and whose weights are shared."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from functools import partial
from operator import is_
from types import CellType, FunctionType, MethodType
from typing import Any

import torch
from torch import Tensor, nn

from interpret.errors import ModelError
from interpret.modules.wrappers import HOOKS, named_parts, unwrapped

SIMPLE = (type(None), bool, int, float, complex, str, bytes, torch.dtype, torch.device, torch.Size)


def share(tensor: Tensor) -> Tensor:
    """The same values, without gradients; new values written into the weights are seen."""
    kept = tensor.detach()
    if kept.is_inference() and not torch.is_inference_mode_enabled():
        kept = kept.clone()  # or no gradient of the image could pass through it
    return nn.Parameter(kept, requires_grad=False) if isinstance(tensor, nn.Parameter) else kept


def clone(tensor: Tensor) -> Tensor:
    """Values of its own."""
    return share(tensor.clone())


def eval_copy(
    module: nn.Module,
    parameter: Callable[[Tensor], Tensor] = share,
    buffer: Callable[[Tensor], Tensor] = share,
) -> nn.Module:
    """A copy in eval mode whose parts are new and whose weights are shared.

    Hooks that users placed stay. Wrappers are taken off, ``module.compile()`` is left out. What cannot be
    copied, such as an open file, is shared. The original is only read: no hook and no mode of it changes.

    Args:
        module: The original, in any mode.
        parameter: What to take for a parameter.
        buffer: What to take for a buffer.

    Raises:
        ModelError: If a part is TorchScript in train mode: that alone cannot be copied.
    """
    parts = list({id(part): part for part in named_parts(module).values()}.values())
    memo: dict[int, Any] = {}
    for part in parts:
        memo[id(part)] = _empty(part)
        _enter(memo, part._parameters, parameter)
        _enter(memo, part._buffers, buffer)
        _enter(memo, vars(part), lambda tensor: tensor)
    _enter_wrappers(module, memo)
    for part in parts:
        if memo[id(part)] is not part:
            _fill(memo[id(part)], part, memo)
    copied: nn.Module = memo[id(unwrapped(module))]
    return copied


def _empty(part: nn.Module) -> nn.Module:
    if not isinstance(part, torch.jit.ScriptModule):
        new: nn.Module = object.__new__(type(part))
        return new
    if part.training:
        raise ModelError(
            f"A part of the network is TorchScript in train mode ({type(part).__name__}), which cannot be "
            "copied. Call module.eval() first."
        )
    return part


def _enter(memo: dict[int, Any], values: Mapping[str, Any], take: Callable[[Tensor], Tensor]) -> None:
    """Note what stands for each tensor, once."""
    for value in values.values():
        if isinstance(value, Tensor) and id(value) not in memo:
            memo[id(value)] = take(value)


def _enter_wrappers(module: nn.Module, memo: dict[int, Any]) -> None:
    for wrapper in module.modules():
        memo.setdefault(id(wrapper), memo[id(unwrapped(wrapper))])


def _fill(new: nn.Module, part: nn.Module, memo: dict[int, Any]) -> None:
    """Give a new part the attributes of the old one, with the copies in place of tensors and modules."""
    attributes = {name: _copied(name, value, memo) for name, value in vars(part).items()}
    vars(new).update(attributes, training=False, _compiled_call_impl=None)


def _copied(name: str, value: Any, memo: dict[int, Any]) -> Any:
    if id(value) in memo or isinstance(value, SIMPLE):
        return memo.get(id(value), value)
    if name in {"_parameters", "_buffers", "_modules"}:
        return type(value)((key, memo.get(id(item), item)) for key, item in value.items())
    if name in HOOKS:
        return OrderedDict((key, _rebound(hook, memo)) for key, hook in value.items())
    if isinstance(value, FunctionType | MethodType | partial) or type(value) in {list, tuple, dict}:
        return (_rebound if callable(value) else _container)(value, memo)
    try:
        return deepcopy(value, memo)
    except Exception:  # noqa: BLE001 - a file, a lock, a tensor inside a graph: it is shared
        return value


def _container(value: Any, memo: dict[int, Any]) -> Any:
    """A list, tuple or dict with copies of what it holds."""
    if type(value) is tuple:
        return tuple(_copied("", item, memo) for item in value)
    new = memo[id(value)] = type(value)()
    if isinstance(value, dict):
        new.update({key: _copied("", item, memo) for key, item in value.items()})
    else:
        new.extend(_copied("", item, memo) for item in value)
    return new


def _rebound(value: Any, memo: dict[int, Any], depth: int = 8) -> Any:
    """A function of a module as that of its copy: what it is bound to, closes over or has as a default.

    What holds no part of the module is returned itself.
    """
    if id(value) in memo or depth == 0:
        return memo.get(id(value), value)
    value = getattr(value, "_torchdynamo_orig_callable", value)  # under torch.compile
    again = partial(_rebound, memo=memo, depth=depth - 1)
    held = _held(value)
    new = [again(item) for item in held]
    return value if all(map(is_, new, held)) else _holding(value, new)


def _held(value: Any) -> list[Any]:
    """What a function or a collection of them holds."""
    if type(value) in {list, tuple}:
        return list(value)
    if type(value) is dict:
        return list(value.values())
    if isinstance(value, MethodType):
        return [value.__func__, value.__self__]
    if isinstance(value, partial):
        return [value.func, value.args, value.keywords]
    if isinstance(value, FunctionType):
        return [value.__defaults__, value.__kwdefaults__, *map(_contents, value.__closure__ or ())]
    return []


def _holding(value: Any, held: Sequence[Any]) -> Any:
    """The same function or collection with other things in it."""
    if type(value) in {list, tuple}:
        return type(value)(held)
    if type(value) is dict:
        return dict(zip(value, held, strict=True))
    if isinstance(value, MethodType):
        return MethodType(*held)
    if isinstance(value, partial):
        return partial(held[0], *held[1], **held[2])
    defaults, named, *contents = held
    closure = value.__closure__ or ()
    cells = tuple(
        cell if _contents(cell) is new else CellType(new) for cell, new in zip(closure, contents, strict=True)
    )
    function = FunctionType(value.__code__, value.__globals__, value.__name__, defaults, cells)
    function.__kwdefaults__ = named
    return function


def _contents(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # an empty cell
        return None
