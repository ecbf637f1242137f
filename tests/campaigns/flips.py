"""Bits that are flipped in every kind of stored file: found and named, or harmless; never a wrong number."""

from __future__ import annotations

import json
import random
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import forked
import kinds
from kills import BrokenError, require
from kinds import DRAWN, copy, differences, do, draw_gallery, outcome, pipeline, without_times
from rows import Options, Row

from interpret import load_result
from interpret.errors import InterpretError
from interpret.plugin import Executor
from interpret.run import read_json, run_pipeline
from interpret_local import Local

STEPS = {
    **DRAWN,
    "learnt": {"probe": "train", "recipe": kinds.RECIPE, "validation": None},
    "judged": {**kinds.JUDGED, "weights": "learnt"},
}
CURE = re.compile(r"again|Run|[Rr]emove|Train|Update|Give|Move")


def run(out: Path, executor: Executor) -> None:
    """All steps, and the gallery."""
    run_pipeline(pipeline(24, **STEPS), out, executor=executor)


def run_all(out: Path, executor: Executor) -> None:
    """All steps, and the gallery."""
    run(out, executor)
    draw_gallery(out, executor)


def read(folder: Path) -> dict[str, object]:
    """What a stored result says, but for times."""
    tensors = (folder / "result.safetensors").read_bytes()
    return {"tensors": tensors, "rest": without_times(json.loads((folder / "result.json").read_text()))}


def stored(folder: Path) -> dict[str, object]:
    """What is in a run folder and its gallery, but for pages with times, and what was computed or kept."""
    left_out = ("gallery/exported.json", "gallery/steps/judged/index.html")
    return {name: data for name, data in outcome(folder).items() if name not in left_out}


def kind_of(name: str) -> str:
    """The kind of a stored file: its name without numbers and hashes."""
    return re.sub(r"\d+", "0", re.sub(r"[0-9a-f]{32,64}", "HASH", name))


def rows(options: Options) -> Iterator[Row]:
    """Finished runs and their galleries, what finished runs would compute from, and runs that were killed."""
    folder, log = options.folder, options.folder / "log"
    whole = folder / "whole/run"
    whole.parent.mkdir()
    began = time.monotonic()
    assert forked.finish(do, log, run_all, whole, Local()) == 0, forked.said(log)
    duration, expected = time.monotonic() - began, stored(whole)
    states = {"finished": 3, "computed from caches": 1, "killed": 2}
    for state, weight in states.items():
        if options.wants(state):
            trials = Trials(state, folder, expected, duration, options.seed)
            yield trials.all(round(options.flips * weight / sum(states.values())), options.only)


class Trials:
    """Flips of bits in folders of one state.

    Args:
        state: What was done to the folder before.
        folder: Where.
        expected: What an undisturbed run and its gallery come to.
        duration: How long they take.
        seed: Of all chance.
    """

    def __init__(
        self, state: str, folder: Path, expected: dict[str, object], duration: float, seed: int
    ) -> None:
        self.state, self.whole, self.out = state, folder / "whole/run", folder / "trial/run"
        self.log, self.expected, self.duration, self.seed = folder / "log", expected, duration, seed

    def all(self, count: int, only: int) -> Row:
        """So many flips."""
        row, began = Row("flips", self.state), time.monotonic()
        for number in [only] if only >= 0 else range(count):
            chance, name = random.Random(f"{self.seed} {self.state} {number}"), ""
            row.tried += 1
            self.log.unlink(missing_ok=True)
            try:
                self.start(chance)
                name = self.flip(chance)
                row.hit += 1
                self.look(name, row)
            except BrokenError as broken:
                again = f"PARTS=flips SEED={self.seed} CASES='{self.state}' ONLY={number}"
                row.failures.append(f"{name} ({self.state}): {broken} Repeat it: make campaign {again}")
                print(row.failures[-1], flush=True)
        row.seconds = time.monotonic() - began
        return row

    def start(self, chance: random.Random) -> None:
        """The folder as it is before."""
        copy(self.whole, self.out)
        if self.state == "computed from caches":
            for path in self.out.glob("*/step.json"):
                path.unlink()
        elif self.state == "killed":
            shutil.rmtree(self.out)
            child = forked.start(do, self.log, run, self.out, Local())
            time.sleep(chance.uniform(0.2, 1) * self.duration)
            forked.kill(child.pid or 0)
            child.join()
            forked.reap()

    def flip(self, chance: random.Random) -> str:
        """Flip one bit of one file, of each kind as often; returns its name."""
        found: dict[str, list[Path]] = {}
        for path in sorted(self.out.rglob("*")):
            if path.is_file() and path.stat().st_size:
                found.setdefault(kind_of(str(path.relative_to(self.out))), []).append(path)
        if not found:
            return ""  # killed before it wrote anything
        path = chance.choice(found[chance.choice(sorted(found))])
        data = bytearray(path.read_bytes())
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.unlink()  # its other names, in caches, are other files on other disks
        path.write_bytes(data)
        return str(path.relative_to(self.out))

    def look(self, name: str, row: Row) -> None:
        """Read, draw and run again: all is as it should be, or refused in words that help."""
        code = forked.finish(read_all, self.log, self.whole, self.out)
        said = forked.said(self.log)
        require(code == 0, f"reading it ended with {code}: {said}")
        if "refused" in said:
            row.note("refused when read")
        for attempt in range(2):
            code = forked.finish(do, self.log, run_all, self.out, Local())
            said = forked.said(self.log)
            require(code in {0, 1}, f"the same command ended with {code}: {said}")
            if code == 0:
                break
            require(attempt == 0 and name in said, f"the same command is refused: {said}")
            what = self.out / name
            what.unlink() if what.name != "exported.json" else shutil.rmtree(what.parent)
            row.note("to be removed")
        different = differences(stored(self.out), self.expected)
        require(not different, f"the same command came to other files: {', '.join(different)}. {said}")


def read_all(whole: Path, out: Path) -> None:
    """Read every result and make a gallery elsewhere; each is what it was, or refused with a cure."""
    for step in STEPS:
        try:
            found = load_result(out / step)
        except InterpretError as error:
            _require_cure(str(error), out)
            continue
        one, other = Path(mkdtemp()), Path(mkdtemp())
        found.save(one)
        load_result(whole / step).save(other)
        assert not differences(read(one), read(other)), f"{step} is read otherwise"
    _require_same_pipeline(whole, out)


def _require_same_pipeline(whole: Path, out: Path) -> None:
    """What the manifest says was asked is what was asked, or refused."""
    from interpret.run import open_run  # noqa: PLC0415 - only here

    try:
        opened = open_run(out)
        asked = opened.pipeline.resolved()
    except InterpretError as error:
        _require_cure(str(error), out)
        return
    assert asked == open_run(whole).pipeline.resolved(), "the manifest says that something else was asked"
    known = read_json(whole / "manifest.json")["steps"]
    for name, step in opened.steps.items():
        assert step.key in {"", known[name]["key"]}, f"the manifest gives {name} another key"


def _require_cure(said: str, out: Path) -> None:
    print("refused:", said, flush=True)
    assert str(out) in said, f"it does not name what is wrong: {said}"
    assert CURE.search(said), f"it does not say what to do: {said}"
