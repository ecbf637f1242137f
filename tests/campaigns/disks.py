"""Disks that are full at every write: small real file systems, then more room, and the same command again."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import forked
import yaml
from kills import BrokenError, require
from kinds import KINDS, Kind, Work, differences, do, leftovers, nothing, outcome
from rows import Options, Row

from interpret.plugin import Executor
from interpret.run import run_pipeline
from interpret_local import Local

sys.path.append(str(Path(__file__).parents[1] / "runs"))
import test_kills
import tiny_plugin

PAGE = os.sysconf("SC_PAGE_SIZE")
PLENTY = 1 << 28
CURES = ("make room", "Mend that", "Make room", "Write it elsewhere")


def tiny(text: str) -> Work:
    """Work of milliseconds, which touches the disk in every way."""

    def work(out: Path, executor: Executor) -> None:
        run_pipeline(yaml.safe_load(text), out, registry=tiny_plugin.registry())

    return work


TINY = {
    "tiny": Kind(tiny(test_kills.PIPELINE)),
    "tiny, changed": Kind(tiny(test_kills.PIPELINE), begin=tiny(test_kills.BEFORE)),
}


def cannot_mount() -> str:
    """Why no file system can be mounted here; empty if one can."""
    folder = Path(os.environ.get("TMPDIR", "/tmp"), f"campaign-mount-{os.getpid()}")
    folder.mkdir()
    try:
        with mounted(folder):
            return ""
    except (OSError, subprocess.CalledProcessError) as error:
        return f"no file system can be mounted here ({error})"
    finally:
        folder.rmdir()


@contextmanager
def mounted(folder: Path) -> Iterator[Path]:
    """A file system in memory, with plenty of room."""
    _mount("-t", "tmpfs", "-o", f"size={PLENTY}", "campaign", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True, capture_output=True)


@contextmanager
def bound(source: Path, folder: Path) -> Iterator[None]:
    """A folder that shows another one, unless it is unplugged before."""
    _mount("--bind", str(source), str(folder))
    try:
        yield
    finally:
        unplug(folder)


def unplug(folder: Path) -> None:
    """Take a file system away, though files on it are open; it may be gone already."""
    subprocess.run(["umount", "--lazy", str(folder)], check=False, capture_output=True)


def remount(folder: Path, options: str) -> None:
    """Change what a file system offers."""
    _mount("-o", f"remount,{options}", str(folder))


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)


def used(folder: Path) -> dict[str, int]:
    """How much of a file system is taken."""
    found = os.statvfs(folder)
    return {
        "size": (found.f_blocks - found.f_bfree) * found.f_frsize,
        "nr_inodes": found.f_files - found.f_ffree,
    }


TINY_SHARE = 10
"""So many more trials of work that takes milliseconds."""

UNITS = {"size": PAGE, "nr_inodes": 1}


def rows(options: Options) -> Iterator[Row]:
    """The tiny work with every size and every number of files, the others with some by chance."""
    if reason := cannot_mount():
        yield Row("disks", f"left out: {reason}")
        return
    kinds = {**TINY, **KINDS}
    cases = [(name, unit) for name in kinds for unit in UNITS if options.wants(f"{name}: {unit}")]
    shares = [TINY_SHARE if name in TINY else 1 for name, _ in cases]
    for number, (name, unit) in enumerate(cases):
        share = max(options.full * shares[number] // sum(shares), 1)
        row, began = Row("disks", f"{name}: {unit}"), time.monotonic()
        Case(name, kinds[name], unit, options.folder / str(number)).fill(row, share, options)
        row.seconds = time.monotonic() - began
        yield row


class Case:
    """A kind of work on a file system that runs full.

    Args:
        name: Its name.
        kind: The work.
        unit: What there is too little of.
        folder: Where.
    """

    def __init__(self, name: str, kind: Kind, unit: str, folder: Path) -> None:
        self.name, self.kind, self.unit = name, kind, unit
        self.begin, self.disk, self.log = folder / "begin", folder / "disk", folder / "log"
        for path in (self.begin, self.disk):
            path.mkdir(parents=True)

    def fill(self, row: Row, share: int, options: Options) -> None:
        """Try sizes from none to enough: all, or as many as there are to be."""
        try:
            need = self.measure()
        except BrokenError as broken:
            row.failures.append(f"{row.case}: {broken}")
            return
        rooms = range(need // UNITS[self.unit] + 8)
        chance = random.Random(f"{options.seed} {row.case}")
        tried = [options.only] if options.only >= 0 else sorted(chance.sample(rooms, min(share, len(rooms))))
        for room in tried:
            row.tried += 1
            try:
                row.hit += self.trial(room)
            except BrokenError as broken:
                again = f"PARTS=disks CASES='{row.case}' ONLY={room}"
                row.failures.append(f"{row.case}, room {room}: {broken} Repeat it: make campaign {again}")
                print(row.failures[-1], flush=True)

    def measure(self) -> int:
        """Do the work with plenty of room, and see how much it takes."""
        if self.kind.begin is not nothing:
            self.run(self.kind.begin, self.begin)
        with mounted(self.disk):
            before = self.start()
            self.run(self.kind.work, self.disk / "out")
            self.expected = outcome(self.disk / "out")
            self.kept = {name: data for name, data in self.before.items() if self.expected.get(name) == data}
            return max(used(self.disk)[self.unit] - before, 0)

    def start(self) -> int:
        """Put what is there before on the disk; how much it takes."""
        shutil.copytree(self.begin, self.disk / "out")
        self.before = outcome(self.begin)
        return used(self.disk)[self.unit]

    def run(self, work: Work, out: Path) -> None:
        """Do some work that must succeed."""
        code = forked.finish(do, self.log, work, out, Local())
        require(code == 0, f"it ended with {code}: {forked.said(self.log)}")

    def trial(self, room: int) -> bool:
        """Run with too little room, then with plenty; whether the disk was full."""
        self.log.unlink(missing_ok=True)
        with mounted(self.disk):
            out, before = self.disk / "out", self.start()
            remount(self.disk, f"{self.unit}={max(before + room * UNITS[self.unit], 1)}")
            code = forked.finish(do, self.log, self.kind.work, out, Local())
            said = forked.said(self.log)
            require(code in {0, 1}, f"it ended with {code}: {said}")
            if code == 1:
                require("No space left" in said, f"it does not say what is missing: {said}")
                require(any(cure in said for cure in CURES), f"it does not say what to do: {said}")
            lost = [name for name, data in self.kept.items() if outcome(out).get(name) != data]
            require(not lost, f"what was stored is gone: {lost}. {said}")
            remount(self.disk, "nr_inodes=0" if self.unit == "nr_inodes" else f"size={PLENTY}")
            self.run(self.kind.work, out)
            different = differences(outcome(out), self.expected)
            require(not different, f"with room it went on to other files: {different}.")
            require(not leftovers(out), f"it left {leftovers(out)} behind.")
        return code == 1
