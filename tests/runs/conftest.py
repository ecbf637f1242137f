"""The tiny plugin, pipelines for it, and processes that run them."""

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from url_runs import PIPELINE, URL, files

from interpret.files import mirrors
from interpret.plugin.discovery import Registry
from interpret.run import run_pipeline

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def tiny() -> Iterator[ModuleType]:
    sys.path.insert(0, str(HERE))
    yield import_module("tiny_plugin")
    sys.path.remove(str(HERE))


@pytest.fixture
def known(tiny: ModuleType) -> Registry:
    """The tiny plugin, an onlooker and the local executor, and nothing else."""
    tiny.seen.clear()
    registry: Registry = tiny.registry()
    assert not registry.problems
    return registry


@pytest.fixture
def write(tmp_path: Path, tiny: ModuleType) -> Callable[..., Path]:
    """Write a pipeline file; each further pair is a piece of the text and what replaces it."""

    def _write(*changes: tuple[str, str], text: str = "") -> Path:
        text = text or tiny.PIPELINE
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "pipeline.yaml"
        path.write_text(text)
        return path

    return _write


@pytest.fixture(scope="session")
def start(tiny: ModuleType, fork: Callable[..., Any]) -> Callable[..., Any]:
    """Start ``run_pipeline`` in a new process."""
    return lambda path, out, **options: fork(tiny.job, str(path), str(out), **options)


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory) -> Path:
    """Two states of the network that `asked_steps` asks about."""
    from asked_steps import save_checkpoints  # noqa: PLC0415 - only these tests need it

    return save_checkpoints(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture
def far(tiny, tmp_path, monkeypatch):
    """An empty store; this machine has an empty cache, and does not wait long."""
    import far_store  # noqa: PLC0415 - on the path only now

    (tmp_path / "store").mkdir()
    monkeypatch.setenv("FAR_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("INTERPRET_CACHE", str(tmp_path / "here"))
    monkeypatch.setattr(mirrors, "WAITS", (0.01,))
    far_store.FarStore.asked.clear()
    return far_store


@pytest.fixture
def pipeline(tmp_path):
    (tmp_path / "pipeline.yaml").write_text(PIPELINE)
    return tmp_path / "pipeline.yaml"


@pytest.fixture
def go(far, known, pipeline):
    """Run a pipeline at the URL."""
    return lambda path=pipeline, **options: run_pipeline(path, URL, registry=known, **options)


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Go on on another machine, by its name."""
    return lambda name: monkeypatch.setenv("INTERPRET_CACHE", str(tmp_path / name))


@pytest.fixture(scope="session")
def straight(tiny, tmp_path_factory):
    """The files that the same run in a folder has."""
    folder = tmp_path_factory.mktemp("straight")
    (folder / "pipeline.yaml").write_text(PIPELINE)
    run_pipeline(folder / "pipeline.yaml", folder / "run", registry=tiny.registry())
    return files(folder / "run")
