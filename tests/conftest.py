"""What all tests share: processes to kill that need not import PyTorch first, and reports in UTF-8."""

from __future__ import annotations

import gc
import multiprocessing
import signal
import sys
from collections.abc import Callable, Generator
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

sys.path += sorted(
    str(folder) for folder in Path(__file__).parent.glob("*/")
)  # what tests import from each other

IMPORTED = [
    "interpret.run.runner",
    "interpret_topk",
    "interpret_training.lightning_module",
    "interpret_transfer",
]

if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # inherited in the background of a script: no test could stop a run
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """What was imported stays: no later collection looks through its million objects, a tenth of all time."""
    gc.freeze()


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


@pytest.fixture
def made() -> SimpleNamespace:
    """Makers of small results and images: ``made.layer``, ``made.projections``, ``made.Squares``."""
    import squares  # noqa: PLC0415 - what most tests do without

    return SimpleNamespace(**vars(squares))


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """Reports travel between processes as UTF-8; hostile names in the message of a failing test are not."""
    return _as_utf8((yield))


def _as_utf8(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_as_utf8(key): _as_utf8(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_as_utf8, value))
    return value
