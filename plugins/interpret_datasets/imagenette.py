"""Imagenette: ten classes of ImageNet that are easy to tell apart."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from interpret.errors import UnknownNameError
from interpret.files import user_path
from interpret_datasets.benchmark import class_folders, class_pictures, fetch, locate
from interpret_datasets.folder import FolderImages
from interpret_datasets.imagenet import Synsets

NAMES = {
    "n01440764": "tench",
    "n02102040": "English springer",
    "n02979186": "cassette player",
    "n03000684": "chain saw",
    "n03028079": "church",
    "n03394916": "French horn",
    "n03417042": "garbage truck",
    "n03425413": "gas pump",
    "n03445777": "golf ball",
    "n03888257": "parachute",
}
"""The classes by WordNet id, in the order of labels."""

OUTPUTS = dict(zip(NAMES, (0, 217, 482, 491, 497, 566, 569, 571, 574, 701), strict=True))
"""Their indices among ImageNet's 1000 classes."""

_SIZES = {"full": "imagenette2", "320px": "imagenette2-320", "160px": "imagenette2-160"}


class Imagenette(Synsets):
    """Imagenette: 9,469 and 3,925 photographs of ten classes of ImageNet (Howard 2019).

    The pictures lie in ``train/WNID`` and ``val/WNID``, in ``path`` itself or in the folder of the official
    archive.
    """

    name: ClassVar[str] = "imagenette"

    labels: Literal["own", "imagenet"] = Field(
        "own",
        description="own: places among the classes taken; imagenet: among ImageNet's 1000 classes, for "
        "networks that are trained on these.",
    )
    size: Literal["full", "320px", "160px"] = Field(
        "full", description="Which archive 'download' fetches; the sizes are those of the shorter side."
    )
    download: bool = Field(
        False, description="Fetch it with torchvision into 'path' if it is not there, and check its hash."
    )

    def open(self) -> FolderImages:
        """The list of files; no picture is read.

        Raises:
            DatasetError: If a folder is missing, or a class has no pictures.
            UnknownNameError: If a folder is none of the classes, or ``classes`` names one that is not there.
        """
        download = self._download if self.download else None
        folders = ("", _SIZES[self.size], *_SIZES.values())
        root = locate(user_path(self.path), self.split, folders, download)
        present = class_folders(root)
        for wnid in present:
            if wnid not in NAMES:
                raise UnknownNameError("class of Imagenette", wnid, NAMES)
        taken = self.taken(present, NAMES)
        found = class_pictures(root, taken)
        if self.labels == "imagenet":
            return self.chosen(root, found, [OUTPUTS[wnid] for wnid in taken], _imagenet_names())
        return self.chosen(root, found, range(len(taken)), tuple(NAMES[wnid] for wnid in taken))

    def _download(self) -> None:
        from torchvision.datasets import Imagenette as Archive  # noqa: PLC0415 - it takes seconds to import

        root = user_path(self.path)
        page = "https://github.com/fastai/imagenette"
        fetch(self.name, page, lambda: Archive(root, size=self.size, download=True))


def _imagenet_names() -> tuple[str, ...]:
    from torchvision.models import AlexNet_Weights  # noqa: PLC0415 - it takes seconds to import

    return tuple(AlexNet_Weights.DEFAULT.meta["categories"])
