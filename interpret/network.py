"""A network: a loaded module with named layers, its input specification and its categories."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from interpret.arguments import (
    as_aliases,
    as_categories,
    as_channels,
    as_interpolation,
    as_resize,
    as_size,
    require_names_for_all,
)
from interpret.checks import Findings, examine, first_pass, noise_images
from interpret.contexts import plain, usable
from interpret.errors import DatasetError, ModelError, UnknownNameError, clause
from interpret.graph.program import Graph
from interpret.graph.trace import trace
from interpret.images import InputSpec, Picture
from interpret.inputs import Interpolation
from interpret.modules import clone as clone_tensor
from interpret.modules import eval_copy, named_parts, require_visible, scripted_parts, share, unwrapped
from interpret.outputs import Output, OutputKind, OutputModule, pick_output, require_rows
from interpret.recording import Call, layer_names, record
from interpret.snapshots import Snapshot

T = TypeVar("T")
M = TypeVar("M", bound=nn.Module)
Shape = tuple[int, int, int]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Network:
    """A module in eval mode with what is needed to ask questions of it; the module itself is only read.

    Every pass runs on a copy that shares the weights and that one call has to itself: no hook, mode or
    statistic of the module ever changes, whatever other threads do. On first use it is tested whether the
    module answers the same each time and for each image by itself, and again after the module has changed.

    Args:
        module: Any ``nn.Module`` that takes one batch of images (n, c, h, w). Wrappers of ``torch.compile``
            and ``DataParallel`` are taken off.
        input: What it takes.
        categories: The names of its outputs, or none.
        aliases: Further names of layers, such as the paper's ``layer1`` to ``layer7``.
        output: What of the things it returns is the output; see ``wrap``.
        check: Whether to test on first use what is assumed of it.

    Raises:
        ModelError: If the module has no layers to see (TorchScript, programs of torch.export).
    """

    def __init__(
        self,
        module: nn.Module,
        input: InputSpec | None = None,  # noqa: A002 - the word for it
        categories: Sequence[str] = (),
        aliases: Mapping[str, str] | None = None,
        output: Output = None,
        *,
        check: bool = True,
    ) -> None:
        self.module = unwrapped(module)
        require_visible(self.module)
        self.input = input or InputSpec()
        self.categories = tuple(categories)
        self.aliases = dict(aliases or {})
        self.output, self.check = output, check
        self._lock, self._current = RLock(), _Known(self.module)

    def __getstate__(self) -> dict[str, Any]:
        """Everything but locks and what can be found out again."""
        return {key: value for key, value in vars(self).items() if key not in {"_lock", "_current"}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._lock, self._current = RLock(), _Known(self.module)

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
        return next(floating, torch.zeros((), device="cpu"))

    @property
    def calls(self) -> dict[str, Call]:
        """The module call behind every layer's name, in execution order.

        Raises:
            ModelError: If the module cannot run, or has submodules none of which is ever called.
        """
        return self._layers(self._known())

    def _layers(self, known: _Known) -> dict[str, Call]:
        if known.layers is None:
            known.layers = layer_names(self._findings(known).calls)
        if not known.layers and len(named_parts(self.module)) > 1:
            raise ModelError(
                f"{type(self.module).__name__} has no layers to see: its forward calls no submodule. "
                "Call them as modules: self.conv(x), not self.conv.forward(x)."
            )
        return known.layers

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of all layers in execution order; ``name:2`` is the second call of a module."""
        return tuple(self.calls)

    @property
    def output_kind(self) -> OutputKind:
        """What the numbers of its outputs are, as found on first use; `interpret.outputs.as_probabilities`.

        ``probabilities`` where they add up to 1 or a sigmoid makes them, ``log_probabilities`` where they are
        logarithms of those, else ``logits``.
        """
        return self._findings(self._known()).kind

    @property
    def parts(self) -> dict[str, nn.Module]:
        """Every module inside by its dotted name without wrappers; the network's own is ``""``."""
        return named_parts(self.module)

    def modules_of(self, kind: type[M]) -> dict[str, M]:
        """The modules of one kind that run, by the names of their layers, in execution order."""
        modules = self.parts
        found = ((name, modules[call.module]) for name, call in self.calls.items())
        return {name: part for name, part in found if isinstance(part, kind)}

    def copy(self) -> Network:
        """A network of its own with the same weights, which can be changed."""
        known, copied = self._known(), self.of(deepcopy(self.module))
        copied._current.findings = known.findings  # alike in all that was tested
        copied._current.programs = known.programs
        return copied

    def of(self, module: nn.Module, input: InputSpec | None = None) -> Network:  # noqa: A002
        """Another module, or the same on another input, with everything else as here."""
        return Network(
            module, input or self.input, self.categories, self.aliases, self.output, check=self.check
        )

    def layer(self, name: str) -> str:
        """The name in ``layers`` that a name or alias stands for.

        Raises:
            UnknownNameError: If there is no such layer; the message shows the nearest names.
            ModelError: If the network has no layers at all.
        """
        return self._layer(self.calls, name)

    def _layer(self, calls: Mapping[str, Call], name: str) -> str:
        name = self.aliases.get(name, name)
        if name in calls:
            return name
        repeated = [layer for layer, call in calls.items() if call.module == name]
        if repeated:
            return repeated[-1]
        if not calls:
            raise ModelError(
                f"{type(self.module).__name__} has no submodules, and layers are their calls. "
                "Its output can be asked about, or make its steps modules."
            )
        raise UnknownNameError("layer", name, [*self.aliases, *calls])

    def _call(self, known: _Known, name: str, images: int) -> Call:
        """The call behind a layer's name, in a pass of some images."""
        calls = self._layers(known)
        call = calls[self._layer(calls, name)]
        if images > 1 and call.module in self._findings(known).each_image:
            raise ModelError(
                f"The forward of {type(self.module).__name__} calls layer {name!r} once for each image of a "
                "batch, so the layer never sees the batch. Let the forward pass all images through it at "
                "once, self.layer(x), in place of a loop; or give one image at a time."
            )
        return call

    @property
    def graph(self) -> Graph:
        """The network as a program of known operations, for its own input size."""
        return self.graph_for(self.input.shape)

    def graph_for(self, shape: Shape) -> Graph:
        """The network as a program of known operations for inputs of ``shape`` (c, h, w).

        Raises:
            ModelError: If the network cannot be exported; the message says why.
        """
        known = self._known()
        key = (shape, self.dtype, torch.get_default_dtype())
        with known.lock:
            if key not in known.graphs:
                dynamic = self._findings(known, shape).dynamic
                if dynamic is not None:
                    raise ModelError(
                        f"{type(self.module).__name__} cannot be traced: {dynamic} makes a tensor whose size "
                        "depends on values. What needs no graph still works."
                    )
                known.graphs[key] = known.program(key, lambda: self._traced(shape))
            return known.graphs[key]

    def _traced(self, shape: Shape) -> Graph:
        try:
            return trace(self.module, shape, self.output)
        except ModelError as error:
            for name, part in scripted_parts(self.module).items():
                raise ModelError(
                    f"{type(self.module).__name__} cannot be traced: its layer {name!r} "
                    f"({type(part).__name__}) is TorchScript, whose code runs outside Python. Put the "
                    "nn.Module it was made from in its place (the one given to torch.jit.script or "
                    "torch.jit.trace). What needs no graph still works."
                ) from error
            raise

    def preprocess(self, picture: Picture | str | Path) -> Float[Tensor, "c h w"]:
        """One photograph as the network takes it; see ``InputSpec.preprocess``."""
        return self.input.preprocess(picture)

    def __call__(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        """The network's outputs, without gradients and in eval mode; ``x`` is left alone.

        Raises:
            ModelError: If it is not known what of the things the module returns is its output.
        """
        return self.forward(x, {})[0]

    def forward(
        self, x: Float[Tensor, "n c h w"], layers: Mapping[str, Callable[[Tensor], T]]
    ) -> tuple[Float[Tensor, "n classes"], dict[str, T]]:
        """The outputs, and what a function makes of each layer, from one pass without gradients.

        Args:
            x: Preprocessed images.
            layers: What to make of a layer's output, by name or alias; called during the pass.

        Raises:
            UnknownNameError: If there is no such layer.
            ModelError: If it is not known what of the things the module returns is its output.
        """
        returned, values = self._pass(x, layers, whole=True)
        return require_rows(pick_output(returned, self.output), len(x)), values

    def record(
        self,
        x: Float[Tensor, "n c h w"],
        layers: Sequence[str] | Mapping[str, Callable[[Tensor], T]],
        reduce: Callable[[Tensor], T] | None = None,
    ) -> dict[str, T]:
        """Activations of several layers from one forward pass, by the names that were asked for.

        Args:
            x: Preprocessed images.
            layers: Names or aliases, or one; or what to keep of each layer's output, by name.
            reduce: What to keep of each layer's output (default: a copy). It is called during the pass, so
                that nothing larger than its result stays in memory.
        """
        keep: Callable[[Tensor], T] = reduce or torch.clone  # type: ignore[assignment]
        names = [layers] if isinstance(layers, str) else layers
        taps = names if isinstance(names, Mapping) else dict.fromkeys(names, keep)
        return self._pass(x, taps, whole=False)[1]

    def _pass(
        self, x: Tensor, taps: Mapping[str, Callable[[Tensor], T]], *, whole: bool
    ) -> tuple[Any, dict[str, T]]:
        known = self._known()
        each: dict[Call, list[str]] = {}
        for name in taps:
            each.setdefault(self._call(known, name, len(x)), []).append(name)

        def tap(names: Sequence[str]) -> Callable[[Tensor], dict[str, T]]:
            return lambda output: {name: taps[name](output) for name in names}

        wanted = {call: tap(names) for call, names in each.items()}
        shape = _image_shape(x)
        with self._running(known, shape) as module:
            try:
                returned, found = record(module, self._given(known, x), wanted, whole=whole)
            except RuntimeError as error:
                if shape == self.input.shape:
                    raise
                raise ModelError(
                    f"The network cannot run on images of shape {shape}: {clause(error)}. It was wrapped for "
                    f"images of shape {self.input.shape} (channels, height, width)."
                ) from error
        values = {name: value for part in found.values() for name, value in part.items()}
        return returned, {name: values[name] for name in taps}

    def as_module(self) -> nn.Module:
        """The network as an ``nn.Module`` from images to outputs (n, classes), for other libraries.

        It is a copy in eval mode that shares the weights and needs no gradients for them; autograd follows it
        down to its input, which it leaves alone. The network's own module is its attribute ``module``.

        Example:
            >>> captum.attr.Saliency(network.as_module()).attribute(x, target=3)
        """
        findings = self._findings(self._known())
        return OutputModule(self._own_copy(findings), self.output, copies=findings.writes_input)

    def _own_copy(self, findings: Findings) -> nn.Module:
        """A copy that shares what its forward does not write into."""
        own = clone_tensor if findings.writes_weights else share
        return eval_copy(self.module, own, clone_tensor if findings.writes_buffers else share)

    @contextmanager
    def running(self, shape: Shape | None = None) -> Iterator[nn.Module]:
        """A copy of the module in eval mode that shares the weights, for one pass of this thread alone.

        Args:
            shape: Of one image (c, h, w), for the test on first use; default: the input's.
        """
        with self._running(self._known(), shape) as module:
            yield module

    @contextmanager
    def _running(self, known: _Known, shape: Shape | None) -> Iterator[nn.Module]:
        findings = self._findings(known, shape)
        with plain(self.device):
            if findings.writes_buffers or findings.writes_weights:
                yield self._own_copy(findings)
                return
            copy = known.take()
            yield copy
            known.spare.append(copy)  # not after an error: its state is anyone's guess

    def _given(self, known: _Known, x: Tensor) -> Tensor:
        """Images as the module gets them: not the caller's own, if it writes into them."""
        placed = self.place(x)
        return placed.clone() if placed is x and self._findings(known).writes_input else placed

    def place(self, x: Tensor) -> Tensor:
        """A tensor on the network's device, in its type.

        Raises:
            DatasetError: If it holds no floating-point numbers: bytes have not been preprocessed.
        """
        if not x.is_floating_point():
            raise DatasetError(
                f"A tensor of {x.dtype} has not been preprocessed. Give network.preprocess(x) for one image "
                "of bytes, network.input.normalize(x / 255) for several, or x.float() if the network takes "
                "such numbers."
            )
        return usable(x.to(device=self.device, dtype=self.dtype))

    def _known(self) -> _Known:
        """What is known of the module as it is now."""
        if not self._current.snapshot.holds(self.module):
            with self._lock:
                if not self._current.snapshot.holds(self.module):
                    self._current = _Known(self.module)
        return self._current

    def _findings(self, known: _Known, shape: Shape | None = None) -> Findings:
        """What the first passes told; they are made by whoever comes first."""
        with known.lock:
            if known.findings is None:
                known.findings = self._examined(shape or self.input.shape)
            return known.findings

    def _examined(self, shape: Shape) -> Findings:
        with plain(self.device):
            pixels = noise_images(shape)
            fits = shape[0] == self.input.shape[0]
            x = self.place(self.input.normalize(pixels) if fits else pixels)
            findings = (examine if self.check else first_pass)(self.module, x, self.output)
        if self.check:
            require_names_for_all(self.categories, findings.output)
        return findings

    def fingerprint(self) -> str:
        """A hash of architecture, weights and input specification, computed anew at each call.

        Checkpoints share an architecture: results must be keyed by the weights too.
        """
        state = hashlib.sha256(f"{self.module!r}{self.input}{self.categories}".encode())
        for name, tensor in self.module.state_dict().items():
            state.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
            state.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        return state.hexdigest()[:32]


def _image_shape(x: Tensor) -> Shape:
    """Shape of one image of a batch.

    Raises:
        ModelError: If it is no batch of images.
    """
    if not isinstance(x, Tensor) or x.dim() != 4:
        found = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
        raise ModelError(
            f"A network takes a batch of preprocessed images (n, c, h, w). Got {found}. "
            "One image x (c, h, w) is the batch x[None]."
        )
    _, channels, height, width = x.shape
    return channels, height, width


class _Known:
    """What was found out about a module; forgotten when it changes."""

    def __init__(self, module: nn.Module) -> None:
        self.module, self.snapshot, self.lock = module, Snapshot(module), RLock()
        self.findings: Findings | None = None
        self.layers: dict[str, Call] | None = None
        self.graphs: dict[Any, Graph] = {}
        self.programs: dict[Any, Graph] = {}
        self.spare: list[nn.Module] = []

    def take(self) -> nn.Module:
        """A copy that nobody uses."""
        try:
            return self.spare.pop()
        except IndexError:
            return eval_copy(self.module)

    def program(self, key: Any, traced: Callable[[], Graph]) -> Graph:
        """The graph of this module: what the first of its copies was traced to, with its own weights.

        Constants may be tensors of the module that was traced: such a graph is no other's.
        """
        if key in self.programs:
            return replace(self.programs[key], module=self.module)
        graph = traced()
        if all(node.op != "constant" for node in graph.nodes):
            self.programs[key] = replace(graph, module=nn.Module())  # keeps no weights
        return graph


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
    output: Output = None,
    check: bool = True,
) -> Network:
    """Any ``nn.Module`` as a Network; the module is used as it is and never changed.

    Args:
        module: Takes images (n, c, h, w) and returns (n, classes). Wrappers of ``torch.compile`` and
            ``DataParallel`` are taken off.
        input_size: Height and width in pixels, or one number for both.
        mean: Mean of each channel in pixel units [0, 1]; its length is the number of channels.
        std: Standard deviation of each channel in pixel units.
        categories: The names of the outputs.
        aliases: Further names of layers.
        resize: Length the shorter side of a photograph is scaled to before the centre is cropped;
            default 256/224 of the input size.
        interpolation: How it is scaled, as the weights were trained: torchvision's weights say bilinear or
            bicubic.
        output: Which part of what the module returns is (n, classes): a key, the name of an attribute, an
            index, or a function of what it returns. Default: the tensor it returns, or its ``logits``.
        check: Whether to test the module once, on first use: that it gives the same numbers each time and for
            each image by itself. It takes less time than five passes of two images. Without the test the
            caller answers for that.

    Raises:
        ModelError: If an argument makes no sense, or the module has no layers to see (TorchScript, programs
            of torch.export).

    Example:
        >>> network = interpret.wrap(torchvision.models.resnet18().eval(), input_size=224)
        >>> network.layers[:3]
        ('conv1', 'bn1', 'relu')
    """
    if not isinstance(module, nn.Module):
        raise ModelError(
            f"wrap() takes an nn.Module, such as torchvision.models.resnet18(). Got {type(module).__name__}."
        )
    if output is not None and (
        isinstance(output, bool) or not (isinstance(output, str | int) or callable(output))
    ):
        raise ModelError(
            f"output is {output!r}; it must be a key, an attribute's name, an index, or a function of what "
            "the module returns."
        )
    scaling = as_interpolation(interpolation, get_args(Interpolation))
    spec = InputSpec(as_size(input_size), *as_channels(mean, std), as_resize(resize), scaling)
    return Network(module, spec, as_categories(categories), as_aliases(aliases), output, check=check)
