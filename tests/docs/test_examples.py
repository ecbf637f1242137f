"""Every example in the documentation runs: a page's Python in turn, its YAML through the checker."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from interpret.pipeline import read_pipeline
from interpret.plugin import registry

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
WITH_A_TEST_OF_ITS_OWN = {"writing-a-plugin.md", "hooks.md"}
PIPELINES = [*ROOT.glob("docs/examples/*.yaml"), *ROOT.glob("interpret/cli/pipelines/*.yaml")]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page, *languages):
    return [(language, text) for language, text in BLOCK.findall(page.read_text()) if language in languages]


def pages_with(*languages):
    pages = [page for page in PAGES if blocks(page, *languages) and page.name not in WITH_A_TEST_OF_ITS_OWN]
    return [pytest.param(page, id=str(page.relative_to(ROOT))) for page in pages]


@pytest.mark.parametrize("page", pages_with("python"))
def test_python_examples_run_and_print_what_the_page_says(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names, printed = {}, ""
    for language, text in blocks(page, "python", "output"):
        if language == "output":
            assert printed == text
            continue
        with contextlib.redirect_stdout(io.StringIO()) as stream:
            exec(compile(text, str(page), "exec"), names)
        printed = stream.getvalue()


@pytest.mark.parametrize("page", pages_with("yaml"))
def test_yaml_examples_pass_the_check(page, tmp_path):
    for number, (_, text) in enumerate(blocks(page, "yaml")):
        path = tmp_path / f"{number}.yaml"
        path.write_text(text)
        assert read_pipeline(path, registry()).steps


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.name)
def test_example_pipelines_pass_the_check(path):
    assert read_pipeline(path, registry()).steps


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_pictures_inside_the_repository_exist(page):
    targets = re.findall(r"\]\((?!https?://|#)([^)#\s]+)", page.read_text())
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert not missing


def test_every_plugin_has_a_page():
    folders = [*ROOT.glob("plugins/interpret_*"), *ROOT.glob("model_zoo/interpret_*")]
    pages = {page.stem for page in ROOT.glob("docs/plugins/*.md")}
    assert {folder.name.removeprefix("interpret_") for folder in folders} == pages
