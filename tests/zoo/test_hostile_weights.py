"""Weights files of a stranger: nothing in them runs or is imported, and they take no more than their room."""

import io
import pickle
import struct
import sys
import zipfile

import pytest
import torch
from torch import nn

from interpret.errors import ModelError
from interpret.weights import load_into, read_weights
from interpret.weights.torchfiles import MAGIC
from interpret.weights.unpickling import Inert, unpickle

TRACE = "interpret_trace_of_an_attack"


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


COMMAND = text(f"import pathlib; pathlib.Path('{TRACE}').touch()")
ATTACKS = {
    "reduce": b"cbuiltins\nexec\n(" + COMMAND + b"tR",
    "stack global": b"\x80\x04" + text("builtins") + text("exec") + b"\x93(" + COMMAND + b"tR",
    "python 2": b"c__builtin__\neval\n(" + text(f"__import__('pathlib').Path('{TRACE}').touch()") + b"tR",
    "inst": b"(" + COMMAND + b"ibuiltins\nexec\n",
    "obj": b"(cbuiltins\nexec\n" + COMMAND + b"o",
    "newobj": b"cbuiltins\nexec\n(" + COMMAND + b"t\x81",
    "newobj_ex": b"\x80\x04cbuiltins\nexec\n(" + COMMAND + b"t}\x92",
    "imported": f"c{TRACE}\nanything\n".encode(),
    "built": b"c" + TRACE.encode() + b"\nClass\n)\x81}" + text("a") + COMMAND + b"sb",
    "allowed function": b"ctorch._utils\n_rebuild_parameter\n(cbuiltins\nexec\n(" + COMMAND + b"tR\x89NtR",
    "subclass": b"ctorch._tensor\n_rebuild_from_type_v2\n(cbuiltins\nexec\nctorch\nTensor\n("
    + COMMAND
    + b"t}tR",
    "text id": b"Pstorage\n",
}
"""Pickled objects that would leave a file behind."""


def payload(attack):
    """A dictionary with the object at the place of a tensor, and beside it."""
    body = attack.removeprefix(b"\x80\x04")
    return b"\x80\x02}(" + text("conv.weight") + body + text("beside") + body + b"u."


def as_zip(data, path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("net/data.pkl", data)


def as_legacy(data, path):
    rest = (pickle.dumps(item, 2) for item in (MAGIC, 1001, {"little_endian": True}))
    path.write_bytes(b"".join(rest) + data + pickle.dumps([], 2))


def as_pickle(data, path):
    path.write_bytes(data)


@pytest.mark.parametrize("write", [as_zip, as_legacy, as_pickle])
@pytest.mark.parametrize("name", ATTACKS)
def test_nothing_in_a_file_runs_or_is_imported(tmp_path, monkeypatch, name, write):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / f"{TRACE}.py").write_text(f"open('{TRACE}', 'w')\nclass Class: __setstate__ = print")
    write(payload(ATTACKS[name]), tmp_path / "net.pth")
    with pytest.raises(ModelError, match=r"refused|is not a whole"):
        read_weights(tmp_path / "net.pth")
    assert not (tmp_path / TRACE).exists()
    assert TRACE not in sys.modules


def test_these_attacks_do_work_on_who_unpickles(tmp_path, monkeypatch):
    """So that the test above cannot pass because its attacks are none."""
    monkeypatch.chdir(tmp_path)
    for name in ("reduce", "stack global", "python 2", "inst"):
        pickle.loads(payload(ATTACKS[name]))
        assert (tmp_path / TRACE).exists(), name
        (tmp_path / TRACE).unlink()


@pytest.mark.parametrize(
    "data",
    [
        b"\x82\x01.",  # an extension of this process
        b"}}b.",  # a state for what is no object
        b"cbuiltins\ndict\n}b.",  # a state for a class
        b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b".",  # a terabyte of bytearray
        b"\x80\x04\x8e" + struct.pack("<Q", 1 << 40) + b".",  # or of bytes
        b"\x80\x04\x95" + struct.pack("<Q", 1 << 60) + b".",  # or of a frame
        b"K\x01r\xff\xff\xff\xff",  # a memo of four thousand million places
        b"K\x01K\x02a.",  # appended to a number
        b"]K\x01K\x02s.",  # a list with keys
        b"\x8b\xff\xff\xff\x7f.",  # a number of two thousand million bytes
        b"." + b"x",
        b"",
    ],
)
def test_damaged_and_hostile_pickles_are_refused(data):
    with pytest.raises(pickle.UnpicklingError):
        unpickle(data)


def test_a_key_whose_hash_never_ends_is_kept_as_an_object():
    """Each tuple holds the one before it twice: the hash of the hundredth visits 2 to the 100 tuples."""
    (key,) = unpickle(b"})" + b"2\x86" * 100 + b"K\x01s.")
    assert isinstance(key, Inert)


def test_a_pickle_longer_than_is_read_is_refused(monkeypatch):
    monkeypatch.setattr("interpret.weights.unpickling.MAX_PICKLE_BYTES", 1000)
    with pytest.raises(pickle.UnpicklingError, match="longer than"):
        unpickle(pickle.dumps("x" * 2000))


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_pickle_of_more_pieces_than_are_read_is_refused(monkeypatch, protocol):
    """A piece of one byte takes as long as a tensor's, also where protocol 4 hands many over at once."""
    monkeypatch.setattr("interpret.weights.unpickling.MOST_READS", 1000)
    with pytest.raises(pickle.UnpicklingError, match="more than 1,000 pieces"):
        unpickle(pickle.dumps([None] * 2000, protocol))
    assert unpickle(pickle.dumps([None] * 100, protocol)) == [None] * 100


def test_a_compressed_pickle_is_refused_before_it_grows(tmp_path):
    torch.save({"a": torch.ones(4)}, tmp_path / "net.pth")
    with zipfile.ZipFile(tmp_path / "net.pth") as file:
        parts = {name: file.read(name) for name in file.namelist()}
    with zipfile.ZipFile(tmp_path / "net.pth", "w") as file:
        for name, data in parts.items():
            deflated = name.endswith("data.pkl")
            file.writestr(name, data, zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED)
    with pytest.raises(ModelError, match="its pickle is compressed"):
        read_weights(tmp_path / "net.pth")


def test_a_state_dict_that_holds_itself_is_refused(tmp_path):
    content = {"epoch": 1}
    content["state_dict"] = content
    torch.save(content, tmp_path / "net.pth")
    with pytest.raises(ModelError, match="no tensors by name"):
        read_weights(tmp_path / "net.pth")


class Described:
    """Pickles as the call that rebuilds a tensor, with these arguments."""

    def __init__(self, *args, function=torch._utils._rebuild_tensor_v2):
        self.args, self.function = args, function

    def __reduce__(self):
        return self.function, (*self.args, False, None)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [
        (0, (5,), (1,)),
        (2, (3,), (1,)),
        (0, (2,), (9,)),
        (-1, (2,), (1,)),
        (0, (-2,), (1,)),
        (0, (2,), (-1,)),
        (0, (2, 2), (1,)),
        (0, (1 << 63,), (0,)),
        (0, ("2",), (1,)),
        (0.5, (2,), (1,)),
        (0, None, (1,)),
    ],
)
def test_tensors_beyond_their_numbers_are_refused(tmp_path, offset, size, stride, zipped):
    storage = torch.zeros(4)._typed_storage()
    content = {"a": Described(storage, offset, size, stride)}
    torch.save(content, tmp_path / "net.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(ModelError, match="refused whole: a is a tensor"):
        read_weights(tmp_path / "net.pth")


def test_a_tensor_that_repeats_one_number_takes_no_room(tmp_path):
    content = {"weight": Described(torch.zeros(4)._typed_storage(), 0, (1 << 30, 1 << 20), (0, 0))}
    torch.save(content, tmp_path / "net.pth")
    assert read_weights(tmp_path / "net.pth").tensors["weight"].untyped_storage().nbytes() == 16
    with pytest.raises(ModelError, match="another shape"):
        load_into(nn.Linear(2, 2, bias=False), read_weights(tmp_path / "net.pth"))


def test_a_function_of_torch_is_not_called_with_the_sizes_of_a_file(tmp_path):
    body = b"ctorch\nFloatTensor\n(\x8a\x06" + (1 << 40).to_bytes(6, "little") + b"tR"
    as_zip(payload(body), tmp_path / "net.pth")
    with pytest.raises(ModelError, match=r"conv\.weight is torch\.FloatTensor"):
        read_weights(tmp_path / "net.pth")


def rewritten(path, change, **options):
    """The archive with its parts changed."""
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    with zipfile.ZipFile(path, "w", **options) as file:
        for name, data in change(parts).items():
            file.writestr(name, data)


@pytest.mark.parametrize(
    ("change", "options", "match"),
    [
        (lambda parts: parts, {"compression": zipfile.ZIP_DEFLATED}, "compressed"),
        (lambda parts: {n: d for n, d in parts.items() if "/data/" not in n}, {}, "not in the file"),
        (lambda parts: {n: d[:5] if "/data/" in n else d for n, d in parts.items()}, {}, "no whole numbers"),
        (lambda parts: parts | {"net/byteorder": b"big"}, {}, "the other byte order"),
        (lambda parts: parts | {"net/data.pkl": b"\x80\x02}q"}, {}, "not a whole weights file"),
    ],
)
def test_archives_that_torch_does_not_write_are_refused(tmp_path, change, options, match):
    torch.save({"a": torch.ones(4)}, tmp_path / "net.pth")
    rewritten(tmp_path / "net.pth", change, **options)
    with pytest.raises(ModelError, match=match):
        read_weights(tmp_path / "net.pth")


def test_damaged_numbers_are_noticed(tmp_path):
    torch.save({"a": torch.full((4,), 1.5)}, tmp_path / "net.pth")
    content = (tmp_path / "net.pth").read_bytes()
    number = struct.pack("<f", 1.5)
    (tmp_path / "net.pth").write_bytes(content.replace(number * 4, number * 3 + b"\0\0\xc1\x3f"))
    with pytest.raises(ModelError, match=r"damaged \(Bad CRC-32"):
        read_weights(tmp_path / "net.pth")


def test_parts_that_lie_over_each_other_take_no_more_than_the_file(tmp_path):
    """Many names for the same bytes: a small file that would take a large room."""
    count, bulk = 200, bytes(40_000)
    buffer = io.BytesIO()
    torch.save({f"t{i}": torch.ones(10_000) for i in range(count)}, buffer)
    with zipfile.ZipFile(buffer) as file:
        data = file.read(next(name for name in file.namelist() if name.endswith("data.pkl")))
    with zipfile.ZipFile(tmp_path / "net.pth", "w") as file:
        file.writestr("net/data.pkl", data)
        file.writestr("net/data/0", bulk)
        first = file.getinfo("net/data/0")
        for i in range(1, count):
            twin = zipfile.ZipInfo(f"net/data/{i}")
            for field in ("header_offset", "CRC", "compress_size", "file_size"):
                setattr(twin, field, getattr(first, field))
            file.filelist.append(twin)
    with pytest.raises(ModelError, match="refused whole"):
        read_weights(tmp_path / "net.pth")
