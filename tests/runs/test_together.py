"""Several processes do the work of one step together, and store what one process stores."""

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from threading import Barrier
from typing import ClassVar

import pytest
import torch
from asked_steps import ASKED, asked_pipeline

from interpret.files import digest
from interpret.plugin import Executor, Job
from interpret.results import Result
from interpret.run import cached_pieces, run_pipeline
from interpret.run.cache import caching_parts
from interpret.run.sharing import FileExchange, name_of, sharing

QUICK = {"deconv", "occlusion", "evolution", "transfer", "compare"}


def run_job(data: bytes) -> int:
    """Run a job, in whichever process this is."""
    torch.set_num_threads(1)
    pickle.loads(data).run()
    return os.getpid()


class Two(Executor):
    """Two processes that stay from step to step, so that many steps are tested in little time."""

    name: ClassVar[str] = "two"
    pool: ClassVar[ProcessPoolExecutor]
    used: ClassVar[list[int]] = []

    @property
    def capacity(self) -> int:
        return 2

    def run(self, jobs: Sequence[Job]) -> Iterator[Job]:
        futures = {self.pool.submit(run_job, pickle.dumps(job)): job for job in jobs}
        for future in as_completed(futures):
            self.used.append(future.result())
            yield futures[future]


@pytest.fixture(scope="module")
def two() -> Iterator[Two]:
    with ProcessPoolExecutor(2, get_context("forkserver")) as pool:
        Two.pool = pool
        yield Two()


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in ASKED]
)
def test_two_processes_store_what_one_does(name, two, checkpoints, tmp_path):
    text = asked_pipeline(name, checkpoints)
    two.used.clear()
    for folder, executor in (("one", "local"), ("two", two)):
        run_pipeline(text, tmp_path / folder, executor=executor)
    assert name == "topk" or len(set(two.used)) == 2
    for file in ("result.json", "result.safetensors")[name == "transfer" :]:  # the first holds seconds
        found, right = (tmp_path / folder / "asked" / file for folder in ("two", "one"))
        assert found.read_bytes() == right.read_bytes()
    assert not (tmp_path / "two/asked/shards").exists()
    assert not list((tmp_path / "two").rglob(".claims"))


NAMES = [f"{start:08d}-{start + 2:08d}" for start in range(0, 8, 2)]


@dataclass(frozen=True)
class Sum(Result):
    """The sum of some numbers, and who computed it."""

    total: int
    process: int


def sums(folder: Path, computed: list[range], wait: Barrier | None = None) -> list[int]:
    """The sums of pieces of eight numbers, done together with another thread that stands for a process."""

    def compute(piece: range) -> Sum:
        computed.append(piece)
        if wait:
            wait.wait(30)
        return Sum(sum(piece), threading.get_ident())

    with caching_parts(folder), sharing(2):
        return [piece.total for piece in cached_pieces(compute, range(8), 2, "sums", kind=Sum)]


def test_each_piece_is_computed_by_one(tmp_path):
    """Both hold a piece when each computes its first one: neither waits for the other."""
    computed, found, barrier = list[range](), list[list[int]](), Barrier(2)

    def work() -> None:
        found.append(sums(tmp_path, computed, barrier))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(map(name_of, computed)) == NAMES
    assert found == [[1, 5, 9, 13]] * 2


def test_what_a_lost_process_held_is_computed_by_another(tmp_path):
    """A process claims the first piece, begins to store it and is killed."""
    folder = tmp_path / digest("pieces", "sums")
    program = (
        "import sys, time, pathlib\n"
        "from interpret.run.sharing import FileExchange\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "with FileExchange().claim(folder, lambda held: '00000000-00000002') as name:\n"
        "    (folder / name).mkdir()\n"
        "    (folder / name / 'result.json').write_text('{')\n"
        "    print('held', flush=True)\n"
        "    time.sleep(600)\n"
    )
    held = subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE)
    assert held.stdout.readline() == b"held\n"
    assert FileExchange().held(folder) == {NAMES[0]}
    computed, found = list[range](), list[list[int]]()
    thread = threading.Thread(target=lambda: found.append(sums(tmp_path, computed)))
    thread.start()
    while len(computed) < 3:
        thread.join(0.01)
        assert thread.is_alive()
    assert NAMES[0] not in map(name_of, computed)
    held.kill()
    held.communicate()
    thread.join(60)
    assert sorted(map(name_of, computed)) == NAMES
    assert found == [[1, 5, 9, 13]]


def test_pieces_that_were_cut_otherwise_are_found(tmp_path):
    """One process stored a piece of two batches; two processes take it, and one process takes theirs."""
    folder = tmp_path / digest("pieces", "sums")
    Sum(sum(range(2, 6)), 0).save(folder / "00000002-00000006")
    computed = list[range]()
    assert sums(tmp_path, computed) == [1, 14, 13]
    assert sorted(map(name_of, computed)) == [NAMES[0], NAMES[3]]
    again = list[range]()
    with caching_parts(tmp_path):
        alone = cached_pieces(again.append, range(8), 2, "sums", kind=Sum)
    assert [piece.total for piece in alone] == [1, 14, 13]
    assert not again


def test_pieces_behind_the_hundred_millionth_image_are_found(tmp_path):
    """Their names have more digits."""
    images, computed = range(99_999_998, 100_000_004), list[range]()

    def compute(piece: range) -> Sum:
        computed.append(piece)
        return Sum(sum(piece), 0)

    with caching_parts(tmp_path), sharing(2):
        for _ in range(2):
            pieces = cached_pieces(compute, images, 2, "sums", kind=Sum)
            assert [piece.total for piece in pieces] == [
                sum(images[start : start + 2]) for start in (0, 2, 4)
            ]
    assert len(computed) == 3


def test_a_damaged_piece_is_computed_again(tmp_path):
    sums(tmp_path, [])
    file = next((tmp_path / digest("pieces", "sums") / NAMES[1]).glob("result.json"))
    file.write_text(file.read_text().replace("5", "6"))
    computed = list[range]()
    assert sums(tmp_path, computed) == [1, 5, 9, 13]
    assert list(map(name_of, computed)) == [NAMES[1]]


def test_forced_work_is_emptied_once_by_all_processes(two, tmp_path):
    """Features of `transfer` are in a cache folder: with --force processes find none, and share theirs."""
    text = asked_pipeline("transfer", tmp_path)
    run_pipeline(text, tmp_path / "run", executor=two)
    features = sorted((tmp_path / "run/.work").rglob("*.safetensors"))
    before = {path: path.stat().st_mtime_ns for path in features}
    run_pipeline(text, tmp_path / "run", executor=two, force=True)
    assert features
    assert sorted((tmp_path / "run/.work").rglob("*.safetensors")) == features
    assert all(path.stat().st_mtime_ns > before[path] for path in features)
    assert not list((tmp_path / "run/.work").glob(".*.emptied"))
