"""The module that Captum works on: a copy of the user's, as Captum needs it."""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from interpret.errors import ModelError
from interpret.modules import layer_value, with_layer_value
from interpret.network import Call, LayerView, Network, watching
from interpret.targets import Targets

log = logging.getLogger(__name__)

NONLINEAR = frozenset(
    {"relu", "clamp", "clamp_min", "hardtanh", "leaky_relu", "elu", "celu", "gelu", "silu", "hardswish"}
    | {"mish", "sigmoid", "hardsigmoid", "tanh", "softplus", "threshold"}
)
"""Operations that act on each value by itself; in place they have an underscore at the end."""


@dataclass(frozen=True)
class ModuleCopy:
    """A copy of a network's module, and one layer of it.

    Attributes:
        network: The network.
        module: The copy, from images to outputs; its weights are the network's own tensors.
        layer: The name of the layer that is asked about; empty: the output.
    """

    network: Network
    module: nn.Module
    layer: str = ""

    @classmethod
    def of(cls, network: Network, layer: str | None = None) -> ModuleCopy:
        """A copy of the network's module, with a layer by name or alias.

        Raises:
            UnknownNameError: If there is no such layer.
            ModelError: If Captum cannot see the layer.
        """
        copy = cls(network, copy_of(network))
        return copy.at(layer) if layer is not None else copy

    def at(self, layer: str) -> ModuleCopy:
        """The same copy with another layer; empty: with none.

        Raises:
            UnknownNameError: If there is no such layer.
            ModelError: If its module is called again later: Captum keeps the last call only, unless
                `separate_calls` has made a module of each.
        """
        if not layer:
            return ModuleCopy(self.network, self.module)
        name = self.network.layer(layer)
        call = self.network.view(name).call
        last = last_call(self.network, call)
        if call.number < last and not isinstance(self.inside.get_submodule(call.module), EachCall):
            raise ModelError(
                f"{call.module!r} is called {last} times, and Captum sees the last call only: ask about "
                f"'{call.module}:{last}', or use the probes project and deconv."
            )
        return ModuleCopy(self.network, self.module, name)

    @property
    def call(self) -> Call:
        """The call of a module that the layer is."""
        return self.view.call

    @property
    def view(self) -> LayerView:
        """How what that call returns is a map."""
        return self.network.view(self.layer)

    @property
    def tap(self) -> nn.Module:
        """The module whose output is asked about: the layer's maps; of several calls of a module one."""
        view = self.view
        part = self.inside.get_submodule(view.call.module)
        part = part.each[view.call.number - 1] if isinstance(part, EachCall) else part
        return _maps_behind(part, view) if view.moves_axes or self._packs(part) else part

    def _packs(self, part: nn.Module) -> bool:
        """Whether a module returns its layer's value among other things."""
        if part not in _packed:
            seen: list[Any] = []
            handle = part.register_forward_hook(lambda _part, _inputs, output: seen.append(output))
            try:
                _output(self.module, self.network.to_device(torch.zeros(1, *self.network.input.shape)))
            finally:
                handle.remove()
            _packed[part] = any(not isinstance(output, Tensor) for output in seen)
        return _packed[part]

    @property
    def inside(self) -> nn.Module:
        """The copy of the network's own module, by whose names its layers are found."""
        return self.module.get_submodule("module")

    def neurons(self, targets: Targets) -> nn.Module:
        """A module from images to the values of the neurons that are asked about, for Captum to explain."""
        return _Neurons(self, targets)


def last_call(network: Network, call: Call) -> int:
    """The number of the last call of a call's module, from 1."""
    return max(other.number for other in network.calls.values() if other.module == call.module)


class _Neurons(nn.Module):
    """From images to the values of neurons of one layer."""

    def __init__(self, copy: ModuleCopy, targets: Targets) -> None:
        super().__init__()
        self.module, self.training = copy.module, False
        self._copy, self._targets = copy, targets

    def forward(self, x: Float[Tensor, "m c h w"]) -> Float[Tensor, " m"]:
        """The values; row i belongs to image i modulo their number."""
        seen: dict[Call, Tensor] = {}
        view = self._copy.view
        call = view.call
        with watching(self._copy.inside, lambda at, output: seen.update({at: output.clone()}), [call.module]):
            self.module(x)
        return self._targets.pick(view.of(seen[call]))


_packed: WeakKeyDictionary[nn.Module, bool] = WeakKeyDictionary()
"""By part of a copy: whether it returns more than a tensor."""

_behind: WeakKeyDictionary[nn.Module, dict[str, nn.Module]] = WeakKeyDictionary()
"""By part of a copy: the modules that give its maps, or those of a token."""


def _maps_behind(part: nn.Module, view: LayerView) -> nn.Module:
    """A module that gives the maps of a layer, from which that goes on; each part gets one."""
    known = _behind.setdefault(part, {})
    if view.name not in known:
        maps = known[view.name] = nn.Identity()

        def through(_part: nn.Module, _inputs: Any, output: Any) -> Any:
            value = layer_value(output)
            if value is None:
                return output
            return with_layer_value(output, view.put(value, maps(view.of(value))))

        part.register_forward_hook(through)
    return known[view.name]


class EachCall(nn.Module):
    """A module that is called several times, as one module for each call."""

    def __init__(self, part: nn.Module, calls: int) -> None:
        super().__init__()
        shared = {id(item): item for item in (*part.parameters(), *part.buffers())}
        self.each = nn.ModuleList(deepcopy(part, dict(shared)) for _ in range(calls))
        self.number, self.training = 0, False

    def forward(self, *given: Any, **named: Any) -> Any:
        """The next call."""
        part = self.each[self.number % len(self.each)]
        self.number += 1
        return part(*given, **named)


def separate_calls(copy: ModuleCopy, kinds: Sequence[type[nn.Module]]) -> None:
    """Give each call of a module of these kinds a module of its own, in place."""
    calls = Counter(call.module for call in copy.network.calls.values())
    parts: list[EachCall] = []
    for name, count in calls.items():
        part = copy.inside.get_submodule(name)
        if count > 1 and type(part) in kinds:
            parts.append(EachCall(part, count))
            replace(copy.module, part, parts[-1])

    def begin(*_: object) -> None:
        for part in parts:
            part.number = 0

    copy.module.register_forward_pre_hook(begin)


def replace(module: nn.Module, part: nn.Module, other: nn.Module) -> None:
    """Put another module wherever ``part`` is."""
    for owner in list(module.modules()):
        for key, child in owner._modules.items():
            if child is part and owner is not other:
                owner._modules[key] = other


def copy_of(network: Network) -> nn.Module:
    """The network's module in eval mode: it shares the weights, and needs no gradients for them.

    Parts that work in place no longer do so: autograd cannot always follow them. They stay as they are where
    the network needs it, because something else reads the overwritten tensor too.
    """
    copied = network.as_module()
    parts = [part for part in copied.modules() if getattr(part, "inplace", False)]
    if parts:
        noise = torch.Generator().manual_seed(0)
        x = network.to_device(torch.randn(1, *network.input.shape, generator=noise))
        right = _output(copied, x)
        _set_inplace(parts, value=False)
        if not torch.equal(right, _output(copied, x)):
            _set_inplace(parts, value=True)
    for part in copied.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.register_forward_hook(_with_contiguous_gradient)
    return copied


def _with_contiguous_gradient(_part: nn.Module, _inputs: Any, output: Tensor) -> None:
    """Keep PyTorch 2.14 from a wrong gradient: of one image, of maps that become tokens, in eval mode."""
    if output.requires_grad:
        output.register_hook(Tensor.contiguous)  # type: ignore[no-untyped-call]


def _set_inplace(parts: Sequence[nn.Module], *, value: bool) -> None:
    for part in parts:
        setattr(part, "inplace", value)  # noqa: B010 - a module's attributes have no types


def _output(module: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        output: Tensor = module(x.clone())
    return output


@contextmanager
def quiet() -> Iterator[None]:
    """Captum announces its hooks and that it needs gradients of its input: both are as intended."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module=r"captum\.")
        yield


def warn_of_plain_gradients(copy: ModuleCopy, instead: str) -> None:
    """Log the nonlinearities at which Captum's rules for ReLUs do nothing: all that are no ``nn.ReLU``.

    Args:
        copy: What Captum works on.
        instead: What to use instead.
    """
    found = plain_gradients(copy)
    if found:
        log.warning(
            "Captum has its rules at nn.ReLU modules only; %s has other nonlinearities, where Captum takes "
            "the plain gradient: %s. Where they are ReLUs, %s has the rule.",
            type(copy.network.module).__name__,
            listed(found),
            instead,
        )


def plain_gradient_note(copy: ModuleCopy) -> str:
    """The same for a result and its figures; empty where there is nothing to say."""
    found = plain_gradients(copy)
    return (
        f"Captum takes the plain gradient of {listed(found)}, which are no nn.ReLU modules." if found else ""
    )


def listed(found: Mapping[str, int]) -> str:
    """How often each operation is there, for a message."""
    return ", ".join(f"{count} x {name}" for name, count in sorted(found.items()))


def plain_gradients(copy: ModuleCopy) -> dict[str, int]:
    """How often a forward pass has each nonlinearity, not counting what ``nn.ReLU`` modules do."""
    found = calls_outside(copy, (nn.ReLU,))
    return {name: count for name, count in found.items() if name in NONLINEAR}


def calls_outside(copy: ModuleCopy, kinds: tuple[type[nn.Module], ...]) -> dict[str, int]:
    """How often a forward pass calls each operation outside of modules of these kinds, by its name.

    In place they have no underscore at the end.
    """
    counting = _Counting()
    x = copy.network.to_device(torch.zeros(1, *copy.network.input.shape))
    handles = [
        handle
        for part in copy.inside.modules()
        if isinstance(part, kinds)
        for handle in (
            part.register_forward_pre_hook(lambda *_: counting.enter(1)),
            part.register_forward_hook(lambda *_: counting.enter(-1)),
        )
    ]
    try:
        with torch.no_grad(), counting:
            copy.module(x)
    finally:
        for handle in handles:
            handle.remove()
    return dict(counting.found)


class _Counting(TorchDispatchMode):
    """Counts the operations outside of some modules."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: Counter[str] = Counter()
        self.inside = 0

    def enter(self, step: int) -> None:
        """Go into a module, or out of it."""
        self.inside += step

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if not self.inside:
            name = func.overloadpacket.__name__
            self.found[name if name.startswith("_") else name.rstrip("_")] += 1
        return func(*args, **(kwargs or {}))
