"""Find, load, classify: with real distributions in a folder on the import path."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import distributions
from pathlib import Path

import pytest

from interpret.errors import UnknownNameError
from interpret.plugin import discovery as plugins
from interpret.plugin.discovery import Registry, load_registry

GOOD = """
from dataclasses import dataclass
from collections.abc import Callable
from typing import Any, ClassVar
from pydantic import Field
from interpret import Probe, Result, hookimpl
@dataclass(frozen=True)
class Answer(Result): ...
class {cls}(Probe):
    '''Asks {name}.'''
    name: ClassVar[str] = "{name}"
    depth: int = Field(1, description="How deep.")
    def run(self, network: Any, images: Any, *args: Any, **inputs: Any) -> Answer: return Answer()
@hookimpl
def register_probes(): return [{cls}]
"""


def good(name: str) -> str:
    return GOOD.format(name=name, cls=name.title())


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Write a distribution as pip would: a module, METADATA and entry_points.txt."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(name: str, code: str, *, entry: str = "", target: str = "", folder: str = "") -> None:
        module = name.replace("-", "_").lower()
        (tmp_path / f"{module}.py").write_text(code)
        info = tmp_path / (folder or f"{module}-1.2.dist-info")
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[interpret]\n{entry or module} = {target or module}\n")
        monkeypatch.delitem(sys.modules, module, raising=False)

    return install


def problems(registry: Registry) -> list[str]:
    """What is wrong with plugins that are not our own."""
    return [
        str(item) for item in registry.problems if item.origin.distribution != plugins.BUNDLED_DISTRIBUTION
    ]


def test_a_plugin_is_found_loaded_and_classified(install):
    install("interpret-deep", good("deep"), entry="deep")
    registry = load_registry()
    assert registry.lookup("probe", "deep").name == "deep"
    assert str(registry.origins[registry.probes["deep"]]) == "interpret-deep[deep]"
    assert registry.origins[registry.probes["deep"]].version == "1.2"
    assert problems(registry) == []


def test_a_plugin_that_raises_on_import_is_named_and_stops_nobody(install):
    install("interpret-broken", "raise RuntimeError('no driver')")
    install("interpret-quits", "import sys; sys.exit(3)")
    install("interpret-typo", good("typo"), target="interpret_tpyo:nothing")
    install("interpret-works", good("works"))
    install("interpret-strange", good("strange"), target="not a:valid thing!")
    registry = load_registry()
    assert "works" in registry.probes
    broken, quits, strange, typo = problems(registry)
    assert "'not a:valid thing!' cannot be imported" in strange
    assert broken.startswith("interpret-broken[interpret_broken]: ")
    assert "RuntimeError: no driver" in broken
    assert "SystemExit: 3" in quits
    assert "No module named 'interpret_tpyo'" in typo


def test_the_exception_behind_a_problem_is_kept(install):
    install("interpret-broken", "raise RuntimeError('no driver')")
    (problem,) = [item for item in load_registry().problems if item.origin.distribution == "interpret-broken"]
    assert isinstance(problem.error, RuntimeError)


def test_of_two_with_one_name_the_first_keeps_it_and_the_other_is_named(install):
    install("interpret-second", good("same"))
    install("interpret-first", good("same"))
    registry = load_registry()
    assert registry.origins[registry.probes["same"]].distribution == "interpret-first"
    (problem,) = problems(registry)
    assert problem.startswith("interpret-second[")
    assert "'same' is left out, because interpret-first[interpret_first] has that name" in problem


def test_a_bundled_name_cannot_be_stolen(install):
    install("aaa-thief", good("topk"))
    registry = load_registry()
    assert registry.origins[registry.probes["topk"]].distribution == plugins.BUNDLED_DISTRIBUTION
    assert "'topk' is left out" in problems(registry)[0]


def test_one_name_may_serve_two_kinds():
    registry = load_registry()
    assert "filters" in registry.probes
    assert "filters" in registry.renderers


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "@hookimpl\ndef register_probe(): return []",
            "'register_probe' is no hook. Did you mean 'register_probes'?",
        ),
        ("def register_prboes(): return []", "'register_prboes' is no hook. Did you mean 'register_probes'?"),
        ("def register_probes(): return []", "'register_probes' is not marked with @interpret.hookimpl"),
        ("@hookimpl\ndef on_fire(): ...", "'on_fire' is no hook. Hooks: "),
        ("x = 1", "it implements no hook"),
        ("@hookimpl\ndef register_probes(nets): return []", "nets"),
        ("@hookimpl\ndef register_probes(): 1 / 0", "register_probes failed: ZeroDivisionError"),
        ("@hookimpl\ndef register_probes(): return 7", "must return a list of classes. Got 7"),
        ("@hookimpl\ndef register_probes(): return [7]", "7 is no Probe class"),
        ("@hookimpl\ndef register_probes(): return [Dataset]", "Dataset is no Probe class"),
        ("@hookimpl\ndef register_probes(): return [Probe]", "Probe lacks run"),
        ("@hookimpl\ndef register_probes(): yield Probe", "must return a list of classes. Got <generator"),
    ],
)
def test_a_wrong_hook_is_explained(install, code, message):
    install("interpret-wrong", f"from interpret import Dataset, Probe, hookimpl\n{code}")
    (problem,) = problems(load_registry())
    assert problem.startswith("interpret-wrong[")
    assert message in problem


def test_a_misspelt_hook_leaves_the_others(install):
    install("interpret-half", good("half") + "\n@hookimpl\ndef register_modles(): return []")
    registry = load_registry()
    assert "half" in registry.probes
    assert "Did you mean 'register_models'?" in problems(registry)[0]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (', description="How deep."', "", "Good.depth has no description"),
        ("depth: int", "inputs: int", "Good.inputs has a name that is reserved in pipelines"),
        ('= "good"', '= "Good Probe"', "Good.name is 'Good Probe'; it must be a word in snake_case"),
        ('name: ClassVar[str] = "good"', "pass", "Good.name is ''"),
        ("-> Answer", "-> int", "'return' is annotated as <class 'int'>; it must be a Result class"),
        ("@dataclass(frozen=True)", "", "Answer is no dataclass: write @dataclass(frozen=True) before it"),
        ("*args: Any", "wanted: 'Nowhere'", "annotations of run cannot be read"),
        ("depth: int = Field(1", "depth: Callable[[], int] = Field(int", "a parameter that YAML cannot hold"),
    ],
)
def test_an_incomplete_class_is_explained(install, old, new, message):
    code = good("good")
    assert old in code
    install("interpret-good", code.replace(old, new))
    registry = load_registry()
    assert "good" not in registry.probes
    assert message in problems(registry)[0]


def test_a_distribution_seen_twice_counts_once(install):
    install("Interpret_Twice", good("twice"))
    install("interpret-twice", good("twice"), folder="interpret_twice-1.3.dist-info")
    registry = load_registry()
    assert "twice" in registry.probes
    assert problems(registry) == []


def test_broken_metadata_of_others_is_no_problem(install, tmp_path):
    install("interpret-fine", good("fine"))
    (tmp_path / "wreck-1.0.dist-info").mkdir()
    (tmp_path / "noname-1.0.dist-info").mkdir()
    (tmp_path / "noname-1.0.dist-info" / "METADATA").write_text("Version: 1\n")
    for name, text in {"lines": b"[interpret]\nno value\n", "bytes": b"\xff\xfe[interpret]\n"}.items():
        install(name, "")
        (tmp_path / f"{name}-1.2.dist-info" / "entry_points.txt").write_bytes(text)
    assert "fine" in load_registry().probes


@pytest.mark.parametrize("blocked", ["off", "interpret-off", "interpret-off[off]", "topk, off"])
def test_a_plugin_can_be_switched_off(install, monkeypatch, blocked):
    install("interpret-off", "raise RuntimeError", entry="off")
    monkeypatch.setenv(plugins.DISABLE, blocked)
    registry = load_registry()
    assert problems(registry) == []
    assert ("topk" in registry.probes) == ("topk" not in blocked)


def test_bundled_plugins_come_first_and_the_rest_is_sorted(install):
    install("zzz", good("zzz"))
    install("aaa", good("aaa"))
    names = [item.origin.distribution for item in plugins.find(distributions())]
    bundled = names.count(plugins.BUNDLED_DISTRIBUTION)
    assert names == [plugins.BUNDLED_DISTRIBUTION] * bundled + ["aaa", "zzz"]


def test_an_unknown_name_shows_the_nearest_and_other_kinds():
    registry = load_registry()
    with pytest.raises(UnknownNameError, match=r"There is no probe 'topkk'. Did you mean 'topk'\?"):
        registry.lookup("probe", "topkk")
    with pytest.raises(UnknownNameError) as caught:
        registry.lookup("model", "topk")
    assert "There is a probe of that name." in caught.value.__notes__


def test_the_registry_cannot_be_changed():
    registry = load_registry()
    with pytest.raises(TypeError):
        registry.probes["mine"] = object  # type: ignore[index]
    with pytest.raises(AttributeError):
        registry.probes = {}  # type: ignore[misc]


def test_our_own_plugins_have_no_problem():
    ours = [
        str(item)
        for item in load_registry().problems
        if item.origin.distribution == plugins.BUNDLED_DISTRIBUTION
    ]
    assert ours == []


def test_every_folder_of_plugins_is_an_entry_point():
    root = Path(__file__).parents[2]
    folders = {path.name for path in [*(root / "plugins").iterdir(), *(root / "model_zoo").iterdir()]}
    packages = {name for name in folders if name.startswith("interpret_")}
    bundled = {
        item.entry_point.value
        for item in plugins.find(distributions())
        if item.origin.distribution == plugins.BUNDLED_DISTRIBUTION
    }
    assert packages == bundled
