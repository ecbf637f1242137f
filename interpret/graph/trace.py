"""From a module to a `Graph`, by way of the ATen program that torch.export writes."""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr
from io import StringIO
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from interpret.errors import ModelError
from interpret.graph.program import TRACED_BATCH, Graph
from interpret.graph.translate import translate


def trace(module: nn.Module, input_shape: tuple[int, int, int]) -> Graph:
    """The program of a module in eval mode, with a name for every module call.

    The module is left exactly as it was. Parameters and buffers are not copied: the graph reads them from the
    module at every run, so new weights, another device or another dtype are seen.

    Args:
        module: Any network that takes one tensor of images. Of a dict or a tuple of outputs, ``logits``,
            ``out`` or else the first tensor counts.
        input_shape: (c, h, w) of one image. The graph runs on images of this size only.

    Raises:
        ModelError: If the module cannot run on such an input, or torch.export cannot follow its code.
    """
    taps = _Taps()
    example = torch.empty((TRACED_BATCH, *input_shape), **_like(module))
    try:
        with _untouched(module), taps.listening(module), _quiet(), torch.no_grad():
            exported = torch.export.export(_Tapped(module, taps), (example,), strict=False)
            program = exported.run_decompositions({})  # no in-place operations any more
        return translate(program, module, number_calls(taps.names))
    except Exception as error:
        raise ModelError(_explain(module, input_shape, error)) from error


def number_calls(names: Sequence[str]) -> list[str]:
    """Layer names of module calls in order: ``name``, or ``name:1`` ... ``name:n`` if called n > 1 times."""
    total, seen = Counter(names), Counter[str]()
    numbered = []
    for name in names:
        seen[name] += 1
        numbered.append(f"{name}:{seen[name]}" if total[name] > 1 else name)
    return numbered


class _Taps:
    """What the calls of submodules returned, in the order in which they returned."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.values: list[Tensor] = []

    def clear(self) -> None:
        """Forget everything: torch.export may run the module more than once."""
        self.names.clear()
        self.values.clear()

    def tap(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        """A forward hook that notes what the module called ``name`` returns."""

        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                self.names.append(name)
                self.values.append(output.clone())  # a later in-place operation must not show in it

        return hook

    @contextmanager
    def listening(self, module: nn.Module) -> Iterator[None]:
        """While this holds, calls of submodules are noted."""
        with ExitStack() as stack:
            for name, submodule in module.named_modules():
                if name:
                    stack.callback(submodule.register_forward_hook(self.tap(name)).remove)
            yield


class _Tapped(nn.Module):
    """Returns a module's output and, after it, what every call of a submodule returned."""

    def __init__(self, module: nn.Module, taps: _Taps) -> None:
        super().__init__()
        self.module = module
        self._taps = taps

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        self._taps.clear()
        with _WholeNorms():
            output = _primary(self.module(x))
        return output, *self._taps.values


@torch.library.custom_op(
    "interpret::local_response_norm",
    mutates_args=(),
    schema="(Tensor input, int size, float alpha=1e-4, float beta=0.75, float k=1.0) -> Tensor",
)
def _local_response_norm(
    input: Tensor,  # noqa: A002 - PyTorch's name
    size: int,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
) -> Tensor:
    return F.local_response_norm(input, size, alpha, beta, k)


@_local_response_norm.register_fake
def _(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:  # noqa: A002, ARG001
    return torch.empty_like(input)


class _WholeNorms(TorchFunctionMode):
    """Keeps a local response norm one operation, where PyTorch writes a dozen."""

    def __torch_function__(
        self, func: Callable[..., Any], _types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        called = _local_response_norm if func is F.local_response_norm else func
        return called(*args, **(kwargs or {}))


def _primary(output: Any) -> Tensor:
    """The tensor that counts as the network's output."""
    if isinstance(output, Tensor):
        return output
    for key in ("logits", "out"):
        found = output.get(key) if isinstance(output, Mapping) else getattr(output, key, None)
        if isinstance(found, Tensor):
            return found
    leaves = [leaf for leaf in torch.utils._pytree.tree_leaves(output) if isinstance(leaf, Tensor)]
    if not leaves:
        raise ModelError(f"it returns {type(output).__name__}, which holds no tensor")
    return leaves[0]


@contextmanager
def _untouched(module: nn.Module) -> Iterator[None]:
    """Eval mode inside; afterwards every attribute of every submodule is what it was."""
    before = [(submodule, dict(vars(submodule))) for submodule in module.modules()]
    try:
        for submodule, _ in before:
            submodule.training = False
        yield
    finally:
        for submodule, attributes in before:
            vars(submodule).clear()
            vars(submodule).update(attributes)


@contextmanager
def _quiet() -> Iterator[None]:
    """torch.export warns of what is put back here, and prints pages on what its error says in one line."""
    level = logging.root.manager.disable
    with warnings.catch_warnings(), redirect_stderr(StringIO()):
        warnings.simplefilter("ignore")
        logging.disable(logging.ERROR)
        try:
            yield
        finally:
            logging.disable(level)


def _like(module: nn.Module) -> dict[str, Any]:
    """Device and dtype of the module's parameters."""
    floats = [tensor for tensor in (*module.parameters(), *module.buffers()) if tensor.is_floating_point()]
    if not floats:
        return {"dtype": torch.get_default_dtype()}
    return {"dtype": floats[0].dtype, "device": floats[0].device}


def _explain(module: nn.Module, input_shape: Sequence[int], error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    size = " x ".join(map(str, input_shape))
    return (
        f"{type(module).__name__} cannot be traced on an image of {size}: {lines[0][:300].rstrip('.')}. "
        "What needs no graph still works; for the rest, check the input size, and that forward() does not "
        "depend on the values of tensors."
    )
