"""The tiny plugin, pipelines for it, and processes that run them."""

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from interpret.plugin.discovery import Registry

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
