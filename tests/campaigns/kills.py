"""Runs that are killed at random moments, and go on: to the same bytes, and nothing is left behind."""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

import clusters
import forked
from kinds import KINDS, Kind, copy, differences, do, leftovers, nothing, outcome
from rows import Options, Row

from interpret.plugin import Executor
from interpret.run import read_json
from interpret_local import Local
from interpret_ray import Ray

sys.path.append(str(Path(__file__).parents[1] / "runs"))
from tiny_plugin import TOUCHING, killed_at

LOST = "A process that computed shards died"
WAYS = {"local": 10, "local, 2": 5, "local, 2, a worker": 3, "ray": 1, "ray, a worker": 1}
"""Who computes, which process is killed, and how many of the kills are of this way."""

OWN_RAY = 2
"""So many kills of runs that start a Ray of their own, in each campaign of a hundred kills or more."""


@dataclass
class Case:
    """A kind of work done in one way.

    Attributes:
        kind: The work.
        way: Who does it, and which process is killed.
        executor: Who does it.
        folder: Where.
        own: The processes that belong to the campaign.
        duration: Seconds that it takes undisturbed.
        touches: How often it touches the disk then.
        expected: What it comes to.
    """

    kind: Kind
    way: str
    executor: Executor
    folder: Path
    own: set[int]
    duration: float = 0.0
    touches: int = 0
    expected: dict[str, object] = field(default_factory=dict)

    @property
    def workers(self) -> Callable[[], list[int]]:
        """Finds the processes that compute beside that of the run."""
        return clusters.workers if self.way.startswith("ray") else forked.workers

    def measure(self) -> None:
        """Do the work undisturbed, twice, and see that it comes to the same."""
        begin, out, log = self.folder / "begin", self.folder / "out", self.folder / "log"
        begin.mkdir(parents=True)
        if self.kind.begin is not nothing:
            require(forked.finish(do, log, self.kind.begin, begin, Local()) == 0, forked.said(log))
        for work in (do, counted):
            copy(begin, out)
            began = time.monotonic()
            code = forked.finish(work, log, self.kind.work, out, self.executor)
            self.duration = time.monotonic() - began
            require(code == 0, f"undisturbed, it ended with {code}: {forked.said(log)}")
            found = outcome(out)
            different = differences(found, self.expected or found)
            require(not different, f"undisturbed, it came to two results: {different}")
            self.expected = found
            require(not leftovers(out), f"undisturbed, it left {leftovers(out)}")
        self.touches = int(forked.said(log).rpartition("touches: ")[2])


class BrokenError(Exception):
    """A promise that was not kept."""


def require(kept: bool, words: str) -> None:
    """Fail where something was not kept."""
    if not kept:
        raise BrokenError(words)


def counted(work: Callable[..., object], out: Path, executor: Executor) -> None:
    """Do some work, and say how often this process touched the disk."""
    count = [0]

    def touching(call: Callable[..., object]) -> Callable[..., object]:
        def before(*arguments: object, **options: object) -> object:
            count[0] += 1
            return call(*arguments, **options)

        return before

    for name in TOUCHING:
        setattr(os, name, touching(getattr(os, name)))
    do(work, out, executor)
    print(f"touches: {count[0]}")


def killing_itself(work: Callable[..., object], out: Path, executor: Executor, moment: int) -> None:
    """Do some work, and be killed before the disk is touched for the so-manieth time."""
    killed_at(moment)
    do(work, out, executor)


def rows(options: Options) -> Iterator[Row]:
    """Kill so many, case by case; those of Ray last, with one cluster for all of them."""
    cases = [f"{kind}: {way}" for way in WAYS for kind in KINDS if suits(kind, way)]
    wanted = {case: WAYS[case.partition(": ")[2]] for case in cases if options.wants(case)}
    own = set(forked.below(os.getpid()))
    with ExitStack() as ending:
        address, done = "", 0
        for number, (case, weight) in enumerate(wanted.items()):
            kind, _, way = case.partition(": ")
            if way.startswith("ray") and not address:
                address = ending.enter_context(clusters.cluster())
                own |= set(forked.below(os.getpid()))
            left = sum(list(wanted.values())[number:])
            quota = round((options.kills - done) * weight / left)
            done += quota
            if quota:
                folder = options.folder / f"case-{number}"
                yield kill_many(Case(KINDS[kind], way, by(way, address), folder, own), case, quota, options)
    if not options.cases and options.kills >= 100:
        yield kill_many(
            Case(KINDS["mining"], "ray", Ray(workers=2), options.folder / "own-ray", own),
            "mining: ray of its own", OWN_RAY, options,
        )  # fmt: skip


def suits(kind: str, way: str) -> bool:
    """Whether a kind of work can be done in a way that makes a difference."""
    if kind in {"gallery", "reading"}:
        return way == "local"
    return KINDS[kind].spread or way in {"local", "ray"}


def by(way: str, address: str) -> Executor:
    """Who computes."""
    if way.startswith("ray"):
        return Ray(workers=2, address=address)
    return Local(workers=2 if "2" in way else 1)


def kill_many(case: Case, name: str, quota: int, options: Options) -> Row:
    """Episodes of one case until so many kills have hit."""
    row, began = Row("kills", name), time.monotonic()
    try:
        case.measure()
    except BrokenError as broken:
        row.failures.append(f"{name}: {broken}")
        print(row.failures[-1], flush=True)
        return row
    number = max(options.only, 0)
    while row.hit < quota and row.tried < 4 * quota + 10:
        chance = random.Random(f"{options.seed} {name} {number}")
        try:
            episode(case, chance, row)
        except BrokenError as broken:
            again = f"PARTS=kills SEED={options.seed} CASES='{name}' ONLY={number}"
            row.failures.append(f"{name}, episode {number}: {broken} Repeat it: make campaign {again}")
            print(row.failures[-1], flush=True)
        number += 1
        if options.only >= 0:
            break
    row.seconds = time.monotonic() - began
    row.notes = dict(sorted(row.notes.items(), key=lambda item: -item[1])[:4])
    return row


def episode(case: Case, chance: random.Random, row: Row) -> None:
    """Kill a run, sometimes what goes on with it too, and let the last one finish."""
    out, log = case.folder / "out", case.folder / "log"
    copy(case.folder / "begin", out)
    log.unlink(missing_ok=True)
    try:
        while True:
            row.tried += 1
            if where := hit(case, chance, out, log):
                row.hit += 1
                row.note(where)
            if chance.random() < 0.6:
                break
        go_on(case, chance, out, log)
    finally:
        left = clusters.left_over() if case.way.startswith("ray") else []
        own = case.own | (set(forked.below(os.getpid())) if case.way.startswith("ray") else set())
        left += forked.left_over(own)
        forked.reap()
    require(not left, f"{len(left)} processes stayed after all had ended.")


def hit(case: Case, chance: random.Random, out: Path, log: Path) -> str:
    """Kill one run, or a worker of it; how far it had come, or nothing where there was nothing to kill."""
    if case.way == "local" and chance.random() < 0.4:
        return by_disk(case, chance.randrange(case.touches), out, log)
    child = forked.start(do, log, case.kind.work, out, case.executor)
    time.sleep(chance.random() * case.duration)
    if case.way.endswith("a worker"):
        return kill_worker(case, chance, child, out, log)
    lived = child.is_alive()
    forked.kill(child.pid or 0)
    child.join()
    if not lived:
        require(child.exitcode == 0, f"it ended with {child.exitcode}: {forked.said(log)}")
    return stage(out) if lived else ""


def by_disk(case: Case, moment: int, out: Path, log: Path) -> str:
    """Kill a run before it touches the disk for the so-manieth time."""
    code = forked.finish(killing_itself, log, case.kind.work, out, case.executor, moment)
    require(code in {0, -9}, f"it ended with {code}: {forked.said(log)}")
    return stage(out) if code == -9 else ""


def kill_worker(case: Case, chance: random.Random, child: BaseProcess, out: Path, log: Path) -> str:
    """Kill one worker once there is one; the run goes on with Ray, and says what happened otherwise."""
    while not (found := case.workers()) and child.is_alive():
        time.sleep(0.005)
    where = stage(out)
    killed = forked.kill(chance.choice(sorted(found))) if found else False
    child.join(120)
    code, said = child.exitcode, forked.said(log)
    if code is None:
        forked.kill(child.pid or 0)
    fine = code == 0 or (killed and case.way.startswith("local") and code == 1 and LOST in said)
    require(fine, f"after a worker was killed it ended with {code}: {said}")
    return where if killed else ""


def go_on(case: Case, chance: random.Random, out: Path, log: Path) -> None:
    """Let the same command finish, by the same executor or another, and look at all it left."""
    executor = case.executor if chance.random() < 0.5 else Local()
    code = forked.finish(do, log, case.kind.work, out, executor)
    require(code == 0, f"it went on and ended with {code}: {forked.said(log)}")
    different = differences(outcome(out), case.expected)
    require(not different, f"it went on to other files: {', '.join(different[:5])}.")
    require(not leftovers(out), f"it left {', '.join(leftovers(out))} behind.")


def stage(out: Path) -> str:
    """How far a killed run had come."""
    steps = read_json(out / "manifest.json").get("steps", {})
    running = [name for name, step in steps.items() if step["status"] == "running"]
    stored = any(out.glob("*/shards/**/result.json"))
    if running:
        return f"in {running[-1]}, parts stored" if stored else f"in {running[-1]}"
    return "between steps" if steps else "before the first step"
