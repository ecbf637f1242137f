"""architecture.md says what the source does: plugins and what they take, and every place that it names."""

import re
from importlib import import_module

import pytest
from import_graph import FOLDERS, ROOT, between_packages, modules

PAGE = (ROOT / "docs" / "architecture.md").read_text()
PLUGINS = re.findall(r"^\| `(interpret_\w+)` \|[^|]*\|([^|]*)\|(.*)\|$", PAGE, re.MULTILINE)
FOLDER = re.findall(r"│ ([a-z]+)/ +(.*?) *│$", PAGE, re.MULTILINE)
TABLE = PAGE[PAGE.index("## Where is") :]
PLACES = sorted(set(re.findall(r"`((?:interpret|plugins|model_zoo)/[^`]*)`", PAGE)))
ROOMS = sorted(path.parent.name for path in (ROOT / "interpret").glob("*/__init__.py"))
STEPS = re.findall(r"`([a-z_/]+\.py)`", PAGE[PAGE.index("**From YAML") : PAGE.index("## Plugins")])


def test_it_is_one_page():
    assert len(PAGE.splitlines()) <= 100


def test_every_plugin_is_there_with_what_it_takes_from_others():
    found = between_packages(modules(FOLDERS))
    expected = {name: sorted(found[name] - {"interpret"}) for name in found if name != "interpret"}
    assert {name: re.findall(r"`(\w+)`", taken) for name, _, taken in PLUGINS} == expected


@pytest.mark.parametrize("name", [name for name, _, _ in PLUGINS])
def test_every_file_to_open_first_exists(name):
    package = next(path for folder in FOLDERS for path in folder.glob(name))
    files = next(re.findall(r"`(\w+\.py)`", opened) for found, opened, _ in PLUGINS if found == name)
    assert files
    assert all((package / file).is_file() for file in files)


@pytest.mark.parametrize("room", [room for room, _ in FOLDER])
def test_the_picture_names_files_of_each_room(room):
    names = dict(FOLDER)[room].partition(":")[0].split(", ")
    files = {path.stem for path in (ROOT / "interpret" / room).iterdir()}
    assert len(names) >= 3
    assert set(names) <= files


@pytest.mark.parametrize("place", PLACES)
def test_every_place_exists(place):
    for path in [
        ROOT / place.replace("<analysis>", "transfer"),
        ROOT / place.replace("<analysis>", "occlusion"),
    ]:
        assert path.exists()


@pytest.mark.parametrize("step", STEPS)
def test_every_step_of_the_way_exists(step):
    assert (ROOT / "interpret" / step).is_file()


@pytest.mark.parametrize("room", ROOMS)
def test_the_map_of_a_room_names_every_file(room):
    words = set(re.findall(r"\w+", import_module(f"interpret.{room}").__doc__))
    files = {path.stem for path in (ROOT / "interpret" / room).rglob("*.py")} - {"__init__"}
    assert files <= words
