"""What the network answers: the k most probable categories, against a sort by hand."""

from __future__ import annotations

import json
from math import isnan
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import interpret
from interpret.errors import DatasetError, InterpretError, ModelError
from interpret.images import as_images
from interpret.network import Network, wrap
from interpret.results import load
from interpret_explain import Predict, Predictions, predict
from interpret_explain.predicting import join
from interpret_explain.renderers import PredictionTable

NAMES = ("ant", "bee", "cat", "dog", "elk", "fox", "gnu")


class Answers(nn.Module):
    """Answers with the first pixels of each image."""

    def __init__(self, classes: int, last: nn.Module | None = None) -> None:
        super().__init__()
        self.pixels, self.classes = nn.Flatten(), classes
        self.last, self.scale = last or nn.Identity(), nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.pixels(x)[:, : self.classes] * self.scale)  # type: ignore[no-any-return]


def network(classes: int = 7, last: nn.Module | None = None, **options: object) -> Network:
    module = Answers(classes, last).double()
    return wrap(module, input_size=(2, 6), mean=(0,), std=(1,), check=False, **options)  # type: ignore[arg-type]


def image(*values: float) -> Tensor:
    return torch.tensor([*values, *[0.0] * (12 - len(values))], dtype=torch.float64).reshape(1, 2, 6)


def by_hand(values: list[float], k: int) -> list[tuple[int, float]]:
    """The first k of a softmax: larger value, then smaller index."""
    total = sum(torch.tensor(values, dtype=torch.float64).exp().tolist())
    order = sorted(range(len(values)), key=lambda index: (-values[index], index))
    return [
        (index, float(torch.tensor(values[index], dtype=torch.float64).exp()) / total) for index in order[:k]
    ]


def test_the_first_k_of_the_softmax_in_float64() -> None:
    given = torch.randn(5, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).mul(3)
    found = predict(network(), [image(*row) for row in given.tolist()], k=4)
    assert found.has_probability
    for row, values in enumerate(given.tolist()):
        expected = by_hand(values, 4)
        assert found.classes[row].tolist() == [index for index, _ in expected]
        shares = torch.tensor([share for _, share in expected], dtype=torch.float64)
        assert torch.allclose(found.scores[row], shares, rtol=0, atol=1e-12)


def test_of_equal_outputs_it_is_the_first_and_nan_come_last() -> None:
    found = predict(network(), [image(1, 3, 3, torch.nan, 3, 1, 0)], k=7)
    assert found.classes[0].tolist() == [1, 2, 4, 0, 5, 6, 3]


@pytest.mark.parametrize("k", [1, 7, 50])
def test_a_network_with_fewer_classes_gives_all_it_has(k: int) -> None:
    assert predict(network(), [image(1, 2)], k=k).classes.shape == (1, min(k, 7))


def test_sigmoids_are_probabilities_that_do_not_add_up() -> None:
    found = predict(network(last=nn.Sigmoid(), output_kind="probabilities"), [image(2, 3)], k=2)
    wanted = torch.sigmoid(torch.tensor([3.0, 2.0], dtype=torch.float64))
    assert found.has_probability
    assert torch.allclose(found.scores[0], wanted, atol=1e-12)


def test_one_output_is_a_value_and_no_probability() -> None:
    found = predict(network(1), [image(-4.5)])
    assert not found.has_probability
    assert found.image_numbers(0) == {"predictions": [{"category": "class 0", "index": 0, "value": -4.5}]}


def test_where_the_label_stands_among_all() -> None:
    net = network(categories=NAMES)
    images = as_images([(image(0, 1, 2, 3, 4, 5, 6), 2), (image(9), 0), (image(1), 99)])
    found = predict(net, images, k=2)
    assert found.label.tolist() == [2, 0, -1]
    assert found.label_rank.tolist() == [4, 0, -1]
    assert isnan(found.label_score[2])
    share = dict(by_hand([0, 1, 2, 3, 4, 5, 6], 7))[2]
    assert found.label_score[0].item() == pytest.approx(share, abs=1e-12)
    assert found.image_numbers(0)["label"] == {
        "category": "cat", "index": 2, "rank": 4, "probability": found.label_score[0].item(),
    }  # fmt: skip
    assert "label" not in found.image_numbers(2)
    assert found.image_numbers(7) == {}
    json.dumps([found.image_numbers(place) for place in range(3)])


def test_parts_merge_to_the_whole_in_any_order() -> None:
    net, images = network(categories=NAMES), as_images([image(index, 2, 1 + index % 3) for index in range(6)])
    probe = Predict(k=3, batch_size=2)
    whole = probe.run(net, images)
    parts = [probe.run_shard(net, images.subset(range(start, start + 2))) for start in (4, 0, 2)]
    merged = probe.merge(parts)
    for name in ("image", "classes", "scores", "label"):
        assert torch.equal(getattr(whole, name), getattr(merged, name))
    assert list(merged.ids) == ["0", "1", "2", "3", "4", "5"]
    assert merged.ids == whole.ids


def test_what_cannot_be_read_is_refused_or_listed(tmp_path: Path) -> None:
    net = wrap(nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(72, 4)), input_size=8)
    Image.new("RGB", (8, 8), (9, 8, 7)).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_text("no picture")
    paths = [tmp_path / "bad.png", tmp_path / "good.png"]
    with pytest.raises(DatasetError, match=r"bad\.png"):
        predict(net, paths)
    found = predict(net, paths, on_error="skip")
    assert found.image.tolist() == [1]
    assert [Path(name).name for name, _ in found.skipped] == ["bad.png"]
    with pytest.raises(DatasetError, match="None of the 1 images"):
        predict(net, paths[:1], on_error="skip")


def test_wrong_questions_are_refused() -> None:
    with pytest.raises(InterpretError, match="k must be"):
        predict(network(), [image(1)], k=0)
    with pytest.raises(InterpretError, match="nothing to merge"):
        join([])
    dense = wrap(nn.Conv2d(3, 5, 3, padding=1), input_size=8)
    with pytest.raises(ModelError, match="MeanOverImage"):
        predict(dense, [torch.zeros(3, 8, 8)])


def test_it_is_stored_and_loaded(tmp_path: Path) -> None:
    found = predict(network(categories=NAMES), as_images([(image(1, 2), 3)]))
    found.save(tmp_path)
    again = load(tmp_path)
    assert isinstance(again, Predictions)
    assert again.image_numbers(0) == found.image_numbers(0)


def test_the_table_holds_every_name_as_text(tmp_path: Path) -> None:
    net = network(categories=("a|b", "<script>alert(1)</script>", "=1+2", *NAMES[3:]))
    found = predict(net, as_images([(image(1, 3, 2), 0), (image(1, 2, 3), 2)]), k=3)
    files = PredictionTable(formats=("markdown", "csv", "latex")).render(
        found, as_images([image(1)]), tmp_path
    )
    assert [file.name for file in files] == ["predictions.md", "predictions.csv", "predictions.tex"]
    text = files[0].read_text()
    assert "<script>" not in text
    assert r"a\|b" in text
    assert "label: a\\|b, place 3" in text
    assert files[1].read_text().splitlines()[1].startswith("0,1,1,<script>")
    assert len(files[1].read_text().splitlines()) == 1 + 2 * 3


def test_a_dataset_of_scenes_by_name() -> None:
    net, scenes = interpret.load_model("zfnet", weights="scenes"), interpret.load_dataset("scenes", limit=12)
    found = interpret.load_probe("predict", k=2).run(net, scenes)
    assert isinstance(found, Predictions)
    right = (found.classes[:, 0] == found.label).double().mean()
    assert right > 0.7
    assert (found.label_rank[found.classes[:, 0] == found.label] == 0).all()
