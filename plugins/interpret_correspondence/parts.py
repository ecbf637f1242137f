"""Where the parts of an object are in what the network sees."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from interpret.errors import DatasetError, InterpretError, UnknownNameError
from interpret.images import Images, InputSpec, Sample, upright
from interpret.network import Network, OnError
from interpret.progress import track

BEYOND = "it lies outside of the photograph"
CROPPED = "it lies outside of what the network sees"


@dataclass(frozen=True)
class Position:
    """One position of a part in what the network sees, in pixels; whole numbers are pixel middles.

    Attributes:
        x: Pixels from the left.
        y: Pixels from the top.
        problem: Why nothing can be masked there.
    """

    x: float
    y: float
    problem: str = ""


@dataclass(frozen=True)
class AnnotatedImage:
    """One image as the network sees it, with its parts.

    Attributes:
        index: Its place in the whole dataset.
        id: Its name there.
        x: The preprocessed image.
        parts: The positions of each part.
    """

    index: int
    id: str
    x: Float[Tensor, "c h w"]
    parts: dict[str, list[Position]]


def positions(spec: InputSpec, sample: Sample) -> dict[str, list[Position]]:
    """The parts of a photograph, or of a preprocessed tensor, in pixels of what the network sees."""
    picture = sample.image
    if isinstance(picture, Tensor):
        height, width = picture.shape[1:]
    else:
        width, height = upright(picture).size

    def placed(x: float, y: float) -> Position:
        if not _inside(x, y, width, height):
            return Position(x, y, BEYOND)
        across, down = (x, y) if isinstance(picture, Tensor) else spec.locate(x, y, (width, height))
        seen = _inside(across, down, spec.size[1], spec.size[0])
        return Position(across, down, "" if seen else CROPPED)

    return {name: [placed(x, y) for x, y in places] for name, places in sample.parts.items()}


def read(
    network: Network, images: Images, on_error: OnError = "raise"
) -> tuple[list[AnnotatedImage], tuple[tuple[str, str], ...]]:
    """All images with their parts; and the id of each that cannot be read, with the reason.

    Raises:
        DatasetError: If an image cannot be read and ``on_error`` is ``raise``, or if none can.
        InterpretError: If ``on_error`` makes no sense.
    """
    if on_error not in {"raise", "skip"}:
        raise InterpretError(f"on_error must be 'raise' or 'skip'. Got {on_error!r}.")
    annotated: list[AnnotatedImage] = []
    skipped: list[tuple[str, str]] = []
    places = track(range(len(images)))
    for place, index, name in zip(places, images.indices, images.ids, strict=True):
        try:
            sample = images[place]
            x, parts = network.preprocess(sample.image), positions(network.input, sample)
        except (DatasetError, OSError) as error:
            if on_error == "raise":
                raise DatasetError(
                    f"Image {name!r} cannot be used. {error} "
                    "To leave out such images and list them, use on_error: skip."
                ) from error
            skipped.append((name, str(error)))
        else:
            annotated.append(AnnotatedImage(index, name, x, parts))
    if not annotated:
        raise DatasetError(f"None of the {len(images)} images can be read. {skipped[0][1]}")
    return annotated, tuple(skipped)


def find(part: str, annotated: Sequence[AnnotatedImage]) -> list[list[Position] | str]:
    """The positions of a part in every image, or why an image has to do without.

    Args:
        part: A name of the dataset's, or ``name:n`` for the n-th position of that name. Such a position is
            known only in images with as many of them as any: in others, nobody knows which one is missing.
        annotated: The images.

    Raises:
        DatasetError: If no image has any parts.
        UnknownNameError: If no image has this part.
    """
    name, _, number = part.partition(":")
    most = max((len(image.parts.get(name, ())) for image in annotated), default=0)
    known = _known(annotated)
    if not known:
        raise DatasetError(
            f"None of the {len(annotated)} images has parts (Sample.parts is empty). Use a dataset that "
            "knows them, such as animal_pose or scenes."
        )
    if not number:
        if not most:
            raise UnknownNameError("part", part, known)
        return [_checked(part, image.parts.get(name, ())) for image in annotated]
    if not number.isdecimal() or not 1 <= int(number) <= most:
        raise UnknownNameError("part", part, known)
    return [_numbered(part, image.parts.get(name, ()), int(number), most) for image in annotated]


def _inside(x: float, y: float, width: int, height: int) -> bool:
    """Whether the pixel of a position is one of the picture's."""
    return -0.5 <= x < width - 0.5 and -0.5 <= y < height - 0.5


def _known(annotated: Iterable[AnnotatedImage]) -> list[str]:
    """The names of all parts, with the numbers of those that come more than once."""
    counts: dict[str, int] = {}
    for image in annotated:
        for name, places in image.parts.items():
            counts[name] = max(counts.get(name, 0), len(places))
    numbered = [f"{name}:{n}" for name, count in counts.items() if count > 1 for n in range(1, count + 1)]
    return [*(name for name, count in counts.items() if count), *numbered]


def _numbered(part: str, places: Sequence[Position], number: int, most: int) -> list[Position] | str:
    """One of several positions, where it is known which one it is."""
    if 0 < len(places) < most:
        return f"{part!r} cannot be told: {len(places)} of {most} are visible"
    return _checked(part, places[number - 1 : number])


def _checked(part: str, places: Sequence[Position]) -> list[Position] | str:
    """The positions, or why they cannot be masked."""
    problem = next((place.problem for place in places if place.problem), "")
    if not places:
        return f"{part!r} is not visible"
    return f"{part!r} cannot be masked: {problem}" if problem else list(places)
