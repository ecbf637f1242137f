"""Where a segmenter looks for a class, what hides it from a detector: torchvision's, beside full passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import detection, segmentation

import interpret
from interpret.errors import ModelError
from interpret.modules import BestScore, MaxOverImage, MeanOverImage
from interpret_occlusion import sweep

CLASSES, SIZE, WINDOW = 4, 64, 32


def made(builder: Callable[..., nn.Module]) -> nn.Module:
    """A network with random weights, the same each time, in double precision."""
    torch.manual_seed(0)
    return builder(weights=None, weights_backbone=None, num_classes=CLASSES).double().eval()


def image(size: int = SIZE) -> Tensor:
    """A random image."""
    return torch.rand(3, size, size, generator=torch.Generator().manual_seed(1)).double()


@torch.no_grad()
def by_full_passes(answer: Callable[[Tensor], Tensor], x: Tensor, grey: float, window: int) -> Tensor:
    """The answer with a square over each quarter of the image, from the module itself."""
    answers = []
    for top in (0, x.shape[1] - window):
        for left in (0, x.shape[2] - window):
            covered = x.clone()
            covered[:, top : top + window, left : left + window] = grey
            answers.append(answer(covered[None])[0])
    return torch.stack(answers).view(2, 2, -1)


SEGMENTERS = [
    (segmentation.lraspp_mobilenet_v3_large, "the object"),
    *((segmentation.fcn_resnet50, where) for where in ("the object", "the image", "a box")),
]


@pytest.mark.slow
@pytest.mark.parametrize(("builder", "where"), SEGMENTERS)
def test_where_a_segmenter_looks_for_a_class(builder: Callable[..., nn.Module], where: str) -> None:
    module, x = made(builder), image()
    plain: dict[str, Any] = {"input_size": SIZE, "mean": (0, 0, 0), "std": (1, 1, 1)}
    found = module(x[None])["out"][0].argmax(0)
    mask = found == found.mode().values.mode().values  # the pixels of the class that is found most
    target = int(found[mask][0])
    answers: dict[str, tuple[Any, Callable[[Tensor], Tensor]]] = {
        "the object": (MeanOverImage(where=mask), lambda found: found[:, :, mask].mean(2)),
        "the image": (MeanOverImage(), lambda found: found.mean((2, 3))),
        "a box": (MaxOverImage(where=(8, 0, 40, 16)), lambda found: found[:, :, :16, 8:40].amax((2, 3))),
    }
    output, answer = answers[where]
    network = interpret.wrap(module, **plain, output=output)
    right = by_full_passes(lambda given: answer(module(given)["out"]), x, 0.5, WINDOW)
    for engine in ("auto", "full"):
        maps = sweep(network, x, WINDOW, SIZE - WINDOW, target=target, engine=engine)  # type: ignore[arg-type]
        torch.testing.assert_close(maps.logits, right, rtol=0, atol=1e-9 * float(right.abs().max()))
        assert torch.equal(maps.value, maps.logits[..., target])


def best(returned: list[dict[str, Tensor]]) -> Tensor:
    """Box by box: the largest score of each class."""
    answers = torch.zeros(len(returned), CLASSES, dtype=torch.float64)
    for row, found in zip(answers, returned, strict=True):
        for label, score in zip(found["labels"].tolist(), found["scores"].tolist(), strict=True):
            row[label] = max(float(row[label]), score)
    return answers


DETECTORS = [
    detection.ssdlite320_mobilenet_v3_large,
    pytest.param(detection.fasterrcnn_mobilenet_v3_large_320_fpn, marks=pytest.mark.slow),
    pytest.param(detection.retinanet_resnet50_fpn, marks=pytest.mark.slow),
]


@pytest.mark.parametrize("builder", DETECTORS)
def test_what_hides_a_class_from_a_detector(builder: Callable[..., nn.Module]) -> None:
    module, x = made(builder), image(96)
    output = BestScore(classes=CLASSES)
    network = interpret.wrap(module, input_size=96, mean=(0, 0, 0), std=(1, 1, 1), output=output)
    target = int(network(x[None])[0].argmax())
    maps = sweep(network, x, 48, 48, target=target)
    right = by_full_passes(lambda given: best(module(given)), x, 0.5, 48)
    torch.testing.assert_close(maps.logits, right, rtol=0, atol=1e-9)
    assert (maps.engine, maps.output_kind, network.class_count) == ("full", "probabilities", CLASSES)
    torch.testing.assert_close(maps.drop, best(module(x[None]))[0, target] - right[..., target])
    with pytest.raises(ModelError, match="makes a tensor whose size depends on values") as caught:
        _ = network.graph
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


@pytest.mark.slow
def test_what_of_a_detector_has_no_graph_has_one_in_its_backbone() -> None:
    module, x = made(detection.ssdlite320_mobilenet_v3_large), image(96)[None]
    plain: dict[str, Any] = {"input_size": 96, "mean": (0, 0, 0), "std": (1, 1, 1)}
    whole = interpret.wrap(module, **plain, output=BestScore(classes=CLASSES))
    with pytest.raises(ModelError, match="makes a tensor whose size depends on values"):
        interpret.load_probe("project", layer="backbone.features.0.0").run(whole, list(x))
    backbone = interpret.wrap(module.backbone, **plain)
    found = interpret.load_probe("project", layer="features.0.0", rule="gradient").run(backbone, list(x))
    assert bool(found.maps.any())
