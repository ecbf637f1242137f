"""A step runs again when code it runs with has changed or its photographs have, and only then."""

import hashlib
import json
import os
import shutil
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from textwrap import dedent

import pytest
import torch
from PIL import Image
from torch import nn

import interpret_datasets
from interpret.code import dependencies
from interpret.code.dependencies import forget_code
from interpret.files import content_hashes, contents
from interpret.files import folders as files
from interpret.images import as_images
from interpret.network import wrap
from interpret.pipeline import read_pipeline
from interpret.plugin import registry
from interpret.plugin.discovery import Loaded, Origin, classify
from interpret.run import run_pipeline
from interpret.run.keys import Provenance

ANALYSES = """\
version: 1
models: {net: {name: zfnet}}
datasets: {val: {name: scenes, limit: 10}}
steps:
  strongest: {probe: topk, layers: ["0"], k: 1}
  features: {probe: deconv, inputs: {exemplars: strongest}, render: [{name: feature_grid}]}
  where: {probe: occlusion, window: 4, stride: 4, inputs: {exemplars: strongest}}
  health: {probe: diagnosis}
  trained: {probe: train, recipe: {like: imagenet-zfnet, epochs: 1}}
  growth: {probe: evolution, inputs: {training: trained}}
"""
WORKSHOP = {
    "__init__.py": """
        from interpret.plugin.hookspecs import hookimpl
        from workshop.page import Sheet
        from workshop.probe import Count

        @hookimpl
        def register_probes():
            return [Count]

        @hookimpl
        def register_renderers():
            return [Sheet]
    """,
    "probe.py": """
        from typing import ClassVar
        from interpret.images.dataset import Images
        from interpret.plugin.interfaces import Probe
        from interpret.network.network import Network
        from workshop.number import Number, counted

        class Count(Probe):
            \"\"\"How many images are there?\"\"\"
            name: ClassVar[str] = "count"

            def run(self, network: Network, images: Images) -> Number:
                return counted(images)
    """,
    "number.py": """
        from dataclasses import dataclass
        from interpret.results import Result

        @dataclass(frozen=True)
        class Number(Result):
            value: int

        def counted(images):
            return Number(len(images))
    """,
    "page.py": """
        from pathlib import Path
        from typing import ClassVar
        from interpret.images.dataset import Images
        from interpret.plugin.interfaces import Renderer
        from workshop.number import Number

        class Sheet(Renderer[Number]):
            \"\"\"A sheet.\"\"\"
            name: ClassVar[str] = "sheet"

            def render(self, result: Number, images: Images, folder: Path):
                (folder / "sheet.txt").write_text(str(result.value))
                return [folder / "sheet.txt"]
    """,
}


COUNTED = """\
version: 1
models: {net: {name: tiny}}
datasets: {val: {name: noise, count: 3}}
steps: {number: {probe: count, render: [{name: sheet}]}}
"""


@pytest.fixture
def touch(monkeypatch):
    """As if modules had been edited: their files have another content from now on."""
    touched = set()
    read = dependencies.read_module

    def edited(name):
        found = read(name)
        return replace(found, hash="edited") if found and name in touched else found

    monkeypatch.setattr(dependencies, "read_module", edited)

    def do(*names):
        touched.clear()
        touched.update(names)
        forget_code()

    yield do
    forget_code()


@pytest.fixture
def workshop(tmp_path, tiny, monkeypatch):
    """A plugin on disk: a probe, what it computes with, and a renderer."""
    root = tmp_path / "installed" / "workshop"
    root.mkdir(parents=True)
    for name, text in WORKSHOP.items():
        (root / name).write_text(dedent(text))
    monkeypatch.syspath_prepend(root.parent)
    forget_code()
    plugins = {**tiny.parts(), "workshop": import_module("workshop")}
    yield root, classify([Loaded(Origin("tests", "1", name), plugin) for name, plugin in plugins.items()])
    for name in [name for name in sys.modules if name.partition(".")[0] == "workshop"]:
        del sys.modules[name]
    forget_code()


def test_a_step_counts_the_code_it_runs_with_and_a_figure_its_own(workshop, write, tmp_path):
    root, known = workshop
    pipeline = write(text=COUNTED)

    def status():
        forget_code()
        return run_pipeline(pipeline, tmp_path / "out", registry=known).steps["number"].status

    def edit(name):
        path = root / name
        path.write_text(path.read_text() + "\n# edited\n")

    assert status() == "done"
    assert status() == "kept"
    edit("__init__.py")
    assert status() == "kept"
    edit("page.py")
    assert status() == "drawn"
    edit("number.py")
    assert status() == "done"
    edit("probe.py")
    assert status() == "done"


def test_the_manifest_names_the_files_that_a_key_counts(workshop, write, tmp_path):
    root, known = workshop
    pipeline = write(text=COUNTED)
    run_pipeline(pipeline, tmp_path / "out", registry=known)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    counted = manifest["steps"]["number"]["code"]
    assert {"workshop/probe.py", "workshop/number.py", "tiny_plugin.py", "torch"} <= set(counted)
    assert {"workshop/__init__.py", "workshop/page.py"}.isdisjoint(counted)
    own = hashlib.sha256((root / "number.py").read_bytes()).hexdigest()
    assert manifest["code"]["workshop/number.py"] == own
    assert manifest["code"]["torch"] == torch.__version__
    assert set(counted) == set(manifest["code"])


def test_editing_a_module_changes_the_keys_of_what_runs_it(write, touch):
    known = registry()
    pipeline = read_pipeline(write(text=ANALYSES), known)
    network, images = wrap(nn.Conv2d(3, 2, 3), input_size=8), pipeline.datasets["val"].open()

    def keys():
        origins = Provenance(pipeline, known, {"net": network}, {"val": images})
        step = pipeline.steps["features"]
        return {**origins.keys, "drawing": origins.drawing_key(step, step.renderers[0], "")}

    touch()
    before = keys()

    def changed(*modules):
        touch(*modules)
        return {name for name, key in keys().items() if key != before[name]}

    assert changed("interpret.cli.main", "interpret.run.drawing", "interpret", "interpret_deconv") == set()
    assert changed("interpret_deconv.renderers.feature_grid") == {"drawing"}
    assert changed("interpret_deconv.projection") == {"features", "where", "health", "growth", "drawing"}
    assert changed("interpret_topk.mining") >= {"strongest", "health", "growth"}
    assert changed("interpret.network.network") == set(before)


@pytest.fixture
def photographs(tmp_path, monkeypatch):
    """Five photographs in a folder, and the files that were read to know their content."""
    monkeypatch.setattr(files, "_SETTLED", 0)
    contents._hashes.clear()
    (tmp_path / "photos").mkdir()
    for tone in range(5):
        Image.new("RGB", (9, 8), (40 * tone, 20, 30)).save(tmp_path / "photos" / f"{tone}.png")
    reading, opened = [], contents.open_file
    monkeypatch.setattr(contents, "open_file", lambda path: reading.append(Path(path)) or opened(path))
    return tmp_path / "photos", reading


def forget(reading):
    """As in another process."""
    contents._hashes.clear()
    reading.clear()


def test_copies_of_photographs_recompute_nothing_and_are_read_once(photographs, tiny, write, tmp_path):
    folder, reading = photographs
    plugins = {**tiny.parts(), "datasets": interpret_datasets}
    known = classify([Loaded(Origin("tests", "1", name), plugin) for name, plugin in plugins.items()])
    text = f"""\
version: 1
models: {{net: {{name: tiny}}}}
datasets: {{val: {{name: folder, path: "{folder}"}}}}
steps: {{strongest: {{probe: topk, layers: ["0"], k: 1}}}}
"""

    def run(*changes, **options):
        forget(reading)
        found = run_pipeline(write(*changes, text=text), tmp_path / "out", registry=known, **options)
        return found.steps["strongest"].status, len(reading)

    assert run() == ("done", 5)
    assert run() == ("kept", 0)
    os.utime(folder / "3.png", ns=(1, 1))
    assert run() == ("kept", 1)
    shutil.copytree(folder, tmp_path / "elsewhere")
    elsewhere = (str(folder), str(tmp_path / "elsewhere"))
    assert run(elsewhere) == ("kept", 5)
    assert run(elsewhere) == ("kept", 0)
    assert run() == ("kept", 0)
    assert run(force=True) == ("done", 5)
    assert run() == ("kept", 0)
    Image.new("RGB", (9, 8), (1, 2, 3)).save(folder / "3.png")
    assert run() == ("done", 1)


def test_a_further_dataset_counts_by_what_it_holds(photographs, write, tmp_path):
    folder, _ = photographs
    shutil.copytree(folder, tmp_path / "elsewhere")
    network, images = wrap(nn.Conv2d(3, 2, 3), input_size=8), as_images([torch.zeros(3, 8, 8)])

    def key(path, **settings):
        others = json.dumps({"name": "folder", "path": str(path), **settings})
        step = f"steps: {{near: {{probe: overlap, others: {others}}}}}"
        pipeline = read_pipeline(write(text=f"{ANALYSES.partition('steps')[0]}{step}\n"), registry())
        return Provenance(pipeline, registry(), {"net": network}, {"val": images}).keys["near"]

    before = key(folder)
    assert key(tmp_path / "elsewhere") == before
    assert key(tmp_path / "elsewhere", limit=4) != before
    (tmp_path / "elsewhere" / "3.png").unlink()
    assert key(tmp_path / "elsewhere") != before


def test_hashes_that_were_damaged_are_made_again(photographs, tmp_path):
    folder, reading = photographs
    paths, file = sorted(folder.iterdir()), tmp_path / "hashes.json"

    def hashes():
        forget(reading)
        with contents.remembering(lambda: file):
            return content_hashes(paths)

    right = [hashlib.sha256(path.read_bytes()).hexdigest()[:32] for path in paths]
    assert hashes() == right
    assert hashes() == right
    assert reading == []
    file.write_text(file.read_text().replace(right[0], right[1]))
    assert hashes() == right
    assert len(reading) == 5
    file.unlink()
    file.mkdir()
    assert hashes() == right


def test_a_file_that_just_changed_is_read_again(photographs, monkeypatch):
    folder, reading = photographs
    monkeypatch.setattr(files, "_SETTLED", 10**12)
    assert content_hashes([folder / "1.png"]) == content_hashes([folder / "1.png"])
    assert len(reading) == 2


def test_what_cannot_be_read_has_no_hash(photographs, tmp_path):
    folder, _ = photographs
    found = content_hashes([folder / "1.png", tmp_path / "none.png", folder, "a\0b", folder / "1.png"])
    assert found[0] == found[4]
    assert found[1:4] == [None, None, None]


def test_a_list_of_paths_is_known_by_what_the_files_hold(photographs, tmp_path):
    folder, _ = photographs
    before = as_images(sorted(folder.iterdir())).fingerprint()
    shutil.copytree(folder, tmp_path / "elsewhere")
    copied = sorted((tmp_path / "elsewhere").iterdir())
    assert as_images(copied).fingerprint() == before
    Image.new("RGB", (9, 8), (1, 2, 3)).save(copied[2])
    assert as_images(copied).fingerprint() != before
