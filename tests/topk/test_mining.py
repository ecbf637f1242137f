"""Mining equals brute force, whatever ties, breaks or is missing."""

import sys
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

from interpret.errors import DatasetError, InterpretError, ModelError, UnknownNameError
from interpret.images import Images, Sample, as_images
from interpret.network import wrap
from interpret.plugin import probe_inputs, probe_output, shard_grid
from interpret.progress import Progress, StepListener, listening
from interpret.results import load
from interpret_topk import Exemplars, TopK, merge, mine

sys.path.insert(0, str(Path(__file__).parent))
from mining_reference import Tangle, as_lists, assert_equals_brute_force

LAYERS = ["conv", "relu:1", "pool", "again:1", "again", "tail"]


class Named(Images):
    """Tensors under ids whose order is not their own."""

    def __init__(self, x, ids):
        self.x, self._ids = x, ids

    @property
    def ids(self):
        return self._ids

    def __getitem__(self, index):
        if self.x[index] is None:
            raise DatasetError(f"{self._ids[index]} is cut short.")
        return Sample(self._ids[index], self.x[index])

    def fingerprint(self):
        return "named"


def pictures(count, seed=0, size=8, levels=0):
    """Random images; ``levels`` > 0 takes few values only, so that activations tie."""
    x = torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(seed))
    x = (x * levels).round() / levels if levels else x
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed)).tolist()
    return Named(list(x), [f"image {number}" for number in order])


def small(module=None):
    return wrap(module or Tangle(), input_size=8)


def same(first, second):
    tensors = ("values", "image", "position", "nan")
    return (
        (first.ids, first.skipped, first.count, first.nan_images)
        == (second.ids, second.skipped, second.count, second.nan_images)
    ) and all(
        torch.equal(getattr(first[layer], name), getattr(second[layer], name))
        for layer in first.layers
        for name in tensors
    )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("k", "per_image"), [(1, 1), (4, 1), (5, 3), (40, 1), (30, 100)])
def test_equals_brute_force(seed, k, per_image):
    network, images = small(Tangle(seed)), pictures(23, seed)
    found = mine(network, images, LAYERS, k, batch_size=5, per_image=per_image)
    assert_equals_brute_force(network, images, found, batch_size=5, k=k, per_image=per_image)
    assert (found.k, found.count, found.skipped) == (k, 23, ())


@pytest.mark.parametrize("per_image", [1, 2])
def test_ties_go_to_the_smaller_id_then_the_smaller_position(per_image):
    flat = nn.Sequential(nn.AvgPool2d(1), nn.ReLU())
    network, images = small(flat), pictures(40, levels=1)
    found = mine(network, images, ["0", "1"], 6, batch_size=7, per_image=per_image)
    assert_equals_brute_force(network, images, found, batch_size=7, k=6, per_image=per_image)
    assert len(found["0"].values.unique()) < 6


def test_bfloat16_ties_are_ordered():
    network, images = small(Tangle().bfloat16()), pictures(30, levels=2)
    found = mine(network, images, LAYERS, 6, batch_size=8)
    assert found["conv"].values.dtype == torch.float32
    assert_equals_brute_force(network, images, found, batch_size=8, k=6)


def test_float64_keeps_its_precision():
    network, images = small(Tangle().double()), pictures(9)
    found = mine(network, images, LAYERS, 3)
    assert found["conv"].values.dtype == torch.float64
    assert_equals_brute_force(network, images, found, batch_size=32, k=3)


def test_channels_last_gives_the_same_neurons():
    network, images = small(Tangle().to(memory_format=torch.channels_last)), pictures(20)
    found = mine(network, images, LAYERS, 4, batch_size=6)
    assert_equals_brute_force(network, images, found, batch_size=6, k=4)


@pytest.mark.parametrize("per_image", [1, 3])
def test_nan_is_left_out_counted_and_named(per_image, caplog):
    images = pictures(12)
    images.x[3][0, 2, 2] = torch.nan
    images.x[7][:] = torch.nan
    images.x[8][1, 0, 0] = torch.inf
    network = small()
    found = mine(network, images, LAYERS, 12, batch_size=5, per_image=per_image)
    assert_equals_brute_force(network, images, found, batch_size=5, k=12, per_image=per_image)
    assert {images.ids[3], images.ids[7]} <= set(found.nan_images) <= {images.ids[i] for i in (3, 7, 8)}
    assert not found["conv"].values.isnan().any()
    assert found["conv"].nan.tolist() == [9 + 64] * 5
    assert f"Images that give NaN: {len(found.nan_images)} of 12" in caplog.text


def test_nothing_but_nan_is_an_empty_ranking():
    images = Named([torch.full((3, 8, 8), torch.nan)] * 2, ["a", "b"])
    found = mine(small(), images, ["conv"], 3)
    assert as_lists(found["conv"]) == [[(-torch.inf, -1, -1, -1)] * 3] * 5
    assert (found.ids, found.nan_images) == ({}, ("a", "b"))
    assert found["conv"].nan.tolist() == [128] * 5


def test_a_dead_unit_is_reported_and_shows_the_first_images_not_the_last():
    network, images = small(), pictures(10)
    found = mine(network, images, ["again", "relu"], 3)
    assert found["again"].dead[2]
    assert not found["again"].dead.all()
    strongest = [images.ids[index] for index in found["relu"].image[2].tolist()]
    assert strongest == sorted(images.ids)[:3]
    assert found["relu"].position[2].eq(0).all()


def test_fewer_images_than_k_leave_the_rest_empty():
    found = mine(small(), pictures(2), ["conv"], 5)
    assert found["conv"].image[:, 2:].eq(-1).all()
    assert found["conv"].position[:, 2:].eq(-1).all()
    assert found["conv"].values[:, 2:].eq(-torch.inf).all()
    assert len(found.ids) == 2


def test_a_convolution_is_mined_before_the_in_place_relu_behind_it():
    module = nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU(inplace=True))
    nn.init.constant_(module[0].weight, 0)
    nn.init.constant_(module[0].bias, -2)
    found = mine(small(module), pictures(2), ["0", "1"], 1)
    assert found["0"].values.tolist() == [[-2], [-2]]
    assert found["1"].values.tolist() == [[0], [0]]


def test_aliases_and_repeated_names_share_one_call():
    network = wrap(Tangle(), input_size=8, aliases={"layer1": "pool"})
    found = mine(network, pictures(6), ["layer1", "pool", "pool"], 2)
    assert list(found.layers) == ["layer1", "pool"]
    assert torch.equal(found["layer1"].values, found["pool"].values)


def test_without_layers_every_convolution_is_mined():
    assert list(mine(small(), pictures(3)).layers) == ["conv", "again:1", "again:2"]


def test_the_pass_ends_after_the_last_layer_and_the_module_stays_as_it_was():
    class Explodes(nn.Module):
        def forward(self, x):
            if len(x) > 2:
                raise RuntimeError("too far")
            return x

    module = nn.Sequential(nn.Conv2d(3, 2, 1), nn.Dropout(), Explodes()).train()
    found = mine(small(module), pictures(6), ["0"], 2)
    assert found.count == 6
    assert all(part.training for part in module.modules())
    assert not any(part._forward_hooks for part in module.modules())


@pytest.mark.parametrize("cut", [[7], [5, 6, 13], list(range(1, 20))])
def test_merging_is_the_same_in_any_order_and_grouping(cut):
    images, probe = pictures(20, levels=1), TopK(layers=LAYERS, k=4, batch_size=1, on_error="skip")
    images.x[4], images.x[11][:, 0, 0], images.x[19] = None, torch.nan, None
    edges = [0, *cut, 20]
    parts = [probe.run_shard(small(), images.subset(range(a, b))) for a, b in pairwise(edges)]
    whole = probe.run(small(), images)
    assert same(probe.merge(parts), whole)
    assert same(merge(parts[::-1]), whole)
    middle = len(parts) // 2
    assert same(merge([merge(parts[middle:]), *parts[:middle]]), whole)
    assert (whole.count, len(whole.skipped)) == (18, 2)


def test_shards_give_the_bits_of_one_pass_and_survive_the_disk(tmp_path):
    network, images = small(), pictures(300)
    probe = TopK(layers=LAYERS, k=5, batch_size=16)
    assert len(shard_grid(300, 16)) == 2
    result = probe.run(network, images)
    assert same(result, mine(network, images, LAYERS, 5, batch_size=16))
    result.save(tmp_path)
    assert same(load(tmp_path), result)


def test_other_batch_sizes_agree_to_rounding():
    network, images = small(), pictures(50)
    one, other = (mine(network, images, LAYERS, 5, batch_size=size) for size in (3, 32))
    for layer in LAYERS:
        torch.testing.assert_close(one[layer].values, other[layer].values)


def test_unreadable_images_are_fatal_or_listed(tmp_path):
    for number in range(3):
        Image.effect_noise((20, 20), 60).convert("RGB").save(tmp_path / f"{number}.png")
    (tmp_path / "1.png").write_bytes((tmp_path / "0.png").read_bytes()[:200])
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    with pytest.raises(DatasetError, match=r"1\.png.*skip"):
        mine(small(), paths, ["conv"])
    found = mine(small(), paths, ["conv"], 3, on_error="skip")
    assert found.count == 2
    assert [Path(name).name for name, _ in found.skipped] == ["1.png"]
    assert "cannot be read" in found.skipped[0][1]
    assert set(found["conv"].image.flatten().tolist()) == {0, 2, -1}
    with pytest.raises(DatasetError, match="None of the 1 images"):
        mine(small(), paths[1:2], ["conv"], on_error="skip")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"k": "9"}, r"k must be at least 1. Got '9' \(str\), not a whole number"),
        ({"k": 2.0}, "k must be at least 1"),
        ({"per_image": 0}, "per_image must be at least 1"),
        ({"batch_size": "32"}, "batch_size must be at least 1"),
        ({"layers": [0]}, "no layer 0"),
    ],
)
def test_arguments_of_another_kind_are_refused_by_name(wrong, said):
    network = wrap(nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten()), input_size=4)
    with pytest.raises(InterpretError, match=said):
        mine(network, [torch.zeros(3, 4, 4)], **wrong)


def test_a_network_of_functions_alone_is_told_how_to_get_layers():
    class Functions(nn.Module):
        def forward(self, x):
            return x.relu().mean((2, 3))

    with pytest.raises(ModelError, match="is a layer once it is a module"):
        mine(wrap(Functions(), input_size=4), [torch.zeros(3, 4, 4)])


def test_what_cannot_be_mined_is_refused_by_name():
    class Tokens(nn.Module):
        def forward(self, x):
            return x.flatten(2)

    network = small(nn.Sequential(Tokens(), nn.Flatten()))
    with pytest.raises(ModelError, match=r"Layer '0' gives .*\(2, 3, 64\)"):
        mine(network, pictures(2), ["0"])
    with pytest.raises(ModelError, match="no Conv2d"):
        mine(network, pictures(2))
    with pytest.raises(UnknownNameError, match="'tail'"):
        mine(small(), pictures(2), ["tial"])
    for wrong in ({"k": 0}, {"per_image": 0}, {"batch_size": 0}, {"on_error": "ignore"}):
        with pytest.raises(InterpretError, match=next(iter(wrong))):
            mine(small(), pictures(2), ["conv"], **wrong)
    with pytest.raises(InterpretError, match="nothing to merge"):
        merge([])
    with pytest.raises(UnknownNameError, match="'conv'"):
        mine(small(), pictures(2), ["conv"])["covn"]


def test_the_probe_declares_what_it_needs_and_gives():
    assert probe_inputs(TopK) == {}
    assert probe_output(TopK) is Exemplars
    assert all(field.description for field in TopK.model_fields.values())


class Heard(Progress):
    """The batches of all, then those that are done."""

    def __init__(self):
        self.parts = []

    def started(self, step, parts):
        self.parts.append((step, parts))

    def advanced(self, step, parts):
        self.parts.append(parts)


def test_progress_counts_every_batch():
    heard, images = Heard(), as_images(list(torch.zeros(7, 3, 8, 8)))
    with listening(StepListener(heard, "mine")):
        mine(small(), images, ["conv"], batch_size=3)
    assert heard.parts == [("mine", 3), 1, 1, 1]
    with pytest.raises(InterpretError, match=r"mine\(\) has no parameter 'progress'\. .*listening"):
        mine(small(), images, ["conv"], progress=print)


@pytest.mark.parametrize("layers", [5, [["0"]]])
def test_layers_are_a_list_of_names(layers):
    network = wrap(nn.Sequential(nn.Conv2d(3, 2, 3)).eval(), input_size=8)
    with pytest.raises(InterpretError, match="layers must be a list of names"):
        mine(network, [torch.zeros(3, 8, 8)], layers)
