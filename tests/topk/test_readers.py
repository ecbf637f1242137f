"""Photographs read by processes: the same order and bits, and errors that say what to do."""

import logging
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from reader_images import Deadly, Drawn
from torch import nn

import interpret
from interpret.errors import InterpretError
from interpret.network import batches, wrap
from interpret.network.readers import AT_ONCE, asked_readers


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return wrap(nn.Conv2d(3, 2, 3), input_size=16)


@pytest.fixture(scope="module", autouse=True)
def two():
    """Two processes for all tests: beginning them takes seconds."""
    with interpret.readers(2):
        yield


def in_threads(function):
    with interpret.readers(None):
        return function()


@pytest.mark.parametrize("size", [1, 3, AT_ONCE, 5 * AT_ONCE])
def test_order_and_bits_stay(network, size):
    images = Drawn(37)
    found = list(batches(network, images, size))
    assert not images.seen, "the processes have copies of their own"
    straight = in_threads(lambda: list(batches(network, images, size)))
    assert [batch.indices for batch in found] == [batch.indices for batch in straight]
    assert all(torch.equal(one.x, other.x) for one, other in zip(found, straight, strict=True))


def test_a_subset_and_what_cannot_be_read(network):
    images = Drawn(30, bad=(7, 20)).subset([20, 3, 7, 29])
    (found,) = batches(network, images, 4, on_error="skip")
    assert found.indices == (3, 29)
    assert found.labels == (3, 29)
    assert [name for name, _ in found.skipped] == ["20", "7"]
    with pytest.raises(InterpretError, match=r"'20'.*cut short.*skip"):
        list(batches(network, images, 4))


def test_a_dataset_that_cannot_be_sent_is_read_by_threads(network, caplog):
    class Here(Drawn):
        pass

    with caplog.at_level(logging.WARNING):
        (found,) = batches(network, Here(5), 5)
    assert len(found.x) == 5
    assert "Threads read" in caplog.text


def test_bundled_datasets_can_be_sent(network, tmp_path):
    images = interpret.load_dataset("scenes", split="val", limit=5, size=16)
    picture = images[0].image
    for index in range(4):
        (tmp_path / "a").mkdir(exist_ok=True)
        picture.save(tmp_path / "a" / f"{index}.png")
    folder = interpret.load_dataset("folder", path=str(tmp_path))
    for dataset in (images, folder):
        (found,) = batches(network, dataset, 5)
        (straight,) = in_threads(lambda: list(batches(network, dataset, 5)))  # noqa: B023
        assert torch.equal(found.x, straight.x)


def test_a_process_that_dies_is_told(network):
    with interpret.readers(1), pytest.raises(InterpretError, match=r"has died.*fewer readers"):
        list(batches(network, Deadly(4), 2))


def test_others_take_the_place_of_one_that_died(network):
    with interpret.readers(1):
        with pytest.raises(InterpretError, match="has died"):
            list(batches(network, Deadly(4), 2))
        assert len(list(batches(network, Drawn(6), 2))) == 3


def test_the_number_is_checked():
    assert asked_readers() == 2
    with pytest.raises(InterpretError, match=r"readers must be at least 1\. Got 0"), interpret.readers(0):
        pass


def test_no_process_outlives_one_that_is_killed(tmp_path):
    here = Path(__file__).parent
    script = tmp_path / "killed.py"
    script.write_text(
        "import sys, time\n"
        f"sys.path.insert(0, {str(here)!r})\n"
        "import interpret, torch\n"
        "from reader_images import Drawn\n"
        "from interpret.network import batches, wrap\n"
        "if __name__ == '__main__':\n"
        "    with interpret.readers(2):\n"
        "        network = wrap(torch.nn.Conv2d(3, 2, 3), input_size=16)\n"
        "        source = batches(network, Drawn(100, told=sys.argv[1]), 8)\n"
        "        next(source)\n"
        "        print('ready', flush=True)\n"
        "        time.sleep(600)\n"
    )
    told = tmp_path / "pids"
    told.mkdir()
    process = subprocess.Popen([sys.executable, str(script), str(told)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    readers = [int(file.name) for file in told.iterdir()]
    assert readers
    process.kill()
    process.communicate()
    until = time.monotonic() + 60
    while any(map(_lives, readers)):
        assert time.monotonic() < until, "a reader outlives the process that asked for it"
        time.sleep(0.05)


def _lives(pid):
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
