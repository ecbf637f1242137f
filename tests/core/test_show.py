"""`show`: which renderer draws, what is displayed, where files are, and what is said where it cannot be."""

import base64
import copy
import gc
import os
import pickle
import stat
import subprocess
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

import pytest
import torch
from PIL import Image
from pydantic import Field

import interpret
from interpret import Images, Record, Renderer, Result, Shown
from interpret.errors import DatasetError, InterpretError, PluginError
from interpret.images import as_images
from interpret.plugin import discovery
from interpret.plugin.interfaces import renderer_input
from interpret.results import remembered_images
from interpret.showing import choosing, pages
from interpret.testing import small_images, small_network
from interpret_deconv import Deconv
from interpret_deconv.renderers import FeatureGrid
from interpret_occlusion import OcclusionMaps, sweep
from interpret_occlusion.renderers import OcclusionOverlay
from interpret_topk import mine


@pytest.fixture(scope="module")
def maps():
    return sweep(small_network(), small_images()[0].image, window=8, stride=8)


@pytest.fixture(scope="module")
def projections():
    network, images = small_network(), small_images()
    return Deconv(units=2).run(network, images, mine(network, images, ["conv1", "conv2"], k=2))


@dataclass(frozen=True)
class Score(Result):
    value: float = 0.5
    ids: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class FineScore(Score):
    pass


@pytest.fixture
def offered(monkeypatch):
    """Renderers of a third party: each writes the files it is told to."""

    class Named(Renderer[Score]):
        """It writes what it is told to."""

        files: dict[str, str] = Field({}, description="Texts by name.")

        def render(self, result: Score, images: Images, folder: Path):
            for name, text in self.files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(text.encode())
            return [folder / name for name in self.files]

    class Plain(Named):
        name: ClassVar[str] = "plain"

    class Fine(Named):
        name: ClassVar[str] = "fine"

        def render(self, result: FineScore, images: Images, folder: Path):
            return super().render(result, images, folder)

    class Finer(Named):
        name: ClassVar[str] = "finer"
        size: int = Field(3, description="A size.")

        def render(self, result: FineScore, images: Images, folder: Path):
            (folder / "finer.txt").write_text(f"{self.size}{list(images.ids)}")

    class Fails(Named):
        name: ClassVar[str] = "fails"

        def render(self, result: Score, images: Images, folder: Path):
            (folder / "half.png").touch()
            raise ZeroDivisionError("on purpose")

    class Offer:
        @interpret.hookimpl
        def register_renderers(self):
            return [Plain, Fine, Finer, Fails]

    found = discovery.load_registry([Offer()])
    assert not found.problems
    monkeypatch.setattr(choosing, "registry", lambda: found)
    return MappingProxyType({"plain": Plain, "fine": Fine, "finer": Finer, "fails": Fails})


def html_of(shown):
    """Tags with their attributes, and the text; malformed HTML is an error."""

    class Reader(HTMLParser):
        def __init__(self):
            super().__init__()
            self.tags, self.text, self.open = [], "", []

        def handle_starttag(self, tag, attributes):
            self.tags.append((tag, dict(attributes)))
            if tag not in {"img", "br", "hr", "meta"}:
                self.open.append(tag)

        def handle_endtag(self, tag):
            assert self.open.pop() == tag

        def handle_data(self, data):
            self.text += data

    reader = Reader()
    reader.feed(shown if isinstance(shown, str) else shown._repr_html_())
    assert not reader.open
    return reader


def test_a_sweep_is_displayed_saved_and_opened(maps, tmp_path, capsys, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    shown = interpret.show(maps)
    assert isinstance(shown, Shown)
    assert shown.renderers == ("occlusion_panels",)
    assert [file.name for file in shown.files] == ["occlusion-1.png"]
    assert repr(shown).startswith(
        "Shown OcclusionMaps\n  drawn by  occlusion_panels\n  files     occlusion-1.png"
    )
    ((_, picture), *rest) = [item for item in html_of(shown).tags if item[0] == "img"]
    assert not rest
    assert picture["alt"] == "occlusion-1: OcclusionMaps"
    png = base64.b64decode(picture["src"].removeprefix("data:image/png;base64,"))
    assert png == shown.files[0].read_bytes()
    bundle = shown._repr_mimebundle_()
    assert base64.b64decode(bundle["image/png"]) == png
    assert bundle["text/html"] == shown._repr_html_()
    (copied,) = shown.save(tmp_path / "new" / "folder")
    assert copied.read_bytes() == png
    assert shown.save(str(tmp_path / "new" / "folder")) == (copied,)
    page = shown.open()
    assert f"There is no browser here. The page is {page}" in capsys.readouterr().out
    ((_, linked),) = [item for item in html_of(page.read_text()).tags if item[0] == "img"]
    assert (page.parent / linked["src"]).read_bytes() == png
    del shown
    gc.collect()
    assert page.exists()  # a browser may read it later


def test_files_live_as_long_as_what_is_shown(maps):
    shown = interpret.show(maps)
    file = shown.files[0]
    assert file.exists()
    del shown
    gc.collect()
    assert not file.parent.parent.exists()


def test_parameters_and_several_renderers(projections, maps, tmp_path):
    shown = interpret.show(
        projections, units={"conv1": projections["conv1"].unit[:1].tolist()}, formats=["svg"]
    )
    assert [file.name for file in shown.files] == ["conv1-1.svg", "conv1-patches.csv"]
    assert html_of(shown).tags[0][1]["src"].startswith("data:image/svg+xml;base64,")
    assert "image/png" not in shown._repr_mimebundle_()
    several = interpret.show(
        maps, renderer=["occlusion_panels", OcclusionOverlay, "occlusion_panels"], columns=1
    )
    assert several.renderers == ("occlusion_panels", "occlusion_overlay", "occlusion_panels")
    names = [file.relative_to(tmp_path).as_posix() for file in several.save(tmp_path)]
    assert [name.partition("/")[0] for name in names] == [
        "occlusion_panels", "occlusion_overlay", "occlusion_panels-2",
    ]  # fmt: skip
    assert interpret.show(projections, renderer=FeatureGrid(columns=1)).files


def test_the_most_special_type_then_the_first_offered(offered):
    assert interpret.show(Score()).renderers == ("plain",)
    assert interpret.show(FineScore()).renderers == ("fine",)
    assert interpret.show(FineScore(), renderer="plain").renderers == ("plain",)
    assert interpret.show(FineScore(), [torch.zeros(3, 4, 4)], size=4).renderers == ("finer",)
    shown = interpret.show(FineScore(), [torch.zeros(3, 4, 4)], renderer=offered["finer"])
    assert shown.files[0].read_text() == "3['0']"


def test_every_bundled_default_draws_without_being_asked_for_more():
    """What is drawn first needs no parameter, and is a figure where there is one."""
    found = discovery.registry().renderers.values()
    for cls in {renderer_input(cls) for cls in found}:
        offered = [item for item in found if renderer_input(item) is cls]
        assert not any(item.is_required() for item in offered[0].model_fields.values())
        texts = [item.name.endswith(("table", "report")) for item in offered]
        assert not texts[0] or all(texts)


def test_tables_and_texts_are_shown_as_html(offered):
    shown = interpret.show(
        Score(), renderer="plain",
        files={"a.md": "# T <script>x</script>\n\n| a | b |\n|---|---|\n| 1 \\| 2 | **3** |\n\n"
               "[x](javascript:y) ![z](http://example.org/z.png) <http://example.org>\n",
               "b.csv": 'name,value\n"<b>x</b>",1\n' + "y,2\n" * 100, "c.txt": "<i>\n", "d.pdf": "%PDF"},
    )  # fmt: skip
    html = html_of(shown)
    kinds = {tag for tag, _ in html.tags}
    assert not kinds & {"script", "b", "i", "a", "img", "iframe"}
    assert {"table", "h1", "strong", "pre"} <= kinds
    assert "1 | 2" in html.text
    assert "<b>x</b>" in html.text
    assert "41 more rows" in html.text
    assert "d.pdf" in html.text


def test_many_pictures_are_not_all_in_one_cell(offered, monkeypatch):
    monkeypatch.setattr(pages, "MOST_BYTES", 25)
    files = {f"{number}.svg": "x" * 10 for number in range(5)}
    shown = interpret.show(Score(), renderer="plain", files=files)
    html = html_of(shown)
    assert [tag for tag, _ in html.tags].count("img") == 2
    assert "3 more, such as 2.svg" in html.text
    assert html_of(shown.open().read_text()).tags
    assert len(shown.files) == 5


def test_names_of_strangers_neither_run_nor_leave_their_page(offered, tmp_path):
    names = [
        'a" onload="x.svg',
        "a b%20#?.svg",
        "\N{RIGHT-TO-LEFT OVERRIDE}gpj.svg",
        "<script>.pdf",
        "'é🙂.svg",
    ]
    shown = interpret.show(
        Score(ids={"<script>": "</table>"}), renderer="plain", files=dict.fromkeys(names, "x")
    )
    page = shown.open()
    for html in (html_of(shown), html_of(page.read_text())):
        assert not any(name.startswith("on") for _, attributes in html.tags for name in attributes)
        assert "script" not in {tag for tag, _ in html.tags}
    sources = [attributes["src"] for tag, attributes in html_of(page.read_text()).tags if tag == "img"]
    from urllib.parse import unquote  # noqa: PLC0415

    assert [unquote(source) for source in sources] == [f"files/{name}" for name in names if ".svg" in name]
    assert len(shown.save(tmp_path)) == len(names)


def test_a_result_that_nothing_draws_shows_its_numbers(tmp_path):
    @dataclass(frozen=True)
    class Undrawn(Result):
        share: float = 0.25

    shown = interpret.show(Undrawn())
    assert shown.renderers == ()
    assert "0.25" in html_of(shown).text
    (file,) = shown.save(tmp_path)
    assert file.name == "summary.html"
    assert "0.25" in html_of(file.read_text()).text
    with pytest.raises(PluginError, match="Nothing draws this result: it has no parameter 'units'"):
        interpret.show(Undrawn(), units=[3])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda maps: {"renderer": "ocluson_panels"}, "Did you mean 'occlusion_panels'"),
        (lambda maps: {"renderer": "feature_grid"},
         "Projections, and this is OcclusionMaps. What draws that: 'occlusion_panels', 'occlusion_overlay'"),
        (lambda maps: {"renderer": 3}, "renderer is 3: give a name"),
        (lambda maps: {"renderer": OcclusionMaps}, "give a name"),
        (lambda maps: {"renderer": []}, "empty list"),
        (lambda maps: {"rowz": 3}, "rows"),
        (lambda maps: {"rows": -3}, "rows"),
        (lambda maps: {"renderer": OcclusionOverlay(), "rows": 3}, r"give rows where it is made, Occlusion"),
        (lambda maps: {"renderer": ["occlusion_panels", "occlusion_overlay"], "x": 3}, "no parameter 'x'"),
        (lambda maps: {"images": "photos"}, "load_dataset"),
        (lambda maps: {"images": [torch.zeros(3, 4, 4)]}, "expects|shape|takes"),
    ],
)  # fmt: skip
def test_what_cannot_be_shown_is_said(maps, given, message):
    with pytest.raises(InterpretError, match=message):
        interpret.show(maps, **given(maps))


@dataclass(frozen=True)
class APart(Record):
    a: int = 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("runs/demo", r"show\(interpret.load_result\('runs/demo'\)"),
        (Path("x"), "load_result"),
        (APart(), "a part of a result: give the whole"),
        (3, "Got int"),
        (None, "Got NoneType"),
    ],
)
def test_what_is_no_result_is_refused_with_what_to_give(given, message):
    with pytest.raises(InterpretError, match=message):
        interpret.show(given)


def test_a_renderer_that_fails_is_named_and_leaves_nothing(offered, tmp_path, monkeypatch):
    import tempfile  # noqa: PLC0415

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(
        InterpretError, match="The renderer 'fails' failed: ZeroDivisionError: on purpose"
    ) as error:
        interpret.show(Score(), renderer="fails")
    assert isinstance(error.value.__cause__, ZeroDivisionError)
    assert list(tmp_path.iterdir()) == []


def test_files_that_a_renderer_leaves_elsewhere_are_its_own(offered, tmp_path):
    (tmp_path / "other.txt").write_text("x")
    shown = interpret.show(Score(), renderer="plain", files={str(tmp_path / "new.txt"): "y", "in.txt": "z"})
    assert [file.name for file in shown.files] == ["in.txt"]
    assert [file.name for file in shown.save(tmp_path / "out")] == ["in.txt"]


def test_a_folder_that_cannot_be_written(maps, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InterpretError, match="file cannot be made: File exists"):
        interpret.show(maps).save(tmp_path / "file")
    (tmp_path / "full" / "occlusion-1.png").mkdir(parents=True)
    with pytest.raises(InterpretError, match=r"cannot be written into .*full: Is a directory"):
        interpret.show(maps).save(tmp_path / "full")


def test_results_remember_their_images_and_nobody_else_does(tmp_path, projections):
    network, images = small_network(), small_images()
    mined = mine(network, images, ["conv2"], k=2)
    assert remembered_images(mined) is images
    assert remembered_images(projections) is not None
    x = torch.rand(3, 16, 16)
    assert torch.equal(remembered_images(sweep(network, x, 8, 8))[0].image, x)
    asked = interpret.load_probe("occlusion", window=8, stride=8)
    assert torch.equal(remembered_images(asked.run(network, [x]))[0], x)
    assert mined.__dict__.keys() - mined.__dataclass_fields__.keys()
    for other in (pickle.loads(pickle.dumps(mined)), copy.copy(mined), copy.deepcopy(mined)):
        assert remembered_images(other) is None
    mined.save(tmp_path)
    assert remembered_images(interpret.load_result(tmp_path)) is None
    assert "images" not in (tmp_path / "result.json").read_text().split('"count"')[0].lower()
    assert "remembered" not in repr(mined)


def test_a_loaded_result_asks_for_its_images(maps, projections, tmp_path):
    projections.save(tmp_path)
    loaded = interpret.load_result(tmp_path)
    with pytest.raises(
        DatasetError, match=r"This Projections does not know its images: it was loaded.*images=\["
    ):
        interpret.show(loaded)
    again, first = interpret.show(loaded, small_images()), interpret.show(projections)
    assert [file.read_bytes() for file in again.files] == [file.read_bytes() for file in first.files]


def test_one_of_several_maps_knows_its_images():
    network = small_network()
    several = interpret.load_probe("occlusion", window=8, stride=8).run(network, small_images())
    assert interpret.show(several[2]).files
    assert interpret.show(
        several.maps[2], images=[small_images()[2].image]
    ).files  # as of before there were several


def test_results_of_a_run_and_what_is_made_of_maps_know_their_images(maps, tmp_path):
    assert interpret.show(maps.attributions()).renderers == ("attribution_grid",)
    pipeline = {
        "version": 1,
        "models": {"net": {"name": "zfnet", "weights": "scenes"}},
        "datasets": {"val": {"name": "scenes", "limit": 2}},
        "steps": {"saliency": {"probe": "project", "layer": "layer1"}},
    }
    run = interpret.run_pipeline(pipeline, out=tmp_path / "run")
    assert repr(run).splitlines()[-1] == "  saliency  done"
    assert interpret.show(run["saliency"]).files


def test_renderers_take_what_probes_take(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for place, sample in enumerate(small_images()):
        sample.image.save(f"{place}.png")
    network, paths = small_network(), [f"{place}.png" for place in range(6)]
    found = interpret.load_probe("project", layer="conv2").run(network, paths)
    renderer = interpret.load_renderer("attribution_grid")
    pictures = [Image.open(path) for path in paths]
    drawn = [
        renderer.render(found, images, folder)[0].read_bytes()
        for images, folder in [
            (paths, "out/a"), ([Path(path) for path in paths], tmp_path / "b"), (pictures, "c"),
            (as_images(paths), "d"), (None, "e"), (interpret.load_dataset("folder", path="."), "f"),
        ]
    ]  # fmt: skip
    assert len(set(drawn)) == 1
    assert renderer.render(folder="g", images=paths, result=found)
    with pytest.raises(DatasetError, match="load_dataset"):
        renderer.render(found, "photos", "h")
    (tmp_path / "file").touch()
    with pytest.raises(InterpretError, match="cannot be made"):
        renderer.render(found, paths, "file/x")
    with pytest.raises(TypeError, match="folder"):
        renderer.render(found, paths)


def test_third_parties_renderers_take_it_too(offered, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    offered["finer"]().render(FineScore(), [torch.zeros(3, 4, 4)], "out")
    assert Path("out/finer.txt").read_text() == "3['0']"
    assert renderer_input(offered["fine"]) is FineScore


def test_probes_get_images_whatever_they_are_given():
    class Asks(interpret.Probe):
        name: ClassVar[str] = "asks"

        def run(self, network, images) -> Score:
            return Score(ids=dict(enumerate(images.ids if images else ())))

    network = small_network()
    assert Asks().run(network, ["./a.png"]).ids == {0: "a.png"}
    assert Asks().run(network, images=[torch.zeros(3, 4, 4)]).ids == {0: "0"}
    assert Asks().run(network, None).ids == Asks().run(network, []).ids == {}
    with pytest.raises(DatasetError, match="load_dataset"):
        Asks().run(network, "photos")


@pytest.fixture
def browser(tmp_path):
    """A browser that writes down what it is given."""
    file = tmp_path / "browser"
    file.write_text(f"#!/bin/sh\necho \"$1\" > '{tmp_path}/asked'\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


def test_nothing_is_drawn_at_import_no_display_is_needed_and_a_browser_is_used(browser, tmp_path):
    program = (
        "import sys, interpret\nassert not {'matplotlib', 'torch'} & set(sys.modules)\n"
        "from interpret import show\nassert 'matplotlib' not in sys.modules\n"
        "from interpret.testing import small_network\nfrom interpret_filters import first_filters\n"
        "shown = show(first_filters(small_network()))\n"
        "assert shown.files and 'matplotlib.pyplot' not in sys.modules\nprint(shown.open())\n"
    )
    paths = {name: item for name, item in os.environ.items() if "DISPLAY" not in name}
    paths |= {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "MPLBACKEND": "TkAgg"}
    paths |= {"BROWSER": f"{browser} %s", "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=paths, check=True, capture_output=True, text=True
    )
    page = Path(done.stdout.strip())
    assert (tmp_path / "asked").read_text().strip() == page.as_uri()
    assert "Filters" in page.read_text()


def test_a_first_look_is_some_units_and_says_how_to_see_all():
    network = interpret.load_model("zfnet", weights="scenes")
    found = mine(network, interpret.load_dataset("scenes", limit=2), ["layer1"], k=1)
    look, whole = interpret.show(found), interpret.show(found, units="all")
    units = [len(read_csv(shown)) for shown in (look, whole)]
    assert units == [24, 32]
    assert "exemplar_grid(units=24)" in repr(look)
    assert "units=" not in repr(whole)


def read_csv(shown):
    (table,) = (file for file in shown.files if file.suffix == ".csv")
    return table.read_text("utf-8").strip().splitlines()[1:]
