"""What was done beyond ReLUs is said: by a function, in results, in captions; old results load without it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import interpret
from interpret.attributions import Attributions
from interpret.errors import InterpretError, UnknownNameError
from interpret.images import as_images
from interpret.network import Network, wrap
from interpret_deconv import Deconv, Project, Projections, nonlinearities
from interpret_deconv.beyond import caption, captions, phrase
from interpret_deconv.renderers import FeatureGrid
from interpret_topk import mine


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pool, self.gate = nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.gate(self.pool(x)).sigmoid()


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.Hardswish(), Scaled(), nn.GroupNorm(2, 4),
        nn.Hardswish(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3),
    )  # fmt: skip
    return wrap(module.eval(), input_size=12)


SAID = {"rectified": ("Hardswish x 2",), "gated": ("sigmoid",), "gradient": ("group_norm",)}
TEXT = "Hardswish rectified as ReLU; 1 gate as recorded; gradient of group_norm."


def pictures() -> list[torch.Tensor]:
    return [torch.randn(3, 12, 12, generator=torch.Generator().manual_seed(seed)) for seed in range(2)]


def test_of_a_layer_and_of_the_output(network: Network) -> None:
    assert nonlinearities(network, "1") == {}
    assert nonlinearities(network, "3") == {"rectified": ("Hardswish",)}
    assert nonlinearities(network, "6") == nonlinearities(network) == SAID
    assert nonlinearities(network, "6", "guided") == SAID
    assert nonlinearities(network, "6", "gradient") == {}
    with pytest.raises(UnknownNameError):
        nonlinearities(network, "nowhere")
    with pytest.raises(InterpretError, match="nonlinear is 'relu'; it must be one of 'rectify'"):
        nonlinearities(network, "6", nonlinear="relu")  # type: ignore[arg-type]


def test_captions() -> None:
    assert caption({}) == ""
    assert caption(SAID) == TEXT
    assert caption({"gated": ("sigmoid x 3", "glu")}) == "4 gates as recorded."
    assert (
        caption({"rectified": ("GELU", "Mish x 2", "a", "b")}) == "GELU, Mish and 2 more rectified as ReLU."
    )
    assert phrase({"rectified": ("GELU",)}) == "GELU rectified as ReLU"
    assert caption({"rectified": ("gelu",)}) == "gelu rectified as ReLU."  # names are spelt as they are
    assert caption({"gradient": ("layer_norm",)}) == "Gradient of layer_norm."
    assert captions({"a": SAID, "b": SAID}) == TEXT
    assert captions({"a": {}, "b": SAID}) == f"b: {TEXT}"
    assert captions({}) == ""


def test_a_result_says_it_and_its_figure(network: Network, tmp_path: Path) -> None:
    exemplars = mine(network, pictures(), layers=["1", "6"], k=1)
    result = Deconv().run(network, as_images(pictures()), exemplars)
    assert result.nonlinearities == {"1": {}, "6": SAID}
    result.save(tmp_path / "result")
    assert interpret.load_result(tmp_path / "result").nonlinearities == result.nonlinearities
    for layer, text in (("1", "ReLU"), ("6", TEXT)):
        assert (text in _legend(result, layer)) == (layer == "6")


def _legend(result: Projections, layer: str) -> str:
    from interpret_deconv.renderers import feature_grid  # noqa: PLC0415 - what a page says

    photographs = feature_grid.Photographs(as_images(pictures()), result.ids, result.input)
    (page,) = FeatureGrid()._pages(result, layer, photographs)
    return " ".join(label.text for label in page.labels)


def test_attributions_carry_it(network: Network) -> None:
    found = Project(target=1).run(network, as_images(pictures()))
    assert (found.note, Attributions.__dataclass_fields__["note"].default) == (TEXT, "")
    assert Project(layer="3").run(network, as_images(pictures())).note == "Hardswish rectified as ReLU."
    assert Project(target=1, rule="gradient").run(network, as_images(pictures())).note == ""
