"""Ablations: the numbers of every row, rows that diverge or are wrong, and what is kept."""

from pathlib import Path

import pytest
import torch
from ablation_fixtures import BASE, RECIPE
from small_training import Stripes

from interpret.errors import InterpretError, PluginError, StepError, UnknownNameError
from interpret.images import InputSpec
from interpret.plugin import configure
from interpret.run.cache import working_in
from interpret.testing import check_probe
from interpret_training import Recipe, train
from interpret_training.ablation.ablating import ablate
from interpret_training.ablation.probe import Ablate
from interpret_training.ablation.results import PaperErrors
from interpret_training.pixels import read_pixels
from interpret_training.read_once import ReadOnce

SHOWN, HELD_OUT, SEEDS = 24, 12, (3, 5)


def probe(variants=None, **parameters):
    rows = variants or [{"label": "narrow"}, {"label": "wide", "model": {"arguments": {"width": 6}}}]
    given = {"base": BASE, "variants": rows, "recipe": RECIPE, **parameters}
    return configure(Ablate, "probe", given)


def models(*widths):
    rows = [{"label": str(width), "model": {"arguments": {"width": width}}} for width in widths]
    return probe(rows).models()


def run(widths=(4, 6), images=None, *, seeds=(0,), **recipe):
    chosen = Recipe(**RECIPE | recipe)
    held_out = Stripes(HELD_OUT, seed=1)
    shown = Stripes(SHOWN) if images is None else images
    return ablate(models(*widths), shown, chosen, validation=held_out, seeds=seeds, device="cpu")


@pytest.fixture
def place(tmp_path):
    with working_in(tmp_path):
        yield tmp_path


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Two rows, each with two seeds."""
    with working_in(tmp_path_factory.mktemp("found")):
        return run(seeds=SEEDS)


def test_every_row_is_a_training_of_its_own(found, place):
    assert found.labels == ("4", "6")
    for row, model in enumerate(models(4, 6).values()):
        for column, seed in enumerate(SEEDS):
            alone = train(
                model.load("cpu", seed=seed),
                Stripes(SHOWN),
                Recipe(**RECIPE | {"seed": seed}),
                validation=Stripes(HELD_OUT, seed=1),
                folder=place / f"{row}-{seed}",
            )
            scores, held_out = alone.scores["train"], alone.scores["validation"]
            assert found.train[row, column] == scores.error
            assert found.validation[row, column] == held_out.error
            assert found.validation5[row, column] == held_out.error5
            history = found.histories[row][column]
            torch.testing.assert_close(history.loss, alone.history.loss, rtol=0, atol=0)
    assert found.epochs.tolist() == [[2, 2], [2, 2]]
    assert (found.images, found.validated, found.crops, found.classes) == (SHOWN, HELD_OUT, 1, 3)
    assert not found.diverged.any()
    assert (found.seconds > 0).all()


def test_parameters_and_multiply_adds_by_hand(found):
    for row, width in enumerate((4, 6)):
        assert found.parameters[row] == (27 + 1) * width + (16 * width + 1) * 3
        assert found.multiply_adds[row] == 8 * 8 * width * 27 + 16 * width * 3


def test_mean_and_spread_by_hand(found):
    for name in ("train", "validation", "validation5"):
        for row, (one, other) in enumerate(getattr(found, name).tolist()):
            middle = (one + other) / 2
            assert float(found.mean(name)[row]) == pytest.approx(middle)
            squares = (one - middle) ** 2 + (other - middle) ** 2  # over one degree of freedom
            assert float(found.spread(name)[row]) == pytest.approx(squares**0.5)
    assert (found.train[:, 0] != found.train[:, 1]).any()


def test_ten_crops_are_reported_where_the_recipe_asks(place):
    assert run((4,), test_crops=10, epochs=1).crops == 10


def test_the_papers_errors_become_shares(place):
    paper = {"4": PaperErrors(train=35.1, validation5=18.1)}
    found = ablate(models(4, 6), Stripes(SHOWN), Recipe(**RECIPE), device="cpu", paper=paper)
    torch.testing.assert_close(found.reported("train")[0], torch.tensor(0.351, dtype=torch.float64))
    assert found.reported("validation").isnan().all()
    assert found.reported("validation5").isnan().tolist() == [False, True]
    assert found.validation.isnan().all()
    assert found.spread("train").isnan().all()
    assert found.row("6") == 1
    with pytest.raises(UnknownNameError, match="no row '5'"):
        found.row("5")


def test_a_row_that_diverges_leaves_the_others(place):
    rows = models(4)
    recipe = Recipe(**RECIPE | {"init": "keep"})
    steep = probe([{"label": "steep", "model": {"target": "ablation_fixtures:Steep"}}]).models()
    found = ablate({**steep, **rows}, Stripes(SHOWN), recipe, device="cpu")
    assert found.diverged.tolist() == [[True], [False]]
    assert found.train[0].isnan().all()
    assert "diverged at step 1" in found.ended[0][0]
    assert "Checkpoints" not in found.ended[0][0]
    assert len(found.histories[0][0].loss) == 0
    alone = ablate(rows, Stripes(SHOWN), recipe, device="cpu")
    assert found.train[1].tolist() == alone.train[0].tolist()
    assert found.seconds[1].tolist() == alone.seconds[0].tolist()  # found again, not trained again


def test_all_rows_diverge(place):
    with pytest.raises(StepError, match=r"All 2 trainings diverged\. The first: .* at step"):
        run((4,), seeds=(0, 1), rate=1e6, init="keep")


def stored(folder: Path) -> dict[str, int]:
    return {path.parent.name: path.stat().st_mtime_ns for path in folder.glob("*/result.json")}


def test_a_further_row_or_seed_trains_only_itself(place):
    first = run((4,))
    before = stored(place)
    assert len(before) == 1
    again = run((6, 4), seeds=(1, 0))
    after = stored(place)
    assert len(after) == 4
    assert after.items() >= before.items()
    assert again.validation[1, 1] == first.validation[0, 0]
    assert again.seconds[1, 1] == first.seconds[0, 0]
    assert len(list(place.iterdir())) == 4, "the rooms of the trainings are gone"
    run((4,), epochs=1)
    assert len(stored(place)) == 5


def test_what_a_kill_left_of_a_finished_training_goes(place):
    run((4,))
    images = Stripes(SHOWN)
    rooms = set(place.iterdir())
    left = place / "left"
    left.mkdir()
    assert set(place.iterdir()) == rooms | {left}
    assert run((4,), images).images == SHOWN
    assert set(place.iterdir()) == rooms | {left}


def test_pictures_are_read_once(place):
    images = Stripes(SHOWN)
    run((4, 6), images)
    assert images.reads == len(images)


def test_pictures_that_are_held_are_the_same_pixels():
    for spec in (
        InputSpec((16, 16)),
        InputSpec((16, 12), resize=14),
        InputSpec((16, 16), (0.5,), (0.5,), 18),
    ):
        held = ReadOnce(Stripes(12), spec)
        first, again = (read_pixels(held, spec, classes=3) for _ in range(2))
        expected = read_pixels(Stripes(12), spec, classes=3)
        assert torch.equal(first.held, expected.held)
        assert torch.equal(again.held, expected.held)
        assert held.fingerprint() == Stripes(12).fingerprint()
        assert (held.ids, held.labels) == (Stripes(12).ids, Stripes(12).labels)


def test_a_row_that_cannot_be_trained_is_named_before_any_training(place):
    rows = [{"label": "fine"}, {"label": "small", "model": {"input_size": 8, "name": "zfnet"}}]
    base = {"name": "zfnet", "width": 0.05, "input_size": 64, "categories": 3}
    with pytest.raises(StepError, match="The row 'small' cannot be trained: The image is too small"):
        probe(rows, base=base).run(models(4)["4"].load("cpu"), Stripes())
    few = [{"label": "fine"}, {"label": "few", "model": {"categories": 2, "target": "ablation_fixtures:Two"}}]
    with pytest.raises(StepError, match="The row 'few' cannot be trained: The images have 3 categories"):
        probe(few).run(models(4)["4"].load("cpu"), Stripes())
    assert not stored(place)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "variants"),
        ({"variants": []}, "'variants'"),
        ({"seeds": [1, 1]}, "'seeds' must be different numbers"),
        ({"seeds": []}, "'seeds'"),
        ({"seeds": [-1]}, "seeds.0"),
        ({"variants": [{"label": "a"}, {"label": "a"}]}, "row 1 is called the same"),
        ({"variants": [{"model": {}}]}, "variants.0.label"),
        ({"variants": [{"label": "a", "paper": {"trian": 3}}]}, "variants.0.paper.trian"),
        ({"variants": [{"label": "a", "paper": {"train": 101}}]}, "variants.0.paper.train"),
        ({"base": {}, "variants": [{"label": "a"}]}, "'variants.0.model' must name a model"),
        ({"variants": [{"label": "a", "model": {"name": "zfnot"}}]}, "did you mean 'zfnet'"),
        ({"base": {"name": "zfnot"}}, "'base.name' must be a model"),
        ({"base": {**BASE, "widt": 1}}, "'base.widt' must be a parameter of module"),
        ({"base": {**BASE, "device": "cpu"}}, "'base.device' must be left out"),
        ({"base": {"name": "module"}}, "'variants.0.model' is wrong: 'target' is missing"),
        (
            {"base": {"name": "zfnet"}, "variants": [{"label": "a", "model": {"width": -1}}]},
            "0.model.width' must",
        ),
        (
            {"base": {"name": "zfnet"}, "variants": [{"label": "a", "model": {"remove": [9]}}]},
            "names layer 9",
        ),
    ],
)
def test_mistakes_are_found_before_anything_runs(given, message):
    with pytest.raises(PluginError) as error:
        configure(Ablate, "probe", {"base": BASE, "variants": [{"label": "a"}], **given} if given else {})
    assert message in str(error.value)


def test_no_variants_and_seeds_that_come_twice():
    with pytest.raises(InterpretError, match="needs variants"):
        ablate({}, Stripes(), Recipe())
    with pytest.raises(InterpretError, match="different seeds"):
        ablate(models(4), Stripes(), Recipe(), seeds=(1, 1))


def test_rows_say_only_what_differs():
    base = {"name": "zfnet", "width": 0.25, "widths": {3: 8}, "categories": 4}
    rows = [
        {"label": "ours"},
        {"label": "wide", "model": {"widths": {6: 9}}},
        {"label": "his", "model": {"name": "alexnet", "remove": (3, 4)}},
    ]
    ours, wide, his = probe(rows, base=base).models().values()
    assert (ours.name, ours.width, ours.widths) == ("zfnet", 0.25, {3: 8})
    assert wide.widths == {6: 9}
    assert (his.name, his.remove, his.widths) == ("alexnet", [3, 4], {3: 8})
    names = [part.name for part in probe(rows, base=base, validation={"name": "scenes"}).nested()]
    assert names == ["zfnet", "zfnet", "alexnet", "scenes"]


def test_it_keeps_its_promises(place):
    network = models(4)["4"].load("cpu")
    check_probe(probe([{"label": "narrow"}], validation=0.5, seeds=[0, 1]), network, Stripes(12))
