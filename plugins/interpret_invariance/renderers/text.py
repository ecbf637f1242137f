"""Words for figures and tables of invariance."""

from __future__ import annotations

from interpret_figures.display import channel_note
from interpret_figures.text import category
from interpret_invariance.results import Invariances

AXES = {
    "vertical_translation": "pixels, down",
    "horizontal_translation": "pixels, to the right",
    "scale": "times larger",
    "rotation": "degrees, counter-clockwise",
    "brightness": "times brighter",
    "contrast": "times the contrast",
    "blur": "pixels of standard deviation",
}
BORDERS = {
    "mean": "its mean colour",
    "edge": "its nearest pixel",
    "reflect": "the image mirrored",
    "black": "black",
}


def caption(result: Invariances, *, relative: bool) -> str:
    """How to read the figure."""
    over = ", divided by the length of these; all panels under one scale" if relative else ""
    followed = {
        "label": "its label",
        "predicted": "what the network answers to it",
        "given": "the given class",
    }
    targets = " or ".join(followed[one] for one in dict.fromkeys(result.target_from))
    seen = f" Beyond the border: {BORDERS[result.border]}." if _has_border(result) else ""
    return (
        "A line for each image. Euclidean distance of the features to those of the untransformed image"
        f"{over}; {result.asked} of {targets}. Dotted: the untransformed image.{seen}{_channels(result)}"
    )


def _has_border(result: Invariances) -> bool:
    """Whether some transformation can show what lies beyond the image."""
    return any(kind not in {"brightness", "contrast", "blur"} for kind in result.curves)


def _channels(result: Invariances) -> str:
    """What to say where not all channels are shown."""
    return channel_note(result.input, len(result.input.mean))


def names(result: Invariances, rows: tuple[int, ...]) -> list[str]:
    """The category of each image, with its place in the dataset where several share one."""
    found = [category(int(result.target[row]), result.categories) for row in rows]
    return [
        (f"{name} (image {int(result.image[row])})" if found.count(name) > 1 else name)
        + ("" if result.target_from[row] == "label" else f", {result.target_from[row]}")
        for name, row in zip(found, rows, strict=True)
    ]
