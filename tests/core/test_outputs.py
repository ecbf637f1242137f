"""What a network's output must be, and what its numbers are."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import interpret
from interpret.errors import InterpretError, ModelError
from interpret.images import Images, Sample
from interpret.modules import MeanOverImage, as_log_probabilities, as_probabilities
from interpret.network import IMAGENET_MEAN, IMAGENET_STD, Network
from interpret_captum.compare import compare
from interpret_captum.study import Settings
from interpret_invariance import invariance
from interpret_occlusion import sweep
from interpret_occlusion.renderers.text import kind_note
from interpret_training.evaluation.evaluating import probabilities
from interpret_training.pixels import read_pixels

SIZE = 8


class Ending(nn.Module):
    """A small network with something done to its logits at the end."""

    def __init__(self, end: Callable[[Tensor], Any], classes: int = 3) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 4, 3)
        self.head = nn.Linear(4, classes)
        self.end = end

    def logits(self, x: Tensor) -> Tensor:
        """The numbers before the end."""
        logits: Tensor = self.head(self.conv(x).relu().mean((2, 3))) * 8
        return logits

    def forward(self, x: Tensor) -> Any:
        """The numbers with the end."""
        return self.end(self.logits(x))


def images(count: int = 2) -> Tensor:
    """Random images."""
    return torch.rand(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


def wrapped(module: nn.Module, **arguments: Any) -> Network:
    """As a network of small images."""
    return interpret.wrap(module.eval(), input_size=SIZE, **arguments)


def _nested(logits: Tensor) -> Tensor:
    return torch.nested.nested_tensor(list(logits.unbind()))


def _quantized(logits: Tensor) -> Tensor:
    return torch.quantize_per_tensor(logits, 0.1, 0, torch.qint8)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "end",
    [Tensor.to_sparse, Tensor.to_sparse_csr, Tensor.to_mkldnn, _nested, _quantized,
     lambda y: {"logits": y.to_sparse()}, lambda y: (y.to_mkldnn(),)],
    ids=["coo", "csr", "mkldnn", "nested", "quantised", "in a dict", "in a tuple"],
)  # fmt: skip
def test_an_output_that_is_not_dense_is_refused_with_a_cure_that_works(end: Callable[[Tensor], Any]) -> None:
    module = Ending(end)
    output = 0 if isinstance(end(torch.ones(1, 3)), tuple) else None
    for ask in (lambda net: net(images()), lambda net: sweep(net, images()[0], 4, 4)):
        with pytest.raises(ModelError, match="Make it dense") as caught:
            ask(wrapped(module, output=output))
    cure = re.search(r"output=(lambda .*)\)\.$", str(caught.value))
    assert cure, caught.value
    mended = wrapped(module, output=eval(cure[1]))
    torch.testing.assert_close(mended(images()), module.logits(images()), atol=0.06, rtol=0)


def test_an_output_function_whose_result_is_sparse_is_told_to_make_it_dense() -> None:
    network = wrapped(Ending(lambda y: [y]), output=lambda returned: returned[0].to_sparse())
    with pytest.raises(ModelError, match=r"let the function end in \.to_dense\(\)"):
        network(images())


def test_a_sparse_tensor_inside_is_no_layer_and_disturbs_nothing() -> None:
    inside = Ending(Tensor.to_sparse)
    network = wrapped(nn.Sequential(inside, Dense()))
    assert network.layers == ("0.conv", "0.head", "1")
    torch.testing.assert_close(network(images()), inside.logits(images()))
    assert network.graph.layers.keys() == set(network.layers)


class Dense(nn.Module):
    """Makes a sparse tensor dense."""

    def forward(self, x: Tensor) -> Tensor:
        """The same numbers."""
        return x.to_dense()


def _softmax_by_hand(logits: Tensor) -> Tensor:
    shares = logits.exp()
    return shares / shares.sum(1, keepdim=True)


def _pair(logits: Tensor) -> Tensor:
    return torch.stack([logits[:, 0].sigmoid(), 1 - logits[:, 0].sigmoid()], 1)


ENDS: dict[str, tuple[Callable[[Tensor], Any], str]] = {
    "logits": (lambda y: y, "logits"),
    "softmax": (lambda y: y.softmax(1), "probabilities"),
    "softmax by hand": (_softmax_by_hand, "probabilities"),
    "log-softmax": (lambda y: y.log_softmax(1), "log_probabilities"),
    "sigmoid": (lambda y: y.sigmoid(), "probabilities"),
    "sigmoid in place, then a view": (lambda y: y.clone().sigmoid_()[:, :, None].squeeze(2), "probabilities"),
    "log-sigmoid": (nn.functional.logsigmoid, "log_probabilities"),
    "a share and the rest": (_pair, "probabilities"),
    "softmax beside logits": (lambda y: {"shares": y.softmax(1), "logits": y}, "logits"),
    "positive numbers": (lambda y: y.abs(), "logits"),
    "negative numbers": (lambda y: -y.abs(), "logits"),
    "half": (lambda y: y.half().softmax(1), "probabilities"),
    "sigmoid, cast, chosen, bounded": (
        lambda y: y.sigmoid().double()[:, [2, 0, 1]].clamp(1e-6, 1),
        "probabilities",
    ),
    "mean of two sigmoids": (lambda y: torch.stack([y, 2 * y]).sigmoid().mean(0), "probabilities"),
    "two softmaxes": (lambda y: torch.cat([y.softmax(1), y.softmax(1)], 1), "probabilities"),
    "sigmoids beside logits": (lambda y: torch.cat([y.sigmoid(), y], 1), "logits"),
}


def probabilities_of(module: Ending, x: Tensor) -> Tensor:
    """What a user would call the probabilities, from what the module returns."""
    returned = module(x)
    if isinstance(returned, dict):
        return returned["logits"].softmax(1)
    kind = next(kind for end, kind in ENDS.values() if end is module.end)
    return {"logits": returned.softmax(1), "probabilities": returned}.get(kind, returned.exp())


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("name", ENDS)
def test_probabilities_are_what_the_network_gives(name: str, *, check: bool) -> None:
    end, kind = ENDS[name]
    module, x = Ending(end), images()
    network = wrapped(module, check=check)
    assert network.output_kind == kind
    with torch.no_grad():
        expected = probabilities_of(module, x)
    found = as_probabilities(network(x), network.output_kind)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(
        as_log_probabilities(network(x), network.output_kind), expected.log(), rtol=1e-3, atol=1e-6
    )


def test_logits_whose_biases_add_up_to_one_are_logits() -> None:
    """A head that starts as the logarithms of shares, with weights of zero."""
    head = nn.Linear(3 * SIZE**2, 3)
    nn.init.zeros_(head.weight)
    with torch.no_grad():
        head.bias.copy_(torch.tensor([0.5, 0.3, 0.2]).log())
    assert wrapped(nn.Sequential(nn.Flatten(), head)).output_kind == "logits"


def test_a_probability_that_is_zero_when_rounded_has_a_logarithm() -> None:
    assert as_log_probabilities(torch.tensor([[1.0, 0.0]]), "probabilities").isfinite().all()


@pytest.mark.parametrize("engine", ["incremental", "full"])
@pytest.mark.parametrize("name", ["softmax", "log-softmax", "logits", "sigmoid"])
def test_a_sweep_shows_the_probabilities_that_the_network_gives(name: str, engine: Any) -> None:
    module = Ending(ENDS[name][0])
    maps = sweep(wrapped(module), images()[0], 4, 2, target=1, engine=engine)
    covered = images()[:1].clone()
    covered[:, :, 2:6, 4:8] = (0.5 - torch.tensor(IMAGENET_MEAN)[:, None, None]) / torch.tensor(IMAGENET_STD)[
        :, None, None
    ]
    with torch.no_grad():
        assert float(maps.probability[1, 2]) == pytest.approx(float(probabilities_of(module, covered)[0, 1]))
        without = float(probabilities_of(module, images()[:1])[0, 1])
    assert maps.unoccluded_probability == pytest.approx(without)
    torch.testing.assert_close(maps.drop, without - maps.probability)
    assert ("no softmax is taken" in kind_note(maps)) == (name != "logits")


def test_one_sigmoid_is_a_probability_and_one_logit_is_none() -> None:
    maps = sweep(wrapped(Ending(torch.sigmoid, classes=1)), images()[0], 4, 4)
    assert torch.equal(maps.probability, maps.logits[..., 0])
    with pytest.raises(InterpretError, match="one number has no probability"):
        _ = sweep(wrapped(Ending(lambda y: y, classes=1)), images()[0], 4, 4).probability
    with pytest.raises(InterpretError, match="one number has no probability"):
        _ = sweep(wrapped(Ending(lambda y: y.softmax(1), classes=1)), images()[0], 4, 4).probability


@pytest.mark.parametrize("name", ["softmax", "log-softmax"])
def test_every_analysis_finds_the_probabilities_that_the_logits_give(name: str) -> None:
    found = [_all_probabilities(wrapped(Ending(ENDS[end][0]))) for end in ("logits", name)]
    for one, other in zip(*found, strict=True):
        assert one.std() > 1e-3
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def _all_probabilities(network: Network) -> list[Tensor]:
    """The probabilities in invariance, in evaluation, and at both ends of a deletion curve."""
    photos = list(images(3))
    moved = invariance(network, photos, ["conv"], transforms={"rotation": [-20.0, 0.0, 20.0]}, target=1)
    pixels = read_pixels(Noise(), network.input, classes=3, several=False)
    probe = interpret.load_probe("occlusion", window=4, stride=4, target=1)
    settings = Settings(frozenset({"faithfulness"}), steps=2, samples=1)
    compared = compare(network, photos, [probe], settings=settings)
    ends = next(iter(compared.deletion.values()))[:, [0, -1]]
    return [moved.curves["rotation"].probability, probabilities(network, pixels), ends]


class Noise(Images):
    """Three labelled pictures of noise."""

    ids, labels = ("0", "1", "2"), (0, 1, 2)

    def __getitem__(self, index: int) -> Sample:
        """One of them."""
        pixels = np.random.default_rng(index).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
        return Sample(self.ids[index], Image.fromarray(pixels), self.labels[index])

    def fingerprint(self) -> str:
        """What they depend on."""
        return "noise"


@pytest.mark.parametrize("name", ["out", "logits"])
def test_the_example_for_a_segmenter_is_its_own_map(name: str) -> None:
    class Segmenter(nn.Module):
        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"aux": x, name: x[:, :2], "boundary": x[:, :1]}

    network = interpret.wrap(Segmenter(), input_size=SIZE, output="features")
    with pytest.raises(ModelError, match=rf"MeanOverImage\(of='{name}'\)"):
        network(torch.zeros(1, 3, SIZE, SIZE))
    chosen = interpret.wrap(Segmenter(), input_size=SIZE, output=MeanOverImage(of=name))
    assert chosen(torch.zeros(1, 3, SIZE, SIZE)).shape == (1, 2)


def test_a_comparison_leaves_out_by_itself_what_values_have_not() -> None:
    """A regression has no probability; what is asked for by name is refused, with a cure."""
    network = interpret.wrap(
        nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(2 * (SIZE - 2) ** 2, 1)),
        input_size=SIZE,
    )
    probes = [{"probe": "captum.saliency"}, {"probe": "project"}]
    found = interpret.load_probe("compare", probes=probes, steps=2).run(network, Noise())
    assert {metric.family for metric in found.metrics} == {"agreement"}
    with pytest.raises(ModelError, match="Leave it out"):
        interpret.load_probe("compare", probes=probes, metrics=["faithfulness"]).run(network, Noise())
