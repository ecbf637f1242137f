"""Outputs (n, classes) of segmenters and detectors, held against loops over pixels and boxes."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.ops import box_iou

import interpret
from interpret.errors import ModelError
from interpret.modules import BestScore, MaxOverImage, MeanOverImage
from interpret.network import Network
from interpret_occlusion import sweep
from interpret_topk import mine

SIZE, CLASSES = 12, 3
BOX = (2, 1, 9, 7)
"""(left, top, right, bottom)"""


class Segmenter(nn.Module):
    """A map of classes, as torchvision's segmenters return it, at full size."""

    def __init__(self, classes: int = CLASSES) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(3, 5, 3, padding=1), nn.Conv2d(5, classes, 3, padding=1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """The map beside another one."""
        body = self.first(x).relu()
        return {"aux": body, "out": self.second(body)}


class Detector(nn.Module):
    """A box for each bright cell of a grid, with its score and a label, in the form of torchvision's."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, CLASSES, 4, stride=4)
        nn.init.constant_(self.conv.bias, 0.0)
        nn.init.constant_(self.conv.weight[0], -1.0)  # the background is found nowhere

    def forward(self, images: Any) -> list[dict[str, Tensor]]:
        """What is found in each image, which may be a list of images of other sizes."""
        return [self._found(scores) for scores in self.conv(torch.stack(list(images))).sigmoid()]

    def _found(self, scores: Tensor) -> dict[str, Tensor]:
        labels, rows, columns = (scores > 0.5).nonzero().unbind(1)
        corner = torch.stack([columns, rows], 1).to(scores) * 4
        return {
            "boxes": torch.cat([corner, corner + 4], 1),
            "labels": labels,
            "scores": scores[labels, rows, columns],
        }


def images(count: int = 2) -> Tensor:
    """Random images in double precision."""
    return torch.rand(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1)).double()


def wrapped(module: nn.Module, output: Any = None, **further: Any) -> Network:
    """As a network of small images whose numbers are pixels."""
    plain: dict[str, Any] = {"input_size": SIZE, "mean": (0, 0, 0), "std": (1, 1, 1)}
    return interpret.wrap(module.double().eval(), output=output, **plain, **further)


def a_mask() -> Tensor:
    """A mask of the map."""
    return torch.rand(SIZE, SIZE, generator=torch.Generator().manual_seed(2)) > 0.6


def by_loops(found: Tensor, where: Any, *, largest: bool) -> Tensor:
    """Pixel by pixel: the mean or maximum of each class over the pixels that count."""
    answers = torch.zeros(found.shape[:2], dtype=found.dtype)
    for image in range(len(found)):
        for kind in range(found.shape[1]):
            values = []
            for y in range(found.shape[2]):
                for x in range(found.shape[3]):
                    value = float(found[image, kind, y, x])
                    if isinstance(where, Tensor) and not where[y, x]:
                        continue
                    if isinstance(where, tuple) and not (
                        where[0] <= x < where[2] and where[1] <= y < where[3]
                    ):
                        continue
                    if where == "predicted" and int(found[image, :, y, x].argmax()) != kind:
                        value = 0.0
                    values.append(value)
            answers[image, kind] = max(values) if largest else sum(values) / len(values)
    return answers


PLACES = {"image": "image", "box": BOX, "mask": a_mask()}
OUTPUTS = {
    **{f"mean, {name}": (MeanOverImage(of="out", where=place), False) for name, place in PLACES.items()},
    **{f"maximum, {name}": (MaxOverImage(where=place), True) for name, place in PLACES.items()},
    "mean, predicted": (MeanOverImage(where="predicted"), False),
}  # fmt: skip


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_map_becomes_one_number_for_each_class(name: str) -> None:
    output, largest = OUTPUTS[name]
    module, x = Segmenter(), images()
    network = wrapped(module, output)
    right = by_loops(module(x)["out"].detach(), output.where, largest=largest)
    torch.testing.assert_close(network(x), right, rtol=0, atol=1e-12)
    assert (network.output_kind, network.class_count) == ("values", CLASSES)


def occluded(module: nn.Module, x: Tensor, window: int, stride: int, output: Any) -> Tensor:
    """A full pass for every place, on the module itself."""
    starts = range(0, SIZE - window + 1, stride)
    rows = []
    for top in starts:
        for left in starts:
            changed = x.clone()
            changed[:, top : top + window, left : left + window] = 0.5
            rows.append(output(module(changed[None]))[0])
    return torch.stack(rows).view(len(starts), len(starts), -1).detach()


@pytest.mark.parametrize("name", OUTPUTS)
@pytest.mark.parametrize("engine", ["auto", "full"])
def test_what_hides_a_class_from_a_segmenter_is_found_as_by_full_passes(name: str, engine: Any) -> None:
    output, _ = OUTPUTS[name]
    module, x = Segmenter(), images()[0]
    maps = sweep(wrapped(module, output), x, 4, 2, target=1, engine=engine)
    torch.testing.assert_close(maps.logits, occluded(module, x, 4, 2, output), rtol=0, atol=1e-9)
    assert torch.equal(maps.value, maps.logits[..., 1])


@pytest.mark.parametrize("name", OUTPUTS)
def test_gradients_follow_a_map_to_the_pixels(name: str) -> None:
    output, _ = OUTPUTS[name]
    module, x = Segmenter(), images()
    network = wrapped(module, output)
    found = interpret.load_probe("captum.saliency", target=2, abs=False).run(network, list(x)).maps
    given = x.clone().requires_grad_()
    (right,) = torch.autograd.grad(output(module(given))[:, 2].sum(), given)
    torch.testing.assert_close(found, right, rtol=0, atol=1e-9)


def best_by_loops(returned: list[dict[str, Tensor]], near: Any = None, iou: float = 0.5) -> Tensor:
    """Box by box: the largest score of each class."""
    answers = torch.zeros(len(returned), CLASSES, dtype=torch.float64)
    for row, found in zip(answers, returned, strict=True):
        for box, label, score in zip(found["boxes"], found["labels"], found["scores"], strict=True):
            common = 1.0 if near is None else float(box_iou(box[None], box.new_tensor(near)[None]))
            if common >= iou:
                row[label] = max(float(row[label]), float(score.detach()))
    return answers


@pytest.mark.parametrize(("near", "iou"), [(None, 0.5), ((4, 4, 8, 8), 0.5), ((3, 3, 8, 8), 0.9)])
def test_the_best_score_of_each_class(near: Any, iou: float) -> None:
    output = BestScore(classes=CLASSES, near=near, iou=iou)
    module, x = Detector(), images(4)
    network = wrapped(module, output)
    assert torch.equal(network(x), best_by_loops(module(x), near, iou))
    assert network.output_kind == "probabilities"
    assert bool((network(x) == 0).any())  # a class that is found nowhere


def test_what_hides_an_object_from_a_detector_as_by_full_passes() -> None:
    output, module, x = BestScore(classes=CLASSES), Detector(), images()[0]
    maps = sweep(wrapped(module, output), x, 4, 2, target=1)
    assert maps.engine == "full"
    assert torch.equal(maps.probability, maps.logits[..., 1])
    torch.testing.assert_close(maps.logits, occluded(module, x, 4, 2, output), rtol=0, atol=1e-12)


def test_scores_have_gradients() -> None:
    output, module, x = BestScore(classes=CLASSES), Detector(), images()[:1]
    network = wrapped(module, output)
    kind = int(network(x)[0].argmax())
    found = interpret.load_probe("captum.saliency", target=kind, abs=False).run(network, list(x)).maps
    given = x.clone().requires_grad_()
    scores = module.conv(given).sigmoid()[0, kind]
    (right,) = torch.autograd.grad(scores.max(), given)
    torch.testing.assert_close(found, right, rtol=0, atol=1e-12)


def test_layers_of_a_detector_are_mined_and_its_graph_says_in_a_line_why_there_is_none() -> None:
    network = wrapped(Detector(), BestScore(classes=CLASSES))
    assert mine(network, list(images()), k=1)["conv"].values.shape == (CLASSES, 1)
    with pytest.raises(ModelError, match="makes a tensor whose size depends on values") as caught:
        _ = network.graph
    assert len(str(caught.value)) < 300


WRONG: dict[str, tuple[Any, str]] = {
    "of": (lambda: MeanOverImage(of=1.5), "output is 1.5"),  # type: ignore[arg-type]
    "of a function": (lambda: MeanOverImage(of=len), "must be a key"),  # type: ignore[arg-type]
    "where": (lambda: MaxOverImage(where="predicted"), "where is 'predicted'; it must be 'image', a box"),
    "a box of three": (lambda: MeanOverImage(where=(1, 2, 3)), r"a box is \(left, top, right, bottom\)"),  # type: ignore[arg-type]
    "an empty box": (lambda: MeanOverImage(where=(4, 4, 4, 8)), r"where is \(4, 4, 4, 8\)"),
    "numbers as a mask": (lambda: MeanOverImage(where=torch.ones(4, 4)), "must be boolean .* mask > 0"),
    "an empty mask": (lambda: MeanOverImage(where=torch.zeros(4, 4) > 0), "with a pixel that counts"),
    "no classes": (lambda: BestScore(classes=0), "classes is 0"),
    "iou": (lambda: BestScore(classes=2, iou=2), "iou is 2; it must be a share from 0 to 1"),
    "near": (lambda: BestScore(classes=2, near=(0, 0, 1)), "near is"),  # type: ignore[arg-type]
    "a number": (lambda: BestScore(classes=2, near=5), "near is 5; a box"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", WRONG)
def test_arguments_that_make_no_sense_are_named(name: str) -> None:
    make, message = WRONG[name]
    with pytest.raises(ModelError, match=message):
        make()


UNFIT: dict[str, tuple[nn.Module, Any, str]] = {
    "a vector": (nn.Sequential(nn.Flatten(), nn.Linear(432, 3)), MeanOverImage(), "needs a map .*Say what"),
    "no such key": (Segmenter(), MeanOverImage(of="map"), r"found none: .*'out': tensor .*of=…"),
    "a box beside": (Segmenter(), MaxOverImage(where=(0, 0, 13, 2)), "does not lie in the map of 12 x 12"),
    "another mask": (Segmenter(), MeanOverImage(where=a_mask()[:5]), "Give a mask of the map's size"),
    "one class": (Segmenter(1), MeanOverImage(where="predicted"), "the map has one. Give a mask"),
    "no boxes": (Segmenter(), BestScore(classes=3), "needs boxes, labels and scores .*'aux': tensor"),
    "more classes": (Detector(), BestScore(classes=1), "found a box of class 2, but BestScore has classes=1"),
}


@pytest.mark.parametrize("name", UNFIT)
def test_outputs_that_do_not_fit_say_what_was_returned(name: str) -> None:
    module, output, message = UNFIT[name]
    network = wrapped(module, output)
    for ask in (lambda: network(images()), lambda: sweep(network, images()[0], 4, 4)):
        with pytest.raises(ModelError, match=message):
            ask()


@pytest.mark.parametrize(
    ("module", "shown"),
    [(Segmenter(), r"output=interpret\.modules\.MeanOverImage\(of='out'\)"),
     (Detector(), r"output=interpret\.modules\.BestScore\(classes=…\)")],
)  # fmt: skip
def test_without_a_choice_the_ready_ones_are_named(module: nn.Module, shown: str) -> None:
    with pytest.raises(ModelError, match=shown):
        wrapped(module)(images())


def test_a_map_that_is_returned_alone_names_the_cure_too() -> None:
    module = nn.Sequential(nn.Conv2d(3, 2, 3))
    with pytest.raises(ModelError, match=r"output=interpret\.modules\.MeanOverImage\(\)"):
        sweep(wrapped(module), images()[0], 4, 4)
    maps = sweep(wrapped(module, MeanOverImage()), images()[0], 4, 4)  # the cure
    torch.testing.assert_close(maps.unoccluded, module(images()[:1]).mean((2, 3))[0])


def test_a_map_that_was_chosen_names_a_cure_that_works() -> None:
    for output in ("aux", lambda returned: returned["aux"]):
        with pytest.raises(ModelError, match=r"MeanOverImage\(\)\), with of=… if .*\.mean\(\(2, 3\)\)"):
            sweep(wrapped(Segmenter(), output), images()[0], 4, 4)
    first = sweep(wrapped(Segmenter(), MeanOverImage(of="aux")), images()[0], 4, 4)
    again = sweep(wrapped(Segmenter(), lambda returned: returned["aux"].mean((2, 3))), images()[0], 4, 4)
    torch.testing.assert_close(first.unoccluded, again.unoccluded)


ALL = [*(output for output, _ in OUTPUTS.values()), BestScore(classes=3, near=BOX)]


@pytest.mark.parametrize("output", ALL, ids=repr)
def test_they_are_pickled_and_read_well(output: Any) -> None:
    again = pickle.loads(pickle.dumps(output))
    returned = (Detector() if isinstance(output, BestScore) else Segmenter()).double()(images())
    assert torch.equal(again(returned), output(returned))
    assert repr(again) == repr(output)
    assert len(repr(output)) < 80


def test_the_output_is_part_of_a_networks_fingerprint() -> None:
    other = a_mask()
    other[0, 0] = ~other[0, 0]
    outputs = [
        None,
        "out",
        ["out"],
        0,
        *(output for output, _ in OUTPUTS.values()),
        MeanOverImage(where=other),
    ]
    prints = [wrapped(Segmenter(), output).fingerprint() for output in outputs]
    assert len(set(prints)) == len(outputs)
    assert wrapped(Segmenter(), MeanOverImage(of="out", where=a_mask())).fingerprint() in prints
    assert wrapped(Segmenter(), "out", output_kind="values").fingerprint() not in prints
    functions = [wrapped(Segmenter(), function).fingerprint() for function in (by_loops, best_by_loops)]
    assert len(set(functions)) == 2
