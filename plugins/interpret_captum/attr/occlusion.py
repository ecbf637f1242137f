"""``Occlusion`` of Captum by the engines of `interpret_occlusion`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any, NamedTuple

import captum.attr
import torch
from captum._utils.progress import progress
from captum.log import log_usage
from jaxtyping import Float
from torch import Tensor

from interpret.graph import Slices
from interpret.modules import pick_output
from interpret.progress import PartListener, listening
from interpret_captum.attr.asking import Asked, DelegatedError, answer, as_asked, output_indices
from interpret_occlusion.engines import SweepTask, answer_everywhere, pick_engine
from interpret_occlusion.occluder import per_pixel

TOGETHER = 32
"""Occluded images in one forward pass, at least, where whole passes are needed."""

FEW = 16
"""At no more places whole passes answer, if they take no more than `LITTLE`."""

LITTLE = 3_000_000_000
"""Multiply-adds of whole passes in which the incremental engine has not even been prepared."""


class Places(NamedTuple):
    """Where a window stands, as Captum slides it: from the corner on, the last ones cut at the border.

    Attributes:
        rows: Rows of places, those whose windows are cut by themselves.
        columns: Columns of places, likewise.
        window: Height and width of the window.
    """

    rows: list[Slices]
    columns: list[Slices]
    window: tuple[int, int]

    @property
    def starts(self) -> tuple[list[int], list[int]]:
        """Top pixels of all rows of places, and left pixels of all columns."""
        rows, columns = ([start for part in axis for start in part.starts] for axis in self[:2])
        return rows, columns


class Occlusion(captum.attr.Occlusion):  # type: ignore[misc]  # Captum has no types
    """How much each output falls under a sliding window (captum ``Occlusion``), by our engine where it can.

    Ours are windows over all channels of one batch of images, for a module in eval mode; anything else is
    answered by Captum's own code. Section 4.2 of Zeiler & Fergus 2014.

    Example:
        >>> Occlusion(model).attribute(x, (3, 16, 16), strides=(3, 8, 8), target=281, baselines=0)
    """

    @log_usage(part_of_slo=True)  # type: ignore[untyped-decorator]  # others of Captum's ask for __wrapped__
    def attribute(  # noqa: PLR0917 - Captum's arguments
        self,
        inputs: Any,
        sliding_window_shapes: Any,
        strides: Any = None,
        baselines: Any = None,
        target: Any = None,
        additional_forward_args: object = None,
        perturbations_per_eval: int = 1,
        show_progress: bool = False,
    ) -> Any:
        """As Captum's, argument for argument.

        Args:
            inputs: Images (n, c, h, w), or whatever else Captum takes.
            sliding_window_shapes: (c, height, width) of the window.
            strides: One number, or (channels, rows, columns); None: 1.
            baselines: What the window shows: None (0), a number, or a tensor that fits the images.
            target: Which output of each example counts.
            additional_forward_args: Further arguments of the module; with any, Captum's code answers.
            perturbations_per_eval: Places in one forward pass, where whole passes are needed: 32 at least.
            show_progress: Whether to show a progress bar.

        Returns:
            As Captum: float32, in the shape of the inputs; a tuple for a tuple.
        """
        captums = partial(
            super().attribute.__wrapped__,
            self,
            inputs,
            sliding_window_shapes,
            strides,
            baselines,
            target,
            additional_forward_args,
            perturbations_per_eval,
            show_progress,
        )

        def ours() -> Any:
            if not _is_step(perturbations_per_eval):
                raise DelegatedError("perturbations_per_eval is no positive number")
            asked = as_asked(self.forward_func, inputs, additional_forward_args)
            places = as_places(asked.x, sliding_window_shapes, strides)
            fill = _fill(asked.x, baselines)
            with torch.no_grad(), self._bar(asked, places) if show_progress else nullcontext() as bar:
                output = pick_output(self.forward_func(asked.x.clone()))
                maps = occlusion_maps(
                    asked, output, places, fill, target, max(perturbations_per_eval, TOGETHER), bar
                )
            return (maps.float(),) if isinstance(inputs, tuple) else maps.float()

        return answer(self, ours, captums)

    def _bar(self, asked: Asked, places: Places) -> AbstractContextManager[Any]:
        rows, columns = places.starts
        count = len(asked.x) * len(rows) * len(columns)
        bar: AbstractContextManager[Any] = progress(desc=f"{self.get_name()} attribution", total=count)
        return bar


def as_places(x: Float[Tensor, "n c h w"], window: Any, strides: Any) -> Places:
    """Where the window stands.

    Raises:
        DelegatedError: If it does not slide over all channels at once, or Captum refuses it.
    """
    shape = window[0] if len(window) == 1 else window
    steps = strides[0] if isinstance(strides, tuple) and len(strides) == 1 else strides
    steps = (1 if steps is None else steps,) * 3 if steps is None or isinstance(steps, int) else steps
    for item in (shape, steps):
        if not isinstance(item, tuple) or len(item) != 3 or not all(_is_step(size) for size in item):
            raise DelegatedError("the window or its stride is not three numbers")
    if shape[0] != x.shape[1]:
        raise DelegatedError("the window covers some of the channels only")
    rows, columns = map(_along, x.shape[2:], shape[1:], steps[1:])
    return Places(rows, columns, (shape[1], shape[2]))


def _is_step(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _along(extent: int, window: int, stride: int) -> list[Slices]:
    """Places along one axis: whole windows, then one that the border cuts, if there is one."""
    if window > extent or (stride > window and window != extent):
        raise DelegatedError("the window does not fit into the image, or leaves gaps")
    starts = range(0, extent - window + stride, stride)
    whole = Slices(tuple(start for start in starts if start + window <= extent), window)
    return [whole, *(Slices((start,), extent - start) for start in starts[len(whole.starts) :])]


def _fill(x: Float[Tensor, "n c h w"], baselines: Any) -> Float[Tensor, "n c h w"]:
    """What the window shows wherever it stands."""
    given = baselines[0] if isinstance(baselines, tuple) and len(baselines) == 1 else baselines
    if isinstance(given, int | float):
        return torch.full_like(x, given)
    if given is None:
        return torch.zeros_like(x)
    if not isinstance(given, Tensor) or (given.dtype, given.device) != (x.dtype, x.device):
        raise DelegatedError("the baseline is no number, and no tensor of the images' dtype and device")
    return torch.broadcast_to(given.detach(), x.shape)


def occlusion_maps(  # noqa: PLR0917 - the parts of one question
    asked: Asked,
    output: Any,
    places: Places,
    fill: Float[Tensor, "n c h w"],
    target: Any,
    batch_size: int,
    bar: Any,
) -> Float[Tensor, "m c h w"]:
    """By how much outputs fall, averaged over the windows that cover each pixel.

    Args:
        asked: The network and the images.
        output: What the module makes of them.
        places: Where the window stands.
        fill: What it shows.
        target: Which output of each example counts; None: every one has a map of its own.
        batch_size: Occluded images in one forward pass, where whole passes are needed.
        bar: Hears how far the work is, if it is one.
    """
    if not isinstance(output, Tensor) or not output.is_floating_point() or not output.dim():
        raise DelegatedError("the module returns no row of numbers for each image")
    if len(output) != len(asked.x):
        raise DelegatedError("the output has no row for each image")
    found = []
    for index, image, shown, before in zip(
        output_indices(target, output), asked.x, fill, output, strict=True
    ):
        answers = _answers(SweepTask(asked.network, image, shown, {}, batch_size), places, bar)
        after = answers.view(*answers.shape[:2], *before.shape)[(slice(None), slice(None), *index)]
        falls = (before[index].flatten() - after.reshape(*after.shape[:2], -1)).permute(2, 0, 1)
        falls = falls.to(torch.promote_types(falls.dtype, torch.float32))
        found.append(per_pixel(falls, places.starts, places.window, (image.shape[1], image.shape[2])))
    return torch.cat(found)[:, None].repeat(1, asked.x.shape[1], 1, 1)


def _answers(task: SweepTask, places: Places, bar: Any) -> Float[Tensor, "rows columns outputs"]:
    """The outputs at every place, by the engine that suits the whole windows."""
    engine = pick_engine(_choice(task, places), task, places.rows[0], places.columns[0])

    def of(rows: Slices, columns: Slices) -> Tensor:
        with _heard(bar, len(rows.starts) * len(columns.starts)):
            return answer_everywhere("auto", engine, task, rows, columns)[1].logits

    return torch.cat(
        [torch.cat([of(rows, columns) for columns in places.columns], 1) for rows in places.rows]
    )


def _choice(task: SweepTask, places: Places) -> str:
    """``full`` for a few small passes: each image has an engine prepared and tried, which takes longer."""
    rows, columns = places.rows[0], places.columns[0]
    if len(rows.starts) * len(columns.starts) > FEW:
        return "auto"
    passes, _ = pick_engine("full", task, rows, columns).cost(rows, columns)
    return "full" if passes < LITTLE else "auto"


@contextmanager
def _heard(bar: Any, places: int) -> Iterator[None]:
    """While this holds, a bar shows how many places of a block are done."""
    if bar is None:
        yield
        return
    hearing = PartListener(places, bar.update)
    with listening(hearing):
        yield
    hearing.finish()
