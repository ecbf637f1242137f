"""From a module to a `Graph`, by way of the ATen program that torch.export writes."""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr
from io import StringIO
from threading import RLock
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from interpret.errors import ModelError
from interpret.graph.program.functional import functional
from interpret.graph.program.program import TRACED_BATCH, Graph
from interpret.graph.program.translate import translate
from interpret.modules.contexts import plain
from interpret.modules.copies import eval_copy
from interpret.modules.outputs import Output, pick_output
from interpret.modules.returned import layer_value
from interpret.modules.wrappers import hookable_parts, unwrapped

_LOCK = RLock()
"""torch.export patches ``nn.Module`` while it traces: one thread at a time."""


def trace(module: nn.Module, input_shape: tuple[int, int, int], output: Output = None) -> Graph:
    """The program of a module in eval mode, with a name for every module call.

    A copy of the module is traced, so that the module itself is only read. Parameters and buffers are not
    copied: the graph reads them from the module at every run, so new weights, another device or another dtype
    are seen. Autocast, inference mode and a default device have no influence.

    Args:
        module: Any network that takes one tensor of images.
        input_shape: (c, h, w) of one image. The graph runs on images of this size only.
        output: What of the things it returns is the output; see ``interpret.wrap``. Without one the graph has
            layers only.

    Raises:
        ModelError: If the module cannot run on such an input, or torch.export cannot follow its code.
    """
    taps, like, inner = _Taps(), numbers_like(module), unwrapped(module)
    try:
        with _LOCK, plain(like["device"]), _quiet(), torch.no_grad():
            copy = eval_copy(inner)
            example = torch.empty((TRACED_BATCH, *input_shape), **like)
            tapped = _Tapped(copy, taps, output)
            with taps.listening(copy):
                exported = torch.export.export(tapped, (example,), strict=False)
                program = functional(exported)
        return translate(program, inner, number_calls(taps.names), taps.refusal)
    except Exception as error:
        raise ModelError(_explain(inner, input_shape, error)) from error


def number_calls(names: Sequence[str]) -> list[str]:
    """Layer names of module calls in order: ``name``, or ``name:1`` ... ``name:n`` if called n > 1 times."""
    total, seen = Counter(names), Counter[str]()
    numbered = []
    for name in names:
        seen[name] += 1
        numbered.append(f"{name}:{seen[name]}" if total[name] > 1 else name)
    return numbered


class _Taps:
    """What the calls of submodules returned, in the order in which they returned; why there is no output."""

    def __init__(self) -> None:
        self.refusal = ""
        self.names: list[str] = []
        self.values: list[Tensor] = []

    def clear(self) -> None:
        """Forget everything: torch.export may run the module more than once."""
        self.names.clear()
        self.values.clear()

    def tap(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        """A forward hook that notes what the module called ``name`` returns."""

        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            value = layer_value(output)
            if value is not None:
                self.names.append(name)
                self.values.append(value.clone())  # a later in-place operation must not show in it

        return hook

    @contextmanager
    def listening(self, module: nn.Module) -> Iterator[None]:
        """While this holds, calls of submodules are noted."""
        with ExitStack() as stack:
            for name, submodule in hookable_parts(module).items():
                stack.callback(submodule.register_forward_hook(self.tap(name)).remove)
            yield


class _Tapped(nn.Module):
    """Returns a module's output and, after it, what every call of a submodule returned."""

    def __init__(self, module: nn.Module, taps: _Taps, output: Output) -> None:
        super().__init__()
        self.module = module
        self._taps, self._output = taps, output

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        self._taps.clear()
        with _WholeNorms():
            returned = self.module(x.clone())  # a forward may write into its input
            return *self._picked(returned), *self._taps.values

    def _picked(self, returned: Any) -> tuple[Tensor, ...]:
        """The output, or nothing and the reason."""
        try:
            return (pick_output(returned, self._output),)
        except ModelError as error:
            self._taps.refusal = str(error)
            return ()


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


def numbers_like(module: nn.Module) -> dict[str, Any]:
    """Device and dtype of the module's parameters."""
    floats = [tensor for tensor in (*module.parameters(), *module.buffers()) if tensor.is_floating_point()]
    if not floats:
        return {"dtype": torch.get_default_dtype(), "device": torch.device("cpu")}
    return {"dtype": floats[0].dtype, "device": floats[0].device}


def _explain(module: nn.Module, input_shape: Sequence[int], error: Exception) -> str:
    size = " x ".join(map(str, input_shape))
    return (
        f"{type(module).__name__} cannot be traced on an image of {size}: {_reason(error)}. "
        "What needs no graph still works; for the rest, check the input size, and that forward() does not "
        "depend on the values of tensors."
    )


def _reason(error: Exception) -> str:
    """The first line of an error; of those that print symbolic expressions, what they mean."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    symbolic = "guard on data-dependent" in str(error) or type(error).__name__.startswith(
        "GuardOnDataDependent"
    )
    return "its control flow is data-dependent" if symbolic else lines[0][:300].rstrip(".")
