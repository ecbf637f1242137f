"""Modules that have moved answer to their old names, and say where they are."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

import interpret
import interpret.run
from interpret.code.dependencies import code_files, forget_code
from interpret.moved import LEFT, MOVED, RENAMED

ROOT = Path(__file__).parents[2]


@pytest.fixture
def unloaded():
    """No module is loaded under an old name, before and after."""
    old = [f"interpret.{name}" for name in MOVED]
    yield
    for name in old:
        sys.modules.pop(name, None)
        vars(interpret).pop(name.partition(".")[2], None)


@pytest.mark.parametrize("old", MOVED)
def test_an_old_name_gives_what_its_new_place_holds(old, unloaded):
    with pytest.warns(FutureWarning, match=rf"interpret\.{old} is now interpret\.{MOVED[old]}[.;]"):
        found = import_module(f"interpret.{old}")
    new = import_module(f"interpret.{MOVED[old]}")
    assert new.__file__ == str(ROOT / "interpret" / (MOVED[old].replace(".", "/") + ".py"))
    defined = {name for name, value in vars(new).items() if getattr(value, "__module__", "") == new.__name__}
    assert defined
    assert all(getattr(found, name) is getattr(new, name) for name in defined)
    for name, now in RENAMED.get(old, {}).items():
        assert getattr(found, name) is getattr(import_module(new.__name__.rpartition(".")[0]), now)


@pytest.mark.parametrize("name", ["nowhere", "images.nowhere", "weightfiles"])
def test_a_name_that_never_was_is_still_missing(name):
    with pytest.raises(ModuleNotFoundError, match=name):
        import_module(f"interpret.{name}")


def test_no_file_of_ours_uses_an_old_name():
    for folder in ("interpret", "plugins", "model_zoo", "docs"):
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text()
            assert not [old for old in MOVED if f"from interpret.{old} import" in text], path


@pytest.mark.parametrize(
    "line",
    ["from interpret.labels import match_labels", "from interpret import labels", "import interpret.labels"],
)
def test_a_key_counts_the_new_place_of_what_is_imported_by_its_old_name(tmp_path, monkeypatch, line):
    (tmp_path / "old_style.py").write_text(f"{line}\n")
    monkeypatch.syspath_prepend(tmp_path)
    forget_code()
    files = code_files("old_style")
    forget_code()
    assert "interpret/images/labels.py" in files


@pytest.mark.parametrize(("module", "name"), [(module, name) for module in LEFT for name in LEFT[module]])
def test_what_left_a_module_is_found_from_there(module, name):
    with pytest.warns(FutureWarning, match=rf"{module}\.{name} is now interpret\."):
        found = getattr(import_module(module), name)
    owner, _, now = LEFT[module][name].rpartition(".")
    assert found is getattr(import_module(owner), now)


@pytest.mark.parametrize("module", LEFT)
def test_what_never_was_is_missing_there(module):
    with pytest.raises(AttributeError, match=f"module '{module}' has no attribute 'nothing'"):
        import_module(module).nothing  # noqa: B018 - it raises


def test_old_modules_are_attributes_too(unloaded):
    with pytest.warns(
        FutureWarning, match="kept is cached; .* Plugins take what it offers from interpret.run"
    ):
        assert interpret.workspace.kept is interpret.run.cached
