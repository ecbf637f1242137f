"""Whatever a module returns, every analysis asks about the same output as of the bare network."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import interpret
from interpret.errors import ModelError
from interpret.images import Images, as_images
from interpret.network import Network
from interpret.results import Result
from interpret_training.evaluation.evaluating import evaluate
from interpret_transfer import transfer

SIZE, CLASSES = 8, 3
X = torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0)).double()


@dataclass
class Answer:
    """What many users' networks return."""

    loss: Tensor
    scores: Tensor


Pair = namedtuple("Pair", ["loss", "scores"])


def hugging_face(loss: Tensor, logits: Tensor) -> Any:
    """What Hugging Face's classifiers return."""
    from transformers.modeling_outputs import ImageClassifierOutput  # noqa: PLC0415 - takes seconds

    return ImageClassifierOutput(loss=loss, logits=logits)


FORMS: dict[str, tuple[Callable[[Tensor, Tensor], Any], Any]] = {
    "tuple": (lambda loss, logits: (loss, logits), 1),
    "dict": (lambda loss, logits: {"loss": loss, "scores": logits}, "scores"),
    "dataclass": (Answer, "scores"),
    "named tuple": (Pair, "scores"),
    "Hugging Face's": (hugging_face, None),
    "nested": (lambda loss, logits: {"heads": [{"scores": logits}], "loss": loss}, ["heads", 0, "scores"]),
    "function": (lambda loss, logits: [logits[:, :, None], loss], lambda returned: returned[0].flatten(1)),
}


class Returns(nn.Module):
    """A small network that returns its logits in some form."""

    def __init__(self, make: Callable[[Tensor, Tensor], Any] | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.relu, self.head = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Linear(144, CLASSES)
        self.make = make

    def forward(self, x: Tensor) -> Any:
        """The logits in their form; without one as they are."""
        logits = self.head(self.relu(self.conv(x)).flatten(1))
        return self.make(logits.square().sum(), logits) if self.make else logits


def wrapped(form: str = "", *, chosen: bool = True) -> Network:
    """The network of a form, or the bare one."""
    make, output = FORMS[form] if form else (None, None)
    return interpret.wrap(Returns(make).double().eval(), input_size=SIZE, output=output if chosen else None)


def photographs() -> Images:
    """Labelled pictures, four of each category."""
    noise = np.random.default_rng(0).integers(0, 256, (12, SIZE, SIZE, 3), dtype=np.uint8)
    return as_images([(Image.fromarray(picture), number % CLASSES) for number, picture in enumerate(noise)])


def probe(name: str, **parameters: Any) -> Callable[[Network], Any]:
    """Runs a probe on three pictures."""
    return lambda network: interpret.load_probe(name, **parameters).run(
        network, photographs().subset(range(3))
    )


METHODS = [{"probe": "captum.saliency"}, {"probe": "project"}]
ENTRIES: dict[str, Callable[[Network], Any]] = {
    "the network": lambda network: network(X),
    "the graph": lambda network: network.graph.run(X)[network.graph.output],
    "as a module": lambda network: network.as_module()(X),
    "topk": probe("topk", layers=["conv"], k=2),
    "project": probe("project", target=1),
    "project, guided": probe("project", target=1, rule="guided"),
    "occlusion": probe("occlusion", window=4, stride=2, target=1, layers=["relu"]),
    "occlusion, full": probe("occlusion", window=4, stride=2, engine="full"),
    "captum.saliency": probe("captum.saliency", target=1),
    "captum.integrated_gradients": probe("captum.integrated_gradients", target=1),
    "captum.occlusion": probe("captum.occlusion", target=1, window=4, stride=4),
    "captum.layer_grad_cam": probe("captum.layer_grad_cam", target=1, layer="relu"),
    "invariance": probe("invariance", layers=["conv"], transforms=["brightness"], steps=3),
    "compare": probe("compare", probes=METHODS, metrics=["agreement", "faithfulness"], steps=2),
    "evaluate": lambda network: evaluate(network, photographs(), crops=1),
    "transfer": lambda network: transfer(
        network, photographs(), ["conv"], train=(2,), test=2, folds=1
    ),
}  # fmt: skip


def numbers(found: Any) -> list[Any]:
    """All numbers of a result, by their order."""
    if isinstance(found, Tensor):
        return [found.detach()]
    if isinstance(found, dict):
        return [number for key in found for number in numbers(found[key])]
    if isinstance(found, list | tuple):
        return [number for item in found for number in numbers(item)]
    if hasattr(found, "__dataclass_fields__"):
        timeless = (name for name in found.__dataclass_fields__ if name != "seconds")
        return [number for name in timeless for number in numbers(getattr(found, name))]
    return [] if isinstance(found, Result) or not isinstance(found, int | float) else [torch.tensor(found)]


@pytest.mark.parametrize("form", FORMS)
def test_every_analysis_asks_about_the_output(form: str) -> None:
    network, bare = wrapped(form), wrapped()
    entries = ENTRIES if form == "nested" else {name: ENTRIES[name] for name in list(ENTRIES)[:7]}
    for name, ask in entries.items():
        found, right = numbers(ask(network)), numbers(ask(bare))
        assert len(found) == len(right) > 0, name
        for one, other in zip(found, right, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-12, equal_nan=True, msg=name)


ASKING = [name for name in ENTRIES if name not in {"topk", "transfer"}]


@pytest.mark.parametrize("name", ASKING)
def test_without_a_choice_every_analysis_of_classes_names_the_choices(name: str) -> None:
    with pytest.raises(ModelError, match=r"The module returns .*output=\['heads', 0, 'scores'\]"):
        ENTRIES[name](wrapped("nested", chosen=False))


def test_layers_do_without_a_choice() -> None:
    for name in ("topk", "transfer"):
        found, right = (numbers(ENTRIES[name](net)) for net in (wrapped("dict", chosen=False), wrapped()))
        assert all(
            torch.allclose(one, other, equal_nan=True) for one, other in zip(found, right, strict=True)
        )


BROKEN: dict[str, tuple[Callable[[Tensor], Any], str]] = {
    "raises": (lambda returned: returned["logits"], "fails on what the module returns, a tensor"),
    "no tensor": (lambda returned: 3, r"is int, no tensor.*output=lambda returned: returned\.flatten\(1\)"),
    "one image": (lambda returned: returned[0], "must have a row for each"),
    "mixes": (lambda returned: returned - returned.mean(0), "when another one is beside it: it must make"),
    "draws": (lambda returned: returned + torch.rand_like(returned), "other numbers for the same image"),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.filterwarnings("ignore:Using a non-tuple sequence")
def test_a_function_that_makes_no_output_is_named_in_every_analysis(name: str) -> None:
    function, message = BROKEN[name]
    network = interpret.wrap(Returns().double().eval(), input_size=SIZE, output=function)
    for entry in ("the network", "project", "occlusion", "captum.saliency", "invariance"):
        with pytest.raises(ModelError, match=message):
            ENTRIES[entry](network)
