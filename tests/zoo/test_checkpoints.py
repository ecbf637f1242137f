"""What lies in checkpoints beside the weights, how names are wrapped, and which numbers are refused."""

import argparse
import collections
import contextlib
import datetime
import enum
import logging
import os
import pathlib
import time
import warnings
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from interpret.errors import ModelError
from interpret.weights import extract, load_into, read_weights


class Colour(enum.Enum):
    RED = 1


class Mine(dict):
    """A state dict of somebody's own class."""


def net(seed=0, width=4):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(collections.OrderedDict(conv=nn.Conv2d(3, width, 3), norm=nn.BatchNorm2d(width)))


def same(one, other):
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def loads(path, other=None):
    """A fresh network with the weights of a file."""
    other = other or net(seed=1)
    load_into(other, read_weights(path))
    return other


BESIDE = {
    "numpy scalar": np.float64(0.9),
    "numpy array": np.arange(3),
    "path": pathlib.Path("runs"),
    "namespace": argparse.Namespace(lr=0.1),
    "defaultdict": collections.defaultdict(list, {"a": [1]}),
    "time": datetime.datetime(2024, 1, 1),
    "dtype": torch.float16,
    "device": torch.device("cpu"),
    "set": {1, 2},
    "frozenset": frozenset({1}),
    "enum": Colour.RED,
    "tuple key": {("a", 1): 2},
    "class": Colour,
    "module": nn.Linear(2, 2),
    "bytes": b"\0\1",
    "large": 2**80,
}


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("name", BESIDE)
def test_anything_may_lie_beside_the_weights(tmp_path, name, protocol, zipped):
    content = {"state_dict": net().state_dict(), "best": BESIDE[name]}
    options = {"pickle_protocol": protocol, "_use_new_zipfile_serialization": zipped}
    torch.save(content, tmp_path / "net.pth", **options)
    assert same(loads(tmp_path / "net.pth"), net())


@pytest.mark.parametrize("kind", [dict, collections.OrderedDict, Mine])
def test_a_state_dict_of_any_class_loads(tmp_path, kind):
    torch.save(kind(net().state_dict()), tmp_path / "net.pth")
    assert same(loads(tmp_path / "net.pth"), net())


@pytest.mark.parametrize("zipped", [True, False])
def test_every_tensor_is_as_torch_reads_it(tmp_path, zipped):
    base = torch.randn(6, 8)
    kinds = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex64, torch.complex128]
    kinds += [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool]
    kinds += [torch.float8_e4m3fn, torch.float8_e5m2, torch.uint16] if zipped else []
    state = {str(kind): base.abs().to(kind) for kind in kinds}
    state |= {
        "view": base[1:5, ::3],
        "turned": base.t(),
        "parameter": nn.Parameter(base),
        "buffer": nn.Buffer(base),
    }
    state |= {"scalar": torch.tensor(3.5), "empty": torch.zeros(0, 3), "expanded": torch.ones(1).expand(5)}
    torch.save(state, tmp_path / "net.pth", _use_new_zipfile_serialization=zipped)
    found, theirs = read_weights(tmp_path / "net.pth").tensors, torch.load(tmp_path / "net.pth")
    assert list(found) == list(theirs)
    for name, tensor in theirs.items():
        assert (found[name].dtype, found[name].shape) == (tensor.dtype, tensor.shape)
        one, other = (item.detach().contiguous().view(-1).view(torch.uint8) for item in (found[name], tensor))
        assert torch.equal(one, other), name
    assert found["view"].untyped_storage().data_ptr() == found["turned"].untyped_storage().data_ptr()


def test_entries_among_the_weights_that_are_no_tensors_are_left_out_and_said(tmp_path, caplog):
    torch.save({**net().state_dict(), "epoch": 3, "args": argparse.Namespace()}, tmp_path / "net.pth")
    with caplog.at_level(logging.INFO, "interpret"):
        assert same(loads(tmp_path / "net.pth"), net())
    assert "left out, since they are no tensors: epoch, args" in caplog.text


def test_which_of_several_is_taken_is_said(tmp_path, caplog):
    content = {"model": net().state_dict(), "model_ema": net(2).state_dict(), "optimizer": {"state": {}}}
    torch.save(content, tmp_path / "net.pth")
    assert same(loads(tmp_path / "net.pth"), net())
    assert read_weights(tmp_path / "net.pth").beside == ("model_ema",)
    assert "the weights under 'model' were taken; there are others under model_ema" in caplog.text


def under(prefix, module=None):
    return {f"{prefix}{name}": tensor for name, tensor in (module or net()).state_dict().items()}


@pytest.mark.parametrize(
    ("prefix", "more"),
    [
        ("module.", {"n_averaged": torch.tensor(7)}),
        ("model.", {"loss.weight": torch.ones(5), "loss.margin": torch.ones(())}),
        ("model.backbone.", {}),
        ("encoder.", {"head.weight": torch.ones(2, 2)}),
        ("module._orig_mod.", {"steps": torch.tensor(1)}),
        ("model.", under("ema.module.", net(2))),
    ],
)
def test_the_network_s_names_are_found_under_a_prefix_beside_others(tmp_path, prefix, more, caplog):
    torch.save({**more, **under(prefix)}, tmp_path / "net.pth")
    with caplog.at_level(logging.INFO, "interpret"):
        assert same(loads(tmp_path / "net.pth"), net())
    assert all(name in caplog.text for name in list(more)[:2])


def test_an_averaged_model_loads_where_its_network_is_expected(tmp_path):
    averaged = torch.optim.swa_utils.AveragedModel(net())
    torch.save(averaged.state_dict(), tmp_path / "net.pth")
    assert same(loads(tmp_path / "net.pth"), net())


def test_missing_names_are_refused_with_what_lies_beside(tmp_path):
    state = under("model.")
    del state["model.conv.bias"]
    torch.save({**state, "loss.weight": torch.ones(2)}, tmp_path / "net.pth")
    with pytest.raises(ModelError, match=r"missing \(1\): conv.bias\n  unexpected \(1\): loss.weight"):
        loads(tmp_path / "net.pth")


def test_two_networks_in_one_file_are_refused_and_the_cure_works(tmp_path):
    path = tmp_path / "net.pth"
    torch.save({**under("teacher.", net(2)), **under("student.")}, path)
    with pytest.raises(ModelError, match=r"2 times, under student\., teacher\.") as caught:
        loads(path)
    cure = str(caught.value).partition("tensors: ")[2].rstrip(".")
    assert cure.startswith("torch.save(")
    exec(cure, {"torch": torch, "tensors": read_weights(path).tensors, "path": path})
    assert same(loads(path), net())


def refused(path, module, match):
    """Loading is refused, and has changed nothing."""
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    with pytest.raises(ModelError, match=match):
        load_into(module, read_weights(path))
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda t: (t * 19).to(torch.int8), "conv.weight .found int8, expected float32"),
        (lambda t: t.to(torch.complex64) + 1j, "found complex64, expected float32"),
        (lambda t: t > 0, "found bool, expected float32"),
        (lambda t: t.to(torch.int64), "found int64, expected float32"),
        (
            lambda t: torch.quantize_per_tensor(t, 0.1, 0, torch.qint8),
            "refused whole: conv.weight is .*quantised",
        ),
        (lambda t: t.to_sparse(), "refused whole: conv.weight is .*sparse"),
        (lambda t: t.to("meta"), "refused whole: conv.weight is .*no values"),
        (lambda t: (t + 1j).conj(), "refused whole: conv.weight is a conjugate"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_numbers_that_would_become_others_are_refused_before_any_is_copied(tmp_path, change, match):
    state = net().state_dict()
    state["norm.weight"] = state["norm.weight"] + 5  # comes later, and must not be copied either
    torch.save({**state, "conv.weight": change(state["conv.weight"])}, tmp_path / "net.pth")
    refused(tmp_path / "net.pth", net(1), match)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16, torch.float8_e4m3fn])
def test_another_precision_is_converted(tmp_path, dtype):
    state = {n: t.to(dtype) if t.is_floating_point() else t.int() for n, t in net().state_dict().items()}
    save_file(state, tmp_path / "net.safetensors")
    found = loads(tmp_path / "net.safetensors")
    assert found.conv.weight.dtype == torch.float32
    assert torch.equal(found.conv.weight, state["conv.weight"].float())


def test_numbers_too_large_for_the_network_s_precision_are_refused(tmp_path):
    state = net().state_dict()
    torch.save({**state, "conv.bias": torch.full((4,), 1e30)}, tmp_path / "net.pth")
    refused(tmp_path / "net.pth", net(1).half(), "conv.bias .found float32, expected float16")


def test_one_tensor_under_two_names_is_not_filled_with_two(tmp_path):
    one, two = nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)
    tied = nn.ModuleDict({"one": one, "two": one})
    torch.save({"one.weight": one.weight, "two.weight": two.weight}, tmp_path / "net.pth")
    refused(
        tmp_path / "net.pth",
        tied,
        "one tensor in the network, two in the file .1.: one.weight and two.weight",
    )
    torch.save({"one.weight": two.weight, "two.weight": two.weight}, tmp_path / "net.pth")
    assert torch.equal(loads(tmp_path / "net.pth", tied)["two"].weight, two.weight)


def test_a_network_without_values_is_not_said_to_be_filled(tmp_path):
    torch.save(net().state_dict(), tmp_path / "net.pth")
    with pytest.raises(ModelError, match=r"expected no values \(meta\)"):
        loads(tmp_path / "net.pth", net().to("meta"))


def test_weights_that_are_no_numbers_are_told(tmp_path, caplog):
    state = net().state_dict()
    torch.save({**state, "conv.bias": torch.full((4,), float("nan"))}, tmp_path / "net.pth")
    loads(tmp_path / "net.pth")
    assert "1 tensors hold NaN or infinity: conv.bias" in caplog.text


def test_torchscript_is_refused_in_our_own_words_and_the_cure_works(tmp_path):
    path = tmp_path / "net.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated, and its files are still about
        scripted = torch.jit.trace(net().eval(), torch.zeros(1, 3, 8, 8))
        torch.jit.save(scripted, path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ModelError, match="TorchScript") as caught:
            read_weights(path)
    assert "weights_only" not in str(caught.value)
    cured(caught, path)
    assert same(loads(tmp_path / "weights.safetensors"), net())


class Counted(nn.Module):
    """A network with a buffer that its state dict does not have, and a module twice."""

    def __init__(self, seed=0):
        super().__init__()
        self.first = self.again = net(seed)
        self.register_buffer("seen", torch.ones(2), persistent=False)
        self.register_buffer("total", torch.full((2,), 7.0))


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.filterwarnings("ignore")  # the old format warns that it looks for the source
def test_a_whole_network_is_refused_and_the_cure_runs_nothing(tmp_path, monkeypatch, zipped, wrapped):
    path, whole = tmp_path / "net.pt", Counted()
    torch.save(
        {"epoch": 1, "model": whole} if wrapped else whole, path, _use_new_zipfile_serialization=zipped
    )
    monkeypatch.setattr(
        Counted, "__setstate__", lambda self, state: pytest.fail("it was built"), raising=False
    )
    with pytest.raises(ModelError, match=r"refused, and nothing in it was run: .*Counted") as caught:
        read_weights(path)
    cured(caught, path)
    assert read_weights(tmp_path / "weights.safetensors").tensors.keys() == whole.state_dict().keys()
    monkeypatch.undo()
    assert same(loads(tmp_path / "weights.safetensors", Counted(seed=1)), whole)


def cured(caught, path):
    """Run the cure that a message names."""
    cure = str(caught.value).partition("which runs nothing: ")[2].rstrip(".")
    assert cure.startswith("from interpret.weights.loading")
    with contextlib.chdir(path.parent):
        exec(cure, {"path": path})


def test_what_is_no_whole_network_has_nothing_to_take_out(tmp_path):
    torch.save(net().state_dict(), tmp_path / "net.pth")
    with pytest.raises(ModelError, match="nothing to take out"):
        extract(tmp_path / "net.pth", tmp_path / "out.safetensors")
    torch.save(net(), tmp_path / "net.pth")
    with pytest.raises(ModelError, match="exists already"):
        extract(tmp_path / "net.pth", tmp_path / "net.pth")


def test_an_index_of_shards_is_refused_and_the_cure_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    state = net().state_dict()
    parts = {"a.safetensors": list(state)[:3], "b.safetensors": list(state)[3:]}
    for file, names in parts.items():
        save_file({name: state[name] for name in names}, file)
    pathlib.Path("net.safetensors.index.json").write_text('{"metadata": {}, "weight_map": {}}')
    with pytest.raises(ModelError, match="several files") as caught:
        read_weights("net.safetensors.index.json")
    cure = str(caught.value).partition("into one: ")[2].rstrip(".")
    exec(cure, {"FILES": list(parts)})
    assert same(loads("one.pth"), net())


def archive(path, name):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(name, b"x")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "not a whole weights file .it is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:12\n", "pointer of Git LFS.*git lfs pull"),
        (b"\n<!DOCTYPE html><html>", "a page of the web"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 99, "HDF5, as Keras writes it"),
        (b'{"a": 1}', "it is JSON"),
        (b"GGUF\3\0\0\0", "GGUF"),
        (b"\x1f\x8b\x08", "gunzip"),
        (b"\x93NUMPY", "an array of numpy"),
        (b"\0" * 257 + b"ustar\x0000", "tar archive"),
        (
            b"\x80\x04]\x94.",
            "refused, and nothing in it was run: Python.s pickle wrote it, not torch.save .it is a list",
        ),
        (b"hello", "begins like no format"),
    ],
)
def test_files_of_another_kind_are_named(tmp_path, content, match):
    (tmp_path / "net.pth").write_bytes(content)
    with pytest.raises(ModelError, match=match):
        read_weights(tmp_path / "net.pth")


@pytest.mark.parametrize(
    ("member", "match"),
    [
        ("model.weights.h5", "Keras"),
        ("net/archive_format", "torch.export"),
        ("a.npy", "numpy"),
        ("readme.txt", "no data.pkl"),
    ],
)
def test_archives_of_other_programs_are_named(tmp_path, member, match):
    archive(tmp_path / "net.pth", member)
    with pytest.raises(ModelError, match=match):
        read_weights(tmp_path / "net.pth")


def test_onnx_is_named(tmp_path):
    (tmp_path / "net.onnx").write_bytes(b"\x08\x07\x12\x07pytorch")
    with pytest.raises(ModelError, match="it is ONNX"):
        read_weights(tmp_path / "net.onnx")


def test_what_is_no_file_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(ModelError, match="cannot be read: It is a"):
            read_weights(path)
    with pytest.raises(ModelError, match="no home folder"):
        read_weights("~nouser/x.pth")


def test_a_missing_file_says_where_was_looked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=f"No file in the folder {tmp_path} has a name like it"):
        read_weights("nope.pth")


@pytest.mark.parametrize(
    "header",
    [
        b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},'
        b'"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}',
        b'{"a":{"dtype":"F32","shape":[99999999999],"data_offsets":[0,12]}}',
        b'{"a":{"dtype":"F99","shape":[3],"data_offsets":[0,12]}}',
        b'{"a":{"dtype":"F32","shape":[-3],"data_offsets":[0,12]}}',
        b'{"a":' * 5000,
        b'{"__metadata__":{"mean":1e400}}',
    ],
)
def test_hostile_safetensors_are_refused(tmp_path, header):
    (tmp_path / "net.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * 12)
    with pytest.raises(ModelError, match="not a whole safetensors file"):
        read_weights(tmp_path / "net.safetensors")


def test_a_header_of_a_hostile_length_is_refused(tmp_path):
    (tmp_path / "net.safetensors").write_bytes((1 << 62).to_bytes(8, "little") + b"{" + b" " * 100)
    with pytest.raises(ModelError, match="its header would have"):
        read_weights(tmp_path / "net.safetensors")


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda state: {"params_ema": state, "epoch": 3},
        lambda state: {"model": {"arch": "resnet"}, "weights": state},
        lambda state: {"net": {"depth": 3}, "checkpoint": state, "optimizer": {"state": {0: {}}}},
        lambda state: {"model": {"config": {"depth": 3}, "state_dict": state}},
    ],
)
def test_the_one_state_dict_of_a_checkpoint_is_found_whatever_its_key(tmp_path, wrapped):
    torch.save(wrapped(net().state_dict()), tmp_path / "net.pth")
    assert same(loads(tmp_path / "net.pth"), net())


def test_of_two_state_dicts_under_unknown_keys_none_is_taken(tmp_path):
    path = tmp_path / "net.pth"
    torch.save({"generator": net().state_dict(), "critic": net(1).state_dict()}, path)
    with pytest.raises(ModelError, match=r"under generator, critic, .*torch.load\(path\)\['generator'\]"):
        read_weights(path)
    torch.save(torch.load(path)["generator"], path)  # the cure
    assert same(loads(path), net())


def test_a_mapping_under_many_keys_is_looked_through_once(tmp_path):
    shared = dict.fromkeys(range(20_000), 0)
    torch.save(dict.fromkeys(map(str, range(20_000)), shared), tmp_path / "net.pth")
    start = time.process_time()
    with pytest.raises(ModelError, match="holds no tensors by name"):
        read_weights(tmp_path / "net.pth")
    assert time.process_time() - start < 5  # each key by itself: a minute


@pytest.mark.parametrize("part", ["module", "_orig_mod", "_checkpoint_wrapped_module"])
def test_parts_that_were_wrapped_are_found(tmp_path, part):
    state = {name.replace(".", f".{part}.", 1): tensor for name, tensor in net().state_dict().items()}
    torch.save(state, tmp_path / "net.pth")
    assert same(loads(tmp_path / "net.pth"), net())


def test_a_moving_average_that_is_left_out_gets_a_warning(tmp_path, caplog):
    states = {"model.": net().state_dict(), "ema_model.": net(1).state_dict()}
    names = {prefix + name: tensor for prefix, state in states.items() for name, tensor in state.items()}
    torch.save({"state_dict": names}, tmp_path / "net.pth")
    assert same(loads(tmp_path / "net.pth"), net())
    assert "ema_model.conv.weight" in caplog.text
