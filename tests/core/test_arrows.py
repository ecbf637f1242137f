"""Arrows point down: in the core from file to file; among plugins to what others offer, in no circle."""

import re
from graphlib import CycleError, TopologicalSorter

import pytest
from import_graph import FOLDERS, ROOT, arrows, between_packages, imported, modules, offered, package

PICTURE = re.search(r"┌─*▼.*?└─", (ROOT / "docs" / "architecture.md").read_text(), re.DOTALL)
ORDER = [
    name
    for line in reversed(re.findall(r"│ ([a-z][a-z, ]*?)/?(?:  .*)?│", PICTURE[0]))
    for name in reversed(line.strip().split(", "))
]
"""The rooms of the core in the picture, from the ground up."""


def parts():
    """Every file of the core but the doors in __init__.py, with the part it belongs to."""
    for path in (ROOT / "interpret").rglob("*.py"):
        if path != ROOT / "interpret" / "__init__.py":
            yield path, path.relative_to(ROOT / "interpret").parts[0].removesuffix(".py")


def test_the_picture_names_every_room_of_the_core():
    assert sorted({part for _, part in parts()}) == sorted(ORDER)


def test_a_room_imports_only_rooms_below_it_in_the_picture():
    for path, part in parts():
        above = set(ORDER[ORDER.index(part) + 1 :])
        names = [name.split(".") for name in imported(path)]
        core = {name[1] for name in names if name[0] == "interpret" and len(name) > 1}
        assert not core & above, path


def test_the_core_imports_no_plugin():
    for path, _ in parts():
        assert not [name for name in imported(path) if name.startswith("interpret_")], path


def circle(graph):
    """What imports itself, by way of others; nothing where all arrows point down."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return " <- ".join(error.args[1])
    return ""


def hidden(known):
    """What one package takes from another although it is not offered there."""
    for module, taken in arrows(known).items():
        for owner, name in taken:
            if package(owner) != package(module) and not is_offered(owner, name, known):
                yield f"{module} takes {owner}.{name}"


def is_offered(owner, name, known):
    """By a plugin in ``__all__``, by the core in ``__all__`` of a room or in a module beside the rooms."""
    if any(part.startswith("_") for part in (*owner.split("."), name)):
        return False
    if package(owner) == "interpret" and owner.count(".") > 1:
        return False
    single = package(owner) == "interpret" and known[owner].name != "__init__.py"
    return single or not name or name in offered(known[owner])


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
    "a name of a room": ("from interpret.room import Offered", "", []),
    "a name that a room does not offer": (
        "from interpret.room import Other", "", ["interpret_a takes interpret.room.Other"],
    ),
    "a file in a room": (
        "from interpret.room.file import Offered", "", ["interpret_a takes interpret.room.file.Offered"],
    ),
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
        "interpret/room/__init__.py": "__all__ = ['Offered']",
        "interpret/room/file.py": "",
        "interpret_a/__init__.py": one,
        "interpret_b/__init__.py": other,
        "interpret_b/_own.py": "",
        "interpret_b/part.py": "__all__ = ['Offered']",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    known = modules([tmp_path])
    assert list(hidden(known)) == expected
    assert bool(circle(between_packages(known))) == (trial == "a circle")
