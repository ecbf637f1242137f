"""Modules that have moved answer to their old names, and say where they are."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

from interpret.code.dependencies import code_files, forget_code
from interpret.moved import MOVED, RENAMED

ROOT = Path(__file__).parents[2]


@pytest.fixture
def unloaded():
    """No module is loaded under an old name, before and after."""
    old = [f"interpret.{name}" for name in MOVED]
    yield
    for name in old:
        sys.modules.pop(name, None)


@pytest.mark.parametrize("old", MOVED)
def test_an_old_name_gives_what_its_new_place_holds(old, unloaded):
    with pytest.warns(FutureWarning, match=rf"interpret\.{old} is now interpret\.{MOVED[old]}\."):
        found = import_module(f"interpret.{old}")
    new = import_module(f"interpret.{MOVED[old]}")
    assert new.__file__ == str(ROOT / "interpret" / (MOVED[old].replace(".", "/") + ".py"))
    defined = {name for name, value in vars(new).items() if getattr(value, "__module__", "") == new.__name__}
    assert defined
    assert all(getattr(found, name) is getattr(new, name) for name in defined)
    for name, now in RENAMED.get(old, {}).items():
        assert getattr(found, name) is getattr(new, now)


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
