"""Curves of a training: files, the same bytes each time, and short or odd histories."""

import pytest
import torch

from interpret.testing import check_renderer
from interpret_training import History, Scores, Training
from interpret_training.renderers.curves import TrainingCurves


def training(epochs: int, *, validated: bool = True) -> Training:
    fall = torch.linspace(1, 0.1, epochs)
    missing = fall if validated else fall * torch.nan
    rate = torch.tensor([0.01] * (epochs - epochs // 2) + [0.001] * (epochs // 2))
    history = History(rate, 2 * fall, 0.9 * fall, 2 * missing, missing, missing / 2)
    scores = {"train": Scores(0.1, 0.0, 0.3, 100, 1)}
    return Training({"batch": 16, "seed": 0}, history, fall, (), scores, 100)


@pytest.mark.parametrize(
    "found",
    [
        training(1),
        training(12, validated=False),
        *(pytest.param(training(epochs), marks=pytest.mark.slow) for epochs in (2, 30)),
    ],
)
def test_it_is_drawn(found):
    check_renderer(TrainingCurves(), found)


def test_all_formats_are_the_same_every_time(tmp_path):
    renderer = TrainingCurves(formats=("png", "svg", "pdf"))
    first, second = (renderer.render(training(5), [], tmp_path / name) for name in "ab")
    assert [file.suffix for file in first] == [".png", ".svg", ".pdf"]
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]


def test_files_are_named_by_their_format(tmp_path):
    files = TrainingCurves(formats=("svg", "png", "svg")).render(training(3), [], tmp_path)
    assert [file.name for file in files] == ["training-curves.svg", "training-curves.png"]
