"""Networks with other than one or three channels: which ones every figure shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import interpret
from interpret.errors import InterpretError, ModelError
from interpret.network import Network
from interpret.results import load

SIZE = 16
BANDS = (0.4, 0.0, 0.0, 1.0)
"""What each of four channels shows, everywhere, in pixel units."""

SHOWN = {None: (102, 0, 0), (3, 2, 1): (255, 0, 0), (1, 0, 3): (0, 102, 255), (0,): (102, 102, 102)}
"""The colour of an image by the channels that are shown."""


def images() -> list[Tensor]:
    """An image of four plain channels."""
    return [torch.tensor(BANDS)[:, None, None].expand(4, SIZE, SIZE).clone()]


def network(shown: Any = None) -> Network:
    """A small network of four channels, whose filters look at the last one."""
    torch.manual_seed(0)
    conv = nn.Conv2d(4, 2, 3)
    nn.init.zeros_(conv.weight[:, :3])
    nn.init.constant_(conv.weight[:, 3], 0.5)
    module = nn.Sequential(conv, nn.ReLU(), nn.Flatten(), nn.Linear(2 * 14 * 14, 3)).eval()
    plain = {"mean": (0,) * 4, "std": (1,) * 4, "input_size": SIZE}
    return interpret.wrap(module, **plain, shown_channels=shown)  # type: ignore[arg-type]


PHOTOGRAPHS: dict[str, tuple[str, dict[str, Any]]] = {
    "attribution_grid": ("captum.saliency", {}),
    "occlusion_panels": ("occlusion", {"window": 8, "stride": 8, "layers": ["1"]}),
    "occlusion_overlay": ("occlusion", {"window": 8, "stride": 8}),
    "invariance_panels": ("invariance", {"layers": ["1"], "transforms": ["brightness"], "steps": 2}),
    "comparison": (
        "compare",
        {"probes": [{"probe": "captum.saliency"}, {"probe": "project"}], "metrics": ["agreement"]},
    ),
}


def drawn(renderer: str, result: Any, folder: Path) -> np.ndarray:
    """All pixels of what is drawn."""
    files = interpret.load_renderer(renderer).render(result, interpret.images.as_images(images()), folder)
    pictures = [np.asarray(Image.open(path).convert("RGB")) for path in files if path.suffix == ".png"]
    return np.concatenate([picture.reshape(-1, 3) for picture in pictures])


def has_colour(pixels: np.ndarray, colour: tuple[int, ...], *, least: int = 500) -> bool:
    """Whether so many pixels have just that colour."""
    return int((pixels == np.array(colour)).all(1).sum()) >= least


@pytest.mark.parametrize("shown", SHOWN, ids=str)
@pytest.mark.parametrize("renderer", PHOTOGRAPHS)
def test_every_figure_shows_the_chosen_channels(renderer: str, shown: Any, tmp_path: Path) -> None:
    name, given = PHOTOGRAPHS[renderer]
    result = interpret.load_probe(name, **given).run(network(shown), images())
    pixels = drawn(renderer, result, tmp_path)
    assert [choice for choice, colour in SHOWN.items() if has_colour(pixels, colour)] == [shown]


@pytest.mark.parametrize("shown", SHOWN, ids=str)
def test_projections_and_their_patches_show_them(shown: Any, tmp_path: Path) -> None:
    net = network(shown)
    exemplars = interpret.load_probe("topk", layers=["1"], k=1).run(net, images())
    projections = interpret.load_probe("deconv", layers=["1"]).run(net, images(), exemplars=exemplars)
    pixels = drawn("feature_grid", projections, tmp_path)
    assert has_colour(pixels, SHOWN[shown])
    signal = tuple(255 if channel == 3 else 128 for channel in net.input.displayed)
    assert len(set(signal)) == 1 or has_colour(pixels, signal)


@pytest.mark.parametrize("shown", SHOWN, ids=str)
def test_filters_show_them(shown: Any, tmp_path: Path) -> None:
    net = network(shown)
    filters = interpret.load_probe("filters").run(net, images())
    weights = tuple(255 if channel == 3 else 128 for channel in net.input.displayed)
    assert has_colour(drawn("filters", filters, tmp_path), weights)


def test_the_choice_is_stored_with_a_result_and_one_without_it_still_loads(tmp_path: Path) -> None:
    result = interpret.load_probe("captum.saliency").run(network((3, 2, 1)), images())
    result.save(tmp_path / "new")
    assert load(tmp_path / "new").input.shown_channels == (3, 2, 1)  # type: ignore[attr-defined]


def test_the_choice_is_part_of_the_fingerprint() -> None:
    assert len({network(shown).fingerprint() for shown in SHOWN}) == len(SHOWN)


@pytest.mark.parametrize("shown", [(), (1, 2), (0, 1, 4), (-1,), (0.5,), "012", 3, (True,)], ids=repr)
def test_what_cannot_be_shown_is_refused(shown: Any) -> None:
    with pytest.raises(ModelError, match=r"shown_channels is .* such as \(\d, \d, \d\)"):
        network(shown)


def test_models_choose_in_their_parameters() -> None:
    bands: dict[str, Any] = {"mean": (0.0,) * 4, "std": (1.0,) * 4, "input_size": 64, "width": 0.1}
    model = interpret.load_model("zfnet", **bands, shown_channels=(3, 2, 1))
    assert model.input.displayed == [3, 2, 1]
    assert interpret.load_model("zfnet", **bands).input.displayed == [0, 1, 2]
    for wrong in ((1, 2), (0, 1, 4)):
        with pytest.raises(InterpretError, match=r"shown_channels.*one channel, shown in grey, or three"):
            interpret.load_model("zfnet", **bands, shown_channels=wrong)
