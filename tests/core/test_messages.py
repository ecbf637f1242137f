"""Messages are whole sentences that name what helps."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

import interpret
from interpret.errors import DatasetError, UnknownNameError, clause, suggest
from interpret.images import pictures
from interpret_occlusion import sweep

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("It is cut short."), "It is cut short"),
        (ValueError("It is cut short"), "It is cut short"),
        (EOFError(), "EOFError"),
        ("what was found.", "what was found"),
    ],
)
def test_an_error_that_goes_on_in_a_sentence_brings_no_full_stop(error: object, expected: str) -> None:
    assert clause(error) == expected


def _followed_by_a_full_stop(tree: ast.AST) -> Iterator[int]:
    """Lines of messages in which a caught error stands as it is, right before a full stop."""
    for handler in ast.walk(tree):
        if not isinstance(handler, ast.ExceptHandler) or handler.name is None:
            continue
        for text in (node for node in ast.walk(handler) if isinstance(node, ast.JoinedStr)):
            for part, after in zip(text.values, text.values[1:], strict=False):
                bare = isinstance(part, ast.FormattedValue) and ast.unparse(part.value) == handler.name
                if bare and isinstance(after, ast.Constant) and str(after.value).startswith("."):
                    yield text.lineno


def test_no_message_puts_a_full_stop_after_an_error_of_someone_else() -> None:
    assert [*_followed_by_a_full_stop(ast.parse("try: ...\nexcept E as e:\n raise F(f'No: {e}. Go')"))] == [3]
    paths = (path for room in ("interpret", "plugins", "model_zoo") for path in (ROOT / room).rglob("*.py"))
    found = {path.name: [*_followed_by_a_full_stop(ast.parse(path.read_text("utf-8")))] for path in paths}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_the_message_of_a_decompression_bomb_has_single_full_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("L", (60, 60)).save(tmp_path / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(DatasetError, match="is too large") as caught:
        pictures.open_image(tmp_path / "large.png")
    assert ".." not in str(caught.value).replace(str(tmp_path), "")


def test_a_name_that_is_known_twice_is_listed_once() -> None:
    assert suggest("x", ["layer1", "layer1", "conv"]) == "Known: conv, layer1."
    assert suggest("x", [f"layer{n % 12}" for n in range(24)]).count("layer1,") == 1
    assert "…" not in suggest("x", [f"layer{n % 12}" for n in range(24)])


@pytest.mark.parametrize("categories", [None, ["cat", "dog", "fox"]])
def test_a_category_that_is_unknown_can_be_given_by_its_index(categories: list[str] | None) -> None:
    module = nn.Sequential(nn.Conv2d(3, 3, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    network, x = interpret.wrap(module, input_size=8, categories=categories), torch.rand(3, 8, 8)
    with pytest.raises(UnknownNameError, match=r"by its index, 0 to 2\.$"):
        sweep(network, x, 4, 4, target="zebra")
    assert sweep(network, x, 4, 4, target=2).target == 2  # the cure
