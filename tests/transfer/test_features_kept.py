"""What is on disk is not computed again: after a kill, for a further layer, by content."""

from __future__ import annotations

import os
import shutil
import signal
import time

import pytest
import torch
from transfer_fixtures import LAYERS, equal, job, network

from interpret.files import checksum_of
from interpret.run.cache import working_in
from interpret_transfer import extract

COUNT, BATCH = 200, 16  # 600 images: 9 chunks of 64, and one of 24
PASSES = 38


def chunks(folder):
    return {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*.safetensors"))}


def tensors(folder):
    """The features of every chunk; the time that a pass took differs."""
    from safetensors.torch import load_file  # noqa: PLC0415

    return {name: load_file(path) for name, path in chunks(folder).items()}


def equal_on_disk(one, other):
    assert one.keys() == other.keys()
    for name, found in one.items():
        assert found.keys() == other[name].keys()
        for key, value in found.items():
            assert torch.equal(value, other[name][key]), (name, key)


class Counting:
    """How often a part of a network is called."""

    def __init__(self, part):
        self.calls = 0
        part.register_forward_hook(self.count)

    def count(self, *_):
        self.calls += 1


def checked(made, *countings):
    """Let the network be looked at, as it is on first use and when hooks are new, and count from there."""
    made.record(torch.zeros(1, 3, 16, 16), LAYERS, torch.clone)
    for counting in countings:
        counting.calls = 0


@pytest.fixture(autouse=True)
def one_thread():
    """As many threads add up in the same order as those of the process that is killed."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Features of all layers, extracted at once: to compare with, and to be copied."""
    folder, threads = tmp_path_factory.mktemp("whole"), torch.get_num_threads()
    torch.set_num_threads(1)
    with working_in(folder):
        extract(network(), equal(COUNT), LAYERS, batch_size=BATCH)
    torch.set_num_threads(threads)
    return folder


@pytest.fixture
def copied(whole, tmp_path):
    """A room of this test that holds them."""
    shutil.copytree(whole, tmp_path / "copied")
    with working_in(tmp_path / "copied"):
        yield tmp_path / "copied"


def test_a_killed_pass_goes_on_where_it_was(fork, whole, tmp_path):
    killed = tmp_path / "killed"
    killed.mkdir()
    process = fork(job, COUNT, 0.001, killed)
    while len(list(killed.rglob("*.sha256"))) < len(LAYERS) and process.is_alive():
        time.sleep(0.002)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    done = {name: (path.stat().st_mtime_ns, path.read_bytes()) for name, path in chunks(killed).items()}
    assert len(LAYERS) <= len(done) < 10 * len(LAYERS)

    made, images = network(), equal(COUNT)
    counting = Counting(made.module.conv1)
    checked(made, counting)
    with working_in(killed / "rooms"):
        extract(made, images, LAYERS, batch_size=BATCH)
    there = len(done) // len(LAYERS)
    assert images.reads == 600 - 64 * there
    assert counting.calls == PASSES - 4 * there
    assert {
        name: (path.stat().st_mtime_ns, path.read_bytes()) for name, path in chunks(killed).items()
    }.items() >= (done.items())
    assert not list(killed.rglob("*.part"))
    equal_on_disk(tensors(killed / "rooms"), tensors(whole))


def test_the_process_that_is_killed_does_the_same_work(tmp_path):
    job(30, 0, tmp_path)
    with working_in(tmp_path / "here"):
        extract(network(), equal(30), LAYERS, batch_size=16)
    equal_on_disk(tensors(tmp_path / "rooms"), tensors(tmp_path / "here"))


def test_nothing_is_read_twice(copied):
    made, images = network(), equal(COUNT)
    first = extract(made, images, LAYERS, batch_size=BATCH)
    assert len(first["fc"].files) == 10
    counting = Counting(made.module.conv1)
    checked(made, counting)
    assert extract(made, images, LAYERS[::-1], batch_size=BATCH) == first
    assert images.reads == counting.calls == 0


def test_a_further_layer_is_all_that_is_computed(copied):
    made, images = network(), equal(COUNT)
    for file in extract(made, images, ["layer2"], batch_size=BATCH)["layer2"].files:
        file.unlink()
        checksum_of(file).unlink()
    before = {name: path.stat().st_mtime_ns for name, path in chunks(copied).items()}
    assert len(before) == 20
    counting, later = Counting(made.module.conv1), Counting(made.module.fc)
    checked(made, counting, later)
    extract(made, images, LAYERS, batch_size=BATCH)
    assert counting.calls == PASSES
    assert later.calls == 0  # the pass ends where the new layer is
    after = {name: path.stat().st_mtime_ns for name, path in chunks(copied).items()}
    assert len(after) == 30
    assert after.items() > before.items()


def test_one_missing_chunk_is_all_that_is_computed(copied, whole):
    made, images = network(), equal(COUNT)
    gone = list(chunks(copied).values())[1]
    gone.unlink()
    counting = Counting(made.module.conv1)
    checked(made, counting)
    extract(made, images, LAYERS, batch_size=BATCH)
    start, stop = map(int, gone.stem.split("-"))
    assert images.reads == stop - start
    assert counting.calls == -(-(stop - start) // BATCH)
    equal_on_disk(tensors(copied), tensors(whole))


def flip(path):
    """One bit of the last number; size and time stay."""
    found, data = path.stat(), bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


@pytest.mark.parametrize(
    "damage",
    [
        flip,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:100]),
        lambda path: checksum_of(path).unlink(),
    ],
)
def test_a_damaged_chunk_is_computed_again(copied, damage):
    made, images = network(), equal(COUNT)
    one = extract(made, images, ["layer1", "fc"], batch_size=BATCH)["fc"]
    right = one.columns(0, 10)
    assert images.reads == 0
    damage(one.files[-1])
    again = extract(made, images, ["layer1", "fc"], batch_size=BATCH)["fc"]
    assert again.files == one.files
    assert torch.equal(again.columns(0, 10), right)
    assert images.reads == 24


@pytest.mark.parametrize(
    "change",
    [
        {"network": {"seed": 1}},
        {"network": {"mean": True}},
        {"images": {"seed": 1}},
        {"images": {"broken": (1,)}},
        {"options": {"batch_size": 8}},
        {"options": {"crops": 10}},
    ],
)
def test_other_content_is_other_features(own_room, change):
    images = equal(4)
    extract(network(), images, ["fc"], on_error="skip")
    given = {"network": {}, "images": {}, "options": {}} | change
    other = equal(4, **given["images"])
    extract(network(**given["network"]), other, ["fc"], on_error="skip", **given["options"])
    assert other.reads == 12
    assert len(chunks(own_room)) == 2
