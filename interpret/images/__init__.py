"""Images: pictures in, with ids and labels kept, as a network takes them.

- ``dataset``: `Images`, with stable ids and labels; `as_images` makes them of paths, pictures, tensors.
- ``items``, ``loaders``: one item of such a sequence; what a ``DataLoader`` yields.
- ``matching``, ``paths``: the images that a result names, in any dataset; one id for each file.
- ``columns``: data sets of columns, as those of Hugging Face: which is the picture, which the label.
- ``inputs``: `InputSpec`, what a network expects of a picture, and its inverse.
- ``pictures``: files, upright and of 8 bits; ``turns`` (EXIF), ``depths`` (more bits), ``scans`` (JPEG).
- ``arrays``: pictures that users hold as arrays and tensors.
- ``labels``: labels, and the output for each; ``categories``, ``synsets``: names that mean the same.
- ``fills``: what stands where pixels were taken away.
"""

from typing import TYPE_CHECKING

from interpret.images.columns import Columns
from interpret.images.dataset import Images, Object, Sample, as_images, require_unique
from interpret.images.fills import Fill, blurred, filled, gaussian_window
from interpret.images.inputs import InputSpec, Interpolation
from interpret.images.labels import LabelMap, match_labels
from interpret.images.matching import Matching
from interpret.images.paths import whole_path
from interpret.images.pictures import MAX_PIXELS, Picture, open_bytes, open_image, open_turned, upright
from interpret.moved import elsewhere

__all__ = [
    "MAX_PIXELS",
    "Columns",
    "Fill",
    "Images",
    "InputSpec",
    "Interpolation",
    "LabelMap",
    "Matching",
    "Object",
    "Picture",
    "Sample",
    "as_images",
    "blurred",
    "filled",
    "gaussian_window",
    "match_labels",
    "open_bytes",
    "open_image",
    "open_turned",
    "require_unique",
    "upright",
    "whole_path",
]

if not TYPE_CHECKING:  # or type checkers would believe any name
    __getattr__ = elsewhere(__name__)
