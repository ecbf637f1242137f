"""The occluder: where it stands; what it shows is `interpret.images.fills`."""

from __future__ import annotations

from interpret.errors import InterpretError
from interpret.graph import Slices
from interpret.images import Fill, filled

__all__ = ["Fill", "filled", "places"]


def places(extent: int, window: int, stride: int) -> Slices:
    """Where an occluder stands along one axis: every ``stride`` pixels, the last one at the border.

    Args:
        extent: Pixels of the image.
        window: Pixels of the occluder.
        stride: Pixels from one place to the next.

    Raises:
        InterpretError: If the occluder does not fit into the image, or the stride is no step.
    """
    if stride < 1:
        raise InterpretError(f"The stride of an occluder must be at least 1 pixel. Got {stride}.")
    if not 1 <= window <= extent:
        raise InterpretError(
            f"An occluder of {window} pixels does not fit into an image of {extent}. "
            f"Give a window from 1 to {extent}."
        )
    starts = list(range(0, extent - window + 1, stride))
    if starts[-1] + window < extent:
        starts.append(extent - window)
    return Slices(tuple(starts), window)
