"""Weights as arrays of numpy, and state dicts deep in a checkpoint: taken where one is meant."""

from __future__ import annotations

import codecs
import io
import pickle
import re
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import interpret
from interpret.errors import InterpretError, ModelError
from interpret.weights import load_into, read_weights

State = dict[str, Any]


def net(seed: int = 0) -> nn.Module:
    """A convolution and a batch norm."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(OrderedDict(conv=nn.Conv2d(3, 4, 3), norm=nn.BatchNorm2d(4)))


def arrays(module: nn.Module) -> State:
    """Its state dict in numpy."""
    return {name: tensor.numpy() for name, tensor in module.state_dict().items()}


def loaded(path: Path) -> nn.Module:
    """Another network with the weights of a file."""
    module = net(seed=1)
    load_into(module, read_weights(path, names=module.state_dict().keys()))
    return module


def same(one: nn.Module, other: nn.Module) -> bool:
    """Whether all tensors are equal."""
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_arrays_by_name_are_weights(tmp_path: Path, protocol: int, *, zipped: bool) -> None:
    torch.save(
        {"state_dict": arrays(net()), "epoch": np.int64(3)},
        tmp_path / "net.pth",
        pickle_protocol=protocol,
        _use_new_zipfile_serialization=zipped,
    )
    assert same(loaded(tmp_path / "net.pth"), net())


@pytest.mark.parametrize("numpy", [False, True])
@pytest.mark.parametrize("protocol", [2, 5])
def test_what_python_pickled_by_name_is_weights(tmp_path: Path, protocol: int, *, numpy: bool) -> None:
    state = arrays(net()) if numpy else net().state_dict()
    with (tmp_path / "net.pkl").open("wb") as file:
        pickle.dump({"model": state, "__author__": "x"}, file, protocol)
    assert same(loaded(tmp_path / "net.pkl"), net())


@pytest.mark.parametrize("protocol", [2, 5])
def test_arrays_may_be_longer_than_what_is_read_of_a_pickle_without_them(
    tmp_path: Path, protocol: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of a ResNet-18 take 45 MB."""
    monkeypatch.setattr("interpret.weights.unpickling.MAX_PICKLE_BYTES", 2000)
    array = np.arange(4000.0)
    torch.save({"weight": array}, tmp_path / "net.pth", pickle_protocol=protocol)
    assert torch.equal(read_weights(tmp_path / "net.pth").tensors["weight"], torch.from_numpy(array))


@pytest.mark.parametrize("numpy", [False, True])
def test_one_piece_of_numbers_named_many_times_takes_no_more_memory(tmp_path: Path, *, numpy: bool) -> None:
    """Python's pickle writes what it has written already as a number: 300 names for the same 8 kB."""
    data, made = b"\0" * 8000, io.BytesIO()
    torch.save(
        torch.zeros(1000, dtype=torch.float64).untyped_storage(), made, _use_new_zipfile_serialization=False
    )
    load, rebuild = torch.storage._load_from_bytes, torch._utils._rebuild_tensor_v2
    file = made.getvalue()
    items = (
        Lying((1, (1000,), np.dtype("f8"), False, data))
        if numpy
        else Calling(rebuild, Calling(load, file), 0, (1000,), (1,), False, OrderedDict())
        for _ in range(300)
    )
    (tmp_path / "net.pkl").write_bytes(pickle.dumps({str(place): item for place, item in enumerate(items)}))
    assert (tmp_path / "net.pkl").stat().st_size < 40_000
    with pytest.raises(ModelError, match="is one of tensors that take 16 times the bytes of the file"):
        read_weights(tmp_path / "net.pkl")


@pytest.mark.parametrize("name", ["a." * 300_000 + "w", "module." * 300_000 + "conv.weight"])
def test_a_name_of_very_many_parts_is_compared_at_once(tmp_path: Path, name: str) -> None:
    """By its last parts: all of its endings would take minutes."""
    torch.save({**net().state_dict(), name: torch.zeros(2)}, tmp_path / "net.pth")
    with pytest.raises(ModelError, match=r"unexpected \(1\): (a\.|module\.){20}") as refusal:
        loaded(tmp_path / "net.pth")
    assert len(str(refusal.value)) < 1000


@pytest.mark.parametrize("protocol", [2, 5])
@pytest.mark.parametrize(
    "array",
    [
        np.arange(24.0).reshape(2, 3, 4),
        np.asfortranarray(np.arange(6.0, dtype=np.float32).reshape(2, 3)),
        np.arange(24).reshape(4, 6)[::2, ::3],
        np.arange(5, dtype=">f4"),
        np.array(2.5, dtype=np.float16),
        np.zeros((0, 3), dtype=np.float32),
        np.array([True, False]),
        np.array([1 + 2j], dtype=np.complex64),
    ],
    ids=["double", "columns first", "strided", "big-endian", "one number", "none", "bool", "complex"],
)
def test_an_array_is_as_numpy_has_it(tmp_path: Path, array: np.ndarray, protocol: int) -> None:
    torch.save({"weight": array}, tmp_path / "net.pth", pickle_protocol=protocol)
    found = read_weights(tmp_path / "net.pth").tensors["weight"]
    expected = torch.from_numpy(np.array(array, array.dtype.newbyteorder("=")))
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    assert torch.equal(found, expected)


@pytest.mark.parametrize(
    ("array", "match"),
    [
        (np.array([{}, nn.Linear(2, 2)], dtype=object), "an array of objects"),
        (np.array(["a"]), "an array of U1"),
        (np.zeros(2, dtype=[("a", "f4"), ("b", "i4")]), "an array of V8"),
        (np.zeros(2, dtype="M8[s]"), "an array of M8"),
    ],
    ids=["objects", "text", "records", "times"],
)
def test_arrays_of_other_things_are_refused_whole(tmp_path: Path, array: np.ndarray, match: str) -> None:
    torch.save({**arrays(net()), "norm.bias": array}, tmp_path / "net.pth")
    with pytest.raises(ModelError, match=f"was refused whole: norm.bias is {match}"):
        read_weights(tmp_path / "net.pth")


class Lying:
    """Pickled as an array of numpy whose parts are others than they should be."""

    def __init__(self, state: tuple[Any, ...]) -> None:
        self.state = state

    def __reduce__(self) -> tuple[Any, ...]:
        made = np.zeros(1).__reduce__()
        return made[0], made[1], self.state


class Calling:
    """Pickled as a call with other arguments than it takes."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


@pytest.mark.parametrize(
    "state",
    [
        (1, (1 << 40,), np.dtype("f4"), False, b"\0" * 8),
        (1, (-1, -2), np.dtype("f4"), False, b"\0" * 8),
        (1, "many", np.dtype("f4"), False, b"\0" * 8),
        (1, (2,), "f4", False, b"\0" * 8),
        (1, (2,), np.dtype("f4"), False, [0.0, 1.0]),
        (1, (2,)),
        (1, torch.Size, np.dtype("f4"), False, b"\0" * 8),
        (1, Calling(torch.Size), np.dtype("f4"), False, b"\0" * 8),
        (1, Calling(torch.Size, 5), np.dtype("f4"), False, b"\0" * 8),
        (1, (2,), Calling(np.dtype), False, b"\0" * 8),
        (1, (2,), np.dtype("f4"), False, Calling(codecs.encode)),
    ],
)
def test_descriptions_of_arrays_that_lie_are_refused(tmp_path: Path, state: tuple[Any, ...]) -> None:
    torch.save({"weight": Lying(state)}, tmp_path / "net.pth")
    with pytest.raises(ModelError, match="was refused whole: weight is an array"):
        read_weights(tmp_path / "net.pth")


def _optimizer(state: State) -> State:
    return {"state": {0: dict(state), 1: {"step": torch.tensor(1)}}, "param_groups": [{"lr": 0.1}]}


ONE: dict[str, Callable[[State], State]] = {
    "two unknown levels": lambda state: {"a": {"b": state}},
    "four unknown levels": lambda state: {"a": {"b": {"c": {"d": state}}}, "epoch": 3},
    "a known level, then unknown ones": lambda state: {"model": {"a": {"b": state}}},
    "beside an optimizer": lambda state: {"a": {"b": state}, "opt": _optimizer({"m": torch.zeros(2)})},
    "beside another network": lambda state: {"generator": {"x": torch.zeros(2)}, "critic": state},
    "behind a prefix": lambda state: {"a": {"b": {f"module.{name}": item for name, item in state.items()}},
                                      "c": {"d": {"x": torch.zeros(2)}}},
    "not under the usual key": lambda state: {"state_dict": {"x": torch.zeros(2)}, "mine": state},
    "under a number": lambda state: {0: state},
}  # fmt: skip


@pytest.mark.parametrize("numpy", [False, True])
@pytest.mark.parametrize("how", ONE)
def test_the_only_state_dict_that_fits_is_taken_however_deep(
    tmp_path: Path, how: str, *, numpy: bool
) -> None:
    state = arrays(net()) if numpy else dict(net().state_dict())
    torch.save(ONE[how](state), tmp_path / "net.pth")
    assert same(loaded(tmp_path / "net.pth"), net())


def test_of_two_that_fit_none_is_taken_and_the_cure_works(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    torch.save({"a": {"b": net().state_dict()}, "c": {"d": net(2).state_dict()}}, path)
    with pytest.raises(ModelError, match=r"holds tensors under a\.b, c\.d, and it is not known") as caught:
        loaded(path)
    cure = re.search(r"torch\.save\((torch\.load\(path\).*), new_path\)", str(caught.value))
    assert cure
    torch.save(eval(cure[1], {"torch": torch, "path": path}), path)
    assert same(loaded(path), net())


def test_arrays_beside_weights_stay_beside_them(tmp_path: Path) -> None:
    torch.save({"mean": np.zeros(3), "mine": net().state_dict()}, tmp_path / "net.pth")
    found = read_weights(tmp_path / "net.pth")
    assert found.key == "mine"
    assert all(isinstance(item, Tensor) for item in found.tensors.values())


def test_a_hash_without_weights_is_refused() -> None:
    with pytest.raises(InterpretError, match="give 'weights', or leave it out"):
        interpret.load_model("zfnet", sha256="0" * 64)
    assert interpret.load_model("zfnet", width=0.1).layers  # the cure
