"""Arrows point down: a file of the core imports only files above it, and no plugin."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIST = re.search(r"above it in this list: (.*?)\. A test", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)
ORDER = re.findall(r"`(\w+)`", LIST[1])


def imported(path):
    """The modules a file imports by name, in full."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def parts():
    """Every file of the core but the doors in __init__.py, with the part it belongs to."""
    for path in (ROOT / "interpret").rglob("*.py"):
        if path != ROOT / "interpret" / "__init__.py":
            yield path, path.relative_to(ROOT / "interpret").parts[0].removesuffix(".py")


def test_the_list_names_every_part_of_the_core():
    assert sorted({part for _, part in parts()}) == sorted(ORDER)


def test_a_part_imports_only_parts_above_it():
    for path, part in parts():
        below = set(ORDER[ORDER.index(part) + 1 :])
        names = [name.split(".") for name in imported(path)]
        core = {name[1] for name in names if name[0] == "interpret" and len(name) > 1}
        assert not core & below, path


def test_the_core_imports_no_plugin():
    for path, _ in parts():
        assert not [name for name in imported(path) if name.startswith("interpret_")], path
