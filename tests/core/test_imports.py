"""What a stranger's pipeline names by import path is judged before anything is imported."""

import os
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from interpret.cli.shell import call
from interpret.code import import_target, sources
from interpret.code.imports import allowing, find_import_path
from interpret.errors import InterpretError, ModelError
from interpret.modules import budget
from interpret.modules.budget import bounded
from interpret.pipeline import read_pipeline
from interpret.plugin import registry

TRAP = "import os\nfrom torch import nn\nopen(os.environ['TRAP'], 'w').close()\n"
FILES = {
    "bait/__init__.py": TRAP + "from .base import *\nfrom .deep.far import Far as Near\nhandy = nn.Linear\n",
    "bait/base.py": TRAP + "import torch.nn.modules as m\nclass Base(m.Module): pass\nclass Plain: pass\n",
    "bait/deep/far.py": TRAP
    + "from ..base import Base\ntry:\n    from ... import nowhere\nexcept ImportError: pass\n"
    "class Far(Base): pass\n",
    "bait/other.py": TRAP + "import bait.deep.far as f\nBase = f.Far\n\ntry:\n    class Net(Base): pass\n"
    "except Exception:\n    pass\nclass Loop(Loop2): pass\nclass Loop2(Loop): pass\n",
    "bait/machinery.py": TRAP + "from torch import fx, jit\nfrom torch.fx import GraphModule as nn2\n"
    "class A(fx.GraphModule): pass\nclass B(nn.Module, jit.ScriptModule): pass\nclass C(nn2): pass\n",
    "bait/made.py": TRAP
    + "def make() -> nn.Module:\n    return nn.Identity()\nNet = type('Net', (nn.Module,), {})\n"
    "from torch.fx.graph_module import reduce_graph_module\n",
    "bait/broken.py": "class Net(nn.Module:\n",
    "bait/binary.so": "",
    "bait/swapped.py": "import os\nfrom torch import nn\nclass Net(nn.Module): pass\nNet = os.system\n",
}
PIPELINE = """\
version: 1
models: {net: {name: module, target: "%s"}}
datasets: {drawn: {name: scenes, limit: 4}}
steps: {top: {probe: topk}}
"""


@pytest.fixture(autouse=True)
def bait(tmp_path, monkeypatch):
    """A package whose import leaves a trace, in a folder that the user put on the import path."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("TRAP", str(tmp_path / "trap"))
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "bait"]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("target", "file"),
    [
        ("bait.base:Base", "base.py"),
        ("bait.deep.far:Far", "deep/far.py"),
        ("bait.other:Net", "other.py"),
        ("torchvision.models.googlenet:GoogLeNet", "googlenet.py"),
    ],
)
def test_a_class_that_derives_from_module_is_found_without_importing_it(bait, target, file):
    assert str(find_import_path(target).file).endswith(file)
    assert not (bait / "trap").exists()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("bait:Base", "does not define Base itself. Name its own module: 'bait.base:Base'"),
        ("bait:Near", "'bait.deep.far:Far'"),
        ("bait:handy", "has no class 'handy'"),
        ("bait.base:Plain", "does not derive from nn.Module"),
        ("bait.other:Loop", "does not derive from nn.Module"),
        ("bait.other:Base", "'bait.deep.far:Far'"),
        ("bait.machinery:A", "does not derive from nn.Module"),
        ("bait.machinery:B", "does not derive from nn.Module"),
        ("bait.machinery:C", "does not derive from nn.Module"),
        ("bait.machinery:nn2", "has no class 'nn2'"),
        (
            "bait.made:make",
            "is a function of bait.made, and a pipeline calls functions only of packages that",
        ),
        ("bait.made:Net", "has no class 'Net'"),
        ("bait.broken:Net", "no Python file of a module 'bait.broken'"),
        ("bait.binary:Net", "no Python file"),
        ("bait.deep:Far", "no Python file"),
        ("nowhere.at.all:Net", "no Python file"),
        ("_io:FileIO", "belongs to Python itself"),
        ("this:Net", "belongs to Python itself"),
        ("__main__:Net", "belongs to Python itself"),
        ("torch.jit:ScriptModule", "torch's own classes are not taken"),
        ("torch.package.package_importer:PackageImporter", "torch's own classes are not taken"),
        ("torchvision.models.feature_extraction:DualGraphModule", "does not derive from nn.Module"),
        ("torchvision.models.resnet:resnet18", "is a function"),
        ("bait.base.Base", "such as 'bait.base:Base'"),
        ("bait.base:Base()", "such as 'bait.base:Base'"),
        ("bait/base.py:Base", "a module, a colon and a class"),
        ("bait.base:Base\n", "a module, a colon and a class"),
    ],
)
def test_everything_else_is_refused_and_not_imported(bait, target, message):
    with pytest.raises(ModelError) as caught:
        find_import_path(target)
    assert message in str(caught.value)
    assert not (bait / "trap").exists()


def test_a_name_is_followed_once_however_many_ways_lead_to_it(bait):
    modules = [f"m{index}" for index in range(8)]
    for own in modules:
        others = "".join(f"from {other} import *\n" for other in modules if other != own)
        (bait / f"{own}.py").write_text(others + ("class Net: pass\n" if own == "m7" else ""))
    found = list(sources.Library().definitions("m0.Net"))  # the ways through m0 to m6 are 1,957
    assert [(source.module, node.name) for source, node in found] == [("m7", "Net")]


def test_a_package_that_offers_everything_ends_the_search(bait, monkeypatch):
    monkeypatch.setattr(sources, "MAX_FILES", 8)
    monkeypatch.setattr(sources, "MAX_NAMES", 50)
    for name in range(12):
        (bait / f"bait/part{name}.py").write_text("from bait import *\n")
    stars = "".join(f"from .part{name} import *\n" for name in range(12))
    (bait / "bait/__init__.py").write_text(stars)  # so do those of transformers, of which there are 400
    library = sources.Library()
    assert list(library.definitions("bait.part3.Nothing")) == []
    assert len(library.sources) <= 8
    with pytest.raises(ModelError, match="has no class 'Nothing'"):
        find_import_path("bait:Nothing")


def test_what_a_module_makes_of_its_class_is_looked_at_once_more():
    with pytest.raises(ModelError, match=r"is no nn\.Module class that is defined in bait\.swapped"):
        import_target("bait.swapped:Net")


def test_an_allowed_package_may_give_functions_but_never_those_of_torch():
    with allowing(["bait.made"]):
        assert isinstance(import_target("bait.made:make")(), nn.Identity)
        with pytest.raises(ModelError, match="has no 'reduce_graph_module'"):
            import_target("bait.made:reduce_graph_module")
        with pytest.raises(ModelError, match="does not derive"):
            find_import_path("bait.base:Plain")
    with pytest.raises(ModelError, match="is a function"), allowing(["bait.mad", "bai"]):
        find_import_path("bait.made:make")
    with pytest.raises(InterpretError, match=r"'\.\./x' is no package"), allowing(["../x"]):
        pass


def test_check_imports_nothing_and_says_what_a_run_will(bait, monkeypatch, capsys):
    monkeypatch.chdir(bait)
    path = Path("my.yaml")
    path.write_text(PIPELINE % "bait.base:Base")
    assert call(["check", "my.yaml"]) == 0
    assert f"It will import bait.base:Base, from {bait}/bait/base.py." in capsys.readouterr().out
    path.write_text(PIPELINE % "nowhere.nets:Net")
    assert call(["check", "my.yaml"]) == 0
    assert "It will import nowhere.nets:Net, which is not installed here." in capsys.readouterr().out
    path.write_text(PIPELINE % "bait.made:make")
    assert call(["check", "my.yaml"]) == 2
    error = capsys.readouterr().err
    assert "my.yaml:2:38: module: 'target' is wrong: make is a function of bait.made" in error
    assert "--allow bait, or INTERPRET_ALLOW=bait" in error
    assert call(["check", "my.yaml", "--allow", "bait"]) == 0
    assert [str(target) for target in read_pipeline(path, registry(), allow=["bait"]).imports] == [
        "bait.made:make"
    ]
    assert not Path("trap").exists()


@pytest.mark.parametrize("started", ["notebook", "module", "colon"])
def test_a_module_that_merely_lies_where_the_command_was_started_is_not_taken(
    bait, monkeypatch, capsys, started
):
    """As in a stranger's archive: the pipeline, and a module beside it."""
    here = bait / "archive"
    here.mkdir()
    (here / "my.yaml").write_text(PIPELINE % "beside:Net")
    (here / "beside.py").write_text(TRAP + "class Net(nn.Module): pass\n")
    monkeypatch.chdir(here)
    monkeypatch.syspath_prepend("" if started == "notebook" else here)
    if started == "module":  # python -m puts the folder first, and says how it was started
        monkeypatch.setattr(sources, "STARTED_IN", here)
        monkeypatch.setattr(sys.modules["__main__"], "__spec__", object())
    if started == "colon":  # PYTHONPATH=/nets:$PYTHONPATH, where that was not set
        monkeypatch.setattr(sources, "STARTED_IN", here)
        monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
        monkeypatch.setenv("PYTHONPATH", f"/nets{os.pathsep}")
    assert call(["check", "my.yaml"]) == 2
    assert "beside lies in the folder where the command was started" in capsys.readouterr().err
    assert not (bait / "trap").exists()
    # both cures work
    assert call(["check", "my.yaml", "--allow", "beside"]) == 0
    monkeypatch.setenv("PYTHONPATH", str(here))
    assert call(["check", "my.yaml"]) == 0


def test_the_budget_counts_before_memory_is_taken():
    with pytest.raises(ModelError, match="more than 1 GB"), bounded(2**30, "net"):
        torch.zeros(2**20, 2**20)
    with pytest.raises(ModelError, match="more than 1 GB"), bounded(2**30, "net"):
        torch.zeros(2, 2).repeat(2**15, 2**15)
    with pytest.raises(ModelError, match="more than"), bounded(2**20, "net"):
        [torch.zeros(2**10) for _ in range(257)]


def test_the_budget_ends_what_would_go_on(monkeypatch):
    monkeypatch.setattr(budget, "MAX_OPERATIONS", 100)
    with pytest.raises(ModelError, match="100 operations"), bounded(2**30, "net"):
        [torch.zeros(()) for _ in range(101)]


def test_the_budget_leaves_the_numbers_alone():
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(), nn.GRU(4, 4)).state_dict()
    torch.manual_seed(0)
    with bounded(2**20, "net"):
        counted = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(), nn.GRU(4, 4))
        assert torch.rand(3).shape == (3,)
    assert all(torch.equal(value, plain[name]) for name, value in counted.state_dict().items())
