"""What a result, a network or a dataset says of itself: a few lines, in words, safe and never an error."""

import pickle
from dataclasses import dataclass, field, replace

import pytest
import torch
from ablation_cases import ablation
from correspondence_cases import correspondence
from evolution_cases import evolution, layer
from invariance_cases import invariances
from jaxtyping import Float
from test_comparison_figure import comparison
from test_training_curves import training
from torch import Tensor, nn
from transfer_cases import network as transferred
from transfer_cases import transfer

import interpret
from interpret import Record, Result, Targets
from interpret.images import as_images
from interpret.plugin.discovery import registry
from interpret.plugin.interfaces import probe_output
from interpret.records import rows_of
from interpret.results import warnings_of
from interpret.testing import small_images, small_network
from interpret.wording import as_html, as_text, counted, listed, percent, shortened, value
from interpret_captum.features import LayerFeatures
from interpret_datasets import overlaps
from interpret_deconv import Deconv
from interpret_diagnosis import diagnose
from interpret_diagnosis.results import Diagnosis
from interpret_explain import predict, strongest_units
from interpret_filters.filters import first_filters
from interpret_occlusion import sweep
from interpret_topk import mine
from interpret_training.evaluation.evaluating import score
from interpret_training.evaluation.probe import Evaluation

BAD = (
    "<script>alert(1)</script>",
    "\x1b[31mred\x1b[0m\nnext",
    "a\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe",
    "x" * 200,
)


@pytest.fixture(scope="module")
def results():
    network, images = small_network(), small_images()
    mined = mine(network, images, ["conv1", "conv2"], k=2)
    found = Deconv(units=2).run(network, images, mined)
    chances = torch.softmax(torch.rand(4, 4), 1)
    labels = torch.tensor([0, 1, 2, 3])
    return [
        mined,
        found,
        replace(mined, skipped=((BAD[0], BAD[1]),), nan_images=BAD),
        replace(found, nonlinearities={name: {"rectified": (f"{name} x 2",)} for name in BAD}),
        sweep(network, torch.rand(3, 16, 16), window=8, stride=4),
        sweep(network, torch.rand(3, 16, 16), window=8, stride=4).maps[0],
        interpret.load_probe("occlusion", window=8, stride=8).run(network, images),
        interpret.load_probe("project", layer="conv2").run(network, images),
        LayerFeatures().run(network, images),
        predict(network, images),
        strongest_units(network, images, ["conv2"], units=2),
        first_filters(network),
        overlaps(images, images),
        Diagnosis((diagnose(network, images, label=BAD[0]),)),
        Evaluation(chances, labels, ("a", "b", "c", "d"), 1, score(chances, labels, 1)),
        ablation([(name, 1, 2, 3) for name in BAD], diverged=[(1, 0)]),
        evolution(conv=layer()),
        invariances(layers=BAD[:2]),
        correspondence(BAD[:3], BAD[:2], skipped=((BAD[1], "torn"),)),
        transfer(transferred(BAD[0], BAD[1:], ["svm"]), skipped=[(BAD[1], "torn")]),
        training(3),
        comparison(interpret.InputSpec((16, 16), (0.5,) * 3, (0.25,) * 3), names=BAD[:3]),
    ]


def test_a_result_of_each_kind_says_what_it_is_in_a_few_short_lines(results):
    for result in results:
        head, *lines = repr(result).splitlines()
        assert head == type(result).__name__
        assert 1 <= len(lines) <= 20
        assert all(line.startswith("  ") and len(line) < 170 and line.isprintable() for line in lines)
        assert "tensor(" not in repr(result)


def test_every_result_of_a_bundled_probe_names_its_own_main_numbers(results):
    known = {type(result) for result in results}
    bundled = {probe_output(probe) for name, probe in registry().probes.items() if name != "check_probe"}
    assert bundled <= known
    assert all("summary" in vars(cls) for cls in bundled)


def test_warnings_are_sentences(results):
    for result in results:
        assert all(text.endswith((".", "torn", "next", ")")) for text in result.warnings()), result.warnings()


def test_html_is_escaped_and_has_every_row(results):
    for result in results:
        html = result._repr_html_()
        assert "<script" not in html
        assert "\x1b" not in html
        assert html.count("<tr") == len(rows_of(result))
        assert html.count("⚠") == len(warnings_of(result))


def test_the_numbers_of_mining():
    mined = mine(small_network(), small_images(), ["conv1", "conv2"], k=2)
    assert mined.summary() == {
        "images": "6", "layers": "conv1, conv2", "units": "14", "strongest of each": "2",
    }  # fmt: skip
    worn = replace(mined, skipped=(("a.jpg", "it is torn"),), nan_images=("b.jpg",))
    assert worn.warnings()[:2] == (
        "1 image could not be read, such as 'a.jpg': it is torn",
        "1 image gave NaN, left out: b.jpg.",
    )
    dead = replace(mined["conv2"], values=-mined["conv2"].values.abs())
    dying = replace(mined, layers={"conv2": dead})
    assert dying.warnings() == ("Never positive in these images: 8 of 8 units of conv2.",)


def test_the_numbers_of_a_sweep():
    network = small_network()
    maps = sweep(network, torch.rand(3, 16, 16), window=8, stride=4)
    rows = maps.summary()
    place = maps.value.flatten().argmin()
    row, column = divmod(int(place), maps.value.shape[1])
    assert rows["target"] == network.categories[maps.target]
    assert rows["probability uncovered"] == value(maps.unoccluded_probability)
    assert rows["lowest probability"].endswith(f"row {row * 4}, column {column * 4}")
    assert rows["places"] == "3 x 3"


@dataclass(frozen=True)
class Plain(Result):
    """As a third party writes one."""

    scores: Float[Tensor, "image unit"]
    ids: dict[str, str] = field(default_factory=dict)
    layer_names: tuple[str, ...] = ()
    share: float = 0.123456
    sure: bool = True
    skipped: tuple[tuple[str, str], ...] = ()
    empty: str = ""


def test_a_plain_dataclass_has_a_summary_of_its_fields():
    found = Plain(torch.zeros(3, 1200), {"0": "a"}, ("a", "b"), skipped=(("x", "y"),))
    assert found.summary() == {
        "scores": "3 x 1,200 (image, unit)", "images": "1", "layer names": "a, b", "share": "0.123",
        "sure": "yes", "skipped": "1",
    }  # fmt: skip
    assert repr(found).startswith("Plain\n  scores       3 x 1,200")
    assert found.warnings() == ("1 image could not be read, such as 'x': y",)


def test_a_class_may_say_it_otherwise_and_its_children_too():
    @dataclass(frozen=True)
    class Own(Result):
        a: int

        def __repr__(self):
            return "mine"

    @dataclass(frozen=True)
    class Child(Own):
        b: int = 2

    @dataclass(frozen=True)
    class Part(Record):
        a: int

    assert repr(Child(1)) == "mine"
    assert repr(Part(1)) == "Part\n  a  1"


@pytest.mark.parametrize("kind", ["raises", "field", "junk", "half"])
def test_who_looks_at_a_result_never_gets_an_error(kind):
    @dataclass(frozen=True)
    class Raises(Result):
        a: int = 1

        def summary(self):
            raise ZeroDivisionError

        def warnings(self):
            raise ZeroDivisionError

    @dataclass(frozen=True)
    class Fields(Result):
        summary: str = "s"
        warnings: str = "w"

    @dataclass(frozen=True)
    class Junk(Result):
        def summary(self):
            return {1: None, "b": [torch.ones(2)]}

        def warnings(self):
            return None

    made = {"raises": Raises(), "field": Fields(), "junk": Junk(), "half": object.__new__(Raises)}[kind]
    assert repr(made).startswith(type(made).__name__)
    assert made._repr_html_().startswith("<table")


def test_a_network_says_what_it_is_without_a_pass():
    class Never(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x):
            raise AssertionError

    assert repr(interpret.wrap(Never().eval(), input_size=(16, 24), categories=["cat", "dog"])) == (
        "Network Never\n  input       16 x 24 pixels, 3 channels\n  parameters  112\n"
        "  layers      named on first use: network.layers\n  categories  cat, dog"
    )
    assert "layers      10: conv1, relu1, …, fc" in repr(small_network())
    assert repr(pickle.loads(pickle.dumps(small_network()))).startswith("Network Sequential")


def test_images_say_what_they_are():
    assert repr(as_images(["a/1.jpg", "a/2.jpg", "b/3.jpg", "b/4.jpg"])) == (
        "Images\n  images  4\n  ids     a/1.jpg, a/2.jpg, b/3.jpg, …"
    )
    scenes = interpret.load_dataset("scenes", split="val", limit=5)
    assert repr(scenes).splitlines()[:2] == ["SceneImages", "  images      5"]
    assert "categories  10: " in repr(scenes)
    assert repr(scenes.subset([1])).startswith("Images\n  images      1\n")

    class Broken(interpret.Images):
        ids = property(lambda self: 1 / 0)
        __getitem__ = fingerprint = None

    assert repr(Broken()) == "Broken"


def test_targets_say_whose_they_are():
    assert repr(Targets.of_classes(torch.tensor([3, 1]))) == "Targets\n  images   2\n  classes  3, 1"
    neurons = Targets("conv1", torch.tensor([3]), torch.tensor([[0, 1]]))
    assert repr(neurons) == "Targets\n  images  1\n  layer   conv1\n  units   3"


def test_many_rows_are_cut():
    @dataclass(frozen=True)
    class Many(Result):
        def summary(self):
            return {str(number): "x" for number in range(30)}

    assert repr(Many()).splitlines()[-1] == "  …   and 10 more"


def test_words():
    assert [value(0.5), value(1376), value(1234.5), value(float("nan"))] == [
        "0.5",
        "1,376",
        "1,234",
        "no number",
    ]
    assert [counted(1, "image"), counted(0, "image")] == ["1 image", "0 images"]
    assert listed({"a": 1, "b": 2}) == "a, b"
    assert listed(range(5)) == "5: 0, 1, …, 4"
    assert listed({"a", "b"}) in {"a, b", "b, a"}
    assert percent(0.5) == "50.0 %"
    assert shortened("a\n b" * 100, 5) == "a ba…"
    assert as_text("T", {}) == "T"
    assert "&lt;b&gt;" in as_html("<b>", {"<b>": "<b>"}, ["<b>"])
    assert "<b>" not in as_html("<b>", {"<b>": "<b>"}, ["<b>"])


def test_fields_of_third_parties_may_be_called_like_methods():
    @dataclass(frozen=True)
    class Told(Result):
        summary: str
        warnings: tuple[str, ...]
        count: int

    told = Told("short", ("hot",), 3)
    assert (told.summary, told.warnings, told.count) == ("short", ("hot",), 3)
    assert "3" in repr(told)
    with pytest.raises(TypeError, match="missing 3 required"):
        Told()
