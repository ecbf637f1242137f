"""What the world does to a run: read-only folders, files that vanish or change, clocks, other runs."""

from __future__ import annotations

import os
import random
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import forked
from disks import bound, cannot_mount, mounted, remount, unplug
from kills import BrokenError, require
from kinds import ASKED, DRAWN, MINED, NET, Work, differences, do, draw_gallery, leftovers, outcome, pipeline
from rows import Options, Row

from interpret import load_result
from interpret.errors import InterpretError
from interpret.plugin import Executor
from interpret.progress import Progress
from interpret.run import run_pipeline
from interpret_local import Local

sys.path.append(str(Path(__file__).parents[1] / "datasets"))
from shard_fixtures import picture

DAY = 86_400
PHOTOGRAPHS = 48
STEPS = {**DRAWN, "asked": ASKED}


@dataclass(frozen=True)
class Place:
    """Where one trial is done.

    Attributes:
        folder: Empty at first.
        chance: Decides when.
        expected: What the undisturbed run of `STEPS` comes to.
        finished: The folder of that run.
    """

    folder: Path
    chance: random.Random
    expected: dict[str, object]
    finished: Path

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def do(self, work: Work) -> tuple[int, str]:
        """Do some work in a process of its own; its exit code, and what it said."""
        self.log.unlink(missing_ok=True)
        code = forked.finish(do, self.log, work, self.out, Local())
        said = forked.said(self.log)
        require(code in {0, 1}, f"it ended with {code}: {said}")
        return code, said

    def goes_on(self, work: Work, expected: dict[str, object]) -> None:
        """The same command finishes, and comes to what an undisturbed run comes to."""
        code, said = self.do(work)
        require(code == 0, f"the same command ended with {code}: {said}")
        different = differences(outcome(self.out), expected)
        require(not different, f"the same command came to other files: {different}.")
        require(not leftovers(self.out), f"it left {leftovers(self.out)} behind.")


def run(out: Path, executor: Executor) -> None:
    """The run that is troubled."""
    run_pipeline(pipeline(24, **STEPS), out, executor=executor)


class Meanwhile(Progress):
    """Does something when so much of a run is done."""

    def __init__(self, after: int, then: Callable[[], object]) -> None:
        self.left, self.then = after, then

    def advanced(self, step: str, parts: int) -> None:
        self.left -= parts
        if self.left <= 0 < self.left + parts:
            self.then()


def told(said: str, *words: str) -> None:
    """What was said has all these words."""
    for word in words:
        require(word in said, f"it does not say {word!r}: {said}")


# Folders that cannot be written.


def a_folder_that_is_read_only(place: Place) -> None:
    with mounted(place.folder / "disk") as disk:
        shutil.copytree(place.finished, disk / "out")
        remount(disk, "ro")
        there = Place(disk, place.chance, place.expected, place.finished)
        code, said = _at(place, there.out, run)
        require(code == 1, "a run in a folder that is read-only said that all is well")
        told(said, str(there.out), "Read-only file system", "choose another folder")
        for step in STEPS:
            load_result(there.out / step)
        code, said = _at(place, there.out, draw_gallery)
        require(code == 1, "a gallery in a folder that is read-only said that all is well")
        told(said, "Read-only file system", "--out FOLDER")
        code, said = _at(place, there.out, _gallery_elsewhere(place.folder / "site"))
        require(code == 0, f"a gallery elsewhere ended with {code}: {said}")
        require((place.folder / "site/index.html").is_file(), "there is no gallery")


def _at(place: Place, out: Path, work: Work) -> tuple[int, str]:
    place.log.unlink(missing_ok=True)
    code = forked.finish(do, place.log, work, out, Local())
    said = forked.said(place.log)
    require(code in {0, 1}, f"it ended with {code}: {said}")
    return code, said


def _gallery_elsewhere(folder: Path) -> Work:
    from interpret.run.exporting import export_runs  # noqa: PLC0415 - only here
    from interpret_gallery import Gallery  # noqa: PLC0415

    return lambda out, executor: export_runs([out], Gallery(), folder)


def a_disk_that_is_unplugged(place: Place) -> None:
    """What is written from then on goes to the folder that is under it."""
    real, disk = place.folder / "real", place.folder / "disk"
    real.mkdir()
    with bound(real, disk):
        _disturbed_by(place, disk / "out", lambda: unplug(disk))
    with bound(real, disk):
        code, said = _at(place, disk / "out", run)
        require(code == 0, f"the same command ended with {code}: {said}")
        different = differences(outcome(disk / "out"), place.expected)
        require(not different, f"the same command came to other files: {different}.")


def _disturbed_by(place: Place, out: Path, then: Callable[[], object]) -> None:
    after = place.chance.randint(1, 60)

    def work(out: Path, executor: Executor) -> None:
        run_pipeline(pipeline(24, **STEPS), out, executor=executor, progress=Meanwhile(after, then))

    _at(place, out, work)


# Photographs and weights.


def photographs(folder: Path) -> Path:
    """Some small photographs."""
    folder.mkdir()
    for index in range(PHOTOGRAPHS):
        picture(index, (64, 64)).save(folder / f"{index:03d}.png")
    return folder


def mining(photos: Path, **changes: Any) -> dict[str, Any]:
    """A pipeline about photographs."""
    return {
        "version": 1,
        "models": {"net": NET},
        "datasets": {"mine": {"name": "folder", "path": str(photos)}},
        "steps": {"mined": {**MINED, **changes}},
    }


def photographs_that_are_read_only(place: Place) -> None:
    with mounted(place.folder / "disk") as disk:
        photos = photographs(disk / "photos")
        text = mining(photos)
        remount(disk, "ro")
        place.goes_on(lambda out, executor: run_pipeline(text, out, executor=executor), _mined(place, text))


def _mined(place: Place, text: dict[str, Any]) -> dict[str, object]:
    """What an undisturbed run of a pipeline comes to."""
    straight = place.folder / "straight"
    code, said = _at(place, straight, lambda out, executor: run_pipeline(text, out, executor=executor))
    require(code == 0, f"undisturbed, it ended with {code}: {said}")
    return outcome(straight)


def _disturbed(place: Place, text: dict[str, Any], then: Callable[[], object]) -> tuple[int, str]:
    after = place.chance.randint(1, PHOTOGRAPHS - 9)

    def work(out: Path, executor: Executor) -> None:
        run_pipeline(text, out, executor=executor, progress=Meanwhile(after, then))

    return place.do(work)


def photographs_that_vanish(place: Place) -> None:
    photos = photographs(place.folder / "photos")
    text, away = mining(photos), place.folder / "away"
    expected = _mined(place, text)
    code, said = _disturbed(place, text, lambda: photos.rename(away))
    if code:
        told(said, ".png")
    if not photos.exists():
        away.rename(photos)
    place.goes_on(lambda out, executor: run_pipeline(text, out, executor=executor), expected)


def photographs_that_vanish_and_may_be_skipped(place: Place) -> None:
    photos = photographs(place.folder / "photos")
    text, away = mining(photos, on_error="skip"), place.folder / "away"
    expected = _mined(place, text)
    _disturbed(place, text, lambda: photos.rename(away))
    if not photos.exists():
        away.rename(photos)
    place.goes_on(lambda out, executor: run_pipeline(text, out, executor=executor), expected)


def photographs_that_change(place: Place) -> None:
    photos = photographs(place.folder / "photos")
    text, kept = mining(photos), place.folder / "kept"
    expected = _mined(place, text)
    shutil.copytree(photos, kept)

    def change() -> None:
        for index in range(PHOTOGRAPHS):
            picture(index + 1000, (64, 64)).save(photos / f"{index:03d}.png")

    code, said = _disturbed(place, text, change)
    if code:
        told(said, "changed", "again")
    shutil.rmtree(photos)
    shutil.copytree(kept, photos)
    place.goes_on(lambda out, executor: run_pipeline(text, out, executor=executor), expected)


def weights_that_vanish(place: Place) -> None:
    weights = place.folder / "weights.safetensors"
    code = forked.finish(_save_weights, place.log, weights)
    require(code == 0, forked.said(place.log))
    text = pipeline(24, **STEPS)
    text["models"] = {"net": {**NET, "weights": str(weights)}}
    expected = _mined(place, text)
    workers = Local(workers=2)
    away = weights.with_name("away")

    def work(out: Path, executor: Executor) -> None:
        meanwhile = Meanwhile(place.chance.randint(1, 60), lambda: weights.rename(away))
        run_pipeline(text, out, executor=workers, progress=meanwhile)

    code, said = place.do(work)
    if code:
        told(said, str(weights))
    if away.exists():
        away.rename(weights)
    place.goes_on(lambda out, executor: run_pipeline(text, out, executor=executor), expected)


def _save_weights(file: Path) -> None:
    from safetensors.torch import save_file  # noqa: PLC0415

    import interpret  # noqa: PLC0415 - only here

    save_file(interpret.load_model(**NET).module.state_dict(), file)


# The run folder.


def files_of_the_run_that_vanish(place: Place) -> None:
    child = forked.start(do, place.log, run, place.out, Local())
    while child.is_alive():
        time.sleep(place.chance.uniform(0, 0.1))
        there = [path for path in place.out.rglob("*") if path.name != ".lock"] if place.out.exists() else []
        if there:
            gone = place.chance.choice(sorted(there))
            shutil.rmtree(gone, ignore_errors=True) if gone.is_dir() else gone.unlink(missing_ok=True)
    child.join()
    require(child.exitcode in {0, 1}, f"it ended with {child.exitcode}: {forked.said(place.log)}")
    place.goes_on(run, place.expected)


def the_run_folder_vanishes(place: Place) -> None:
    child = forked.start(do, place.log, run, place.out, Local())
    time.sleep(place.chance.uniform(0, 1.5))
    shutil.rmtree(place.out, ignore_errors=True)
    child.join()
    require(child.exitcode in {0, 1}, f"it ended with {child.exitcode}: {forked.said(place.log)}")
    place.goes_on(run, place.expected)


# Clocks.


def a_clock_that_is_set_back(place: Place) -> None:
    """All that is there is of tomorrow, as after the clock was set back by a day; and the run was killed."""
    child = forked.start(do, place.log, run, place.out, Local())
    time.sleep(place.chance.uniform(0.1, 1.5))
    forked.kill(child.pid or 0)
    child.join()
    _be_of(place.out, time.time() + DAY)
    place.goes_on(run, place.expected)
    _be_of(place.out, time.time() + DAY)
    place.goes_on(run, place.expected)


def photographs_of_tomorrow(place: Place) -> None:
    """Photographs are of tomorrow; one that is exchanged is seen, though it is of yesterday."""
    photos = photographs(place.folder / "photos")
    _be_of(photos, time.time() + DAY)
    text = mining(photos)

    def work(out: Path, executor: Executor) -> None:
        run_pipeline(text, out, executor=executor)

    place.goes_on(work, _mined(place, text))
    changed = photos / f"{place.chance.randrange(PHOTOGRAPHS):03d}.png"
    picture(999, (64, 64)).save(changed)
    os.utime(changed, times=(time.time() - DAY,) * 2)
    shutil.rmtree(place.folder / "straight")
    place.goes_on(work, _mined(place, text))


def _be_of(folder: Path, when: float) -> None:
    for path in folder.rglob("*"):
        os.utime(path, (when, when))


# Two at once.


def _two(place: Place, one: Work, other: Work) -> str:
    """Two processes in one folder at the same time: each is done, or told that the folder is in use."""
    first = forked.start(do, place.log, one, place.out, Local())
    time.sleep(place.chance.choice([0, place.chance.uniform(0, 1)]))
    second = forked.start(do, place.log, other, place.out, Local())
    for child in (first, second):
        child.join()
    said = forked.said(place.log)
    codes = sorted([first.exitcode or 0, second.exitcode or 0])
    require(codes in ([0, 0], [0, 1]), f"they ended with {codes}: {said}")
    if codes == [0, 1]:
        told(said, "in use by another run", "Wait until it is done, or choose another folder")
    return said


def two_runs_of_one_pipeline(place: Place) -> None:
    _two(place, run, run)
    different = differences(outcome(place.out), place.expected)
    require(not different, f"they came to other files: {different}")
    place.goes_on(run, place.expected)


def two_runs_of_two_pipelines(place: Place) -> None:
    other = {**STEPS, "mined": {**STEPS["mined"], "k": 3}, "more": {**MINED, "k": 1}}
    _two(place, run, lambda out, executor: run_pipeline(pipeline(24, **other), out, executor=executor))
    shutil.rmtree(place.out / "more", ignore_errors=True)
    place.goes_on(run, place.expected)


def two_galleries(place: Place) -> None:
    shutil.copytree(place.finished, place.out)
    _two(place, draw_gallery, draw_gallery)
    _two(place, draw_gallery, run)
    require((place.out / "gallery/index.html").is_file(), "there is no gallery")
    shutil.rmtree(place.out / "gallery")
    place.goes_on(run, place.expected)


MOUNTING = (a_folder_that_is_read_only, a_disk_that_is_unplugged, photographs_that_are_read_only)
TROUBLES = (
    *MOUNTING,
    photographs_that_vanish,
    photographs_that_vanish_and_may_be_skipped,
    photographs_that_change,
    weights_that_vanish,
    files_of_the_run_that_vanish,
    the_run_folder_vanishes,
    a_clock_that_is_set_back,
    photographs_of_tomorrow,
    two_runs_of_one_pipeline,
    two_runs_of_two_pipelines,
    two_galleries,
)


def rows(options: Options) -> Iterator[Row]:
    """Every trouble, some times each."""
    finished, log = options.folder / "finished", options.folder / "log"
    assert forked.finish(do, log, run, finished, Local()) == 0, forked.said(log)
    expected, cannot = outcome(finished), cannot_mount()
    for trouble in TROUBLES:
        name = trouble.__name__.replace("_", " ")
        if not options.wants(name):
            continue
        if cannot and trouble in MOUNTING:
            yield Row("troubles", f"{name}: left out, {cannot}")
            continue
        row, began = Row("troubles", name), time.monotonic()
        for number in [options.only] if options.only >= 0 else range(options.troubles):
            place = Place(
                options.folder / "trial", random.Random(f"{options.seed} {name} {number}"), expected, finished
            )
            (place.folder / "disk").mkdir(parents=True)
            row.tried += 1
            try:
                trouble(place)
                row.hit += 1
            except BrokenError as broken:
                again = f"PARTS=troubles SEED={options.seed} CASES='{name}' ONLY={number}"
                row.failures.append(f"{name}, trial {number}: {broken} Repeat it: make campaign {again}")
                print(row.failures[-1], flush=True)
            except InterpretError as error:
                row.failures.append(f"{name}, trial {number}: {error}")
            forked.reap()
            shutil.rmtree(place.folder)
        row.seconds = time.monotonic() - began
        yield row
