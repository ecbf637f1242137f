"""What `sweep` is asked by: wrong questions are explained, cures work, and one output is enough."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from captum.attr import Occlusion
from torch import Tensor, nn

from interpret.errors import InterpretError, ModelError
from interpret.graph.delta.changes import Change
from interpret.graph.operations.opaque import change_by_value
from interpret.network import Network, wrap
from interpret_occlusion import sweep


def network_of(outputs: int, *layers: nn.Module) -> Network:
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(3, 4, 3), *layers, nn.ReLU(), nn.Flatten(), nn.Linear(4 * 10 * 8, outputs))
    return wrap(body.double().eval(), input_size=(12, 10), mean=(0.0,) * 3, std=(1.0,) * 3)


@pytest.fixture(scope="module")
def network() -> Network:
    return network_of(4)


@pytest.fixture(scope="module")
def x() -> Tensor:
    return torch.rand(3, 12, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"window": "8"}, r"window must be a whole number of pixels, or two: \(height, width\). Got '8'"),
    ({"window": 2.5}, "window must be .* Got 2.5"),
    ({"window": [4]}, r"window must be .* Got \[4\]"),
    ({"window": (4, 4, 4)}, r"window must be .* Got \(4, 4, 4\)"),
    ({"window": True}, "window must be .* Got True"),
    ({"window": None}, "window must be .* Got None"),
    ({"stride": "2"}, "stride must be .* Got '2'"),
    ({"stride": (2, 0)}, "stride of an occluder must be at least 1 pixel. Got 0"),
    ({"fill": None}, "fill is None; it must be a number, a colour"),
    ({"fill": (0.1, "a", 0.2)}, "it must be a number, a colour"),
    ({"fill": float("nan")}, "fill is nan, but pixels go from 0"),
    ({"fill": True}, "fill is True; it must be a number"),
    ({"seed": 1.5}, "seed must be a whole number of 64 bits. Got 1.5"),
    ({"seed": 2**70}, "seed must be a whole number of 64 bits. Got 1180591620717411303424"),
    ({"batch_size": 0}, "batch_size must be a whole number from 1 on. Got 0"),
    (
        {"tolerance": 0.1},
        r"sweep\(\) has no parameter 'tolerance'. It belonged to engine: approximate, which",
    ),
    (
        {"engine": "approximate"},
        "engine must be 'auto', .* 'approximate' is gone: .* 20 scenes of 20. Use 'auto'",
    ),
    ({"layers": "0"}, r"layers must be a list of names. Got '0'; write \['0'\]"),
    ({"layers": [0]}, r"layers must be a list of names. Got \[0\]"),
    ({"units": [1]}, r"units must be lists of units by layer, \{'layer': \[0, 1\]\}. Got \[1\]"),
    ({"units": {"0": 1}}, "units of layer '0' must be a list of whole numbers. Got 1"),
    ({"units": {"0": ["a"]}}, r"units of layer '0' must be a list of whole numbers. Got \['a'\]"),
]


@pytest.mark.parametrize(("given", "message"), WRONG, ids=[message for _, message in WRONG])
def test_wrong_questions_are_explained(
    network: Network, x: Tensor, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(InterpretError, match=message):
        sweep(network, x, **{"window": 4, "stride": 4, **given})


def test_a_batch_is_told_to_give_one_image_which_works(network: Network, x: Tensor) -> None:
    with pytest.raises(
        InterpretError, match=r"one image \(3, 12, 10\), but got a batch \(1, 3, 12, 10\).*x\[0\]"
    ):
        sweep(network, x[None], 4, 4)
    assert torch.equal(sweep(network, x[None][0], 4, 4).logits, sweep(network, x, 4, 4).logits)


def test_numbers_of_other_libraries_are_numbers(network: Network, x: Tensor) -> None:
    four = torch.tensor([4]).numpy()[0]
    found = sweep(network, x, four, [four, four], seed=four, batch_size=four)
    assert found.window == (4, 4)
    assert torch.equal(found.logits, sweep(network, x, 4, 4).logits)


@pytest.mark.parametrize("engine", ["auto", "full", "incremental"])
def test_one_output_is_its_own_target_as_in_captum(x: Tensor, engine: Any) -> None:
    network = network_of(1)
    maps = sweep(network, x, 4, 2, engine=engine)
    assert (maps.target, tuple(maps.logits.shape[2:])) == (0, (1,))
    grey = torch.full_like(x, 0.5)
    captums = Occlusion(network.module).attribute(
        x[None], (3, 4, 4), strides=(3, 2, 2), target=0, baselines=grey[None]
    )
    torch.testing.assert_close(maps.attribution().float(), captums[0].float(), rtol=1e-5, atol=1e-6)
    with pytest.raises(InterpretError, match="no class 1: the network has 1"):
        sweep(network, x, 4, 2, target=1)


def test_one_number_has_no_probability(x: Tensor) -> None:
    network = network_of(1)
    maps = sweep(network, x, 4, 2)
    for name in ("probability", "unoccluded_probability"):
        with pytest.raises(InterpretError, match=r"one number has no probability.*Look at \.value"):
            getattr(maps, name)
    assert not maps.has_probability
    assert torch.equal(maps.value, maps.logits[..., 0])
    assert torch.equal(maps.drop, float(network(x[None])) - maps.logits[..., 0])


def test_values_of_a_regression_are_no_probabilities_because_the_user_says_so(x: Tensor) -> None:
    module = network_of(4).module
    maps = sweep(wrap(module, input_size=(12, 10), output_kind="values"), x, 4, 2, target=2)
    assert (maps.has_probability, maps.output_kind) == (False, "values")
    assert torch.equal(maps.value, maps.logits[..., 2])
    as_usual = sweep(wrap(module, input_size=(12, 10)), x, 4, 2, target=2)
    assert torch.equal(as_usual.value, as_usual.logits.softmax(2)[..., 2])
    with pytest.raises(ModelError, match="output_kind is 'value'; it must be 'logits'"):
        wrap(module, output_kind="value")  # type: ignore[arg-type]


def test_outputs_that_are_no_vector_are_refused(x: Tensor) -> None:
    network = wrap(nn.Conv2d(3, 4, 3).double(), input_size=(12, 10))
    with pytest.raises(ModelError, match=r"shape \(4, 10, 8\)"):
        sweep(network, x, 4, 4)


class Broken:
    """An engine whose changes are wrong, or which fails."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error

    def __call__(self, batch: Any, node: Any) -> Change:
        if self.error:
            raise self.error
        delta, windows, _ = batch.changes[node.operands[0]]
        return Change(delta.new_ones(len(delta), *node.shape[:1], *delta.shape[2:]), windows)


@pytest.mark.parametrize("error", [None, RuntimeError("shapes"), KeyError("node")])
def test_an_incremental_engine_that_fails_is_never_believed(
    x: Tensor, error: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = network_of(4, nn.Tanh())
    right = sweep(network, x, 3, 3, engine="full")
    assert sweep(network, x, 3, 3).engine == "incremental"
    monkeypatch.setattr("interpret.graph.delta.rule_choice.change_by_value", Broken(error))
    maps = sweep(network, x, 3, 3)
    assert maps.engine == "full"
    assert torch.equal(maps.logits, right.logits)
    with pytest.raises(ModelError, match="Use engine='full'"):
        sweep(network, x, 3, 3, engine="incremental")


def test_an_engine_that_fails_at_a_place_that_was_not_tried_gives_way(
    x: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = network_of(4, nn.Tanh())
    right, rule, calls = sweep(network, x, 3, 3, engine="full"), change_by_value, []

    def fails_later(*given: Any) -> Any:
        calls.append(given)
        if len(calls) > 1:
            raise IndexError("index 1 is out of bounds")
        return rule(*given)

    monkeypatch.setattr("interpret.graph.delta.rule_choice.change_by_value", fails_later)
    maps = sweep(network, x, 3, 3)
    assert (maps.engine, len(calls)) == ("full", 2)
    assert torch.equal(maps.logits, right.logits)
    calls.clear()
    with pytest.raises(ModelError, match="Use engine='full'"):
        sweep(network, x, 3, 3, engine="incremental")


@pytest.mark.parametrize("output", [lambda y: y > 0, lambda y: y.long(), lambda y: y + 0j])
def test_an_output_of_no_real_numbers_is_refused(output: Any) -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 8), nn.Flatten()).eval()
    network = wrap(module, input_size=8, output=output)
    with pytest.raises(ModelError, match=r"each has a real number.*output="):
        sweep(network, torch.zeros(3, 8, 8), 4, 4)
