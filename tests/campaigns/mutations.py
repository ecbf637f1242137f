"""Mutated inputs of every kind: each is read or refused; no code runs, nothing hangs."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import forked
from rows import Options, Row

CHUNK = 500
"""Inputs of one process: what a reader leaves in it is bounded, and a crash costs only these."""

FOLDER_FILES = (
    *("manifest.json", "peaks/step.json", "peaks/figures.json"),
    *("peaks/result.json", "peaks/result.safetensors"),
)

SHARES = {
    "pipelines": 30,
    "recipes": 15,
    "stored results": 12,
    "state files": 10,
    "pictures": 12,
    "weights": 6,
    "VOC annotations": 3,
    "Animal-Pose bytes": 2,
    "Animal-Pose values": 2,
    "categories": 4,
    "shards": 2,
    "tables": 1.5,
    **{f"run folders: {name}": 0.1 for name in FOLDER_FILES},
}

REFUSED = ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "pty.spawn", "subprocess.Popen")
"""What nothing that is only read may do, as Python's audit hooks see it."""


def rows(options: Options) -> Iterator[Row]:
    """All kinds, each with its share."""
    wanted = {case: share for case, share in SHARES.items() if options.wants(case)}
    for case, share in wanted.items():
        count = round(options.mutations * share / sum(wanted.values()))
        yield mutate(case, max(count, 1), options)


def mutate(case: str, count: int, options: Options) -> Row:
    """Try so many inputs of a kind, some in each process."""
    row, began = Row("mutations", case), time.monotonic()
    chunks = [options.only] if options.only >= 0 else range(-(-count // CHUNK))
    for chunk in chunks:
        folder = options.folder / f"{list(SHARES).index(case)}-{chunk}"
        folder.mkdir()
        log, size = folder / "log", min(CHUNK, count - chunk * CHUNK) if options.only < 0 else CHUNK
        code = forked.finish(try_some, log, case, f"{options.seed} {case} {chunk}", max(size, 1), folder)
        tried = forked.said(log).rpartition("tried: ")[2].split()
        row.tried += int(tried[0]) if tried and tried[0].isdigit() else size
        if code:
            again = f"PARTS=mutations SEED={options.seed} CASES='{case}' ONLY={chunk}"
            words = forked.said(log)[-3000:]
            row.failures.append(
                f"{case}, chunk {chunk} ended with {code}: {words} Repeat it: make campaign {again}"
            )
            print(row.failures[-1], flush=True)
    row.hit, row.seconds = row.tried, time.monotonic() - began
    return row


def try_some(case: str, seed: str, count: int, folder: Path) -> None:
    """Try so many inputs in this process; what they must not do ends it."""
    tests = Path(__file__).parents[1]
    sys.path[:0] = [
        str(tests / name) for name in ("fuzz", "runs", "datasets")
    ]  # others have a test_files, too
    from hypothesis import seed as seeding  # noqa: PLC0415 - it takes a second

    counted = [0]
    work = folder / "work"
    work.mkdir()
    trials = partial(_chosen, seeding(int.from_bytes(seed.encode(), "little")), count, counted)
    os.chdir(work)
    sys.addaudithook(partial(_watch, os.getpid()))
    try:
        _targets()[case](work, trials)
    finally:
        print(f"tried: {counted[0]}", flush=True)


def _watch(process: int, event: str, arguments: tuple[Any, ...]) -> None:
    if event in REFUSED and os.getpid() == process:
        raise PermissionError(f"an input that is only read led to {event}{arguments!r:.500}")


def _chosen(seeding: Any, count: int, counted: list[int], test: Any) -> Any:
    """A test of hypothesis with so many inputs, which are counted."""
    from fuzzing import MANY  # noqa: PLC0415
    from hypothesis import Phase, settings  # noqa: PLC0415

    inner = test.hypothesis.inner_test

    def counting(*arguments: Any, **named: Any) -> None:
        counted[0] += 1
        inner(*arguments, **named)

    test.hypothesis.inner_test = counting
    return seeding(settings(MANY, max_examples=count, phases=[Phase.generate])(test))


Trials = Callable[[Any], Any]


def _targets() -> dict[str, Callable[[Path, Trials], None]]:
    """How the tests in ``tests/fuzz`` try inputs of each kind, with other settings."""
    import test_files  # noqa: PLC0415 - they import what takes time
    import test_run_folders  # noqa: PLC0415
    import test_shards  # noqa: PLC0415
    import test_stored  # noqa: PLC0415
    import test_yaml  # noqa: PLC0415
    from hypothesis import given  # noqa: PLC0415
    from hypothesis import strategies as st  # noqa: PLC0415

    def of_text(
        paths: list[Path], check: Callable[[Path, bytes], None], folder: Path, trials: Trials
    ) -> None:
        hostile = test_yaml.mutants(paths) | test_yaml.exchanged(paths) | test_yaml.BYTES

        @trials
        @given(hostile)
        def run(content: bytes) -> None:
            check(folder, content)

        run()

    def of_stored(check: Callable[[Path, Any], None], folder: Path, trials: Trials) -> None:
        made = test_stored.make_run(folder)

        @trials
        @given(st.data())
        def run(data: Any) -> None:
            check(made, data)

        run()

    def of_files(name: str, folder: Path, trials: Trials) -> None:
        test_files.fuzz(test_files.TARGETS[name], folder, trials)

    def of_shards(name: str, folder: Path, trials: Trials) -> None:
        contents = test_shards.TARGETS[name][0]()

        @trials
        @given(st.sampled_from(contents).flatmap(test_shards.edited))
        def run(data: bytes) -> None:
            test_shards.trial(name, data)

        run()

    def of_run_folders(name: str, folder: Path, trials: Trials) -> None:
        for path in (folder / "origin", folder / "place"):
            path.mkdir()
        origin = test_run_folders.make_origin(folder / "origin")
        test_run_folders.fuzz(origin, folder / "place", name, trials)

    return {
        "pipelines": partial(of_text, test_yaml.PIPELINES, test_yaml.check_pipeline),
        "recipes": partial(of_text, test_yaml.RECIPES, test_yaml.check_recipe),
        "stored results": partial(of_stored, test_stored.try_result),
        "state files": partial(of_stored, test_stored.try_state),
        "pictures": partial(of_files, "picture"),
        "weights": partial(of_files, "weights"),
        "VOC annotations": partial(of_files, "VOC annotation"),
        "Animal-Pose bytes": partial(of_files, "Animal-Pose bytes"),
        "Animal-Pose values": partial(of_files, "Animal-Pose values"),
        "categories": partial(of_files, "categories"),
        "shards": partial(of_shards, "shard"),
        "tables": partial(of_shards, "table"),
        **{f"run folders: {name}": partial(of_run_folders, name) for name in FOLDER_FILES},
    }
