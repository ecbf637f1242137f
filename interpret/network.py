"""A network: a loaded module with named layers, its input specification and its categories."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from interpret.errors import ModelError, UnknownNameError
from interpret.graph.program import Graph
from interpret.graph.trace import trace
from interpret.images import InputSpec, Picture
from interpret.inputs import Interpolation
from interpret.recording import Call, calls_in_order, evaluating, layer_names, record

T = TypeVar("T")
M = TypeVar("M", bound=nn.Module)

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Network:
    """A module in eval mode with what is needed to ask questions of it; the module itself is never changed.

    Args:
        module: Any ``nn.Module`` that takes one batch of images (n, c, h, w).
        input: What it takes.
        categories: The names of its outputs, or none.
        aliases: Further names of layers, such as the paper's ``layer1`` to ``layer7``.
    """

    def __init__(
        self,
        module: nn.Module,
        input: InputSpec | None = None,  # noqa: A002 - the word for it
        categories: Sequence[str] = (),
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        self.module = module
        self.input = input or InputSpec()
        self.categories = tuple(categories)
        self.aliases = dict(aliases or {})
        self._graphs: dict[tuple[int, int, int], Graph] = {}

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self._weight.device

    @property
    def dtype(self) -> torch.dtype:
        """The type of the weights, and so of the input."""
        return self._weight.dtype

    @property
    def _weight(self) -> Tensor:
        floating = (item for item in self.module.parameters() if item.is_floating_point())
        return next(floating, torch.zeros(()))

    @cached_property
    def calls(self) -> dict[str, Call]:
        """The module call behind every layer's name, in execution order."""
        x = torch.zeros(1, *self.input.shape, device=self.device, dtype=self.dtype)
        try:
            return layer_names(calls_in_order(self.module, x))
        except (RuntimeError, TypeError, ValueError, IndexError) as error:
            raise ModelError(
                f"The network cannot run on an input of shape {tuple(x.shape)}: {error}. "
                "Give wrap() the input_size, mean and std it was trained with."
            ) from error

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of all layers in execution order; ``name:2`` is the second call of a module."""
        return tuple(self.calls)

    def modules_of(self, kind: type[M]) -> dict[str, M]:
        """The modules of one kind that run, by the names of their layers, in execution order."""
        modules = dict(self.module.named_modules())
        found = ((name, modules[call.module]) for name, call in self.calls.items())
        return {name: part for name, part in found if isinstance(part, kind)}

    def copy(self) -> Network:
        """A network of its own with the same weights, which can be changed."""
        return Network(deepcopy(self.module), self.input, self.categories, self.aliases)

    def layer(self, name: str) -> str:
        """The name in ``layers`` that a name or alias stands for.

        Raises:
            UnknownNameError: If there is no such layer; the message shows the nearest names.
        """
        name = self.aliases.get(name, name)
        if name in self.calls:
            return name
        repeated = [layer for layer, call in self.calls.items() if call.module == name]
        if repeated:
            return repeated[-1]
        raise UnknownNameError("layer", name, [*self.aliases, *self.calls])

    @property
    def graph(self) -> Graph:
        """The network as a program of known operations, for its own input size."""
        return self.graph_for(self.input.shape)

    def graph_for(self, shape: tuple[int, int, int]) -> Graph:
        """The network as a program of known operations for inputs of ``shape`` (c, h, w).

        Raises:
            ModelError: If the network cannot be exported; the message says why.
        """
        if shape not in self._graphs:
            self._graphs[shape] = trace(self.module, shape)
        return self._graphs[shape]

    def preprocess(self, picture: Picture | str | Path) -> Float[Tensor, "c h w"]:
        """One photograph as the network takes it; see ``InputSpec.preprocess``."""
        return self.input.preprocess(picture)

    def __call__(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        """The network's outputs, without gradients and in eval mode."""
        with evaluating(self.module), torch.no_grad():
            output: Tensor = self.module(self.place(x))
        return output

    def record(
        self, x: Float[Tensor, "n c h w"], layers: Sequence[str], reduce: Callable[[Tensor], T] | None = None
    ) -> dict[str, T]:
        """Activations of several layers from one forward pass, by the names that were asked for.

        Args:
            x: Preprocessed images.
            layers: Names or aliases.
            reduce: What to keep of each layer's output (default: a copy). It is called during the pass, so
                that nothing larger than its result stays in memory.
        """
        keep: Callable[[Tensor], T] = reduce or torch.clone  # type: ignore[assignment]
        calls = {name: self.calls[self.layer(name)] for name in layers}
        values = record(self.module, self.place(x), dict.fromkeys(calls.values(), keep))
        return {name: values[call] for name, call in calls.items()}

    def place(self, x: Tensor) -> Tensor:
        """A tensor on the network's device, in its type."""
        return x.to(device=self.device, dtype=self.dtype)

    def fingerprint(self) -> str:
        """A hash of architecture, weights and input specification, computed anew at each call.

        Checkpoints share an architecture: results must be keyed by the weights too.
        """
        state = hashlib.sha256(f"{self.module!r}{self.input}{self.categories}".encode())
        for name, tensor in self.module.state_dict().items():
            state.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
            state.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        return state.hexdigest()[:32]


def wrap(
    module: nn.Module,
    *,
    input_size: int | tuple[int, int] = 224,
    mean: Sequence[float] = IMAGENET_MEAN,
    std: Sequence[float] = IMAGENET_STD,
    categories: Sequence[str] | None = None,
    aliases: Mapping[str, str] | None = None,
    resize: int | None = None,
    interpolation: Interpolation = "bilinear",
) -> Network:
    """Any ``nn.Module`` as a Network; the module is used as it is and never changed.

    Args:
        module: Takes images (n, c, h, w) and returns (n, classes).
        input_size: Height and width in pixels, or one number for both.
        mean: Mean of each channel in pixel units [0, 1]; its length is the number of channels.
        std: Standard deviation of each channel in pixel units.
        categories: The names of the outputs.
        aliases: Further names of layers.
        resize: Length the shorter side of a photograph is scaled to before the centre is cropped;
            default 256/224 of the input size.
        interpolation: How it is scaled, as the weights were trained: torchvision's weights say bilinear or
            bicubic.
    """
    if not isinstance(module, nn.Module):
        raise ModelError(f"wrap() takes an nn.Module. Got {type(module).__name__}.")
    height, width = (input_size, input_size) if isinstance(input_size, int) else input_size
    spec = InputSpec((height, width), tuple(mean), tuple(std), resize, interpolation)
    return Network(module, spec, categories or (), aliases)
