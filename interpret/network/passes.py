"""The first passes of a module: which layers it has, what it returns, and what it writes into."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from operator import is_
from typing import Any, get_args

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from interpret.errors import InterpretError, ModelError
from interpret.modules.copies import clone, eval_copy
from interpret.modules.dispatched import AtenCall, AtenLog, WritesError
from interpret.modules.outputs import Output, OutputKind, output_kind, pick_output
from interpret.network.recording import Call, watching

SAMPLE = 16384
"""About how many values of each image and layer are compared."""

DYNAMIC = frozenset({"nonzero", "masked_select", "nms", "unique", "_unique2", "unique_dim"})
"""Operations whose values decide the shape of what they make."""

SKIP = "interpret.wrap(module, check=False) skips this test."


@dataclass(frozen=True)
class Findings:
    """What is known of a module from its first passes.

    Attributes:
        calls: Every call of a submodule that returns a tensor, in the order in which the calls end.
        output: Shape of the output of one image; None where it is not known what the output is.
        kind: What its numbers are.
        each_image: Modules that are called more often for two images than for one.
        writes_input: Whether the forward may write into its input, so that it is given copies.
        writes_buffers: Whether the forward writes into its buffers, so that each pass has its own.
        writes_weights: Whether the forward writes into its weights, so that each pass has its own.
        dynamic: The first operation whose values decide a shape, if there is one.
        image: Shape of the image (channels, height, width).
        shapes: Shape of what each call returned for it.
        moves_axes: Whether something with four axes may be no map (n, c, h, w).
    """

    calls: tuple[Call, ...]
    output: tuple[int, ...] | None = None
    kind: OutputKind = "logits"
    each_image: frozenset[str] = frozenset()
    writes_input: bool = True
    writes_buffers: bool = False
    writes_weights: bool = False
    dynamic: AtenCall | None = None
    image: tuple[int, ...] = ()
    shapes: tuple[tuple[int, ...], ...] = ()
    moves_axes: bool = True


def noise_images(shape: tuple[int, int, int], count: int = 2) -> Float[Tensor, "count c h w"]:
    """Images of random pixels in [0, 1], the same each time, without touching any random state.

    The first has half the contrast of the others: a maximum over the batch is theirs.
    """
    pixels = np.random.default_rng(0).random((count, *shape), dtype=np.float32)
    pixels[0] = 0.25 + 0.5 * pixels[0]
    return torch.from_numpy(pixels)


@torch.no_grad()
def first_pass(module: nn.Module, x: Float[Tensor, "n c h w"], output: Output = None) -> Findings:
    """What one pass tells without any test.

    Raises:
        ModelError: If the module cannot run.
    """
    first = listened_pass(module, x[:1])
    return replace(first.findings(output), writes_input=True)


@dataclass(frozen=True)
class SinglePass:
    """What one image gives by itself: a sample of every layer's output, its shape, and what is returned."""

    layers: dict[Call, Tensor]
    shapes: dict[Call, tuple[int, ...]]
    returned: Any


@dataclass(frozen=True)
class _First:
    """The first pass: the copy that made it, with its buffers before, and what was done."""

    copy: nn.Module
    buffers: tuple[Tensor, ...]
    image: Tensor
    operations: AtenLog
    alone: SinglePass
    writes_weights: bool

    def findings(self, output: Output) -> Findings:
        """What it tells."""
        with self.operations:  # a function of what was returned has operations too
            found = picked(self.alone.returned, output)
        wrote, kept = self.operations.wrote, map(is_, self.copy.buffers(), self.buffers)
        return Findings(
            calls=tuple(self.alone.layers),
            output=None if found is None else tuple(found.shape),
            kind=_kind(found, output, self.operations),
            writes_input=wrote([self.image]),
            writes_buffers=not all(kept) or wrote(self.buffers),
            writes_weights=self.writes_weights,
            dynamic=next((item for item in self.operations.listed if item.name in DYNAMIC), None),
            image=tuple(self.image.shape[1:]),
            shapes=tuple(self.alone.shapes.values()),
            moves_axes=self.operations.moves_axes,
        )


def listened_pass(module: nn.Module, x: Float[Tensor, "1 c h w"]) -> _First:
    """The first pass; if it is about to write into the weights, it is made again on others."""
    copy = eval_copy(module, buffer=clone)
    try:
        return _listened(copy, x, copy.parameters())
    except WritesError:
        return replace(_listened(eval_copy(module, clone, clone), x), writes_weights=True)


def _listened(copy: nn.Module, x: Tensor, guarded: Iterable[Tensor] = ()) -> _First:
    buffers, image, operations = tuple(copy.buffers()), x.clone(), AtenLog(copy, guarded=guarded)
    with operations.listening():
        alone = single_pass(copy, image)
    return _First(copy, buffers, image, operations, alone, writes_weights=False)


def single_pass(module: nn.Module, x: Float[Tensor, "1 c h w"]) -> SinglePass:
    """What one pass of one image gives in every layer."""
    layers: dict[Call, Tensor] = {}
    shapes: dict[Call, tuple[int, ...]] = {}

    def see(call: Call, output: Tensor) -> None:
        layers[call], shapes[call] = sample_values(output), tuple(output.shape)

    with watching(module, see):
        return SinglePass(layers, shapes, run_pass(module, x))


def sample_values(output: Tensor) -> Tensor:
    """Some of each image's values, from everywhere in a layer's output: comparing them all takes a pass."""
    if output.dim() < 2:
        return output.clone()
    values = output.flatten(1)
    step = values.shape[1] // SAMPLE | 1  # odd, to meet every channel and column
    return values[:, ::step].clone()


def _kind(found: Tensor | None, output: Output, operations: AtenLog) -> OutputKind:
    """What the numbers of an output are: what it says itself, or what its values and their maker say."""
    if found is None:
        return "logits"
    stated: OutputKind | None = getattr(output, "kind", None)
    if isinstance(stated, str) and stated in get_args(OutputKind):
        return stated
    return output_kind(found, operations.maker(found))


def picked(returned: Any, output: Output) -> Tensor | None:
    """The output, None where it is not known what it is."""
    try:
        return pick_output(returned, output)
    except InterpretError:
        return None


def run_pass(module: nn.Module, x: Tensor) -> Any:
    """One pass, or an error that says on what."""
    try:
        return module(x)
    except (InterpretError, WritesError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        shape, images = tuple(x.shape[1:]), "one image" if len(x) == 1 else f"{len(x)} images together"
        cure = (
            "Give wrap(), or the model as parameters, the input_size, mean and std it was trained with; "
            "there are as many channels as means."
        )
        if len(x) > 1:
            cure = f"It must take any number of images (n, c, h, w). {SKIP}"
        raise ModelError(
            f"The network cannot run on {images} of shape {shape}: {type(error).__name__}: {_short(error)}. "
            f"{cure}"
        ) from error


def _short(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300].rstrip(".") if lines else "no message"
