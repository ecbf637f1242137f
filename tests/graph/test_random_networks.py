"""Every operation that forwards use, alone and in random networks, in every engine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor

from interpret.errors import ModelError
from interpret.graph import receptive_field
from interpret.network import Network, wrap
from interpret_deconv import Neuron, project
from interpret_occlusion import sweep

sys.path.insert(0, str(Path(__file__).parent))
from random_networks import MOST, OPERATIONS, Chain, Chains, random_chains

pytestmark = pytest.mark.filterwarnings("ignore")  # of PyTorch, about operations that it calls experimental

SQUARE, OBLONG = (9, 9), (10, 8)


def groups(names: list[str]) -> list[list[str]]:
    """As many as one trace takes in a second or two."""
    return [names[start : start + 24] for start in range(0, len(names), 24)]


REST = [name for name in OPERATIONS if name not in MOST]
ALONE = [
    *(pytest.param(names, SQUARE, id=names[0]) for names in groups(MOST)),
    *(pytest.param(names, SQUARE, id=names[0], marks=pytest.mark.slow) for names in groups(REST)),
    *(
        pytest.param(names, OBLONG, id=f"oblong-{names[0]}", marks=pytest.mark.slow)
        for names in groups(list(OPERATIONS))
    ),
]


def image(size: tuple[int, int]) -> Tensor:
    return torch.randn(2, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


def by_hand(network: Network, x: Tensor, window: int, stride: int) -> Tensor:
    """One forward pass after the other."""
    rows, columns = (range(0, extent - window + 1, stride) for extent in x.shape[1:])
    found = []
    for top in rows:
        for left in columns:
            covered = x.clone()
            covered[:, top : top + window, left : left + window] = 0.5
            with torch.no_grad():
                found.append(network.module(covered[None])[0])
    return torch.stack(found).view(len(rows), len(columns), -1)


def close(found: Tensor, expected: Tensor, atol: float = 1e-9) -> None:
    scale = max(1.0, float(expected.nan_to_num(0, 0, 0).abs().max()))
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=atol * scale, equal_nan=True)


def check_project(network: Network, chain: Chain, layer: str, x: Tensor) -> None:
    """The gradient of two neurons is autograd's."""
    _, height, width = network.graph.layer(layer).shape
    neurons = [Neuron(0, layer, 1, height // 3, width - 1), Neuron(0, layer, 2, height - 1, 0)]
    leaf = x[None].clone().requires_grad_()
    maps = chain.maps(leaf)
    values = [maps[0, neuron.channel, neuron.y, neuron.x] for neuron in neurons]
    try:
        expected = [torch.autograd.grad(value, leaf, retain_graph=True)[0][0] for value in values]
    except RuntimeError:  # PyTorch has no derivative of the operation
        with pytest.raises(ModelError, match="has no gradient in PyTorch"):
            project(network, x[None], neurons, "gradient")
        return
    right = torch.stack(expected)
    if right.isnan().any():  # no signal times no derivative is no number, also outside of what a neuron sees
        close(project(network, x[None], neurons, "gradient", engine="full"), right)
    found = project(network, x[None], neurons, "gradient")
    close(found.where(~right.isnan(), right), right)


def check_field(network: Network, chain: Chain, layer: str, x: Tensor) -> None:
    """A neuron keeps its value whatever lies outside of its box."""
    field = receptive_field(network, layer)
    rows, columns = field.extent
    noise = 3 * torch.randn(x.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(5))
    places = [(0, columns - 1), (rows // 2, columns // 3), (rows - 1, 0)]
    boxes = [box for place in places for box in (field.box(*place), field.support(*place))]
    inside = torch.zeros(len(boxes), 1, *x.shape[1:], dtype=torch.bool)
    for mask, (top, left, bottom, right) in zip(inside, boxes, strict=True):
        mask[:, max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = True
    with torch.no_grad():
        value, *others = chain.maps(torch.cat([x[None], torch.where(inside, x, noise)]))
    for other, (y, column) in zip(others, [place for place in places for _ in range(2)], strict=True):
        close(other[..., y, column], value[..., y, column], 1e-11)


def last_bits(names: list[str]) -> float:
    """What the answers of two engines may differ by: 1e-9, or a last bit of 32-bit numbers in between.

    Sums of 64-bit numbers in another order differ in their last bits, which may decide how they are rounded.
    """
    return 1e-6 if "float32" in names else 1e-9


def problems(module: Chains) -> list[str]:
    """What an engine gets wrong, chain by chain."""
    network, x = wrap(module, input_size=module.size, mean=(0.0, 0.0), std=(1.0, 1.0)), image(module.size)
    expected = by_hand(network, x, 3, 2)
    rows, columns = expected.shape[:2]
    logits = {
        engine: sweep(network, x, 3, 2, engine=engine).logits[:rows, :columns]
        for engine in ("incremental", "auto", "full")
    }
    found = []

    def tell(chain: str, check: Callable[[], None]) -> None:
        try:
            check()
        except Exception as error:  # noqa: BLE001 - all chains are told of, not the first that fails
            found.append(f"{chain}: {type(error).__name__}: {' '.join(str(error).split())[:300]}")

    for index, chain in enumerate(module.chains):
        part, layer, name = slice(2 * index, 2 * index + 2), module.last(index), " > ".join(chain.names)
        for engine, answer in logits.items():
            pair = answer[..., part], expected[..., part]
            tell(f"{engine} sweep of {name}", partial(close, *pair, atol=last_bits(chain.names)))
        tell(f"project through {name}", partial(check_project, network, chain, layer, x))
        tell(f"field of {name}", partial(check_field, network, chain, layer, x))
    return found


@pytest.mark.parametrize(("names", "size"), ALONE)
def test_every_operation_between_two_convolutions(names: list[str], size: tuple[int, int]) -> None:
    assert problems(Chains([[name] for name in names], size)) == []


def test_random_networks() -> None:
    assert problems(random_chains(0, 12)) == []


def test_the_number_of_images_is_told_apart_wherever_a_network_asks_for_it() -> None:
    """Also where another operation has moved the images to another axis."""
    names = ["index_by_maximum", "batch_swap", "index_by_maximum"]
    assert problems(Chains([[name] for name in names], SQUARE)) == []


@pytest.mark.slow
@pytest.mark.parametrize("part", range(100))
def test_thousands_of_random_networks(part: int) -> None:
    assert problems(random_chains(1000 + part, 30)) == []
