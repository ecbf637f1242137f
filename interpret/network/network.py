"""A network: a loaded module with named layers, its input specification and its categories."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from interpret.arguments import require_names_for_all
from interpret.errors import ModelError, clause
from interpret.graph.program.program import Graph
from interpret.images.inputs import InputSpec, image_shape, require_preprocessed
from interpret.images.pictures import Picture
from interpret.modules.contexts import plain, usable
from interpret.modules.outputs import (
    Output,
    OutputKind,
    OutputModule,
    output_text,
    pick_output,
    require_rows,
)
from interpret.modules.snapshots import state_hash
from interpret.modules.wrappers import named_parts, require_visible, unwrapped
from interpret.network.checks import examine
from interpret.network.known import Known, Shape
from interpret.network.layerchoices import LayerChoice, choose_layers
from interpret.network.layouts import LayoutChoice, copied, require_layouts
from interpret.network.map_graph import with_maps
from interpret.network.memory_format import MemoryFormat, laid_out, require_memory_format
from interpret.network.passes import Findings, first_pass, noise_images
from interpret.network.precision import Precision, reduced, require_precision, widen, widened
from interpret.network.recording import Call, record
from interpret.network.summarizing import network_text, summarize
from interpret.network.summary import Summary
from interpret.network.views import LayerView, Views

T = TypeVar("T")

M = TypeVar("M", bound=nn.Module)


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
        layouts: How layers are maps, where that cannot be found; see ``wrap``.
        check: Whether to test on first use what is assumed of it.
        output_kind: What the numbers of its outputs are; None: found out on first use.
        precision: What forward passes multiply. What follows a signal or a change through the network
            (`graph`), and gradients, keep the type of the weights.
        memory_format: How their maps lie in memory: contiguous or channels_last.

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
        layouts: Mapping[str, LayoutChoice] | None = None,
        check: bool = True,
        output_kind: OutputKind | None = None,
        precision: Precision = "float32",
        memory_format: MemoryFormat = "contiguous",
    ) -> None:
        self.module = unwrapped(module)
        require_visible(self.module)
        self.input = input or InputSpec()
        self.categories = tuple(categories)
        self.aliases = dict(aliases or {})
        self.output, self.layouts, self.check = output, require_layouts(layouts), check
        self._output_kind, self.precision = output_kind, require_precision(precision)
        self.memory_format = require_memory_format(memory_format)
        self._lock, self._current = RLock(), Known(self.module)

    def __repr__(self) -> str:
        """Its class, input, parameters, layers and categories; nothing is computed for it."""
        return network_text(self, self._current.findings)

    def __getstate__(self) -> dict[str, Any]:
        """Everything but locks and what can be found out again."""
        return {key: value for key, value in vars(self).items() if key not in {"_lock", "_current"}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._lock, self._current = RLock(), Known(self.module)

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
        known = self._known()
        return known.calls(self._findings(known))

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of all layers in execution order; ``name:2`` is the second call of a module."""
        return tuple(self.calls)

    @property
    def output_kind(self) -> OutputKind:
        """What the numbers of its outputs are, as found on first use; `interpret.modules.as_probabilities`.

        ``probabilities`` where they add up to 1 or a sigmoid makes them, ``log_probabilities`` where they are
        logarithms of those, else ``logits``; ``values`` where the user or the output says so.
        """
        return self._output_kind or self._findings(self._known()).kind

    @property
    def class_count(self) -> int:
        """How many outputs it has for an image; 0 where they are not one value for each class."""
        shape = self._findings(self._known()).output or ()
        return shape[1] if len(shape) == 2 else 0

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
            module,
            input or self.input,
            self.categories,
            self.aliases,
            self.output,
            layouts=self.layouts,
            check=self.check,
            output_kind=self._output_kind,
            precision=self.precision,
            memory_format=self.memory_format,
        )

    def in_precision(self, precision: Precision) -> Network:
        """The same network, whose forward passes multiply numbers of so many bits.

        Example:
            >>> network.in_precision("bfloat16").record(x, ["features.12"])
        """
        return self.computing(precision, self.memory_format)

    def in_memory_format(self, memory_format: MemoryFormat) -> Network:
        """The same network, whose forward passes lay out their maps so; the module is left as it is.

        Channels last is often faster, on processors as on cards: measure it. Last bits differ.

        Example:
            >>> network.in_memory_format("channels_last").record(x, ["features.12"])
        """
        return self.computing(self.precision, memory_format)

    def computing(self, precision: Precision, memory_format: MemoryFormat) -> Network:
        """The network in a precision and a memory format: itself, if these are its own."""
        if (precision, memory_format) == (self.precision, self.memory_format):
            return self
        found = self.of(self.module)
        found.precision = require_precision(precision)
        found.memory_format = require_memory_format(memory_format)
        return found

    def layer(self, name: str) -> str:
        """The name in ``layers`` that a name or alias stands for; ``layer@token``: a token without a place.

        Raises:
            UnknownNameError: If there is no such layer; the message shows the nearest names.
            ModelError: If the network has no layers at all.
        """
        known = self._known()
        layer, token = (views := self._views(known, self._findings(known), self.input.shape)).find(name)
        return views.view(name).name if token else layer

    def view(self, name: str, shape: Shape | None = None) -> LayerView:
        """How a layer is looked at: which call of a module it is, and how what that returns is a map.

        Args:
            name: Name or alias, or ``layer@token``.
            shape: Of an image (c, h, w); default: the input's.

        Raises:
            UnknownNameError: If there is no such layer; the message shows the nearest names.

        Example:
            >>> network.view("blocks.3").layout
            Layout(kind='tokens', grid=(14, 14), before=1, after=0, names=('class',))
        """
        known = self._known()
        return self._views(known, self._findings(known), shape or self.input.shape).view(name)

    def default_layers(self, choice: LayerChoice = "all") -> list[str]:
        """The layers that an analysis looks at where nobody names any, in execution order.

        They are the paper's layers by their aliases ``layer1``, ``layer2``, …, else all aliases; without
        aliases the blocks of a transformer that has convolutions only to cut the image into patches, or else
        the outputs of all ReLUs and of what stands in their place (SiLU, GELU, …), but for those of gates
        behind a global pool, or else all convolutions.

        Args:
            choice: ``all`` of these; ``spread``: without the paper's names at most six, at equal distances;
                ``maps``: those that give maps, and without aliases every convolution; ``first and last``:
                without aliases the last is what the classifier reads; ``late``: the paper's layers 5 and 7,
                else the middle and the last; ``convolutions``: all of these, whatever else has a name.

        Raises:
            ModelError: If the network has neither aliases nor ReLUs nor convolutions.

        Example:
            >>> interpret.load_model("zfnet").default_layers("late")
            ['layer5', 'layer7']
        """
        return choose_layers(self, choice)

    def layer_shapes(self, layers: Sequence[str]) -> dict[str, tuple[int, ...]]:
        """The shape of each layer's maps for one image: (channels, rows, columns), or (channels,) of vectors.

        Raises:
            UnknownNameError: If there is no such layer.
        """
        return self.record(torch.zeros(1, *self.input.shape), layers, lambda output: tuple(output.shape[1:]))

    def summary(self, depth: int | None = None, *, measure: bool = False) -> Summary:
        """The layers with units, sizes, receptive fields and costs, and what works on each; print it.

        Args:
            depth: How deep the layers lie (1: the network's own children; 0: all); default: as deep as a
                screen shows.
            measure: Measure what operations without a rule read, which may take a minute; otherwise they
                count as reading the whole of their input.

        Example:
            >>> print(interpret.wrap(torchvision.models.resnet18()).summary())
        """
        return summarize(self, depth, measure=measure)

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
        findings = self._findings(known, shape)
        graph = self._program(known, findings, shape)
        if graph not in known.maps:
            known.maps[graph] = with_maps(graph, self._views(known, findings, shape).layouts())
        return known.maps[graph]

    def _program(self, known: Known, findings: Findings, shape: Shape) -> Graph:
        """The program as it was traced."""
        image = (lambda: self.noise_images(shape, 1)) if self.check else None
        return known.graph(findings, shape, self.dtype, self.output, image)

    def _views(self, known: Known, findings: Findings, shape: Shape) -> Views:
        program = lambda: self._program(known, findings, shape)  # noqa: E731
        return Views(known, findings, (self.aliases, self.layouts), shape, program)

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
            layers: What to make of a layer's maps (n, c, h, w) or vectors (n, c), by name or alias; called
                during the pass.

        Raises:
            UnknownNameError: If there is no such layer.
            ModelError: If it is not known what of the things the module returns is its output.
        """
        returned, values = self._pass(x, layers, whole=True)
        outputs = pick_output(returned, self.output)
        wide = outputs if self.precision == "float32" else widen(outputs, self.dtype)
        return require_rows(wide, len(x)), values

    def record(
        self,
        x: Float[Tensor, "n c h w"],
        layers: Sequence[str] | Mapping[str, Callable[[Tensor], T]],
        reduce: Callable[[Tensor], T] | None = None,
        *,
        raw: bool = False,
    ) -> dict[str, T]:
        """Activations of several layers from one forward pass, by the names that were asked for.

        They are maps (n, c, h, w) or vectors (n, c), also of layers that return channels last or tokens.
        What has neither is left as it is returned.

        Args:
            x: Preprocessed images.
            layers: Names or aliases, or one; or what to keep of each layer's output, by name.
            reduce: What to keep of each layer's output (default: a copy). It is called during the pass, so
                that nothing larger than its result stays in memory.
            raw: Whether to take what modules return, as it is.
        """
        keep: Callable[[Tensor], T] = reduce or copied  # type: ignore[assignment]
        names = [layers] if isinstance(layers, str) else layers
        taps = names if isinstance(names, Mapping) else dict.fromkeys(names, keep)
        return self._pass(x, taps, whole=False, raw=raw)[1]

    def _pass(
        self, x: Tensor, taps: Mapping[str, Callable[[Tensor], T]], *, whole: bool, raw: bool = False
    ) -> tuple[Any, dict[str, T]]:
        known, shape = self._known(), image_shape(x)
        findings = self._findings(known, None if taps else shape)
        if self.precision != "float32":
            taps = {name: widened(tap, self.dtype) for name, tap in taps.items()}
        wanted = self._views(known, findings, shape).taps(taps, images=len(x), raw=raw)
        with known.running(findings, self.device) as module, reduced(self.precision, self.device):
            try:
                placed = self.to_device(x)
                placed = laid_out(placed, self.memory_format)
                given = placed.clone() if placed is x and findings.writes_input else placed
                returned, found = record(module, given, wanted, whole=whole)
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
        findings = self._findings(known := self._known())
        return OutputModule(known.own_copy(findings), self.output, copies=findings.writes_input)

    @contextmanager
    def running(self, shape: Shape | None = None) -> Iterator[nn.Module]:
        """A copy of the module in eval mode that shares the weights, for one pass of this thread alone.

        Args:
            shape: Of one image (c, h, w), for the test on first use; default: the input's.
        """
        known = self._known()
        with known.running(self._findings(known, shape), self.device) as module:
            yield module

    def to_device(self, x: Tensor) -> Tensor:
        """A tensor on the network's device, in its type.

        Raises:
            DatasetError: If it holds no floating-point numbers: bytes have not been preprocessed.
        """
        require_preprocessed(x)
        return usable(x.to(device=self.device, dtype=self.dtype))

    def _known(self) -> Known:
        """What is known of the module as it is now."""
        if not self._current.snapshot.holds(self.module):
            with self._lock:
                if not self._current.snapshot.holds(self.module):
                    self._current = Known(self.module)
        return self._current

    def _findings(self, known: Known, shape: Shape | None = None) -> Findings:
        """What the first passes told; they are made by whoever comes first."""
        return known.examined(lambda: self._examined(shape or self.input.shape))

    def _examined(self, shape: Shape) -> Findings:
        with plain(self.device):
            x = self.noise_images(shape)
            findings = (examine if self.check else first_pass)(self.module, x, self.output)
        if self.check:
            require_names_for_all(self.categories, findings.output)
        return findings

    def noise_images(self, shape: Shape, count: int = 2) -> Float[Tensor, "count c h w"]:
        """Images on which the module is tested, the same each time, as it takes them.

        Args:
            shape: Of one image (c, h, w).
            count: How many.
        """
        pixels = noise_images(shape, count)
        return self.to_device(self.input.normalize(pixels) if shape[0] == self.input.shape[0] else pixels)

    def fingerprint(self) -> str:
        """A hash of architecture, weights, input specification and layouts, computed anew at each call.

        Checkpoints share an architecture: results must be keyed by the weights too.
        """
        output = ("" if self.output is None else output_text(self.output)) + (self._output_kind or "")
        output += f"{self.input.shown_channels or ''}{'squash' * self.input.squash}{self.layouts or ''}"
        output += "" if self.precision == "float32" else self.precision
        output += "" if self.memory_format == "contiguous" else self.memory_format
        return state_hash(self.module, f"{self.module!r}{self.input}{self.categories}{output}")
