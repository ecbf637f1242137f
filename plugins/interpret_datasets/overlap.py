"""Near-duplicate pictures in two data sets, by normalised correlation as in the paper (section 9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int, UInt8
from pydantic import Field
from torch import Tensor

from interpret.describing import told_of_skipped
from interpret.errors import InterpretError
from interpret.images import Images, as_images
from interpret.network import Network, OnError
from interpret.plugin import DATASET_OF, Plugin, Probe, dataset_of
from interpret.progress import track_long
from interpret.results import Result
from interpret.wording import counted, value
from interpret_datasets.correlation import correlated
from interpret_datasets.miniatures import SIDE, miniature
from interpret_datasets.thumbnails import read_thumbnails

THRESHOLD = 0.95
"""Of 41 million pairs of different photographs (Caltech-101, Imagenette) nine correlate more."""

SIZE = 16
"""Larger thumbnails tell no more near-duplicates from others, and miss more that were cropped a little."""

PICTURES = 24
"""So many pairs are kept as small pictures, to look at."""


@dataclass(frozen=True)
class Overlap(Result):
    """Pairs of near-duplicate pictures, the most alike first.

    Attributes:
        images: The place of each pair's picture in the first data set.
        others: The place of its near-duplicate in the second.
        correlation: Normalised correlation of the two, from the threshold to 1.
        mirrored: Whether the second was mirrored left to right for that.
        ids: Their ids.
        compared: How many pictures of each data set could be compared.
        threshold: The least correlation that counts.
        size: Height and width of the thumbnails in pixels.
        pictures: Both photographs of the first pairs, small.
        skipped: The id of each picture of the first data set that could not be read, and the reason.
        skipped_others: The same of the second.
    """

    images: Int[Tensor, " pair"]
    others: Int[Tensor, " pair"]
    correlation: Float[Tensor, " pair"]
    mirrored: Bool[Tensor, " pair"]
    ids: tuple[tuple[str, str], ...]
    compared: tuple[int, int]
    threshold: float
    size: int
    pictures: UInt8[Tensor, "shown photograph height width rgb"]
    skipped: tuple[tuple[str, str], ...] = ()
    skipped_others: tuple[tuple[str, str], ...] = ()

    def summary(self) -> dict[str, str]:
        """How many near-duplicates among how many pictures."""
        one, other = self.compared
        rows = {
            "pairs": value(len(self.ids)),
            "compared": f"{counted(one, 'image')} with {other:,}",
            "least correlation that counts": value(self.threshold),
        }
        return rows | ({"most alike": " and ".join(self.ids[0])} if self.ids else {})

    def warnings(self) -> tuple[str, ...]:
        """Pictures of either data set that could not be read."""
        return (*told_of_skipped(self.skipped), *told_of_skipped(self.skipped_others))


def overlaps(
    images: Any,
    others: Any,
    *,
    threshold: float = THRESHOLD,
    size: int = SIZE,
    mirror: bool = False,
    on_error: OnError = "raise",
) -> Overlap:
    """Pairs of pictures, one of each data set, that correlate by at least ``threshold``.

    Every picture is squeezed into a grey thumbnail; the paper gives no size. A picture of one tone correlates
    with nothing.

    Args:
        images: What `as_images` takes.
        others: The same.
        threshold: Above 0, at most 1.
        size: Height and width of the thumbnails in pixels.
        mirror: Compare with the mirrored pictures of ``others`` too.
        on_error: What to do with pictures that cannot be read: raise, or skip and list them.

    Raises:
        DatasetError: If a picture cannot be read and ``on_error`` is ``raise``.
        InterpretError: If a setting makes no sense, or more than ``MAX_PAIRS`` pairs correlate.
    """
    if not 0 < threshold <= 1 or size < 2:
        raise InterpretError(
            f"threshold must be above 0 and at most 1, size at least 2. Got {threshold}, {size}."
        )
    images, others = as_images(images), as_images(others)
    first, second = (
        read_thumbnails(item, size, on_error=on_error, name=name)
        for name, item in track_long([("images", images), ("others", others)])
    )
    found = correlated(first.x, second.x, threshold, mirror=mirror)
    rows = torch.tensor(first.places, dtype=torch.long)[found.rows]
    columns = torch.tensor(second.places, dtype=torch.long)[found.columns]
    pairs = list(zip(rows.tolist(), columns.tolist(), strict=True))
    return Overlap(
        rows,
        columns,
        found.correlation,
        found.mirrored,
        tuple((images.ids[row], others.ids[column]) for row, column in pairs),
        (len(first.x), len(second.x)),
        threshold,
        size,
        _pictures(images, others, pairs[:PICTURES]),
        first.skipped,
        second.skipped,
    )


def _pictures(
    images: Images, others: Images, pairs: Sequence[tuple[int, int]]
) -> UInt8[Tensor, "shown photograph height width rgb"]:
    """Both photographs of some pairs."""
    found = torch.zeros(len(pairs), 2, SIDE, SIDE, 3, dtype=torch.uint8)
    for index, (row, column) in enumerate(pairs):
        found[index, 0], found[index, 1] = miniature(images[row].image), miniature(others[column].image)
    return found


class FindOverlap(Probe):
    """Near-duplicate pictures in the dataset and another one (paper section 9); the network is not asked."""

    name: ClassVar[str] = "overlap"
    in_pieces: ClassVar[bool] = True

    others: Annotated[dict[str, Any], DATASET_OF] = Field(
        description="The other dataset ({name: folder, path: …})."
    )
    threshold: float = Field(THRESHOLD, gt=0, le=1, description="Least normalised correlation that counts.")
    size: int = Field(SIZE, ge=2, le=1024, description="Height and width of the thumbnails in pixels.")
    mirror: bool = Field(False, description="Whether to compare with mirrored pictures too.")
    on_error: OnError = Field(
        "raise", description="What to do with images that cannot be read: raise, or skip and list them."
    )

    def nested(self) -> Sequence[Plugin]:
        """The other dataset."""
        return [dataset_of(self.others)]

    def run(self, network: Network, images: Images) -> Overlap:  # noqa: ARG002 - every probe is given one
        """Compare the two."""
        return overlaps(
            images,
            dataset_of(self.others).open(),
            threshold=self.threshold,
            size=self.size,
            mirror=self.mirror,
            on_error=self.on_error,
        )
