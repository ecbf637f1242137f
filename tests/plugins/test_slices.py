"""Plugins are vertical slices: what draws a result lies with it, and fails alone."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module

import pytest

from interpret.code.dependencies import code_files
from interpret.plugin import registry
from interpret.plugin.interfaces import renderer_input

WITHOUT = """
import json, sys
from importlib.abc import MetaPathFinder

class Broken(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == sys.argv[1]:
            raise RuntimeError("no driver")

sys.meta_path.insert(0, Broken())
from interpret.plugin.discovery import registry
known = registry()
problems = [str(problem) for problem in known.problems]
print(json.dumps([sorted(known.renderers), sorted(known.probes), problems]))
"""
QUIET = """
import sys
from importlib import import_module
for name in sys.argv[1:]:
    import_module(name)
sys.exit("matplotlib" in sys.modules)
"""


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )


def package(cls: type) -> str:
    return cls.__module__.partition(".")[0]


def offered(kind: str, owner: str) -> set[str]:
    """The names of what one package offers."""
    return {name for name, cls in registry().of(kind).items() if package(cls) == owner}


@pytest.mark.parametrize("broken", ["interpret_transfer", "interpret_captum", "interpret_correspondence"])
def test_a_plugin_that_cannot_be_imported_takes_only_its_own_renderers(broken):
    renderers, probes, problems = json.loads(python(WITHOUT, broken).stdout)
    assert set(registry().renderers) - set(renderers) == offered("renderer", broken) != set()
    assert set(registry().probes) - set(probes) == offered("probe", broken)
    (problem,) = problems
    assert f"{broken!r} cannot be imported: RuntimeError: no driver" in problem


def test_renderers_that_cannot_be_imported_leave_their_probes():  # pages draw as their renderers do
    renderers, probes, problems = json.loads(python(WITHOUT, "interpret_transfer.renderers").stdout)
    assert set(registry().renderers) - set(renderers) == offered("renderer", "interpret_transfer")
    assert set(probes) == set(registry().probes)
    assert len(problems) == 2
    for hook, problem in zip(("register_renderers", "register_pages"), problems, strict=True):
        assert f"{hook} failed: RuntimeError: no driver" in problem


def test_a_renderer_lies_with_the_result_it_draws():
    for renderer in registry().renderers.values():
        result, own = package(renderer_input(renderer)), package(renderer)
        assert own == result or (own, result) == ("interpret_figures", "interpret"), renderer


def test_no_key_of_a_probe_counts_what_draws():
    for probe in registry().probes.values():
        assert not [
            file for file in code_files(probe) if "/renderers/" in file or "interpret_figures" in file
        ]


def test_plugins_are_imported_without_matplotlib():
    python(QUIET, *sorted({package(cls) for cls in registry().origins}))


FORMER = """
AblationFigure AblationTable AttributionGrid ComparisonFigure ComparisonTable CorrespondenceFigure
CorrespondenceTable DiagnosisFigure DiagnosisReport EvolutionCurves EvolutionGrid EvolutionTable FeatureGrid
FilterGrid Filters FirstLayerFilters InvariancePanels InvarianceTable OcclusionOverlay OcclusionPanels
OverlapPairs TrainingCurves TransferCategories TransferCurve TransferLayers TransferTable first_filters
"""


@pytest.mark.parametrize(
    ("package", "name"),
    [*(("interpret_figures", name) for name in FORMER.split()), ("interpret_datasets", "Scenes")],
)
def test_what_a_package_offered_before_is_found_and_says_where_it_is(package, name):
    with pytest.warns(FutureWarning, match=rf"{package}\.{name} is now .*\.{name}\.") as told:
        found = getattr(import_module(package), name)
    module = str(told[0].message).split(" ")[-1].rpartition(f".{name}")[0]
    assert found is getattr(import_module(module), name)
    assert not hasattr(import_module(package), "Nothing")
