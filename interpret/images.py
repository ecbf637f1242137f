"""Images in, ids and labels kept; the input specification and its inverse."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from jaxtyping import Bool, Float
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from interpret.errors import DatasetError

Picture: TypeAlias = Image.Image | Tensor
"""A photograph, or a tensor (c, h, w) that is preprocessed already."""

MAX_PIXELS = 100_000_000
"""Larger pictures are refused: a decompression bomb can fill the memory from a file of a few kilobytes."""

_MODES = {1: "L", 3: "RGB"}


@dataclass(frozen=True)
class Sample:
    """One image of a dataset with everything that is known of it.

    Attributes:
        id: A name that stays the same from run to run, unique in its dataset.
        image: The photograph, or a preprocessed tensor (c, h, w).
        label: Index of its category, or None.
        box: Object box (left, top, right, bottom) in pixels of ``image``, half-open.
        mask: True on the object, in pixels of ``image``.
        parts: Positions (x, y) in pixels of ``image``, by the name of the part.
    """

    id: str
    image: Picture
    label: int | None = None
    box: tuple[int, int, int, int] | None = None
    mask: Bool[np.ndarray, "h w"] | None = None
    parts: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)


class Images(ABC):
    """A sequence of samples that reads a picture only when it is asked for one.

    Indexing is safe from several threads, and the order never changes.
    """

    categories: tuple[str, ...] = ()

    @property
    @abstractmethod
    def ids(self) -> Sequence[str]:
        """The id of every image, unique, known without reading any picture."""

    @abstractmethod
    def __getitem__(self, index: int) -> Sample:
        """Read one sample; raises DatasetError with the file's name where that is impossible."""

    @abstractmethod
    def fingerprint(self) -> str:
        """A hash that changes when any image, label or setting of the dataset changes."""

    @property
    def labels(self) -> Sequence[int | None]:
        """The category of every image, known without reading any picture."""
        return [None] * len(self)

    @property
    def indices(self) -> Sequence[int]:
        """The place of every image in the whole dataset (a subset keeps the places of its origin)."""
        return range(len(self))

    @property
    def whole(self) -> Images:
        """The whole dataset that ``indices`` are places of."""
        return self

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    def subset(self, places: Sequence[int]) -> Images:
        """The images at ``places``, in that order; they remember their place in this dataset.

        Raises:
            DatasetError: If a place lies outside the dataset.
        """
        outside = [place for place in places if not 0 <= place < len(self)]
        if outside:
            raise DatasetError(
                f"There is no image {outside[0]}: the dataset has {len(self)}, 0 to {len(self) - 1}."
            )
        return _Subset(self, places)


class _Subset(Images):
    """A view on some images of another dataset."""

    def __init__(self, origin: Images, places: Sequence[int]) -> None:
        self.origin, self.places, self.categories = origin, places, origin.categories

    def __len__(self) -> int:
        return len(self.places)

    @property
    def ids(self) -> Sequence[str]:
        ids = self.origin.ids
        return [ids[place] for place in self.places]

    @property
    def labels(self) -> Sequence[int | None]:
        labels = self.origin.labels
        return [labels[place] for place in self.places]

    @property
    def indices(self) -> Sequence[int]:
        indices = self.origin.indices
        return [indices[place] for place in self.places]

    @property
    def whole(self) -> Images:
        return self.origin.whole

    def __getitem__(self, index: int) -> Sample:
        return self.origin[self.places[index]]

    def fingerprint(self) -> str:
        return digest(self.origin.fingerprint(), *self.places)


class _Given(Images):
    """Paths, pictures or tensors that the caller holds in a sequence, or a torch dataset of such."""

    def __init__(self, items: Any) -> None:
        self.items = items
        self._ids = [
            _id(items[i], i) if isinstance(items, list | tuple) else str(i) for i in range(len(items))
        ]
        require_unique(self._ids)
        classes = getattr(items, "classes", ())
        self.categories = tuple(map(str, classes)) if isinstance(classes, list | tuple) else ()

    @property
    def ids(self) -> Sequence[str]:
        return self._ids

    @cached_property
    def labels(self) -> Sequence[int | None]:
        """From pairs, or a dataset's ``targets`` if these are numbers; else every item is read once."""
        known = getattr(self.items, "targets", None)
        if isinstance(known, list | Tensor) and len(known) == len(self._ids):
            numbers = torch.as_tensor(known).tolist() if _are_numbers(known) else [None] * len(known)
            return [None if number is None else int(number) for number in numbers]
        items = (self.items[index] for index in range(len(self._ids)))
        return [int(item[1]) if isinstance(item, tuple) and len(item) == 2 else None for item in items]

    def __getitem__(self, index: int) -> Sample:
        item, label = self.items[index], None
        if isinstance(item, tuple) and len(item) == 2:
            item, label = item[0], int(item[1])
        picture = open_image(item) if isinstance(item, str | Path) else item
        if not isinstance(picture, Image.Image | Tensor):
            raise DatasetError(
                f"Image {index} is a {type(picture).__name__}: give a path, a PIL image or a tensor."
            )
        return Sample(self._ids[index], picture, label)

    def fingerprint(self) -> str:
        return digest(*(_content(self.items[index]) for index in range(len(self))))


def as_images(images: Any) -> Images:
    """What a dataset opens, or any sequence of paths, PIL images or preprocessed tensors, as Images.

    Args:
        images: ``Images``; a list of paths, PIL images or tensors (c, h, w); one tensor (n, c, h, w); a
            ``torch.utils.data.Dataset`` of such (with or without labels) or a ``DataLoader`` over one.

    Raises:
        DatasetError: If it is none of these, is empty, or holds a path twice.
    """
    if isinstance(images, Images):
        return images
    if isinstance(images, torch.utils.data.DataLoader):
        return as_images(images.dataset)
    if isinstance(images, str | Path):
        raise DatasetError(
            f"{str(images)!r} is one path, not a sequence. Give a list of paths, or open a folder "
            f'with interpret.load_dataset("folder", path={str(images)!r}).'
        )
    if not hasattr(images, "__len__") or not hasattr(images, "__getitem__"):
        raise DatasetError(
            f"Images must be a sequence of paths, PIL images or tensors. Got {type(images).__name__}."
        )
    if len(images) == 0:
        raise DatasetError("There are no images: the sequence is empty.")
    return _Given(images)


@dataclass(frozen=True)
class InputSpec:
    """What a network takes: the size, and how pixels become its numbers.

    Attributes:
        size: Height and width in pixels.
        mean: Mean of each channel, in pixel units [0, 1].
        std: Standard deviation of each channel, in pixel units.
        resize: Length the shorter side is scaled to before the centre is cropped. None: 256/224 of the
            shorter side of ``size``, as torchvision's classification networks do.
    """

    size: tuple[int, int] = (224, 224)
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    resize: int | None = None

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.std) or not all(self.std):
            raise DatasetError(
                "mean and std need one value for each channel, and std no zero. "
                f"Got {self.mean} and {self.std}."
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        return (len(self.mean), *self.size)

    @property
    def shorter_side(self) -> int:
        """Length the shorter side of a photograph is scaled to before the crop."""
        return max(self.resize or round(min(self.size) * 256 / 224), 1)

    @property
    def divisor(self) -> tuple[float, ...]:
        """What pixels of 0 to 255 are divided by, for each channel; the paper divides by 1."""
        return tuple(255 * std for std in self.std)

    @property
    def whole(self) -> tuple[int, int]:
        """Height and width of the part of a photograph that views of ``size`` are cropped from."""
        height, width = (round(side * self.shorter_side / min(self.size)) for side in self.size)
        return max(height, self.size[0]), max(width, self.size[1])

    def preprocess(self, picture: Picture | str | Path) -> Float[Tensor, "c h w"]:
        """Scale the shorter side, crop the centre, normalise.

        Args:
            picture: A path, a PIL image, or a tensor that is preprocessed already and only checked.

        Raises:
            DatasetError: If the file cannot be read or the shape does not fit the network.
        """
        if isinstance(picture, Tensor):
            return self._checked(picture)
        image = open_image(picture) if isinstance(picture, str | Path) else upright(picture)
        pixels = torch.from_numpy(np.array(self.crop(image)).reshape(*self.size, -1))
        return self.normalize(pixels.permute(2, 0, 1).float() / 255)

    def crop(self, image: Image.Image) -> Image.Image:
        """The part of a photograph the network sees, in its size and channels.

        The numbers are those of torchvision's Resize and CenterCrop, without the seconds its import takes.
        """
        mode = _MODES.get(len(self.mean))
        if mode is None:
            raise DatasetError(
                f"The network takes {len(self.mean)} channels: photographs have 1 or 3. "
                "Give preprocessed tensors."
            )
        height, width = self.size
        short = min(image.size)
        length = max(self.shorter_side, -(-height * short // image.height), -(-width * short // image.width))
        size = (length * image.width // short, length * image.height // short)
        scaled = image.convert(mode).resize(size, Image.Resampling.BILINEAR)
        left, top = round((size[0] - width) / 2), round((size[1] - height) / 2)
        return scaled.crop((left, top, left + width, top + height))

    def normalize(self, pixels: Float[Tensor, "*n c h w"]) -> Float[Tensor, "*n c h w"]:
        """Pixels in [0, 1] to what the network takes."""
        return (pixels - self._column(self.mean, pixels)) / self._column(self.std, pixels)

    def denormalize(self, x: Float[Tensor, "*n c h w"]) -> Float[Tensor, "*n c h w"]:
        """What the network takes back to pixels in [0, 1]; the inverse of ``normalize``."""
        return x * self._column(self.std, x) + self._column(self.mean, x)

    def _column(self, values: tuple[float, ...], like: Tensor) -> Tensor:
        return torch.tensor(values, dtype=like.dtype, device=like.device)[:, None, None]

    def _checked(self, x: Tensor) -> Tensor:
        if tuple(x.shape) != self.shape:
            raise DatasetError(
                f"A preprocessed tensor has shape {tuple(x.shape)}, but the network takes {self.shape} "
                "(channels, height, width). Wrap the network with the input_size of your tensors."
            )
        return x


def open_image(path: str | Path) -> Image.Image:
    """Read a picture as people see it: upright, 8 bits a channel, transparency on white, mode L or RGB.

    Raises:
        DatasetError: If the file is missing, no picture, cut short, or larger than ``MAX_PIXELS``.
    """
    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError(f"{image.width} x {image.height} pixels")
            return upright(image)
    except FileNotFoundError:
        raise DatasetError(f"There is no file {path}.") from None
    except UnidentifiedImageError:
        raise DatasetError(
            f"{path} is not a picture that can be read. Remove it or convert it to JPEG or PNG."
        ) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DatasetError(
            f"{path} is larger than {MAX_PIXELS:,} pixels ({error}). Scale it down first."
        ) from None
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise DatasetError(
            f"{path} cannot be read: {error}. The file may be cut short: replace or remove it."
        ) from error


def upright(image: Image.Image) -> Image.Image:
    """A picture turned as its EXIF tag says, in mode L or RGB with 8 bits a channel."""
    turned = ImageOps.exif_transpose(image)
    if turned.mode.startswith("I") or turned.mode == "F":
        return _eight_bits(turned)
    if turned.mode in {"P", "PA", "LA", "RGBA", "La", "RGBa"} or "transparency" in turned.info:
        layer = turned.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return turned.convert("L" if turned.mode in {"1", "L"} else "RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit and float greyscale scaled to 8 bits (Pillow's own conversion cuts off at 255)."""
    values = np.asarray(image, dtype=np.float64)
    top = (
        1.0
        if image.mode == "F" and values.max(initial=0) <= 1
        else 65535.0
        if values.max(initial=0) > 255
        else 255.0
    )
    return Image.fromarray(np.clip(values * (255 / top), 0, 255).round().astype(np.uint8))


def require_unique(ids: Sequence[str]) -> None:
    """Raise DatasetError if two images share an id: results could not tell them apart."""
    seen: set[str] = set()
    for name in ids:
        if name in seen:
            raise DatasetError(f"Two images have the id {name!r}. Every image needs an id of its own.")
        seen.add(name)


def digest(*parts: object) -> str:
    """A short hash of the parts' text."""
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:32]


def _are_numbers(labels: Any) -> bool:
    """Whether each image has one number, as in classification; not boxes or files."""
    if isinstance(labels, Tensor):
        return labels.dim() == 1
    return all(isinstance(label, int) for label in labels)


def _id(item: Any, index: int) -> str:
    if isinstance(item, tuple):
        item = item[0]
    return Path(item).as_posix() if isinstance(item, str | Path) else str(index)


def _content(item: Any) -> str:
    if isinstance(item, tuple):
        return digest(*map(_content, item))
    if isinstance(item, str | Path):
        status = Path(item).stat()
        return digest(item, status.st_size, status.st_mtime_ns)
    if isinstance(item, Tensor):
        return digest(
            item.shape, item.dtype, hashlib.sha256(item.cpu().contiguous().numpy().tobytes()).hexdigest()
        )
    if isinstance(item, Image.Image):
        return digest(item.size, item.mode, hashlib.sha256(item.tobytes()).hexdigest())
    return str(item)
