"""Arrows point down: in the core from file to file; among plugins to what others offer, in no circle."""

import ast
import re
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIST = re.search(r"above it in this list: (.*?)\. A test", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)
ORDER = re.findall(r"`(\w+)`", LIST[1])
FOLDERS = (ROOT, ROOT / "plugins", ROOT / "model_zoo")


@cache
def imported(path):
    """The modules a file imports by name, in full."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} imports {node.module} from where it stands: write the whole name"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


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


def modules(folders):
    """Every module of the packages ``interpret…`` in some folders, by its name."""
    found = {}
    for folder in folders:
        for path in sorted(folder.glob("interpret*/**/*.py")):
            name = path.relative_to(folder).with_suffix("").parts
            found[".".join(name).removesuffix(".__init__")] = path
    return found


def arrows(known):
    """Of each module those it imports from, and the name it takes there; none where it takes the module."""
    found = {module: set() for module in known}
    for module, path in known.items():
        for name in imported(path):
            owner, _, taken = (name, "", "") if name in known else name.rpartition(".")
            if owner in known and owner != module:
                found[module].add((owner, taken))
    return found


def circle(graph):
    """What imports itself, by way of others; nothing where all arrows point down."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return " <- ".join(error.args[1])
    return ""


def package(module):
    return module.partition(".")[0]


@cache
def offered(path):
    """What a module lists in ``__all__``."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and [getattr(name, "id", "") for name in node.targets] == ["__all__"]:
            return ast.literal_eval(node.value)
    return []


def hidden(known):
    """What one package takes from another although it is not offered there."""
    for module, taken in arrows(known).items():
        for owner, name in taken:
            private = any(part.startswith("_") for part in (*owner.split("."), name))
            of_plugin = package(owner) != "interpret"
            if package(owner) == package(module):
                continue
            if private or (of_plugin and name and name not in offered(known[owner])):
                yield f"{module} takes {owner}.{name}"


def between_packages(known):
    """The packages that each package imports from."""
    found = {package(module): set() for module in known}
    for module, taken in arrows(known).items():
        found[package(module)] |= {package(owner) for owner, _ in taken} - {package(module)}
    return found


def test_no_package_and_no_module_imports_itself_by_way_of_others():
    known = modules(FOLDERS)
    assert len(known) > 200
    assert not circle(between_packages(known))
    assert not circle({module: {owner for owner, _ in taken} for module, taken in arrows(known).items()})


def test_plugins_take_from_each_other_only_what_is_offered():
    assert not sorted(hidden(modules(FOLDERS)))


def test_the_drawing_kit_knows_no_plugin():
    kit = ROOT / "plugins" / "interpret_figures"
    names = {name.split(".")[0] for path in kit.rglob("*.py") for name in imported(path)}
    assert {name for name in names if name.startswith("interpret_")} == {"interpret_figures"}


TRIALS = {
    "a name that is offered": ("from interpret_b.part import Offered", "", []),
    "a module": ("from interpret_b import part", "", []),
    "a name of the core": ("from interpret.errors import StepError", "", []),
    "a name that is not offered": (
        "from interpret_b.part import Other", "", ["interpret_a takes interpret_b.part.Other"],
    ),
    "a private name of the core": (
        "from interpret.errors import _Inner", "", ["interpret_a takes interpret.errors._Inner"],
    ),
    "a private module": ("import interpret_b._own", "", ["interpret_a takes interpret_b._own."]),
    "a circle": (
        "from interpret_b.part import Offered", "def f():\n    import interpret_a", [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("trial", TRIALS)
def test_what_is_hidden_and_what_goes_in_a_circle_is_found(tmp_path, trial):
    one, other, expected = TRIALS[trial]
    for name, text in {
        "interpret/errors.py": "",
        "interpret_a/__init__.py": one,
        "interpret_b/__init__.py": other,
        "interpret_b/_own.py": "",
        "interpret_b/part.py": "__all__ = ['Offered']",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    known = modules([tmp_path])
    assert list(hidden(known)) == expected
    assert bool(circle(between_packages(known))) == (trial == "a circle")
