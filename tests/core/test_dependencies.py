"""Which files a key counts: those that the code of a class or function imports, and no others."""

import sys
import threading
from pathlib import Path
from textwrap import dedent

import pytest
import torch
from torch import nn

from interpret.code import classes_of, code_version
from interpret.code.dependencies import code_files, forget_code
from interpret.images import as_images
from interpret.network import wrap
from interpret.plugin import registry
from interpret_captum import Saliency
from interpret_deconv import Deconv, Project
from interpret_invariance import Invariance
from interpret_occlusion import Occlusion
from interpret_topk import TopK, mine


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """Writes packages beside each other, and says which of their files the module ``shop.probe`` counts."""
    monkeypatch.syspath_prepend(tmp_path)

    def count(module="shop.probe", **files):
        for name, text in files.items():
            path = tmp_path / (name.replace("__", "/").replace("/init/", "__init__") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text))
        forget_code()
        return {path for path in code_files(module) if not path.startswith("interpret/")}

    yield count
    forget_code()
    for name in [name for name in sys.modules if name.partition(".")[0] in {"shop", "beside"}]:
        del sys.modules[name]


def test_imports_count_in_turn_wherever_they_stand(shop):
    found = shop(
        shop____init__="",
        shop__probe="import shop.one\ndef f():\n    from . import two\n    return two\n",
        shop__one="try:\n    from .three import x\nexcept ImportError:\n    from .four import x\n",
        shop__two="",
        shop__three="x = 1",
        shop__four="x = 2",
        shop__five="",
    )
    assert found == {f"shop/{name}.py" for name in ("probe", "one", "two", "three", "four")}


def test_a_name_leads_through_its_package_to_the_module_that_defines_it(shop):
    found = shop(
        shop____init__="from shop.view import V\nfrom shop.work import *\nfrom .tool import hammer as mallet",
        shop__probe="from shop import mallet, work_hard\n",
        shop__work="from shop.deep import work_hard\n",
        shop__deep="def work_hard(): ...",
        shop__tool="def hammer(): ...",
        shop__view="class V: ...",
    )
    assert found == {"shop/probe.py", "shop/deep.py", "shop/tool.py"}


def test_of_a_package_what_is_used_counts(shop):
    files = {
        "shop____init__": "",
        "shop__parts____init__": "from shop.parts.a import f\nfrom shop.parts.b import g\n",
        "shop__parts__a": "def f(): ...",
        "shop__parts__b": "def g(): ...",
    }
    assert shop(**files, shop__probe="from shop import parts\nparts.f()") == {
        "shop/probe.py",
        "shop/parts/a.py",
    }
    alone = shop(**files, shop__probe="import shop.parts as parts\nprint(parts)")
    assert alone == {"shop/probe.py", "shop/parts/__init__.py", "shop/parts/a.py", "shop/parts/b.py"}


def test_what_only_type_checkers_import_does_not_count_and_lazy_names_do(shop):
    found = shop(
        shop____init__="""
            from typing import TYPE_CHECKING
            if TYPE_CHECKING:
                from shop.home import late
            def __getattr__(name): ...
        """,
        shop__probe="""
            from typing import TYPE_CHECKING
            from importlib import import_module
            from shop import late
            if TYPE_CHECKING:
                from shop.never import x
            import_module("shop.called"), import_module(".near", __package__)
        """,
        shop__home="late = 1",
        shop__never="x = 1",
        shop__called="",
        shop__near="",
    )
    assert found == {f"shop/{name}.py" for name in ("probe", "home", "called", "near")}


def test_an_import_of_a_renderer_does_not_count(shop):
    files = {
        "shop____init__": "",
        "shop__probe": "from shop.page import Page, helper\nfrom shop.poster import Poster\n",
        "shop__page": "import interpret\nclass Page(interpret.Renderer[int]): ...\ndef helper(): ...",
        "shop__poster": "from shop.page import Page\nclass Poster(Page): ...",
    }
    assert shop(**files) == {"shop/probe.py", "shop/page.py"}  # for its helper
    assert shop("shop.poster") == {"shop/poster.py"}
    from shop.poster import Poster  # noqa: PLC0415

    assert {"shop/poster.py", "shop/page.py"} <= set(code_files(Poster))


def test_modules_beside_the_own_package_count_and_others_do_not(shop):
    found = shop(
        shop____init__="",
        shop__probe="import beside, json, numpy, torch, captum\n",
        beside="import safetensors",
    )
    assert found == {"shop/probe.py", "beside.py"}


def test_an_installed_library_counts_as_a_whole_and_an_installed_plugin_by_its_imports(shop, tmp_path):
    files = {"shop____init__": "", "shop__probe": "import beside", "shop__other": "", "beside": ""}
    info = tmp_path / "shop-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: shop\nVersion: 1.0\n")
    (info / "top_level.txt").write_text("shop\n")
    library = shop(**files)
    assert library == {"shop"}
    before = code_version("shop.probe")
    shop(shop__other="x = 1")
    assert code_version("shop.probe") != before
    (info / "entry_points.txt").write_text("[interpret]\nshop = shop\n")
    assert shop() == {"shop/probe.py"}
    (info / "top_level.txt").write_text("shop\nbeside\n")
    assert shop() == {"shop/probe.py", "beside.py"}


def test_a_file_that_changes_changes_the_version_and_one_that_does_not_count_does_not(shop):
    files = {"shop____init__": "from shop.view import view", "shop__probe": "from shop.work import f\n"}

    def version(**changed):
        shop(**{**files, "shop__work": "def f(): ...", "shop__view": "def view(): ...", **changed})
        return code_version("shop.probe")

    before = version()
    assert version(shop__view="def view(): return 1", shop____init__="x = 1") == before
    assert version(shop__work="def f(): return 1") != before


def test_broken_and_missing_modules_end_nothing(shop):
    found = shop(
        shop____init__="", shop__probe="from shop import broken, gone\nimport away", shop__broken="def ("
    )
    assert found == {"shop/probe.py", "shop/broken.py", "shop/__init__.py"}
    assert code_files("not_installed") == {}


def test_of_torch_the_version_counts():
    assert code_files(nn.Conv2d) == {"torch": torch.__version__}
    assert classes_of(nn.Sequential(nn.ReLU(), nn.ReLU())) == (nn.ReLU, nn.Sequential)


def test_no_result_counts_a_renderer_the_runner_or_the_command_line():
    known = registry()
    drawing = set(map(_file, known.renderers.values()))
    apart = tuple(f"interpret/{part}" for part in ("cli/", "runner", "drawing", "provenance"))
    for maker in (*known.probes.values(), *known.models.values(), *known.datasets.values()):
        files = set(code_files(maker))
        assert _file(maker) in files
        assert not files & drawing, maker
        assert not [path for path in files if path.startswith(apart)], maker


def test_who_projects_counts_the_deconvnet():
    probes = ("occlusion", "deconv", "diagnosis", "evolution", "project", "topk", "filters", "invariance")
    counts = {name: code_files(registry().probes[name]) for name in probes}
    found = [name for name, files in counts.items() if "interpret_deconv/projection.py" in files]
    assert found == ["occlusion", "deconv", "diagnosis", "evolution", "project"]


def test_every_file_whose_functions_a_probe_runs_is_counted():
    """The oracle: what runs, as Python's own profiler sees it."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(100, 5)]
    network = wrap(nn.Sequential(*layers), input_size=12)
    images = as_images([torch.randn(3, 12, 12) for _ in range(2)])
    exemplars = mine(network, images, ["0"], k=1)
    probes = [
        (TopK(layers=["0"], k=1), {}),
        (Deconv(), {"exemplars": exemplars}),
        (Occlusion(window=6, stride=6, layers=["0"]), {"exemplars": exemplars}),
        (Project(target=1), {}),
        (Saliency(target=1), {}),
        (Invariance(), {}),
    ]
    for probe, inputs in probes:
        ran = _files_run(lambda probe=probe, inputs=inputs: probe.run(network, images, **inputs))
        assert len(ran) > 5
        ran.discard("interpret/moved.py")  # every import asks it for old names; it decides no number
        assert ran <= set(code_files(type(probe)))


def _files_run(work):
    """The files of our packages whose functions run, as keys name them."""
    names = set()

    def note(frame, event, argument):
        if event == "call":
            names.add(frame.f_globals.get("__name__", ""))

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    ours = {name for name in names if name.partition(".")[0].startswith("interpret")}
    return {path for name in ours for path in [_file_of(name)]}


def _file(cls):
    return _file_of(cls.__module__)


def _file_of(module):
    package = Path(sys.modules[module].__file__).name == "__init__.py"
    return module.replace(".", "/") + ("/__init__.py" if package else ".py")
