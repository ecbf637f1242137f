"""What every analysis takes for granted of a module, tested once on two images.

It answers the same each time; what it says of an image does not depend on the images beside it; it leaves
its input and its buffers alone. Two images are passed together, in the other order, and one of them alone:
two and a half forward passes of two images, of which one lists its operations.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from operator import is_
from typing import Any, NoReturn

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from interpret.errors import InterpretError, ModelError
from interpret.graph.program import Graph
from interpret.modules.contexts import plain
from interpret.modules.copies import clone, eval_copy, share
from interpret.modules.dispatched import Operation, Operations, WritesError, draws_of, python_draws
from interpret.modules.outputs import Output, OutputKind, is_dense, output_kind, pick_output, tensors_in
from interpret.network.recording import Call, watching

ROUNDING = 1e-4
"""Difference, relative to the largest value of a layer, from which on rounding is no longer believed."""

ROUNDING_DOUBLE = 1e-6
"""The same in double precision, where every suspicion is tested again."""

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
    """

    calls: tuple[Call, ...]
    output: tuple[int, ...] | None = None
    kind: OutputKind = "logits"
    each_image: frozenset[str] = frozenset()
    writes_input: bool = True
    writes_buffers: bool = False
    writes_weights: bool = False
    dynamic: Operation | None = None


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
    first = _first_of(module, x[:1])
    return replace(first.findings(output), writes_input=True)


@torch.no_grad()
def examine(module: nn.Module, x: Float[Tensor, "2 c h w"], output: Output = None) -> Findings:
    """Test what is assumed of a module; it is only read.

    Args:
        module: In any mode; it is tested in eval mode.
        x: Two different images.
        output: What of the things it returns is the output.

    Raises:
        ModelError: If it cannot run, gives other numbers each time, or lets images influence each other; the
            message names the layer and the operation.
    """
    first = _first_of(module, x[:1])
    copy, listed = first.copy, first.operations.listed
    state, python = _random_state(x), python_draws()
    more: list[str] = []
    suspicious = _changes(copy, x, first.alone, ROUNDING, more)
    random = [item for item in listed if item.random]
    drawn = random if random and not torch.equal(state, _random_state(x)) else []
    if python != python_draws() and not drawn:
        drawn = _drawn_in_python(copy, x)
    if suspicious or drawn:
        _confirm(module, x, drawn)
    found = replace(first.findings(output), each_image=frozenset(more))
    return (
        found if _alike(x[:1], first.image, 0) else replace(found, writes_input=True)
    )  # by NumPy: nobody listened


@torch.no_grad()
def require_same_numbers(
    graph: Graph, module: nn.Module, x: Float[Tensor, "1 c h w"], output: Output
) -> None:
    """Refuse a graph that computes other numbers than the module that it was traced from.

    Args:
        graph: The graph.
        module: A copy in eval mode that nobody else uses.
        x: An image.
        output: What of the things it returns is the output.

    Raises:
        ModelError: If it does.
    """
    if graph.answer is None:
        return
    with plain(x.device):
        true = pick_output(_run(module, x.clone()), output)
        found = graph.run(x)[graph.output]
    rounding = max(ROUNDING, 100 * torch.finfo(true.dtype).eps) if true.is_floating_point() else 0
    if not _alike(true, found, rounding):
        raise ModelError(
            f"{type(graph.module).__name__} cannot be traced: its operations give other numbers than the "
            "module gives (one may write into what it reads, as x.mul_(x[:, :1].expand_as(x)) does, and "
            "PyTorch promises nothing then). What needs no graph still works."
        )


@dataclass(frozen=True)
class _Alone:
    """What one image gives by itself: a sample of every layer's output, and what the module returned."""

    layers: dict[Call, Tensor]
    returned: Any


@dataclass(frozen=True)
class _First:
    """The first pass: the copy that made it, with its buffers before, and what was done."""

    copy: nn.Module
    buffers: tuple[Tensor, ...]
    image: Tensor
    operations: Operations
    alone: _Alone
    writes_weights: bool

    def findings(self, output: Output) -> Findings:
        """What it tells."""
        found = _output(self.alone.returned, output)
        wrote, kept = self.operations.wrote, map(is_, self.copy.buffers(), self.buffers)
        return Findings(
            calls=tuple(self.alone.layers),
            output=None if found is None else tuple(found.shape),
            kind="logits" if found is None else output_kind(found, self.operations.maker(found)),
            writes_input=wrote([self.image]),
            writes_buffers=not all(kept) or wrote(self.buffers),
            writes_weights=self.writes_weights,
            dynamic=next((item for item in self.operations.listed if item.name in DYNAMIC), None),
        )


def _first_of(module: nn.Module, x: Float[Tensor, "1 c h w"]) -> _First:
    """The first pass; if it is about to write into the weights, it is made again on others."""
    copy = eval_copy(module, buffer=clone)
    try:
        return _listened(copy, x, copy.parameters())
    except WritesError:
        return replace(_listened(eval_copy(module, clone, clone), x), writes_weights=True)


def _listened(copy: nn.Module, x: Tensor, guarded: Iterable[Tensor] = ()) -> _First:
    buffers, image, operations = tuple(copy.buffers()), x.clone(), Operations(copy, guarded=guarded)
    with operations.listening():
        alone = _alone(copy, image)
    return _First(copy, buffers, image, operations, alone, writes_weights=False)


def _alone(module: nn.Module, x: Float[Tensor, "1 c h w"]) -> _Alone:
    layers: dict[Call, Tensor] = {}
    with watching(module, lambda call, output: layers.update({call: _sample(output)})):
        return _Alone(layers, _run(module, x))


def _sample(output: Tensor) -> Tensor:
    """Some of each image's values, from everywhere in a layer's output: comparing them all takes a pass."""
    if output.dim() < 2:
        return output.clone()
    values = output.flatten(1)
    step = values.shape[1] // SAMPLE | 1  # odd, to meet every channel and column
    return values[:, ::step].clone()


def _output(returned: Any, output: Output) -> Tensor | None:
    try:
        return pick_output(returned, output)
    except InterpretError:
        return None


def _drawn_in_python(module: nn.Module, x: Tensor) -> list[Operation]:
    """Where each pass draws from Python's or NumPy's random numbers; another thread may have drawn."""
    found = [draws_of(module, lambda: _run(module, x[:1].clone())) for _ in range(3)]
    return [item for item in found[:1] if item is not None and all(found)]


def _random_state(x: Tensor) -> Tensor:
    """Where the global random numbers of a tensor's device are."""
    return torch.cuda.get_rng_state(x.device) if x.is_cuda else torch.get_rng_state()


def _run(module: nn.Module, x: Tensor) -> Any:
    """One pass, or an error that says on what."""
    try:
        return module(x)
    except (InterpretError, WritesError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        shape, images = tuple(x.shape[1:]), "one image" if len(x) == 1 else f"{len(x)} images together"
        cure = "Give wrap() the input_size, mean and std it was trained with."
        if len(x) > 1:
            cure = f"It must take any number of images (n, c, h, w). {SKIP}"
        raise ModelError(
            f"The network cannot run on {images} of shape {shape}: {type(error).__name__}: {_short(error)}. "
            f"{cure}"
        ) from error


def _short(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300].rstrip(".") if lines else "no message"


def _changes(
    module: nn.Module,
    x: Float[Tensor, "2 c h w"],
    alone: _Alone,
    rounding: float,
    more: list[str] | None = None,
) -> bool:
    """Whether the first image gives other numbers beside the second, in front of it or behind.

    ``more`` gets the modules that are called more often.
    """
    more = [] if more is None else more
    return any(
        _changes_at(module, x[order], row, alone, rounding, more=more)
        for row, order in enumerate(([0, 1], [1, 0]))
    )


def _changes_at(
    module: nn.Module, x: Tensor, row: int, alone: _Alone, rounding: float, *, more: list[str]
) -> bool:
    changed: list[Call] = []

    def see(call: Call, output: Tensor) -> None:
        known = alone.layers.get(call)
        if known is None:
            more.append(call.module)
        elif not changed and _differs(known, _sample(output), row, rounding):
            changed.append(call)

    with watching(module, see):
        together = _run(module, x)
    pairs = zip(tensors_in(alone.returned), tensors_in(together), strict=False)
    return bool(changed) or any(_differs(known, found, row, rounding) for known, found in pairs)


def _differs(known: Tensor, found: Tensor, row: int, rounding: float) -> bool:
    """Whether one image's values (1, ...) are others in a row of (2, ...); other shapes are left out."""
    if (
        not is_dense(known)
        or not is_dense(found)
        or known.shape[:1] != (1,)
        or found.shape != (2, *known.shape[1:])
    ):
        return False
    return not _alike(known, found[row : row + 1], rounding)


def _alike(one: Tensor, other: Tensor, rounding: float) -> bool:
    """Whether two tensors are equal but for rounding; not-a-numbers are equal."""
    if one.is_complex():
        one, other = torch.view_as_real(one.resolve_conj()), torch.view_as_real(other.resolve_conj())
    if not one.is_floating_point():
        return torch.equal(one, other)
    if one.numel() and (one - other).abs_().amax() <= rounding * one.abs().amax():
        return True
    finite = one[one.isfinite()]
    scale = float(finite.abs().max()) if finite.numel() else 0.0
    return torch.allclose(one, other, rtol=0, atol=rounding * scale, equal_nan=True)


def _confirm(module: nn.Module, x: Tensor, drawn: Sequence[Operation]) -> None:
    """Raise ModelError with layer and operation, unless it was rounding."""
    for take, rounding in ((_double, ROUNDING_DOUBLE), (clone, ROUNDING)):
        images = x.double() if take is _double and x.device.type != "mps" else x
        try:
            copy = eval_copy(module, take, take)
            changes = _changes(copy, images, _alone(copy, images[:1].clone()), rounding)
        except (ModelError, RuntimeError, TypeError):  # it does not work in double precision
            continue
        if changes or drawn:
            one, again, two = (_listed(copy, images[:count]) for count in (1, 1, 2))
            _refuse(type(module).__name__, one, again, two, rounding=rounding, drawn=drawn)
        return


def _double(tensor: Tensor) -> Tensor:
    return share(tensor.double() if tensor.is_floating_point() else tensor.clone())


def _listed(module: nn.Module, x: Tensor) -> list[Operation]:
    operations = Operations(module, keep=True)
    with operations.listening():
        _run(module, x.clone())
    return operations.listed


def _refuse(
    name: str,
    one: Sequence[Operation],
    again: Sequence[Operation],
    two: Sequence[Operation],
    *,
    rounding: float,
    drawn: Sequence[Operation],
) -> NoReturn:
    """Raise ModelError for what differs first between one image, the same again, and two."""
    random = next(iter(drawn), None) or _first(one, again, rounding)
    if random is not None:
        raise ModelError(
            f"{name} gives other numbers for the same image each time: {random} draws random numbers or "
            "depends on earlier passes, in eval mode too. Switch it off there: "
            f"F.dropout(x, training=self.training), or nn.Dropout, which does so by itself. {SKIP}"
        )
    mixing = _first(one, two, rounding)
    raise ModelError(
        f"{name} gives other numbers for an image when another one is beside it: "
        f"{mixing or 'something in it'} reads the whole batch. Use statistics that are fixed in eval mode "
        "(nn.BatchNorm2d with track_running_stats=True) or those of each image (nn.GroupNorm, "
        f"nn.InstanceNorm2d). {SKIP}"
    )


def _first(one: Sequence[Operation], other: Sequence[Operation], rounding: float) -> Operation | None:
    """The first operation of two passes that makes something else of the first image."""
    for left, right in zip(one, other, strict=False):
        if left.name != right.name or len(left.values) != len(right.values):
            return right
        if any(_mixes(a, b, rounding) for a, b in zip(left.values, right.values, strict=True)):
            return left
    return None


def _mixes(alone: Tensor, together: Tensor, rounding: float) -> bool:
    if alone.shape == together.shape:
        return not _alike(alone, together, rounding)
    return _differs(alone, together, 0, rounding)
