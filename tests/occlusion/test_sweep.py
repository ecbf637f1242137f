"""A sweep against brute force and against Captum, in every engine."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from captum.attr import Occlusion
from torch import Tensor, nn

import interpret
from interpret import InterpretError, ModelError, Network, UnknownNameError, wrap
from interpret_occlusion import OcclusionMaps, sweep
from interpret_occlusion.occluder import filled

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)


class Small(nn.Module):
    """Two convolutions with overlapping pools, and a linear layer."""

    def __init__(self, classes: int = 4) -> None:
        super().__init__()
        self.one = nn.Conv2d(3, 6, 5, stride=2, padding=2)
        self.two = nn.Conv2d(6, 8, 3, padding=1)
        self.out = nn.Linear(8 * 5 * 7, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.one(x)), 3, 2, ceil_mode=True)
        return self.out(F.adaptive_avg_pool2d(F.relu(self.two(x)), (5, 7)).flatten(1))


class Untraceable(Small):
    """The same, but what it does depends on the values of tensors."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if bool(x.isfinite().all()) else x.new_zeros(len(x), 4)


def small(cls: type[Small] = Small, classes: int = 4) -> Network:
    """Copies share what is traced."""
    return made(cls, classes).copy()


@cache
def made(cls: type[Small], classes: int) -> Network:
    torch.manual_seed(0)
    names = [f"class {i}" for i in range(classes)]
    return wrap(cls(classes).double().eval(), input_size=(40, 56), mean=MEAN, std=STD, categories=names)


@pytest.fixture
def x() -> Tensor:
    return torch.randn(3, 40, 56, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


def by_hand(network: Network, x: Tensor, maps: OcclusionMaps, colour: Tensor) -> dict[str, Tensor]:
    """Logits and summed maps, one occluded image after the other."""
    found: dict[str, list[Tensor]] = {"logits": [], "one": [], "two": []}
    hooks = [
        network.module.get_submodule(name).register_forward_hook(
            lambda _m, _i, out, name=name: found[name].append(out[0].sum((1, 2)))
        )
        for name in ("one", "two")
    ]
    height, width = maps.window
    for top in maps.rows.tolist():
        for left in maps.columns.tolist():
            image = x.clone()
            image[:, top : top + height, left : left + width] = colour[:, None, None]
            found["logits"].append(network.module(image[None])[0].detach())
    for hook in hooks:
        hook.remove()
    return {key: torch.stack(value).unflatten(0, (len(maps.rows), -1)) for key, value in found.items()}


@pytest.mark.parametrize("engine", ["incremental", "full"])
@pytest.mark.parametrize(("window", "stride"), [(8, 8), (9, 7), ((5, 20), (6, 9)), ((40, 56), 1)])
def test_every_place_is_what_brute_force_gives(x: Tensor, engine, window, stride) -> None:
    network = small()
    maps = sweep(
        network, x, window, stride, fill=(0.1, 0.5, 0.9), target=2, layers=["two"], engine=engine,
        units={"one": [3, 0], "two": [5]},
    )  # fmt: skip
    pixels, mean, std = torch.tensor([(0.1, 0.5, 0.9), MEAN, STD], dtype=torch.float64)
    colour = (pixels - mean) / std
    expected = by_hand(network, x, maps, colour)
    exact = {"rtol": 1e-10, "atol": 1e-10}
    torch.testing.assert_close(maps.logits, expected["logits"], **exact)
    torch.testing.assert_close(maps.probability, expected["logits"].softmax(2)[..., 2], **exact)
    assert torch.equal(maps.label, expected["logits"].argmax(2))
    strongest = int(network.record(x[None], ["two"])["two"][0].amax((1, 2)).argmax())
    torch.testing.assert_close(maps.response["two"], expected["two"][..., strongest], **exact)
    assert maps.followed["two"].unit.tolist() == [strongest, 5]
    torch.testing.assert_close(maps.followed["two"].response[..., 1], expected["two"][..., 5], **exact)
    torch.testing.assert_close(maps.followed["one"].response, expected["one"][..., [3, 0]], **exact)
    torch.testing.assert_close(maps.unoccluded, network(x[None])[0], **exact)
    assert maps.engine == engine


def test_the_last_row_and_column_end_at_the_border(x: Tensor) -> None:
    maps = sweep(small(), x, window=9, stride=7)
    rows, columns = maps.offsets
    assert rows.tolist() == [0, 7, 14, 21, 28, 31]
    assert columns.tolist() == [0, 7, 14, 21, 28, 35, 42, 47]
    assert maps.probability.shape == maps.label.shape == (6, 8)
    assert maps.logits.shape == (6, 8, 4)


@pytest.mark.parametrize(
    ("window", "stride"), [((8, 8), (8, 8)), ((8, 8), (4, 6)), ((10, 14), (5, 7)), ((10, 14), (10, 14))]
)
def test_attribution_equals_captum_where_the_stride_fits(x: Tensor, window, stride) -> None:
    network = small()
    ours = sweep(network, x, window, stride, fill=0.5, target=1).attribution()
    grey = network.input.normalize(torch.full_like(x, 0.5))
    theirs = Occlusion(network.module).attribute(
        x[None], (3, *window), strides=(3, *stride), target=1, baselines=grey[None], perturbations_per_eval=4
    )[0]
    torch.testing.assert_close(ours.float(), theirs, rtol=1e-6, atol=1e-6)  # Captum divides in float32


def test_captum_cuts_its_last_window_and_ours_is_moved(x: Tensor) -> None:
    """9 pixels every 7 of 40: Captum's last row begins at 35 and is 5 high, ours at 31 and is 9 high."""
    network = small()
    grey = network.input.normalize(torch.full_like(x, 0.5))
    ours = sweep(network, x, 9, 7, target=1).attribution()
    theirs = Occlusion(network.module).attribute(
        x[None], (3, 9, 9), strides=(3, 7, 7), target=1, baselines=grey[None]
    )[0]
    inside = (slice(None), slice(0, 31), slice(0, 47))  # where none of the last windows reaches
    torch.testing.assert_close(ours[inside].float(), theirs[inside], rtol=1e-6, atol=1e-6)
    assert not torch.allclose(ours[:, 31:].float(), theirs[:, 31:], rtol=0.01)


def test_pixels_that_no_occluder_covers_count_nothing(x: Tensor) -> None:
    attribution = sweep(small(), x, window=4, stride=12).attribution()
    assert attribution[:, 4:12].abs().max() == 0
    assert attribution[:, :4, :4].abs().min() > 0


def test_the_strongest_map_can_be_chosen_by_its_sum(x: Tensor) -> None:
    network = small()
    values = network.record(x[None], ["one"])["one"][0]
    assert int(values.sum((1, 2)).argmax()) != int(values.amax((1, 2)).argmax())
    maps = sweep(network, x, 20, 20, layers=["one"], strongest="sum")
    assert maps.followed["one"].unit.tolist() == [int(values.sum((1, 2)).argmax())]
    torch.testing.assert_close(maps.followed["one"].unoccluded[0], values.sum((1, 2)).max())


def test_fills() -> None:
    network = small()
    pixels = torch.rand(3, 40, 56, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x = network.input.normalize(pixels)

    def covered(fill) -> OcclusionMaps:
        return sweep(network, x, (40, 56), 1, fill=fill)

    def answered(pixels: Tensor) -> Tensor:
        return network(network.input.normalize(pixels)[None])[0]

    grey = torch.full_like(pixels, 0.5)
    torch.testing.assert_close(covered(0.5).logits[0, 0], answered(grey))
    mean = pixels.mean((1, 2), keepdim=True).expand_as(pixels)
    torch.testing.assert_close(covered("mean").logits[0, 0], answered(mean))
    noise = [sweep(network, x, (40, 56), 1, fill="noise", seed=seed).logits for seed in (1, 1, 2)]
    assert torch.equal(noise[0], noise[1])
    assert not torch.allclose(noise[0], noise[2])
    assert not torch.allclose(covered("blur").logits, covered("mean").logits)


def test_blur_keeps_what_is_larger_than_the_window() -> None:
    """A slope survives, a checkerboard of single pixels does not."""
    network = wrap(nn.Sequential(nn.Flatten(), nn.Linear(400, 2)), input_size=20, mean=(0.0,), std=(1.0,))
    checker = (torch.arange(20)[:, None] + torch.arange(20)) % 2 * 1.0
    slope = torch.linspace(0, 1, 20).expand(20, 20)
    blurred = [filled(network.input, pixels[None], "blur", (4, 4)) for pixels in (checker, slope)]
    torch.testing.assert_close(blurred[0], torch.full((1, 20, 20), 0.5), atol=0.02, rtol=0)
    torch.testing.assert_close(blurred[1][:, :, 7:13], slope[None, :, 7:13], atol=0.02, rtol=0)


def test_a_network_that_cannot_be_traced_is_swept_by_full_passes(x: Tensor) -> None:
    maps = sweep(small(Untraceable), x, 9, 7, target=2, layers=["two"])
    same = sweep(small(), x, 9, 7, target=2, layers=["two"], engine="full")
    assert maps.engine == "full"
    assert maps.multiply_adds == (0, 0)
    assert torch.equal(maps.logits, same.logits)
    with pytest.raises(ModelError, match="cannot be traced"):
        sweep(small(Untraceable), x, 9, 7, engine="incremental")


def test_auto_takes_what_saves_work(x: Tensor) -> None:
    maps = sweep(small(), x, 6, 6)
    assert maps.engine == "incremental"
    assert 0 < maps.multiply_adds[0] < maps.multiply_adds[1]
    assert sweep(small(), x, (40, 56), 1).engine == "full"


def test_float32_agrees_to_a_ten_thousandth(x: Tensor) -> None:
    network = small()
    network.module.float()
    fast, slow = (sweep(network, x.float(), 9, 7, engine=engine) for engine in ("incremental", "full"))
    assert (fast.logits - slow.logits).abs().max() <= 1e-4 * slow.logits.abs().max()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"window": 41},
            r"occluder of 41 pixels does not fit into an image of 40. Give a window from 1 to 40",
        ),
        ({"window": 0}, "occluder of 0 pixels"),
        ({"stride": 0}, r"stride of an occluder must be at least 1 pixel. Got 0"),
        ({"target": 4}, r"no class 4: the network has 4, 0 to 3"),
        ({"target": -1}, "no class -1"),
        ({"fill": "gray"}, "fill is 'gray'"),
        ({"fill": (0.1, 0.2)}, "fill has 2 values, but the image has 3 channels"),
        ({"fill": 128}, r"fill is 128, but pixels go from 0"),
        ({"engine": "fast"}, "engine is 'fast'"),
        ({"strongest": "mean"}, "strongest is 'mean'"),
        ({"units": {"two": [8]}}, r"'two' has no unit 8: it has 8, 0 to 7"),
    ],
)
def test_wrong_questions_are_explained(x: Tensor, given, message) -> None:
    with pytest.raises(InterpretError, match=message):
        sweep(small(), x, **given)


def test_unknown_names_show_the_nearest(x: Tensor) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'class 1'"):
        sweep(small(), x, target="clas 1")
    with pytest.raises(UnknownNameError, match="Did you mean 'two'"):
        sweep(small(), x, layers=["tow"])


def test_an_image_of_another_size_is_refused() -> None:
    with pytest.raises(InterpretError, match=r"shape \(3, 20, 20\), but the network takes \(3, 40, 56\)"):
        sweep(small(), torch.zeros(3, 20, 20))


@pytest.mark.parametrize("engine", ["incremental", "full"])
def test_the_module_stays_as_it_is(x: Tensor, engine) -> None:
    network = small()
    network.module.train()
    before, state = x.clone(), {name: item.clone() for name, item in network.module.state_dict().items()}
    sweep(network, x, 9, 7, layers=["one", "two"], engine=engine)
    assert torch.equal(x, before)
    assert all(torch.equal(item, state[name]) for name, item in network.module.state_dict().items())
    assert all(part.training and not part._forward_hooks for part in network.module.modules())


SHARED = Path(__file__).parents[3] / "shared"


@pytest.mark.data
@pytest.mark.skipif(not SHARED.exists(), reason="the photographs and weights are not beside the repository")
@pytest.mark.parametrize("name", ["squeezenet1_1", pytest.param("googlenet", marks=pytest.mark.slow)])
def test_real_weights_on_a_photograph(name, monkeypatch) -> None:
    """Response norms, ceil-mode pools, inception branches, with ImageNet's weights."""
    monkeypatch.syspath_prepend(SHARED / "reference")
    weights = str(SHARED / "data" / "weights" / f"{name}-imagenet.safetensors")
    network = (
        interpret.load_model("torchvision", arch=name, weights=weights)
        if name != "googlenet"
        else interpret.load_model(
            "module", target="bvlc_googlenet:GoogLeNet", weights=weights, input_size=224,
            mean=[123 / 255, 117 / 255, 104 / 255], std=[1 / 255] * 3,
        )
    )  # fmt: skip
    photograph = min((SHARED / "data" / "imagenet-sample").glob("151_*.jpg"))
    x = network.preprocess(photograph)
    fast, slow = (sweep(network, x, 48, 59, engine=engine) for engine in ("incremental", "full"))
    assert (fast.logits - slow.logits).abs().max() <= 1e-4 * slow.logits.abs().max()
    assert slow.probability.max() - slow.probability.min() > 0.1, "the occluder changes nothing"


def test_zfnet_on_a_scene() -> None:
    """The embedded network, with aliases for layers and the layers of vectors."""
    network = interpret.load_model("zfnet", weights="scenes")
    image = interpret.load_dataset("scenes", split="val", limit=1)[0].image
    x = network.preprocess(image)
    given = {"window": 24, "stride": 24, "layers": ["layer1", "layer5", "layer7"]}
    fast, slow = (sweep(network, x, **given, engine=engine) for engine in ("incremental", "full"))
    torch.testing.assert_close(fast.logits, slow.logits, rtol=1e-4, atol=1e-4)
    for layer in given["layers"]:
        assert fast.followed[layer].unit.tolist() == slow.followed[layer].unit.tolist()
        torch.testing.assert_close(fast.response[layer], slow.response[layer], rtol=1e-4, atol=1e-3)
