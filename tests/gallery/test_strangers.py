"""Names of strangers run nothing and break no link; runs that are not whole have pages that say so."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest
from browsing import settle
from site_fixtures import HOSTILE, pages, photographs, run

import interpret
from interpret.plugin import Page, PageContext, Sheet, registry
from interpret.run import export_runs, open_run
from interpret_gallery import Chart, Gallery, Series, chart, data, save_picture
from interpret_gallery.building import build_site
from interpret_gallery.names import file_name, photograph_titles, run_names
from interpret_topk import Exemplars

STRONGEST = {"probe": "topk", "layers": ["layer1"], "k": 3}


def gallery_of(folder: Path, **parameters: str) -> Path:
    return export_runs([folder], Gallery(**parameters)).folder


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The gallery of photographs whose names and categories want to be something else."""
    folder = tmp_path_factory.mktemp("hostile")
    photos = photographs(folder / "a % # & photos", HOSTILE)
    steps = {
        "strongest": STRONGEST,
        "features": {"probe": "deconv", "inputs": {"exemplars": "strongest"}, "units": [0, 1, 2]},
        "where": {"probe": "occlusion", "images": [0], "window": 48, "stride": 48, "target": "predicted"},
    }
    out = run(folder / "a run's <b> &amp; name", steps, {"name": "folder", "path": str(photos)})
    return gallery_of(out)


def test_names_of_strangers_are_text(hostile):
    found = pages(hostile)
    assert len(found) >= 6
    for name, page in found.items():
        scripts = [given for tag, given in page.elements if tag == "script"]
        assert all(given["src"].endswith(".js") for given in scripts), name
        assert not [given for _, given in page.elements if any(key.startswith("on") for key in given)], name
        assert {tag for tag, _ in page.elements}.isdisjoint({"iframe", "object", "embed", "base"})
        assert page.missing() == [], name
    assert "a run's <b> &amp; name" in found["index.html"].words


def test_files_stay_in_the_site_whatever_things_are_called(hostile):
    for path in hostile.rglob("*"):
        plain = path.relative_to(hostile).as_posix()
        assert all(letter.isascii() and (letter.isalnum() or letter in "/._-") for letter in plain), plain


def test_data_for_the_script_can_end_nothing(hostile):
    for path in hostile.rglob("*.js"):
        if path.name != "gallery.js":
            text = path.read_text("ascii")
            assert not set(text) & set("<>&")
            assert text.startswith("gallery.put(")
            assert text.count("\n") == 1


def test_nothing_of_it_runs_in_a_browser(visit, hostile):
    page = visit(hostile, "steps/features/layer1.html#0")
    assert page.evaluate("document.querySelectorAll('main img[onerror], main script').length") == 0
    shown = page.inner_text("main")
    assert any(name[:20] in shown for name in HOSTILE)
    page.locator(".nine button").first.click()
    settle(page)
    assert page.locator("dialog img").evaluate("node => node.naturalWidth") > 0


@pytest.mark.parametrize(
    "name", [*HOSTILE, "../../etc/passwd", "CON", "aux.txt", "index", ".", "", "\udcff", "a/b\\c"]
)
def test_any_name_is_a_plain_file_name(name):
    found = file_name(name)
    assert found
    assert len(found) < 70
    assert found.partition(".")[0] not in {"con", "aux", "index"}
    assert all(
        letter.isascii() and (letter.islower() or letter.isdigit() or letter in "._-") for letter in found
    )
    assert not found.startswith(".")


def test_two_names_never_share_a_file():
    names = ["conv1", "Conv1", "CONV1", "conv-1", "conv 1", "conv/1", "conv1 ", "\u00e7onv1"]
    assert len({file_name(name).lower() for name in names}) == len(names)


@pytest.mark.parametrize(
    ("names", "titles"),
    [
        (["/a/x.jpg", "/b/x.jpg", "/b/y.jpg"], ["a/x.jpg", "b/x.jpg", "y.jpg"]),
        (["/only one/x <b>.jpg"], ["x <b>.jpg"]),
        (["val-000000", "cats/1.jpg", ""], ["val-000000", "cats/1.jpg", ""]),
        (["/a/x.jpg", "x.jpg"], ["a/x.jpg", "x.jpg"]),
        ([], []),
    ],
)
def test_photographs_are_called_by_as_little_of_their_paths_as_tells_them_apart(names, titles):
    assert photograph_titles(names) == titles


def test_numbers_that_are_no_numbers_become_null():
    assert data.script_text("x", [float("nan"), float("inf"), 1.5]) == 'gallery.put("x",[null,null,1.5]);\n'


def test_the_same_run_gives_the_same_bytes(tmp_path):
    out = run(tmp_path / "run", {"strongest": STRONGEST}, {"name": "scenes", "limit": 5})
    sites = [export_runs([out], Gallery(), tmp_path / name / "site").folder for name in ("one", "two")]
    read = [{p.relative_to(site): p.read_bytes() for p in site.rglob("*") if p.is_file()} for site in sites]
    assert read[0] == read[1]
    assert len(read[0]) > 8


def test_a_gallery_is_kept_while_nothing_changes(tmp_path):
    out = run(tmp_path / "run", {"strongest": STRONGEST}, {"name": "scenes", "limit": 5})
    first = export_runs([out], Gallery())
    assert first.folder == out / "gallery"
    assert not first.kept
    assert export_runs([out], Gallery()).kept
    run(out, {"strongest": {**STRONGEST, "k": 2}}, {"name": "scenes", "limit": 5})
    assert not export_runs([out], Gallery()).kept


def test_a_folder_of_the_users_is_never_replaced(tmp_path):
    out = run(tmp_path / "run", {"strongest": STRONGEST}, {"name": "scenes", "limit": 5})
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(interpret.InterpretError, match="holds files that no exporter wrote"):
        export_runs([out], Gallery(), tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "years of work"


def test_a_step_may_be_called_gallery(tmp_path):
    out = run(tmp_path / "run", {"gallery": STRONGEST}, {"name": "scenes", "limit": 5})
    made = export_runs([out], Gallery())
    assert made.folder != out / "gallery"
    assert interpret.load_result(out / "gallery").count == 5


def test_steps_without_a_result_say_why(tmp_path):
    steps = {
        "strongest": STRONGEST,
        "where": {"probe": "occlusion", "images": [0], "window": 500},
        "features": {"probe": "deconv", "inputs": {"exemplars": "strongest"}, "units": [99999]},
    }
    found = pages(gallery_of(run(tmp_path / "run", steps, {"name": "scenes", "limit": 5})))
    for step in ("where", "features"):
        words = found[f"steps/{step}/index.html"].words
        assert "This step failed." in words
        assert "Run the same command again" in words
    assert "window" in found["steps/where/index.html"].words
    assert all(page.missing() == [] for page in found.values())
    assert "failed" in found["index.html"].words


def test_photographs_that_are_gone_leave_pages_that_say_so(tmp_path):
    photos = photographs(tmp_path / "photos", ("a", "b"))
    out = run(tmp_path / "run", {"strongest": STRONGEST}, {"name": "folder", "path": str(photos)})
    photos.rename(tmp_path / "moved")
    found = pages(gallery_of(out))
    assert all(page.missing() == [] for page in found.values())
    assert "cannot" in found["steps/strongest/index.html"].words + found["index.html"].words


def test_one_image_without_a_label(tmp_path):
    (tmp_path / "photos").mkdir()
    interpret.load_dataset("scenes", limit=1)[0].image.save(tmp_path / "photos" / "only.png")
    steps = {"strongest": STRONGEST, "where": {"probe": "occlusion", "window": 48, "stride": 48}}
    found = pages(
        gallery_of(run(tmp_path / "run", steps, {"name": "folder", "path": str(tmp_path / "photos")}))
    )
    assert all(page.missing() == [] for page in found.values())
    assert "purity" not in found["steps/strongest/index.html"].words


def test_a_network_without_convolutions(tmp_path):
    steps = {"strongest": {"probe": "topk", "layers": ["hidden"], "k": 2}}
    module = {"name": "module", "target": "site_fixtures:Flat", "input_size": 8}
    out = run(tmp_path / "run", steps, {"name": "scenes", "limit": 4}, module)
    found = pages(gallery_of(out))
    assert "hidden" in found["networks/net.html"].words
    assert "steps/strongest/hidden.html" in found
    assert all(page.missing() == [] for page in found.values())


ODD = {
    "predict": {"probe": "predict"},
    "strongest": {"probe": "topk", "layers": ["conv"], "k": 2},
    "features": {"probe": "deconv", "inputs": {"exemplars": "strongest"}, "units": 3},
    "units": {"probe": "strongest", "layers": ["conv"], "units": 2},
    "where": {"probe": "occlusion", "window": 8, "stride": 4, "layers": ["conv"], "target": 1},
    "saliency": {"probe": "captum.saliency", "target": 1},
    "missing": {"probe": "deconv", "inputs": {"exemplars": "strongest"}, "units": [99999]},
}


@pytest.mark.parametrize("layout", ["site", "page"])
@pytest.mark.parametrize(
    ("net", "said"), [("Undefined", "no number"), ("Thousand", "class 1"), ("Tokens", "conv")]
)
def test_odd_networks_have_whole_pages(tmp_path, net, said, layout):
    module = {"name": "module", "target": f"site_fixtures:{net}", "input_size": 16}
    out = run(tmp_path / "run", ODD, {"name": "scenes", "limit": 2, "size": 16}, module)
    found = pages(gallery_of(out, layout=layout))
    words = " ".join(page.words for page in found.values())
    assert all(page.missing() == [] for page in found.values())
    assert said in words
    assert "cannot be shown" not in words
    assert words.count("This step failed.") == 1


class Broken(Page[Exemplars]):
    """A page that fails."""

    name: ClassVar[str] = "broken"

    def compose(self, result: Exemplars, context: PageContext) -> Iterable[Sheet]:
        """Fails after its first sheet."""
        yield Sheet("first", "<p>first</p>")
        raise RuntimeError("of this <b>page</b>")


class Own(Page[Exemplars]):
    """A page of a third party."""

    name: ClassVar[str] = "own"

    def compose(self, result: Exemplars, context: PageContext) -> Iterable[Sheet]:
        """One chart, one picture, one photograph."""
        drawn = chart(Chart("Images", ["all"], [Series("count", [result.count])], kind="bar"))
        picture = save_picture(context, "grey", np.full((4, 6, 3), 128, np.uint8))
        photo = context.photo(0, result)
        yield Sheet("Own", f'{drawn}<img src="{picture.url}" alt=""><img src="{photo.url}" alt="">')


def built(out: Path, folder: Path, page: type[Page]) -> dict[str, Any]:
    """The pages of a gallery where the page of one plugin is another one."""
    opened = open_run(out)
    registry = replace(opened.registry, pages={page.name: page})
    build_site([replace(opened, registry=registry)], folder)
    return pages(folder)


def test_a_page_that_fails_leaves_main_numbers_and_the_reason(tmp_path):
    out = run(tmp_path / "run", {"strongest": STRONGEST}, {"name": "scenes", "limit": 5})
    found = built(out, tmp_path / "site", Broken)
    assert "RuntimeError: of this <b>page</b>" in found["steps/strongest/index.html"].words
    assert "first" not in found["steps/strongest/index.html"].words


def test_a_third_partys_page(tmp_path):
    out = run(tmp_path / "run", {"strongest": STRONGEST}, {"name": "scenes", "limit": 5})
    found = built(out, tmp_path / "site", Own)
    assert found["steps/strongest/index.html"].missing() == []
    assert (
        "count" in found["steps/strongest/index.html"].words
        or "5" in found["steps/strongest/index.html"].words
    )


def test_runs_of_one_name_are_told_apart_and_none_is_shown_twice(tmp_path):
    steps, scenes = {"strongest": STRONGEST}, {"name": "scenes", "limit": 5}
    first = run(tmp_path / "first" / "quick", steps, scenes)
    second = tmp_path / "second" / "quick"
    copytree(first, second)
    site = export_runs([first, second, first / ".." / "quick"], Gallery(), tmp_path / "site").folder
    front = pages(site)["index.html"]
    assert {"1-net.html", "2-net.html"} == {path.name for path in (site / "networks").iterdir()}
    for name in ("first/quick", "second/quick"):
        assert f"{name}: strongest" in front.words
        assert f"Make {name} again" in front.words
    assert run_names([Path("/a/b/x"), Path("/a/c/x"), Path("/y")]) == ["b/x", "c/x", "y"]
    assert run_names([Path("/a/x"), Path("/x")]) == ["a/x", "/x"]


def test_a_plugin_of_a_single_file_has_no_templates(tmp_path, monkeypatch):
    out = run(tmp_path / "run", {"strongest": STRONGEST}, {"name": "scenes", "limit": 5})
    single = ModuleType("single_file_plugin")
    monkeypatch.setitem(sys.modules, single.__name__, single)
    monkeypatch.setattr(Own, "__module__", single.__name__)
    both = replace(registry(), pages={**registry().pages, Own.name: Own})
    monkeypatch.setattr("interpret_gallery.exporter.registry", lambda: both)
    assert pages(gallery_of(out))["index.html"].missing() == []


def test_several_runs_do_not_replace_the_gallery_of_one(tmp_path):
    runs = [run(tmp_path / name, {"strongest": STRONGEST}, {"name": "scenes", "limit": 3}) for name in "ab"]
    alone, both = export_runs(runs[:1], Gallery()), export_runs(runs, Gallery())
    assert alone.first.is_file()
    assert both.folder == runs[0] / "gallery-of-2-runs"
    assert export_runs(runs[:1], Gallery()).kept


def test_photographs_of_two_runs_are_told_apart_where_their_data_only_share_a_name(tmp_path):
    for name, classes in (("first", ("a", "b")), ("second", ("c", "d", "e"))):
        photos = photographs(tmp_path / name / "photos", classes)
        run(tmp_path / name / "run", {"strongest": STRONGEST}, {"name": "folder", "path": str(photos)})
    again = copytree(tmp_path / "first" / "run", tmp_path / "again")
    runs = [tmp_path / "first" / "run", tmp_path / "second" / "run", again]
    site = export_runs(runs, Gallery(), tmp_path / "site").folder
    folders = sorted(path.name for path in (site / "photos").iterdir())
    assert folders == ["photos-96x96", "photos-96x96-2"]  # the third run has those of the first
    used = [
        set(re.findall(r"photos-96x96(?:-2)?(?=/)", (site / f"steps/{n}-strongest/layer1.js").read_text()))
        for n in (1, 2, 3)
    ]
    assert used == [{folders[0]}, {folders[1]}, {folders[0]}]


class Twice(Page[Exemplars]):
    """Two sheets of one name."""

    name: ClassVar[str] = "twice"

    def compose(self, result: Exemplars, context: PageContext) -> Iterable[Sheet]:
        """The second would replace the first."""
        return [Sheet("First", "<p>first</p>"), Sheet("Second", "<p>second</p>")]


class Named(Page[Exemplars]):
    """Two sheets with a name each, none of them for the front."""

    name: ClassVar[str] = "named"

    def compose(self, result: Exemplars, context: PageContext) -> Iterable[Sheet]:
        """Each with a file of its own."""
        return [Sheet("One", "<p>1</p>", name="one"), Sheet("Two", "<p>2</p>", name="two")]


def test_two_sheets_of_one_name_are_an_error_of_the_page(tmp_path):
    out = run(tmp_path / "run", {"strongest": STRONGEST}, {"name": "scenes", "limit": 5})
    found = built(out, tmp_path / "site", Twice)
    assert "2 of its sheets have the name ''" in found["steps/strongest/index.html"].words


def test_a_step_whose_front_page_has_a_name_is_led_back_to(tmp_path):
    out = run(tmp_path / "run", {"strongest": STRONGEST}, {"name": "scenes", "limit": 5})
    found = built(out, tmp_path / "site", Named)
    assert {"steps/strongest/one.html", "steps/strongest/two.html"} < set(found)
    assert all(page.missing() == [] for page in found.values())
    assert "one.html" in found["steps/strongest/two.html"].addresses
