"""Every hook is documented with its exact signature and has a test of its name."""

from __future__ import annotations

import inspect
import re
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest
from pydantic import Field

from interpret import (
    Card,
    Dataset,
    Executor,
    Images,
    Model,
    Network,
    Probe,
    Renderer,
    Result,
    hookimpl,
)
from interpret.errors import StepError
from interpret.plugin import Exporter, Page, PageContext, Sheet, hookspecs
from interpret.plugin.discovery import Registry, load_registry
from interpret.run import run_pipeline
from interpret.testing import small_images, small_network

DOCS = (Path(__file__).parents[2] / "docs" / "hooks.md").read_text()
HOOKS = {
    name: function
    for name, function in vars(hookspecs).items()
    if inspect.isfunction(function) and function.__module__ == hookspecs.__name__
}


@pytest.mark.parametrize("name", HOOKS)
def test_each_hook_is_documented_with_its_signature(name):
    signature = str(inspect.signature(HOOKS[name])).replace("'", "")
    assert f"### `{name}{signature}`\n" in DOCS


def test_no_other_hook_is_documented():
    assert set(re.findall(r"^### `(\w+)", DOCS, re.MULTILINE)) == set(HOOKS)


@pytest.mark.parametrize("name", HOOKS)
def test_each_hook_has_a_test(name):
    assert f"test_{name}" in globals()


def offering(hook: str, cls: type) -> Registry:
    """A registry with one more plugin, which offers ``cls``."""
    plugin = ModuleType("extra")
    setattr(plugin, hook, hookimpl(lambda: [cls], specname=hook))
    return load_registry([plugin])


@pytest.mark.parametrize("kind", ["model", "dataset", "probe", "renderer", "executor"])
def test_a_plugin_may_be_any_object(kind):
    assert offering(f"register_{kind}s", int).problems[-1].message.endswith("class.")


@dataclass(frozen=True)
class Answer(Result):
    pass


class SomeModel(Model):
    name: ClassVar[str] = "some"

    def build(self) -> Any:
        return small_network().module

    def card(self) -> Card:
        return Card(small_network().input)


class SomeDataset(Dataset):
    name: ClassVar[str] = "some"

    def open(self) -> Images:
        return small_images(2)


class SomeProbe(Probe):
    name: ClassVar[str] = "some"
    fail: bool = Field(False, description="Whether to fail.")

    def run(self, network: Network, images: Images, *args: Any, **inputs: Any) -> Answer:
        if self.fail:
            raise ValueError("as asked")
        return Answer()


class SomeRenderer(Renderer[Answer]):
    name: ClassVar[str] = "some"

    def render(self, result: Answer, images: Images, folder: Path) -> list[Path]:
        return []


class SomeExecutor(Executor):
    name: ClassVar[str] = "some"

    def map(self, work, shards):
        return map(work, shards)


def test_register_models():
    assert offering("register_models", SomeModel).models["some"] is SomeModel


def test_register_datasets():
    assert offering("register_datasets", SomeDataset).datasets["some"] is SomeDataset


def test_register_probes():
    assert offering("register_probes", SomeProbe).probes["some"] is SomeProbe


def test_register_renderers():
    assert offering("register_renderers", SomeRenderer).renderers["some"] is SomeRenderer


class SomePage(Page[Answer]):
    name: ClassVar[str] = "some"

    def compose(self, result: Answer, context: PageContext) -> list[Sheet]:
        return []


class SomeExporter(Exporter):
    name: ClassVar[str] = "some"

    def export(self, runs, folder):
        return folder / "index.html"


def test_register_pages():
    assert offering("register_pages", SomePage).pages["some"] is SomePage


def test_register_exporters():
    assert offering("register_exporters", SomeExporter).exporters["some"] is SomeExporter


def test_register_executors():
    assert offering("register_executors", SomeExecutor).executors["some"] is SomeExecutor


class Diary:
    """A plugin that writes down what happens in a run."""

    def __init__(self) -> None:
        self.lines: list[tuple[Any, ...]] = []

    @hookimpl
    def register_models(self):
        return [SomeModel]

    @hookimpl
    def register_datasets(self):
        return [SomeDataset]

    @hookimpl
    def register_probes(self):
        return [SomeProbe]

    @hookimpl
    def before_step(self, step, folder):
        self.lines.append(("before", step, folder))

    @hookimpl
    def after_step(self, step, result):  # a hook may leave out what it does not need
        self.lines.append(("after", step, type(result)))

    @hookimpl
    def on_step_error(self, step, error):
        self.lines.append(("error", step, str(error)))


@pytest.fixture
def keep_diary(tmp_path):
    """Run one step and return what was written down; ``fail`` makes the step fail."""

    def run(fail: bool) -> list[tuple[Any, ...]]:
        diary, path = Diary(), tmp_path / "one.yaml"
        path.write_text(
            "version: 1\nmodels: {net: {name: some, device: cpu}}\ndatasets: {val: {name: some}}\n"
            f"steps: {{only: {{probe: some, fail: {str(fail).lower()}}}}}\n"
        )
        with pytest.raises(StepError, match="as asked") if fail else nullcontext():
            run_pipeline(path, tmp_path / "run", registry=load_registry([diary]))
        return diary.lines

    return run


def test_before_step(keep_diary, tmp_path):
    assert keep_diary(fail=False)[0] == ("before", "only", tmp_path / "run" / "only")
    assert keep_diary(fail=False) == [], "a kept step computes nothing"


def test_after_step(keep_diary):
    assert keep_diary(fail=False)[1:] == [("after", "only", Answer)]


def test_on_step_error(keep_diary):
    (_, error) = keep_diary(fail=True)
    assert error[:2] == ("error", "only")
    assert "as asked" in error[2]
