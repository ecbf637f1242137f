"""A real browser for the tests of pages; they are skipped where there is none.

``INTERPRET_BROWSER`` names another program than the Chromium or Chrome that is found. Where it is
``required``, as in continuous integration, a missing browser is a failure.
"""

from __future__ import annotations

import faulthandler
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from browsing import address, chromium, find_browser, opened, settle

from interpret.plugin import registry
from interpret.run import export_runs, run_pipeline

SCENES: dict[str, Any] = {
    "version": 1,
    "models": {"net": {"name": "zfnet", "weights": "scenes"}},
    "datasets": {"val": {"name": "scenes", "split": "val", "limit": 40}},
    "steps": {
        "strongest": {"probe": "topk", "layers": ["layer1", "layer2"], "k": 9},
        "features": {"probe": "deconv", "inputs": {"exemplars": "strongest"}},
        "where": {"probe": "occlusion", "images": [0, 1], "window": 24, "stride": 12},
    },
}

LONGEST = 300
"""Seconds after which a page that hangs ends the process of its test: nothing else could."""


@pytest.fixture(autouse=True)
def _limited() -> Iterator[None]:
    faulthandler.dump_traceback_later(LONGEST, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One browser for each process of the tests, without a window."""
    program = find_browser()
    if program is None:
        stop = pytest.fail if os.environ.get("INTERPRET_BROWSER") else pytest.skip
        stop("There is no Chromium: `make browser` installs it, or says how. INTERPRET_BROWSER may name one.")
    with chromium(program) as started:
        yield started


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open a page of a site: ``visit(folder or address, "page.html", size=PHONE, theme="dark")``.

    At the end the test fails if a page said something on its console, threw an error, missed a file, opened a
    dialog or asked for anything outside of its site.
    """
    watches = []
    with ExitStack() as stack:

        def go(home: Path | str, place: str = "index.html", **options: Any) -> Any:
            page, watch = stack.enter_context(opened(browser, home, **options))
            watches.append((page, watch))
            page.goto(address(home, place))
            settle(page)
            return page

        yield go
        for page, _ in watches:
            if not page.is_closed():
                settle(page)
        problems = [problem for _, watch in watches for problem in watch.problems]
    assert not problems, "\n".join(problems)


@pytest.fixture(scope="session")
def scenes_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the embedded network on 40 scenes, with its gallery; made once for all tests."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    run = shared / "scenes run"
    with (shared / "scenes run.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not run.exists():
            run_pipeline(SCENES, out=run)
            export_runs([run], registry().exporters["gallery"]())
    return run


@pytest.fixture(scope="session")
def gallery(scenes_run: Path) -> Path:
    """The site of ``scenes_run``."""
    return scenes_run / "gallery"
