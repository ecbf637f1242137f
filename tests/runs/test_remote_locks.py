"""Who may use a folder behind a URL."""

import os
import threading
import time

import pytest
from url_runs import mirror

from interpret.errors import InterpretError
from interpret.files import locks
from interpret.files.locks import RemoteLock


def test_two_runs_at_one_url_exclude_each_other(far, tmp_path):
    first, second = (RemoteLock(mirror(tmp_path, name), name) for name in ("first", "second"))
    first.acquire()
    with pytest.raises(
        InterpretError, match=rf"in use by process {os.getpid()} on .*last heard of \d+ seconds ago"
    ):
        second.acquire()
    assert first.is_held()
    assert not second.is_held()
    second.acquire(take_over=True)
    assert not first.is_held()
    second.release()
    first.acquire()


def test_shares_do_not_exclude_each_other_but_whole_runs(far, tmp_path):
    shares = [RemoteLock(mirror(tmp_path, name), name, shared=True) for name in ("a", "b")]
    for share in shares:
        share.acquire()
    with pytest.raises(InterpretError, match="is in use by"):
        RemoteLock(mirror(tmp_path, "c"), "c").acquire()
    assert all(share.is_held() for share in shares)


def test_a_lock_that_is_not_renewed_is_that_of_nobody(far, tmp_path):
    """By the clock of the store: those of the machines may be wrong."""
    first, second = (RemoteLock(mirror(tmp_path, name), name) for name in ("first", "second"))
    first.acquire()
    file = tmp_path / "store" / first.place.replace("/", "%")
    os.utime(file, (time.time() - locks.STALE - 1,) * 2)
    second.acquire()
    assert not first.is_held()


def test_of_two_that_begin_at_once_never_both_are_let_in(far, tmp_path):
    for trial in range(20):
        let_in, start = [], threading.Barrier(2)

        def begin(name, start=start, let_in=let_in, trial=trial):
            lock = RemoteLock(mirror(tmp_path, f"{name}{trial}"), name)
            start.wait()
            try:
                lock.acquire()
            except InterpretError:
                return
            let_in.append(lock)

        threads = [threading.Thread(target=begin, args=(name,)) for name in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(let_in) <= 1
        for lock in let_in:
            lock.release()
