"""A whole training: against a slow loop, after kill -9, with bad input, and what it leaves alone."""

import csv
import math
import re

import pytest
import torch
from small_training import QUICK, SIZE, Stripes, small_network, weights
from torch.nn import functional as F

from interpret import results
from interpret.errors import DatasetError, InterpretError, ModelError
from interpret.images import Sample
from interpret_training import DivergenceError, load_checkpoint, loading, pixels, train
from interpret_training.clipping import clip_filters
from interpret_training.crops import draw_views
from interpret_training.rng import generator, order, seed_for


def slow_training(network, images, recipe):
    """The recipe as plain loops over photographs; returns the losses of all steps."""
    module = network.module.train()
    velocity = {name: torch.zeros_like(value) for name, value in module.named_parameters()}
    losses, step = [], 0
    photographs = [torch.tensor(_pixels(images[index])) for index in range(len(images))]
    for epoch in range(recipe.epochs):
        shuffled = order(len(images), recipe.seed, epoch).tolist()
        for start in range(len(images) // recipe.batch):
            chosen = shuffled[start * recipe.batch : (start + 1) * recipe.batch]
            views = draw_views(
                len(chosen), (20, 20), (SIZE, SIZE), generator(recipe.seed, "views", epoch, start)
            )
            x = []
            for index, top, left, flip in zip(chosen, *views, strict=True):
                part = photographs[index][:, top : top + SIZE, left : left + SIZE]
                x.append((part.flip(2) if flip else part).double() / 255)
            x = (torch.stack(x) - 0.5) / 0.25
            loss = F.cross_entropy(
                _forward(module, x, recipe.seed, step),
                torch.tensor([images.labels[index] for index in chosen]),
            )
            module.zero_grad()
            loss.backward()
            with torch.no_grad():
                for name, value in module.named_parameters():
                    gradient = value.grad + recipe.decay * value
                    velocity[name] = recipe.momentum * velocity[name] + gradient
                    value.sub_(recipe.rate * velocity[name])
            clip_filters(module[0].weight, recipe.radius, torch.full((3,), 63.75).double())
            clip_filters(module[3].weight, recipe.radius)
            losses.append(loss.item())
            step += 1
    return losses


def _pixels(sample: Sample):
    """Scaled to a shorter side of 20, which these square pictures are then cropped to."""
    import numpy as np  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    return np.asarray(sample.image.resize((20, 20), Image.Resampling.BILINEAR)).transpose(2, 0, 1).copy()


def _forward(module, x, seed, step):
    """The network with its dropout drawn from the seed and the step alone."""
    for name, part in module.named_children():
        if isinstance(part, torch.nn.Dropout):
            draw = torch.Generator().manual_seed(seed_for(seed, "dropout", step, name))
            x = x * (torch.rand(x.shape, generator=draw) >= part.p) / (1 - part.p)
        else:
            x = part(x)
    return x


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    return train(small_network(), Stripes(), QUICK, validation=Stripes(24, seed=1), folder=folder)


def test_it_is_the_recipe_step_by_step(tmp_path):
    recipe = QUICK.model_copy(update={"patience": None, "epochs": 2})
    network = small_network()
    network.module.double()
    expected = slow_training(network, Stripes(), recipe)
    found = train(small_network(), Stripes(), recipe, folder=tmp_path)
    torch.testing.assert_close(found.losses, torch.tensor(expected), rtol=2e-4, atol=2e-5)
    learnt = weights(found.network(small_network()))
    torch.testing.assert_close(learnt, weights(network).float(), rtol=1e-3, atol=1e-4)


def test_it_learns_and_tells_how(trained):
    history = trained.history
    assert history.loss[-1] < history.loss[0]
    assert trained.scores["validation"].error < 0.4
    assert trained.scores["train"].images == 96
    assert trained.scores["validation, ten crops"].crops == 10
    torch.testing.assert_close(history.validation_error[-1], torch.tensor(trained.scores["validation"].error))
    torch.testing.assert_close(history.loss[0], trained.losses[:6].mean())
    assert [item.epoch for item in trained.checkpoints] == [1, 2, 3]
    assert trained.recipe["rate"] == 0.05
    assert not trained.ended


def test_the_network_that_is_given_stays_as_it_is(tmp_path):
    network, before = small_network(), weights(small_network())
    mode = [part.training for part in network.module.modules()]
    state = torch.get_rng_state()
    train(network, Stripes(), QUICK.model_copy(update={"epochs": 1}), folder=tmp_path)
    assert torch.equal(weights(network), before)
    assert [part.training for part in network.module.modules()] == mode
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(part._forward_hooks for part in network.module.modules())


def test_the_seed_decides_everything(tmp_path):
    recipe = QUICK.model_copy(update={"epochs": 1, "init": "he"})
    torch.manual_seed(1)
    one = train(small_network(), Stripes(), recipe, folder=tmp_path / "one")
    torch.manual_seed(2)
    two = train(small_network(), Stripes(), recipe, folder=tmp_path / "two")
    other = train(
        small_network(), Stripes(), recipe.model_copy(update={"seed": 1}), folder=tmp_path / "other"
    )
    assert (tmp_path / "one/result.json").read_bytes() == (tmp_path / "two/result.json").read_bytes()
    assert one.checkpoints[-1].sha256 == two.checkpoints[-1].sha256
    assert one.checkpoints[-1].sha256 != other.checkpoints[-1].sha256


def test_a_whole_training_is_found_again(trained, tmp_path):
    images = Stripes()
    folder = trained.checkpoints[0].file.parents[1]
    again = train(small_network(), images, QUICK, validation=Stripes(24, seed=1), folder=folder)
    assert images.reads == 0
    assert torch.equal(again.losses, trained.losses)


def test_another_training_in_the_same_folder_is_refused(trained):
    folder = trained.checkpoints[0].file.parents[1]
    with pytest.raises(InterpretError, match=r"holds another training: .* Choose another folder"):
        train(small_network(), Stripes(), QUICK.model_copy(update={"rate": 0.01}), folder=folder)


def test_the_result_brings_its_checkpoints_along(trained, tmp_path):
    trained.save(tmp_path / "a")
    (tmp_path / "a").rename(tmp_path / "b")
    found = results.load(tmp_path / "b")
    assert [item.file for item in found.checkpoints] == sorted((tmp_path / "b/checkpoints").iterdir())
    assert torch.equal(weights(found.network(small_network())), weights(trained.network(small_network())))


def test_the_rate_falls_on_a_plateau_by_hand(tmp_path):
    """Patience 0: the rate falls after every epoch that brings no lower error."""
    recipe = QUICK.model_copy(update={"epochs": 8, "rate": 0.02, "anneal": 0.5, "lowest_rate": 0.004})
    found = train(small_network(), Stripes(), recipe, validation=Stripes(24, seed=1), folder=tmp_path)
    rate, best, expected = 0.02, math.inf, []
    for error in found.history.validation_error.tolist():
        expected.append(rate)
        if error >= best:
            rate = max(rate * 0.5, 0.004)
        best = min(best, error)
    assert expected[-1] < 0.02
    torch.testing.assert_close(found.history.rate, torch.tensor(expected))


def test_it_ends_early_when_the_error_falls_no_more(tmp_path):
    recipe = QUICK.model_copy(update={"epochs": 30, "stop": 2, "checkpoints": (1,)})
    found = train(small_network(), Stripes(), recipe, validation=Stripes(24, seed=1), folder=tmp_path)
    errors = found.history.validation_error.tolist()
    assert len(errors) < 30
    assert len(errors) - 1 - errors.index(min(errors)) == 2
    assert found.ended == "no lower validation error for 2 epochs"
    assert found.checkpoints[-1].epoch == len(errors)


def test_filters_stay_below_the_radius_at_the_paper_s_scale(tmp_path):
    recipe = QUICK.model_copy(update={"radius": 0.02, "epochs": 1})
    module = train(small_network(), Stripes(), recipe, folder=tmp_path).network(small_network()).module
    first = module[0].weight.detach() / (0.25 * 255)
    assert float(first.square().mean((1, 2, 3)).sqrt().max()) <= 0.02 * (1 + 1e-5)
    assert float(module[3].weight.detach().square().mean((1, 2, 3)).sqrt().max()) <= 0.02 * (1 + 1e-5)


def test_a_training_that_diverges_stops_at_the_step_and_names_it(tmp_path):
    recipe = QUICK.model_copy(update={"rate": 1e25, "radius": None})
    with pytest.raises(DivergenceError) as caught:
        train(small_network(), Stripes(), recipe, folder=tmp_path)
    message = str(caught.value)
    step = int(re.search(r"diverged at step (\d+) \(epoch 1\)", message)[1])
    assert 2 <= step <= 4
    assert re.search(r"(parameter|layer that is not finite is|gradient of) \S+", message)
    assert "lower it" in message


def test_without_validation_images_the_rate_stays(tmp_path):
    found = train(small_network(), Stripes(), QUICK, folder=tmp_path)
    assert found.history.rate.tolist() == pytest.approx([0.05] * 3)
    assert found.history.validation_error.isnan().all()
    assert list(found.scores) == ["train"]


class Odd(Stripes):
    """Stripes with something wrong."""

    def __init__(self, *, given=None, names=("rows", "columns", "plain"), broken=()):
        super().__init__(48)
        self.given, self.categories, self.broken = given, names, broken

    @property
    def labels(self):
        return self.given or super().labels

    def __getitem__(self, index):
        if index in self.broken:
            raise DatasetError("It is cut short.")
        sample = super().__getitem__(index)
        return Sample(sample.id, sample.image, self.labels[index])


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (Odd(given=[None, 1] * 24), r"Image '0-0' has no label \(24 of 48 have none\)"),
        (Odd(given=[1] * 48), r"All images have the category 'columns': there is nothing to tell apart"),
        (Odd(given=[0, 1] * 24), r"The category 'plain' has no images \(1 of 3 have none\)"),
        (Odd(given=[0, 1, 2, 3] * 12, names=()), r"have 4 categories, but the network has 3 outputs"),
        (Odd(broken=[7]), r"Image '0-7' cannot be used. It is cut short. .* on_error: skip"),
    ],
)
def test_images_that_cannot_be_trained_on_are_refused(images, message, tmp_path):
    with pytest.raises(DatasetError, match=message):
        train(small_network(), images, QUICK, folder=tmp_path)


def test_images_that_cannot_be_read_are_left_out_and_listed(tmp_path):
    recipe = QUICK.model_copy(update={"epochs": 1})
    found = train(small_network(), Odd(broken=[7, 9]), recipe, folder=tmp_path, on_error="skip")
    assert found.images == 46
    assert [name for name, _ in found.skipped] == ["0-7", "0-9"]


def test_a_mean_image_needs_its_place(tmp_path):
    with pytest.raises(ModelError, match="mean_image: true"):
        train(small_network(), Stripes(), QUICK.model_copy(update={"mean": "pixel"}), folder=tmp_path)


def test_weights_of_another_architecture_are_refused(trained):
    other = small_network()
    other.module[7] = torch.nn.Linear(8 * 16, 31)
    with pytest.raises(ModelError, match=r"epoch 3.*does not fit Sequential(.|\n)*another shape"):
        load_checkpoint(other, trained.checkpoints[-1])


def test_photographs_that_memory_cannot_hold_are_read_each_time(tmp_path, monkeypatch):
    """By processes of the loader, to the same losses as from memory."""
    recipe = QUICK.model_copy(update={"epochs": 1})
    held = train(small_network(), Stripes(), recipe, validation=Stripes(24, seed=1), folder=tmp_path / "held")
    monkeypatch.setattr(pixels, "MEMORY", 0)
    monkeypatch.setattr(loading, "WORKERS", 2)
    read = train(small_network(), Stripes(), recipe, validation=Stripes(24, seed=1), folder=tmp_path / "read")
    assert torch.equal(read.losses, held.losses)
    assert read.scores == held.scores
    assert read.checkpoints[-1].sha256 == held.checkpoints[-1].sha256


def test_an_image_that_breaks_later_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(pixels, "MEMORY", 0)
    monkeypatch.setattr(loading, "WORKERS", 0)
    with pytest.raises(DatasetError, match=r"Image '0-7' cannot be used\. It is cut short"):
        train(small_network(), Odd(broken=[7]), QUICK, folder=tmp_path)


def test_half_precision_learns_too(tmp_path):
    recipe = QUICK.model_copy(update={"precision": "bf16-mixed"})
    found = train(small_network(), Stripes(), recipe, folder=tmp_path)
    whole = train(small_network(), Stripes(), QUICK, folder=tmp_path / "whole")
    assert found.losses.isfinite().all()
    assert not torch.equal(found.losses, whole.losses)
    torch.testing.assert_close(found.losses[0], whole.losses[0], rtol=0.02, atol=0.02)
    assert found.history.loss[-1] < found.history.loss[0]


def test_every_step_is_in_the_log(trained):
    (table,) = trained.checkpoints[0].file.parents[1].glob("log/version_0/metrics.csv")
    with table.open() as file:
        rows = [row for row in csv.DictReader(file) if row["step_loss"]]
    logged = torch.tensor([float(row["step_loss"]) for row in rows])
    torch.testing.assert_close(logged, trained.losses)
