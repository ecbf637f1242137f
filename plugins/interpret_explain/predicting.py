"""The most probable categories of images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from interpret.arguments import require_count
from interpret.errors import DatasetError, InterpretError
from interpret.images import Images, LabelMap, as_images
from interpret.modules import as_scores
from interpret.network import Network, OnError, batches, takes_network
from interpret.targets import check_classes, tell, used_labels
from interpret_explain.results import Predictions

__all__ = ["predict"]


@takes_network
def predict(
    network: Network, images: Any, k: int = 5, *, batch_size: int = 32, on_error: OnError = "raise"
) -> Predictions:
    """The k most probable categories of each image, and where its label stands among all.

    Args:
        network: The network.
        images: What a dataset opens, or a sequence of paths, PIL images or preprocessed tensors (c, h, w).
        k: How many categories; all, where the network has fewer.
        batch_size: Images in one forward pass.
        on_error: ``skip`` leaves out images that cannot be read and lists them in ``Predictions.skipped``.

    Raises:
        ModelError: If the network does not answer with one value for each class.
        DatasetError: If an image cannot be read and ``on_error`` is ``raise``, or if none can.

    Example:
        >>> found = predict(interpret.load_model("zfnet:scenes"), interpret.load_dataset("scenes", limit=2))
        >>> found.classes.shape
        torch.Size([2, 5])
    """
    return join([scan(network, as_images(images), k, batch_size=batch_size, on_error=on_error)])


def scan(network: Network, images: Images, k: int, *, batch_size: int, on_error: OnError) -> Predictions:
    """The predictions of one part of a dataset, of which perhaps no image can be read."""
    require_count("k", k)
    labels = dict(zip(images.indices, images.labels, strict=True))
    found, skipped, matched = list[_Rows](), list[tuple[str, str]](), None
    for batch in batches(network, images, batch_size, on_error=on_error):
        skipped += batch.skipped
        if not batch.indices:
            continue
        outputs = network(batch.x).cpu()
        check_classes(outputs, least=1)
        matched = matched or used_labels(network, images, outputs.shape[1])
        found.append(_rank(network, outputs, batch.indices, _outputs(labels, batch.indices, matched), k))
    rows = _Rows(*map(torch.cat, zip(*found, strict=True))) if found else _no_rows()
    ids = dict(zip(images.indices, images.ids, strict=True))
    return Predictions(
        **rows._asdict(),
        ids={str(place): ids[place] for place in rows.image.tolist()},
        class_count=network.class_count,
        output_kind=network.output_kind,
        input=network.input,
        categories=network.categories,
        matching=tell(matched),
        skipped=tuple(skipped),
    )


def join(parts: Sequence[Predictions], *, some: bool = True) -> Predictions:
    """The predictions of a dataset from those of its parts, in any order and any grouping.

    Args:
        parts: The predictions of the parts.
        some: Refuse parts of which no image could be read.

    Raises:
        DatasetError: If no image of any part could be read.
        InterpretError: If there are no parts.
    """
    if not parts:
        raise InterpretError("There is nothing to merge: no part of the dataset was predicted.")
    skipped = tuple(sorted(item for part in parts for item in part.skipped))
    seen = [part for part in parts if len(part)]
    if some and not seen:
        reason = f" The first: {skipped[0][0]!r}: {skipped[0][1]}" if skipped else ""
        raise DatasetError(f"None of the {len(skipped)} images can be read.{reason}")
    seen = seen or list(parts[:1])
    order = torch.cat([part.image for part in seen]).argsort()
    rows = {name: torch.cat([getattr(part, name) for part in seen])[order] for name in _Rows._fields}
    ids = {place: name for part in seen for place, name in part.ids.items()}
    ordered = {str(place): ids[str(place)] for place in rows["image"].tolist()}
    return replace(seen[0], **rows, ids=ordered, skipped=skipped)  # type: ignore[arg-type]


class _Rows(NamedTuple):
    """The fields of `Predictions` that have a row for each image."""

    image: Int[Tensor, " image"]
    classes: Int[Tensor, "image rank"]
    scores: Float[Tensor, "image rank"]
    label: Int[Tensor, " image"]
    label_rank: Int[Tensor, " image"]
    label_score: Float[Tensor, " image"]


def _no_rows() -> _Rows:
    nothing, numbers = torch.zeros(0, dtype=torch.int64), torch.zeros(0)
    return _Rows(nothing, nothing[:, None], numbers[:, None], nothing, nothing, numbers)


def _outputs(
    labels: dict[int, int | None], places: Sequence[int], matched: LabelMap | None
) -> Int[Tensor, " image"]:
    """The output that stands for the label of each image; -1 where none does."""
    found = [matched.output(labels[place]) if matched else None for place in places]
    return torch.tensor([-1 if output is None else output for output in found])


def _rank(
    network: Network,
    outputs: Float[Tensor, "image classes"],
    places: Sequence[int],
    label: Int[Tensor, " image"],
    k: int,
) -> _Rows:
    """The first categories of each image; NaN come last."""
    scores = as_scores(outputs.float() if outputs.dtype != torch.float64 else outputs, network.output_kind)
    order = outputs.masked_fill(outputs.isnan(), -torch.inf).sort(dim=1, descending=True, stable=True)[1]
    has_label = label >= 0
    rank = (order == label[:, None]).int().argmax(1)
    score = scores.gather(1, label.clamp(min=0)[:, None])[:, 0]
    first = order[:, :k]
    return _Rows(
        torch.tensor(places),
        first,
        scores.gather(1, first),
        label,
        torch.where(has_label, rank, -1),
        torch.where(has_label, score, torch.nan),
    )
