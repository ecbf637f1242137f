"""An evolution against brute force: winners by looking at every image, cells by projecting each alone."""

import sys
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from torch import nn

import interpret
from interpret.errors import DatasetError, InterpretError, ModelError, StepError, UnknownNameError
from interpret.network import wrap
from interpret.plugin import probe_inputs, probe_output
from interpret.progress import Progress, StepListener, listening
from interpret.results import load
from interpret.run import run_pipeline
from interpret.testing import check_probe, small_network
from interpret_deconv import Neuron, project
from interpret_training.checkpoints import load_checkpoint, read_checkpoints, write_checkpoint
from interpret_training.evolution.evolving import evolve, numbers
from interpret_training.evolution.probe import Evolve
from interpret_training.evolution.results import Evolution
from interpret_training.results import History, Training

sys.path.insert(0, str(Path(__file__).parent))
from evolution_fixtures import Noise, network, registry, train

EPOCHS = (0, 1, 2, 5)


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    """The network and its checkpoints, in double precision so that brute force agrees to the last digits."""
    made = network()
    made.module.double()
    return made, train(made, tmp_path_factory.mktemp("series"))


@pytest.fixture(scope="module")
def found(series):
    made, checkpoints = series
    return evolve(made, Noise(), checkpoints, units=4, k=5, batch_size=8)


def maps(made, checkpoint, layer, images):
    x = torch.stack([images.pixels(index) for index in range(len(images))]).double()
    return load_checkpoint(made, checkpoint).record(x, [layer])[layer]


def content(result, folder):
    result.save(folder)
    return [(folder / name).read_bytes() for name in ("result.json", "result.safetensors")]


def test_winners_equal_brute_force(series, found):
    made, checkpoints = series
    images = Noise()
    assert list(found.layers) == ["layer1", "layer2"]
    assert (found.epochs, found.k, found.count) == (EPOCHS, 5, 30)
    for column, checkpoint in enumerate(checkpoints):
        for name, layer in found.layers.items():
            activations = maps(made, checkpoint, name, images)
            values, order = activations.amax((2, 3)).T.sort(1, descending=True)
            torch.testing.assert_close(layer.values[:, column], values[:, :5])
            alive = values[:, :5] > 0
            assert torch.equal(layer.image[:, column][alive], order[:, :5][alive])
            for unit in range(len(values)):
                image, (y, x) = layer.image[unit, column, 0], layer.position[unit, column, 0]
                torch.testing.assert_close(activations[image, unit, y, x], values[unit, 0])


def test_every_cell_equals_its_projection_alone(series, found):
    made, checkpoints = series
    networks = [load_checkpoint(made, checkpoint) for checkpoint in checkpoints]
    for name, layer in found.layers.items():
        assert len(layer.unit) == 4
        for row, column in layer.cells.tolist():
            unit = int(layer.unit[row])
            image, (y, x) = int(layer.image[unit, column, 0]), layer.position[unit, column, 0].tolist()
            picture = Noise().pixels(image)[None].double()
            whole = project(networks[column], picture, [Neuron(0, name, unit, y, x)])[0]
            top, left, bottom, right = (layer.box[row, column] + 20).tolist()
            expected = nn.functional.pad(whole, (20, 20, 20, 20))[:, top:bottom, left:right]
            scale = float(layer.scale[row, column])
            assert whole.any()
            torch.testing.assert_close(expected.abs().sum(), whole.abs().sum())  # nothing is outside the box
            torch.testing.assert_close(
                layer.patches[row, column].double() * scale, expected, rtol=1e-3, atol=1e-3 * scale
            )


def test_numbers_are_those_of_the_winners(found):
    for layer in found.layers.values():
        top = numbers.winners(layer.values, layer.image)
        kept = numbers.overlap(top)
        torch.testing.assert_close(layer.overlap, kept, equal_nan=True)
        torch.testing.assert_close(layer.turnover, numbers.turnover(top), equal_nan=True)
        assert torch.equal(layer.settled, numbers.settled(kept, EPOCHS, 0.5))
        torch.testing.assert_close(layer.similarity, numbers.similarity(layer.patches), equal_nan=True)
        for unit in range(len(top)):
            for column in range(len(EPOCHS)):
                now, before = layer.image[unit, column, 0], layer.image[unit, max(column - 1, 0), 0]
                alive = not (layer.dead[unit, column] or layer.dead[unit, max(column - 1, 0)])
                assert bool(layer.jump[unit, column]) == bool(alive and now != before)
                place = layer.position[unit, :, 0]
                still = (
                    column > 0 and alive and now == before and torch.equal(place[column], place[column - 1])
                )
                assert bool(layer.stays[unit, column]) == bool(still)
    assert any((layer.overlap[:, 0] < 1).any() for layer in found.layers.values())  # something was learned


def test_rows_are_drawn_among_units_that_live_at_the_end(series):
    made, (*_, last) = series

    def drawn(units, seed=0):
        return evolve(made, Noise(), [last], ["layer2"], units=units, random_seed=seed)[
            "layer2"
        ].unit.tolist()

    alive = (~evolve(made, Noise(), [last], ["layer2"], units=0)["layer2"].dead[:, -1]).nonzero()[:, 0]
    assert drawn(3) == drawn(3) == sorted(drawn(3))
    assert len({tuple(drawn(3, seed)) for seed in range(4)}) > 1
    assert drawn(99) == alive.tolist()


def test_units_are_named(series):
    made, checkpoints = series
    assert evolve(made, Noise(), checkpoints, units=[3, 1, 3])["layer2"].unit.tolist() == [3, 1]
    some = evolve(made, Noise(), checkpoints, units={"layer1": [5]})
    assert [layer.unit.tolist() for layer in some.layers.values()] == [[5], []]


def test_numbers_alone_need_no_network_that_can_be_projected(tmp_path):
    parts = [nn.Conv2d(3, 4, 3), nn.SiLU(), nn.Conv2d(4, 4, 3), nn.Flatten(), nn.Linear(576, 2)]
    made = wrap(nn.Sequential(*parts).eval(), input_size=16, mean=[0.0] * 3, std=[1.0] * 3)
    checkpoints = [write_checkpoint(made, epoch, tmp_path) for epoch in (1, 2)]
    result = evolve(made, Noise(), checkpoints, units=0)
    assert result["2"].patches.shape[:2] == (0, 2)
    assert result["2"].overlap.nan_to_num(1).eq(1).all()
    with pytest.raises(ModelError, match="silu"):
        evolve(made, Noise(), checkpoints, nonlinear="refuse")
    assert evolve(made, Noise(), checkpoints, ["2"], units=1)["2"].patches.any()
    assert evolve(made, Noise(), checkpoints, ["2"], units=1, nonlinear="gradient")["2"].patches.any()


@pytest.mark.parametrize(("activation", "signed"), [(nn.ReLU, False), (nn.GELU, True)])
def test_layers_without_a_relu_are_told(tmp_path, activation, signed):
    module = nn.Sequential(nn.Conv2d(3, 4, 3), activation(), nn.Flatten(), nn.Linear(4 * 14 * 14, 2)).eval()
    with torch.no_grad():
        module[0].weight[1], module[0].bias[1] = 0.0, -1.0
    made = interpret.wrap(module, input_size=16)
    layer = evolve(made, Noise(), [write_checkpoint(made, 1, tmp_path)], ["1"], units=1)["1"]
    assert layer.dead[:, 0].tolist() == [False, True, False, False]
    assert layer.signed == signed


def test_a_unit_that_is_born_late_has_no_projection_before(tmp_path):
    made = network()
    with torch.no_grad():
        made.module.conv2.bias[2] = -1000
        made.module.conv2.bias[5] = -1000
    checkpoints = [write_checkpoint(made, 1, tmp_path)]
    with torch.no_grad():
        made.module.conv2.bias[2] = 0
    checkpoints += [write_checkpoint(made, epoch, tmp_path) for epoch in (2, 3)]
    result = evolve(made, Noise(), checkpoints, ["layer2"], units=[2, 5])
    layer = result["layer2"]
    assert layer.dead[[2, 5]].tolist() == [[True, False, False], [True, True, True]]
    assert not layer.patches[0, 0].any()
    assert layer.patches[0, 1].any()
    assert layer.cells.tolist() == [[0, 1], [0, 2]]
    assert layer.projections().unit.tolist() == [2, 2]
    assert layer.overlap[2].tolist() == [0, 1, 1]
    assert layer.overlap[5].isnan().all()
    assert layer.settled[[2, 5]].tolist() == [2, -1]
    assert layer.turnover[2, 1].isnan()
    assert layer.turnover[2, 2] == 0
    assert layer.similarity[0, 2] == 1
    assert not layer.jump[2].any()
    assert layer.stays[2].tolist() == [False, False, True]


def test_images_are_mined_once_for_each_checkpoint(tmp_path):
    made = network(seed=3)
    checkpoints, images = train(made, tmp_path, (0, 1)), Noise(40)
    evolve(made, images, checkpoints, ["layer1"], units=2)
    assert sorted(set(images.reads)) == list(range(40))
    images.reads.clear()
    other = evolve(made, images, checkpoints, ["layer1"], units=[0, 1, 2, 3], threshold=0.9)
    assert len(images.reads) <= 2 * 4  # the winners of four units at two checkpoints
    winners = {index for column in other["layer1"].image[:4, :, 0].T.tolist() for index in column}
    assert set(images.reads) <= winners
    images.reads.clear()
    both = evolve(made, images, checkpoints, ["layer2", "layer1"], units=0)
    assert sorted(images.reads) == sorted([*range(40), *range(40)])  # once for layer2 of each
    images.reads.clear()
    evolve(made, images, checkpoints, ["pool1", "relu2"], units=0)
    assert images.reads == []  # other names of the same layers
    assert torch.equal(both["layer1"].image, other["layer1"].image)
    longer = [*checkpoints, *train(made, tmp_path, (2,))]
    evolve(made, images, longer, ["layer1"], units=0)
    assert sorted(images.reads) == list(range(40))


@pytest.mark.parametrize("changed", ["k", "batch_size", "weights", "images", "network"])
def test_what_the_mining_depends_on_mines_anew(tmp_path, changed):
    made = network(seed=4)
    checkpoints, images = train(made, tmp_path, (1,)), Noise(20)
    evolve(made, images, checkpoints, ["layer1"], units=0)
    images.reads.clear()
    options = {"k": {"k": 3}, "batch_size": {"batch_size": 7}}.get(changed, {})
    if changed == "weights":
        checkpoints = train(network(seed=5), tmp_path / "other", (1,))
    if changed == "images":
        images = Noise(21)
    if changed == "network":
        made = replace_input(made)
    evolve(made, images, checkpoints, ["layer1"], units=0, **options)
    assert sorted(images.reads) == list(range(len(images)))


def replace_input(made):
    return wrap(made.module, input_size=16, mean=[0.1] * 3, std=[1.0] * 3, aliases=made.aliases)


def test_checkpoints_may_hold_the_lower_layers_only(series, tmp_path):
    made, checkpoints = series
    for checkpoint in checkpoints:
        then = load_checkpoint(made, checkpoint)
        kept = {key: value for key, value in then.module.state_dict().items() if key.startswith("conv")}
        torch.save(kept, tmp_path / f"epoch-{checkpoint.epoch}.pth")
    partial = evolve(made, Noise(), read_checkpoints(tmp_path), units=4, k=5, batch_size=8)
    whole = evolve(made, Noise(), checkpoints, units=4, k=5, batch_size=8)
    for name in whole.layers:
        assert torch.equal(partial[name].patches, whole[name].patches)
        assert torch.equal(partial[name].image, whole[name].image)
    with pytest.raises(ModelError, match=r"fc\.weight"):
        evolve(made, Noise(), read_checkpoints(tmp_path), ["layer3"])


def test_default_layers():
    assert network().default_layers("maps") == ["layer1", "layer2"]
    assert small_network().default_layers("maps") == ["conv1", "conv2"]
    zfnet = interpret.load_model("zfnet", input_size=64, width=0.0625, categories=4)
    assert zfnet.default_layers("maps") == [f"layer{number}" for number in range(1, 6)]


def test_a_part_of_the_images_keeps_its_places(series):
    made, checkpoints = series
    images = Noise()
    result = evolve(made, images.subset([20, 4, 9, 11]), checkpoints, ["layer1"], units=1, k=2)
    assert set(result["layer1"].image.flatten().tolist()) <= {20, 4, 9, 11}
    assert all(result.ids[place] == images.ids[int(place)] for place in result.ids)
    assert result.chance == 0.5


def test_images_that_cannot_be_read_are_listed(series):
    made, checkpoints = series
    with pytest.raises(DatasetError, match="noise-021"):
        evolve(made, Noise(broken=3), checkpoints)
    result = evolve(made, Noise(broken=3), checkpoints, on_error="skip", units=1)
    assert [name for name, _ in result.skipped] == ["noise-021"]
    assert result.count == 29


def test_progress_counts_checkpoints(series):
    made, checkpoints = series
    heard = []

    class Ear(Progress):
        def started(self, step, parts):
            heard.append((step, parts))

        def advanced(self, step, parts):
            heard.append(parts)

    with listening(StepListener(Ear(), "formed")):
        evolve(made, Noise(), checkpoints, units=1, batch_size=4)
    assert heard[0] == ("formed", 400)
    assert sum(heard[1:]) == 400
    assert len(heard) > 5  # batches inside a checkpoint move the bar, too


def test_one_checkpoint_is_enough_for_a_picture(series):
    made, checkpoints = series
    result = evolve(made, Noise(), checkpoints[:1], units=1)
    assert result["layer1"].turnover.isnan().all()
    assert result["layer1"].overlap.nan_to_num(1).eq(1).all()


# The probe.


def trained(checkpoints):
    empty = torch.zeros(0)
    return Training({}, History(*[empty] * 6), empty, tuple(checkpoints), {}, 16)


def test_the_probe_takes_a_folder_or_a_training(series, found, tmp_path):
    made, checkpoints = series
    folder = checkpoints[0].file.parent
    probe = Evolve(units=4, k=5, batch_size=8)
    by_training = probe.run(made, Noise(), trained(checkpoints))
    by_folder = probe.model_copy(update={"checkpoints": folder}).run(made, Noise())
    expected = content(found, tmp_path / "0")
    assert content(by_training, tmp_path / "1") == content(by_folder, tmp_path / "2") == expected
    assert load(tmp_path / "0").epochs == EPOCHS


def test_the_probe_keeps_its_promises(tmp_path):
    for epoch, seed in enumerate((1, 2)):
        made = small_network()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            nn.init.normal_(made.module.conv1.weight)
        write_checkpoint(made, epoch, tmp_path)
    check_probe(Evolve(checkpoints=tmp_path, units=2, k=3))
    assert probe_output(Evolve) is Evolution
    assert not probe_inputs(Evolve)["training"].required


def test_only_some_epochs(series):
    made, checkpoints = series
    probe = Evolve(checkpoints=checkpoints[0].file.parent, epochs=[5, 1], units=1)
    assert probe.run(made, Noise()).epochs == (1, 5)
    with pytest.raises(StepError, match=r"no checkpoint of epoch 3: the series has 0, 1, 2, 5"):
        Evolve(checkpoints=checkpoints[0].file.parent, epochs=[1, 3]).run(made, Noise())


def test_where_the_checkpoints_come_from_is_said_once(series):
    made, checkpoints = series
    with pytest.raises(StepError, match=r"Here it has neither: give one of them"):
        Evolve().run(made, Noise())
    with pytest.raises(StepError, match=r"Here it has both: give one of them"):
        Evolve(checkpoints=checkpoints[0].file.parent).run(made, Noise(), trained(checkpoints))


def test_wrong_folders_are_named(series, tmp_path):
    made, _ = series
    with pytest.raises(ModelError, match="There is no folder of checkpoints"):
        Evolve(checkpoints=tmp_path / "nowhere").run(made, Noise())
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(ModelError, match=r"There are no checkpoints in .*It holds notes.txt"):
        Evolve(checkpoints=tmp_path).run(made, Noise())
    with pytest.raises(InterpretError, match="There are no checkpoints"):
        evolve(made, Noise(), [])


def test_another_architecture_is_refused_before_any_image_is_read(series, tmp_path):
    _, checkpoints = series
    images = Noise()
    with pytest.raises(ModelError, match=r"epoch 5.*\n.*conv1\.weight \(found 6x3x5x5, expected 7x3x5x5\)"):
        evolve(network(width=7), images, checkpoints)
    torch.save({"conv1.weight": torch.zeros(6, 3, 5, 5)}, tmp_path / "epoch-1.pt")
    short = read_checkpoints(tmp_path)
    with pytest.raises(ModelError, match=r"missing.*conv2\.weight"):
        evolve(network(), images, short)
    assert images.reads == []


def test_a_checkpoint_that_was_changed_is_refused(tmp_path):
    made = network()
    (checkpoint,) = train(made, tmp_path, (0,))
    write_checkpoint(network(seed=1), 0, tmp_path)
    with pytest.raises(ModelError, match="not the expected file"):
        evolve(made, Noise(), [checkpoint])


def test_wrong_layers_and_units_are_named_before_any_image_is_read(series):
    made, checkpoints = series
    images = Noise()
    with pytest.raises(UnknownNameError, match=r"no layer 'layer9'"):
        evolve(made, images, checkpoints, ["layer9"])
    with pytest.raises(InterpretError, match=r"Layer 'layer1' has no unit 6: it has 6, 0 to 5"):
        evolve(made, images, checkpoints, units=[0, 6])
    with pytest.raises(UnknownNameError, match=r"'layer3'.*Did you mean"):
        evolve(made, images, checkpoints, ["layer1"], units={"layer3": [0]})
    assert images.reads == []


def test_a_layer_that_was_not_asked_for_is_named(found):
    with pytest.raises(UnknownNameError, match=r"no layer of the evolution 'layer3'"):
        found["layer3"]


@pytest.mark.parametrize(
    "wrong", [{"units": -1}, {"epochs": []}, {"epochs": [-1]}, {"k": 0}, {"threshold": 0}, {"threshold": 1.5}]
)
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(ValidationError):
        Evolve(**wrong)


def test_other_steps_of_a_run_find_what_was_mined(series, tmp_path):
    _, checkpoints = series
    folder, log = checkpoints[0].file.parent, tmp_path / "reads"
    text = f"""\
version: 1
models: {{net: {{name: tiny}}}}
datasets: {{noise: {{name: noise, log: {log}}}}}
steps:
  one: {{probe: evolution, checkpoints: {folder}, units: 0}}
  two: {{probe: evolution, checkpoints: {folder}, units: 0, epochs: [1, 5], threshold: 0.8}}
"""
    path = tmp_path / "pipeline.yaml"
    path.write_text(text)
    run_pipeline(path, tmp_path / "out", registry=registry())
    assert len(log.read_text().split()) == 4 * 30
    path.write_text(text.replace("units: 0}", "units: 0, k: 9, random_seed: 4}"))
    run_pipeline(path, tmp_path / "out", registry=registry())
    assert len(log.read_text().split()) == 4 * 30
