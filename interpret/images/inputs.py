"""The input specification of a network, and its inverse."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from interpret.arguments import as_channels, as_interpolation, as_resize, as_shown, as_size, require_shown
from interpret.errors import DatasetError, ModelError
from interpret.images.arrays import as_picture
from interpret.images.pictures import Picture, open_image, upright

Interpolation: TypeAlias = Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]
"""How a photograph is scaled, by torchvision's names; all but nearest smooth what they scale down."""

_MODES = {1: "L", 3: "RGB"}
_THIN = 16  # so many times what the network sees: only that part of the photograph is scaled
_REACH = 3  # pixels of the smaller scale that an interpolation looks at, on either side
_WILD = 10  # so many times beyond what pixels become: they have hardly been normalised


@dataclass(frozen=True)
class InputSpec:
    """What a network takes: the size, and how pixels become its numbers.

    Attributes:
        size: Height and width in pixels.
        mean: Mean of each channel, in pixel units [0, 1].
        std: Standard deviation of each channel, in pixel units.
        resize: Length the shorter side is scaled to before the centre is cropped. None: 256/224 of the
            shorter side of ``size``, as torchvision's classification networks do; where ``squash`` is set,
            the shorter side of ``size`` itself.
        interpolation: How it is scaled.
        shown_channels: One channel, which figures show in grey, or three, as red, green and blue; None: all
            of one or three, the first three of more, the first of two.
        squash: Whether every photograph is scaled to the shape of ``size``, whatever its own.
    """

    size: tuple[int, int] = (224, 224)
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    resize: int | None = None
    interpolation: Interpolation = "bilinear"
    shown_channels: tuple[int, ...] | None = field(default=None, repr=False)
    squash: bool = field(default=False, repr=False)

    def __post_init__(self) -> None:
        if self.interpolation not in get_args(Interpolation):
            raise DatasetError(
                f"interpolation must be one of {', '.join(get_args(Interpolation))}. "
                f"Got {self.interpolation!r}."
            )
        if len(self.mean) != len(self.std) or not self.std or not _usable(self.mean, self.std):
            raise DatasetError(
                "mean and std need one value for each channel, by which pixels of 0 to 1 stay finite. "
                f"Got {self.mean} and {self.std}."
            )
        if min(*self.size, self.resize or 1) < 1:
            raise DatasetError(
                f"size and resize must be at least 1 pixel. Got {self.size} and {self.resize}."
            )
        require_shown(self.shown_channels, len(self.mean))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        return (len(self.mean), *self.size)

    @property
    def displayed(self) -> list[int]:
        """The channels that figures show: one in grey, or three as red, green and blue."""
        count = len(self.mean)
        return list(self.shown_channels or range(3 if count > 2 else 1))

    @property
    def shorter_side(self) -> int:
        """Length the shorter side of a photograph is scaled to before the crop."""
        usual = min(self.size) if self.squash else round(min(self.size) * 256 / 224)
        return max(self.resize or usual, 1)

    @property
    def divisor(self) -> tuple[float, ...]:
        """What pixels of 0 to 255 are divided by, for each channel; the paper divides by 1."""
        return tuple(255 * std for std in self.std)

    @property
    def whole(self) -> tuple[int, int]:
        """Height and width of the part of a photograph that views of ``size`` are cropped from."""
        height, width = (round(side * self.shorter_side / min(self.size)) for side in self.size)
        return max(height, self.size[0]), max(width, self.size[1])

    @property
    def uncropped(self) -> InputSpec:
        """The input of a network that sees all of ``whole``."""
        return replace(self, size=self.whole, resize=min(self.whole))

    def preprocess(self, picture: Picture | np.ndarray | str | Path) -> Float[Tensor, "c h w"]:
        """Scale the shorter side (both sides, where ``squash`` is set), crop the centre, normalise.

        Args:
            picture: A path, a PIL image, an array (h, w, c) or a tensor (c, h, w) of bytes; or a tensor of
                floating-point numbers (c, h, w) that is preprocessed already and only checked.

        Raises:
            DatasetError: If the file cannot be read, or the tensor is not what the network takes.
        """
        known = open_image(picture) if isinstance(picture, str | Path) else as_picture(picture)
        if isinstance(known, Tensor):
            return self._checked(known)
        image = upright(known)
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
        size, (left, top) = self._placement(image.size)
        if size[0] * size[1] > _THIN * width * height:
            return self._crop_first(image, mode)
        scaled = _in_mode(image, mode).resize(size, self._resampling)
        return scaled.crop((left, top, left + width, top + height))

    def _crop_first(self, image: Image.Image, mode: str) -> Image.Image:
        """The same of a picture so thin that scaling all of it would fill the memory: only what is seen."""
        (height, width), (size, corner) = self.size, self._placement(image.size)
        scale = [old / new for old, new in zip(image.size, size, strict=True)]
        first = [start * each for start, each in zip(corner, scale, strict=True)]
        last = [
            min((start + side) * each, old)
            for start, side, each, old in zip(corner, (width, height), scale, image.size, strict=True)
        ]
        reach = [math.ceil(_REACH * max(each, 1)) + 1 for each in scale]
        left, top = (max(math.floor(at) - far, 0) for at, far in zip(first, reach, strict=True))
        right, bottom = (
            min(math.ceil(at) + far, old) for at, far, old in zip(last, reach, image.size, strict=True)
        )
        part = _in_mode(image.crop((left, top, right, bottom)), mode)
        box = (first[0] - left, first[1] - top, last[0] - left, last[1] - top)
        return part.resize((width, height), self._resampling, box)

    @property
    def _resampling(self) -> Image.Resampling:
        return Image.Resampling[self.interpolation.upper()]

    def locate(self, x: float, y: float, picture: tuple[int, int]) -> tuple[float, float]:
        """Where a position of a photograph lies in what the network sees; outside, if it is cropped off.

        Args:
            x: Pixels from the left. Whole numbers are pixel middles, here and in the answer.
            y: Pixels from the top.
            picture: Width and height of the photograph.
        """
        size, corner = self._placement(picture)
        scaled = zip((x, y), picture, size, corner, strict=True)
        across, down = ((at + 0.5) * new / old - 0.5 - start for at, old, new, start in scaled)
        return across, down

    def _placement(self, picture: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
        """Width and height that a photograph is scaled to, and the left top pixel of the crop there."""
        (height, width), short = self.size, min(picture)
        if self.squash:
            return self._cropped_from(self.whole[::-1])
        length = max(self.shorter_side, -(-height * short // picture[1]), -(-width * short // picture[0]))
        return self._cropped_from((length * picture[0] // short, length * picture[1] // short))

    def _cropped_from(self, scaled: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
        """Width and height, and the left top pixel of their centre."""
        return scaled, (round((scaled[0] - self.size[1]) / 2), round((scaled[1] - self.size[0]) / 2))

    def normalize(self, pixels: Float[Tensor, "*n c h w"]) -> Float[Tensor, "*n c h w"]:
        """Pixels in [0, 1] to what the network takes."""
        return (pixels - self._column(self.mean, pixels)) / self._column(self.std, pixels)

    def denormalize(self, x: Float[Tensor, "*n c h w"]) -> Float[Tensor, "*n c h w"]:
        """What the network takes back to pixels in [0, 1]; the inverse of ``normalize``."""
        return x * self._column(self.std, x) + self._column(self.mean, x)

    def _column(self, values: tuple[float, ...], like: Tensor) -> Tensor:
        return torch.tensor(values, dtype=like.dtype, device=like.device)[:, None, None]

    def _checked(self, x: Tensor) -> Float[Tensor, "c h w"]:
        if tuple(x.shape) != self.shape:
            raise DatasetError(
                f"A preprocessed tensor has shape {tuple(x.shape)}, but the network takes {self.shape} "
                "(channels, height, width). Wrap the network with the input_size of your tensors, or give "
                "photographs: PIL images, or tensors of bytes (uint8)."
            )
        self._warn_if_wild(float(x.abs().max()))  # infinity and NaN pass: results name them
        return x

    def _warn_if_wild(self, largest: float) -> None:
        """Pixels of 0 to 255 that nobody normalised are numbers like others: they are used, with a word."""
        bound = max(max(abs(0 - m), abs(1 - m)) / abs(s) for m, s in zip(self.mean, self.std, strict=True))
        if len(self.mean) in _MODES and _WILD * bound < largest < math.inf:
            warnings.warn(
                f"A preprocessed tensor reaches {_WILD} times beyond what photographs become here "
                f"({bound:.3g} at most). If its pixels are bytes, give them as uint8. If the network takes "
                "such numbers, wrap it with their mean and std.",
                stacklevel=2,
            )


def _usable(mean: tuple[float, ...], std: tuple[float, ...]) -> bool:
    """Whether black and white become finite numbers, in the 32 bits that pixels are computed in."""
    with np.errstate(all="ignore"):
        means, stds = np.array(mean, np.float32), np.array(std, np.float32)
        bounds = (np.array([[0], [1]], np.float32) - means) / stds
    return bool(np.isfinite(bounds).all())


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    return image if image.mode == mode else image.convert(mode)


def as_input_spec(
    input_size: int | tuple[int, int],
    mean: Sequence[float],
    std: Sequence[float],
    resize: int | None,
    interpolation: Interpolation,
    *,
    shown_channels: Sequence[int] | None = None,
    squash: bool = False,
) -> InputSpec:
    """What a user says of a network's input, checked; see ``interpret.wrap``.

    Raises:
        ModelError: If an argument makes no sense.
    """
    scaling = as_interpolation(interpolation, get_args(Interpolation))
    channels, size = as_channels(mean, std), as_size(input_size)
    shown = None if shown_channels is None else as_shown(shown_channels)
    return InputSpec(size, *channels, as_resize(resize), scaling, shown, squash)


def image_shape(x: Tensor) -> tuple[int, int, int]:
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


def require_preprocessed(x: Tensor) -> None:
    """Refuse a tensor of bytes or other whole numbers.

    Raises:
        DatasetError: If it holds no floating-point numbers.
    """
    if not x.is_floating_point():
        raise DatasetError(
            f"A tensor of {x.dtype} has not been preprocessed. Give network.preprocess(x) for one image of "
            "bytes, network.input.normalize(x / 255) for several, or x.float() if the network takes such "
            "numbers."
        )
