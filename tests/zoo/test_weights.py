"""Weights files: good ones load exactly, bad ones are refused with a message that helps."""

import pickle
from collections import OrderedDict

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from interpret.errors import ModelError
from interpret.weights import load_into, read_weights


def net(width=4):
    return nn.Sequential(OrderedDict(conv=nn.Conv2d(3, width, 3), norm=nn.BatchNorm2d(width)))


@pytest.fixture
def trained():
    module = net()
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    return module


def same(first, second):
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def wrappers(state):
    return {
        "plain": state,
        "wrapped": {"epoch": 3, "state_dict": state, "optimizer": {"lr": 0.1}},
        "parallel": {f"module.{name}": tensor for name, tensor in state.items()},
        "framework": {"model": {f"module._orig_mod.{name}": tensor for name, tensor in state.items()}},
    }


@pytest.mark.parametrize("how", ["plain", "wrapped", "parallel", "framework"])
@pytest.mark.parametrize("zipped", [True, False])
def test_torch_files_load(tmp_path, trained, how, zipped):
    path = tmp_path / "net.pth"
    torch.save(wrappers(trained.state_dict())[how], path, _use_new_zipfile_serialization=zipped)
    other = net()
    load_into(other, read_weights(path))
    assert same(other, trained)


def test_safetensors_load_with_their_metadata_whatever_the_file_is_called(tmp_path, trained):
    path = tmp_path / "net.pth"
    save_file(trained.state_dict(), path, metadata={"input_size": "227"})
    weights, other = read_weights(path), net()
    load_into(other, weights)
    assert weights.metadata == {"input_size": "227"}
    assert same(other, trained)


def test_half_precision_is_widened_to_the_modules_type(tmp_path, trained):
    path = tmp_path / "net.safetensors"
    save_file(
        {name: t.half() if t.is_floating_point() else t for name, t in trained.state_dict().items()}, path
    )
    other = net().double()
    load_into(other, read_weights(path))
    assert other.conv.weight.dtype == torch.float64
    assert torch.equal(other.conv.weight, trained.conv.weight.half().double())


def test_old_files_without_batch_counters_load(tmp_path, trained):
    state = trained.state_dict()
    del state["norm.num_batches_tracked"]
    torch.save(state, tmp_path / "net.pth")
    other = net()
    load_into(other, read_weights(tmp_path / "net.pth"))
    assert same(other, trained)


def test_a_prefix_the_module_has_itself_stays(tmp_path, trained):
    outer = nn.ModuleDict({"model": trained})
    torch.save(outer.state_dict(), tmp_path / "net.pth")
    other = nn.ModuleDict({"model": net()})
    load_into(other, read_weights(tmp_path / "net.pth"))
    assert same(other, outer)


def test_hash_is_verified(tmp_path, trained):
    path = tmp_path / "net.pth"
    torch.save(trained.state_dict(), path)
    digest = read_weights(path).sha256
    assert read_weights(path, sha256=digest).sha256 == digest
    assert read_weights(path, sha256=digest[:8].upper()).sha256 == digest
    with pytest.raises(ModelError, match="not the expected file"):
        read_weights(path, sha256="0" * 64)
    with pytest.raises(ModelError, match="hexadecimal"):
        read_weights(path, sha256="not a hash")


def test_weights_of_another_network_name_the_tensors_and_change_nothing(tmp_path, trained):
    other = nn.Sequential(OrderedDict(conv=nn.Conv2d(3, 6, 3), head=nn.Linear(2, 2)))
    before = {name: tensor.clone() for name, tensor in other.state_dict().items()}
    torch.save(trained.state_dict(), tmp_path / "net.pth")
    with pytest.raises(ModelError) as caught:
        load_into(other, read_weights(tmp_path / "net.pth"))
    message = str(caught.value)
    assert "missing (2): head.weight, head.bias" in message
    assert "norm.weight" in message
    assert "conv.weight (found 4x3x3x3, expected 6x3x3x3)" in message
    assert all(torch.equal(tensor, before[name]) for name, tensor in other.state_dict().items())


def test_a_long_mismatch_is_cut(tmp_path):
    torch.save({f"t{i}": torch.zeros(1) for i in range(100)}, tmp_path / "net.pth")
    with pytest.raises(ModelError, match=r"unexpected \(100\): t0, t1, t2, t3, t4 and 95 more"):
        load_into(net(), read_weights(tmp_path / "net.pth"))


def test_ignored_tensors_may_be_there(tmp_path, trained):
    torch.save(trained.state_dict() | {"aux.weight": torch.zeros(1)}, tmp_path / "net.pth")
    with pytest.raises(ModelError, match=r"aux\.weight"):
        load_into(net(), read_weights(tmp_path / "net.pth"))
    load_into(net(), read_weights(tmp_path / "net.pth"), ignore=["aux."])


class Bomb:
    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return (open, (str(self.trace), "w"))


@pytest.mark.parametrize("write", ["torch", "torch, old format", "pickle", "pickle, protocol 4"])
def test_a_pickle_bomb_is_refused_and_does_not_go_off(tmp_path, write):
    path, trace = tmp_path / "bomb.pth", tmp_path / "boom"
    content = {"conv.weight": Bomb(trace)}
    if write.startswith("torch"):
        torch.save(content, path, _use_new_zipfile_serialization=write == "torch")
    else:
        path.write_bytes(pickle.dumps(content, protocol=4 if "4" in write else 2))
    with pytest.raises(ModelError, match="refused, and nothing in it was run"):
        read_weights(path)
    assert not trace.exists()


def test_a_whole_pickled_network_is_refused_with_the_class_named(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / "net.pth")
    with pytest.raises(ModelError, match=r"torch\.nn\.modules\.linear\.Linear.*state_dict"):
        read_weights(tmp_path / "net.pth")


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
@pytest.mark.parametrize("part", [0.0, 0.02, 0.5, 0.99])
def test_truncated_files_are_refused(tmp_path, trained, suffix, part):
    path = tmp_path / f"net.{suffix}"
    save_file(trained.state_dict(), path) if suffix == "safetensors" else torch.save(
        trained.state_dict(), path
    )
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(ModelError, match=r"net\.\w+ (is not a whole|was refused)"):
        read_weights(path)


@pytest.mark.parametrize(
    "text", ["hello, I am text\n", "<html>404</html>", "version https://git-lfs.github.com/spec/v1\n"]
)
def test_text_files_are_refused(tmp_path, text):
    (tmp_path / "net.pth").write_text(text)
    with pytest.raises(ModelError, match=r"net\.pth"):
        read_weights(tmp_path / "net.pth")


@pytest.mark.parametrize(
    ("content", "found"),
    [([1, 2], "list"), ({}, "dict"), ({"lr": 0.1, "epoch": 3}, "lr, epoch"), (torch.zeros(3), "Tensor")],
)
def test_files_without_a_state_dict_are_refused(tmp_path, content, found):
    torch.save(content, tmp_path / "net.pth")
    with pytest.raises(ModelError, match=found):
        read_weights(tmp_path / "net.pth")


def test_missing_files_show_the_nearest_names(tmp_path):
    (tmp_path / "zfnet-scenes.safetensors").touch()
    with pytest.raises(ModelError, match=r"Did you mean 'zfnet-scenes\.safetensors'"):
        read_weights(tmp_path / "zfnet-scene.safetensors")
    with pytest.raises(ModelError, match="has a name like it"):
        read_weights(tmp_path / "x.pth")
    with pytest.raises(ModelError, match="does not exist"):
        read_weights(tmp_path / "no" / "x.pth")
    with pytest.raises(ModelError, match="is a folder"):
        read_weights(tmp_path)
