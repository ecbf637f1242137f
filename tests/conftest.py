"""Processes of their own for the tests that kill them, without the seconds that importing PyTorch takes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess

import pytest

IMPORTED = ["interpret.runner", "interpret_topk", "interpret_training.learner", "interpret_transfer"]


@pytest.fixture(scope="session")
def fork() -> Callable[..., BaseProcess]:
    """Start a function of a module that can be imported, in a process that is forked from a server.

    The server has imported what takes seconds and nothing else: it has no thread, no file and no state of the
    tests. Its processes have one thread each.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("OMP_NUM_THREADS", "1")
        forkserver.ensure_running()

    def start(function: Callable[..., object], *arguments: object, **options: object) -> BaseProcess:
        process = context.Process(target=function, args=arguments, kwargs=options, daemon=True)
        process.start()
        return process

    return start
