"""Distances and probabilities against a loop over images and steps in double precision."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from torch import Tensor, nn

import interpret
from interpret import InterpretError, ModelError, Network, UnknownNameError, wrap
from interpret.errors import DatasetError
from interpret.images import as_images
from interpret.results import load
from interpret.testing import small_images, small_network
from interpret_invariance import Invariances, first_and_last, invariance, transform
from interpret_invariance.renderers import InvariancePanels, InvarianceTable

AMOUNTS: dict[str, list[float]] = {
    "vertical_translation": [-3, -1, 0, 2],
    "rotation": [0, 30, 90],
    "contrast": [0.5, 1.0, 1.3],
}


def double(network: Network) -> Network:
    network.module.double()
    return network


@cache
def known() -> Network:
    """The small network, looked at once for all tests, none of which changes it."""
    return small_network()


@cache
def precise() -> Network:
    """The same in double precision."""
    return double(small_network())


def photographs(count: int, size: tuple[int, int] = (20, 24), mode: str = "RGB") -> list[Image.Image]:
    pixels = np.random.default_rng(1).integers(0, 256, (count, *size, 3), dtype=np.uint8)
    return [Image.fromarray(picture).convert(mode) for picture in pixels]


def features(network: Network, layer: str, x: Tensor) -> Tensor:
    """One image's features by a plain hook, flattened."""
    kept: list[Tensor] = []
    module = deepcopy(network.module).eval()
    part = module.get_submodule(network.layer(layer))
    part.register_forward_hook(lambda *given: kept.append(given[2].detach().clone().flatten()))
    with torch.no_grad():
        module(x[None])
    return kept[0]


def by_hand(  # noqa: PLR0917 - the coordinates of a number
    network: Network, image: Any, kind: str, value: float, layer: str, target: int, border: Any
) -> tuple[float, float]:
    """One number of the distances and one of the probabilities."""
    x = network.preprocess(image).double()
    pixels = network.input.denormalize(x)[None]
    changed = network.input.normalize(
        transform(pixels, kind, torch.tensor([value], dtype=torch.float64), border)
    )[0]
    apart = features(network, layer, changed) - features(network, layer, x)
    with torch.no_grad():
        answer = deepcopy(network.module).eval()(changed[None])[0]
    return float(apart.square().sum().sqrt()), float(answer.exp()[target] / answer.exp().sum())


@pytest.mark.parametrize(
    ("border", "batch_size"),
    [
        ("mean", 1),
        ("reflect", 32),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in [("mean", 2), ("mean", 32), ("reflect", 1), ("reflect", 2)]
        ),
    ],
)
def test_equal_to_a_loop_over_images_and_steps(border, batch_size) -> None:
    network, images = precise(), small_images(3)
    layers = ["conv1", "norm2", "fc"]
    found = invariance(network, images, layers, transforms=AMOUNTS, border=border, batch_size=batch_size)
    assert found.layers == ("conv1", "norm2", "fc")
    assert found.target.tolist() == [0, 1, 2]
    for row, sample in enumerate(images):
        for kind, values in AMOUNTS.items():
            assert found[kind].amounts.tolist() == pytest.approx(values)
            for step, value in enumerate(values):
                for layer in layers:
                    distance, probability = by_hand(network, sample.image, kind, value, layer, row, border)
                    assert float(found[kind].distance[layer][row, step]) == pytest.approx(distance, abs=1e-12)
                    assert float(found[kind].probability[row, step]) == pytest.approx(probability, abs=1e-12)
        for layer in layers:
            length = features(network, layer, network.preprocess(sample.image).double()).norm()
            assert float(found.norm[layer][row]) == pytest.approx(float(length))


def test_at_the_identity_nothing_moves_to_the_bit() -> None:
    network, images = known(), small_images(2)
    found = invariance(network, images, transforms=AMOUNTS, batch_size=3)
    for curves in found.curves.values():
        for distance in curves.distance.values():
            assert distance[:, curves.identity].tolist() == [0, 0]
            assert bool((distance[:, [step for step in range(3) if step != curves.identity]] > 0).all())
        logits = network(torch.stack([network.preprocess(sample.image) for sample in images]))
        expected = logits.softmax(1)[[0, 1], [0, 1]]
        torch.testing.assert_close(curves.probability[:, curves.identity], expected)


def test_a_translation_of_a_strided_layer_by_whole_strides_only_loses_the_border() -> None:
    """Features of a convolution move along: the distance is that of the moved map."""
    module = nn.Sequential(nn.Conv2d(1, 2, 1, bias=False), nn.Flatten(), nn.Linear(2 * 64, 3)).double()
    network = wrap(module, input_size=8, mean=[0.0], std=[1.0])
    x = torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(0)).double()
    found = invariance(network, [x], ["0"], transforms={"vertical_translation": [2]}, border="black")
    weight = module[0].weight[:, 0, 0, 0].square().sum()
    moved = torch.cat([torch.zeros(2, 8), x[0, :6]])
    expected = (weight * (moved - x[0]).square().sum()).sqrt()
    torch.testing.assert_close(found["vertical_translation"].distance["0"][0, 1], expected.detach())
    torch.testing.assert_close(
        found.relative("vertical_translation", "0")[0, 1], (expected / (weight.sqrt() * x.norm())).detach()
    )


def test_one_channel_and_in_place_relus() -> None:
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(4 * 10 * 14, 3))
    network = double(wrap(module, input_size=(12, 16), mean=[0.4], std=[0.3]))
    picture = photographs(1, mode="L")
    found = invariance(network, picture, ["0", "1"], transforms={"rotation": [20], "blur": [1]})
    for kind, value in (("rotation", 20), ("blur", 1)):
        for layer in ("0", "1"):
            # a hook of its own sees the convolution before the ReLU works in place
            expected, _ = by_hand(network, picture[0], kind, value, layer, 0, "mean")
            assert float(found[kind].distance[layer][0, 1]) == pytest.approx(expected)


def test_another_network_finds_its_own_layers() -> None:
    torch.manual_seed(0)
    block = torchvision.models.resnet.BasicBlock
    network = wrap(torchvision.models.ResNet(block, [1, 1, 1, 1], num_classes=10), input_size=64)
    assert first_and_last(network) == ["relu", "avgpool"]
    found = invariance(network, photographs(1, (70, 80)), transforms={"scale": [1.2, 1.5]})
    assert found.norm["avgpool"].shape == (1,)
    assert found.target_from == ("predicted",)
    x = network.preprocess(photographs(1, (70, 80))[0])
    assert found.target.tolist() == [int(network(x[None]).argmax())]
    assert float(found["scale"].distance["relu"][0, 2]) == pytest.approx(
        by_hand(double(network), photographs(1, (70, 80))[0], "scale", 1.5, "relu", 0, "mean")[0], rel=1e-4
    )


@pytest.mark.parametrize(
    ("network", "layers"),
    [
        (lambda: interpret.load_model("zfnet", weights="scenes"), ["layer1", "layer7"]),
        (known, ["relu1", "dropout"]),
        pytest.param(
            lambda: wrap(torchvision.models.squeezenet1_1(), input_size=64),
            ["features.1", "classifier.0"],
            marks=pytest.mark.slow,
        ),
        (lambda: wrap(nn.Sequential(nn.Conv2d(3, 4, 8), nn.Flatten()), input_size=8), ["0"]),
    ],
)
def test_the_first_and_the_last_hidden_layer(network, layers) -> None:
    assert first_and_last(network()) == layers


def test_the_embedded_network_tells_labels_from_guesses() -> None:
    network = interpret.load_model("zfnet", weights="scenes")
    scenes = interpret.load_dataset("scenes", split="val", limit=4)
    found = invariance(network, scenes.subset([3, 1]), steps=3)
    assert found.image.tolist() == [3, 1]
    assert found.target.tolist() == [scenes.labels[3], scenes.labels[1]]
    assert found.target_from == ("label", "label")
    assert list(found.curves) == ["vertical_translation", "scale", "rotation"]
    assert found["vertical_translation"].amounts.tolist() == [-26, 0, 26]
    guessed = invariance(network, scenes.subset([3]), transforms=["scale"], steps=2, target="predicted")
    assert guessed.target_from == ("predicted",)
    given = invariance(network, scenes.subset([3]), transforms=["scale"], steps=2, target="boat")
    assert (given.target.tolist(), given.target_from) == ([network.categories.index("boat")], ("given",))


def test_what_the_caller_has_stays_as_it_was() -> None:
    network, images = small_network(), torch.rand(2, 3, 16, 16)
    before = images.clone()
    network.module.train()
    found = invariance(network, images, transforms=["rotation"], steps=3)
    assert network.module.training
    assert torch.equal(images, before)
    network.module.eval()
    again = invariance(network, images, transforms=["rotation"], steps=3)
    assert torch.equal(found["rotation"].distance["relu1"], again["rotation"].distance["relu1"])


def test_images_that_cannot_be_read(tmp_path) -> None:
    photographs(1)[0].save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    images = interpret.load_dataset("folder", path=str(tmp_path))
    found = invariance(known(), images, transforms=["scale"], steps=2, on_error="skip")
    assert found.ids == {"1": "good.png"}
    assert [name for name, _ in found.skipped] == ["bad.png"]
    with pytest.raises(DatasetError, match=r"bad\.png"):
        invariance(known(), images, transforms=["scale"], steps=2)
    with pytest.raises(DatasetError, match="None of the 1 images can be read"):
        invariance(known(), images.subset([0]), transforms=["scale"], steps=2, on_error="skip")


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"layers": ["conv9"]}, UnknownNameError, "no layer 'conv9'"),
        ({"steps": 0}, InterpretError, "steps must be at least 2"),
        ({"transforms": []}, InterpretError, "no transformation: name at least one"),
        ({"transforms": ["spin"]}, UnknownNameError, "no transformation 'spin'"),
        ({"ranges": {"scale": (2, 1)}}, InterpretError, "range of scale is empty: 2 to 1"),
        ({"ranges": {"blur": (0, 1)}}, InterpretError, "range of 'blur' would do nothing: only .* asked for"),
        (
            {"transforms": {"scale": [2]}, "ranges": {"scale": (1, 2)}},
            InterpretError,
            "range of 'scale' would do nothing: its amounts are given",
        ),
        ({"transforms": {"scale": []}}, InterpretError, "nothing but the identity"),
        ({"border": "wrap"}, InterpretError, "border is 'wrap'"),
        ({"batch_size": 0}, InterpretError, "batch_size must be at least 1"),
        ({"target": 4}, InterpretError, "no class 4: the network has 4"),
        ({"target": "cat"}, UnknownNameError, "no category 'cat'"),
    ],
)
def test_questions_that_make_no_sense(given, error, message) -> None:
    with pytest.raises(error, match=message):
        invariance(known(), small_images(1), **given)


def test_a_label_that_the_network_does_not_know() -> None:
    images = as_images([(photographs(1)[0], 7)])
    with pytest.raises(InterpretError, match="stands for the label 7 of image '0'"):
        invariance(known(), images, transforms=["scale"], steps=2, target="label")
    assert invariance(known(), images, transforms=["scale"], steps=2).target_from == ("predicted",)


@pytest.mark.parametrize(("classes", "output_kind"), [(1, None), (3, "values")])
def test_values_are_followed_themselves(classes, output_kind, tmp_path) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(2 * 36, classes)).double()
    network = wrap(module, input_size=8, output_kind=output_kind)
    given = {"layers": ["0"], "transforms": ["scale"], "steps": 3}
    found = invariance(network, torch.rand(2, 3, 8, 8).double(), target=0, **given)
    assert found.asked == "output"
    x = network.to_device(torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1)))
    found = invariance(network, x, target=0, **given)
    curves = found["scale"]
    torch.testing.assert_close(curves.probability[:, curves.identity], module(x)[:, 0].detach())
    text = InvarianceTable().render(found, as_images(x), tmp_path)[0].read_text()
    assert "output: half-width" in text
    assert "probability" not in text
    assert InvariancePanels().render(found, as_images(list(x)), tmp_path)


class Mixing(nn.Module):
    """Images and positions share an axis in between, as in attention over windows."""

    def __init__(self) -> None:
        super().__init__()
        self.mixed, self.head = nn.Identity(), nn.Linear(192, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.mixed(x.reshape(len(x) * 3, 64)).reshape(len(x), 192))


def test_a_layer_without_an_array_for_each_image() -> None:
    network = wrap(Mixing(), input_size=8)
    with pytest.raises(ModelError, match=r"'mixed' gives torch.float32 of shape \(3, 64\) for 1 image"):
        invariance(network, torch.rand(1, 3, 8, 8), ["mixed"], transforms=["scale"], steps=2)


def test_a_layer_that_says_nothing_has_no_relative_distance() -> None:
    module = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 2))
    nn.init.constant_(module[0].bias, -100)
    found = invariance(
        wrap(module, input_size=8), torch.rand(1, 3, 8, 8), ["1"], transforms=["scale"], steps=3
    )
    assert found["scale"].distance["1"].tolist() == [[0, 0, 0]]
    assert bool(found.relative("scale", "1").isnan().all())
    assert bool(found["scale"].distance_half_widths("1").isnan().all())


def test_saved_and_loaded(tmp_path) -> None:
    found = invariance(known(), small_images(2), transforms=AMOUNTS)
    found.save(tmp_path)
    loaded = load(tmp_path)
    assert isinstance(loaded, Invariances)
    assert len(loaded) == 2
    for kind, curves in found.curves.items():
        assert torch.equal(loaded[kind].probability, curves.probability)
        assert torch.equal(loaded.relative(kind, "relu1"), found.relative(kind, "relu1"))
        assert torch.equal(loaded[kind].offsets, curves.offsets)
    with pytest.raises(UnknownNameError, match="no transformation in this result 'blur'"):
        loaded["blur"]


class Named(interpret.Images):
    """One photograph of a dataset with as many categories as the network has outputs."""

    categories = ("a", "b", "c", "d")

    @property
    def ids(self) -> list[str]:
        return ["one"]

    @property
    def labels(self) -> list[int]:
        return [2]

    def __getitem__(self, index: int) -> interpret.Sample:
        return interpret.Sample("one", photographs(1)[0], 2)

    def fingerprint(self) -> str:
        return "named"


def test_names_of_the_dataset_where_the_network_has_none() -> None:
    named = known()
    nameless = Network(named.module, named.input)
    found = invariance(nameless, Named(), transforms=["scale"], steps=2)
    assert (found.target.tolist(), found.target_from) == ([2], ("label",))
    assert found.categories == Named.categories
    assert invariance(named, Named(), transforms=["scale"], steps=2).categories == named.categories
