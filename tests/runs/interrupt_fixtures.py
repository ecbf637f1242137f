"""Probes that hear nothing of Ctrl-C, and the program in a process of its own."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from typing import ClassVar

import tiny_plugin
import torch
from pydantic import Field

from interpret.cli import main
from interpret.images import Images
from interpret.network import Network
from interpret.plugin import Executor, Probe, hookimpl
from interpret.plugin import discovery as plugins
from interpret.plugin.discovery import Loaded, Origin, classify
from interpret.progress import track

END = 60.0
"""Seconds after which a probe ends that nothing stops."""


class Stubborn(Probe):
    """Works until it is stopped."""

    name: ClassVar[str] = "stubborn"
    how: str = Field("polite", description="polite, deaf, swallows or destructor.")
    started: Path = Field(description="A file that it writes when it is at work.")

    def run(self, network: Network, images: Images) -> tiny_plugin.Jitter:
        self.started.touch()
        end = time.monotonic() + END
        getattr(self, f"be_{self.how}")(lambda: time.monotonic() < end)
        return tiny_plugin.Jitter(torch.zeros(1), torch.zeros(1))

    def be_polite(self, going: Callable[[], bool]) -> None:
        for _ in track(range(60_000)):
            time.sleep(0.001)

    def be_deaf(self, going: Callable[[], bool]) -> None:
        time.sleep(END)

    def be_swallows(self, going: Callable[[], bool]) -> None:
        while going():
            with suppress(BaseException):  # as careless code does
                time.sleep(0.001)

    def be_destructor(self, going: Callable[[], bool]) -> None:
        class Slow:
            def __del__(self) -> None:
                time.sleep(0.01)

        while going():
            Slow()


def _sleep(number: int, note: str) -> int:
    if note == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    Path(note).write_text(str(os.getpid()))
    time.sleep(END)
    return number


class Processes(Executor):
    """Lets another process wait."""

    name: ClassVar[str] = "processes"

    def map(self, work: Callable[[range], None], shards: Iterable[range]) -> Iterator[range]:
        note = os.environ["INTERPRET_TEST_NOTE"]
        with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
            for shard in shards:
                pool.submit(_sleep, shard.start, note).result()
                yield shard


class Ours:
    @hookimpl
    def register_probes(self) -> list[type[Probe]]:
        return [Stubborn]

    @hookimpl
    def register_executors(self) -> list[type[Executor]]:
        return [Processes]


def program(arguments: list[str], log: str, **environment: str) -> None:
    """The program ``interpret`` with these plugins; what it says goes to ``log``."""
    os.environ.update(environment)
    torch.set_num_threads(1)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    found = {**tiny_plugin.parts(), "stubborn": Ours()}
    loaded = [Loaded(Origin("tests", "1", name), plugin) for name, plugin in found.items()]
    plugins.registry = lambda: classify(loaded)
    sys.argv = ["interpret", *arguments]
    main()
