"""The whole comparison: against a loop over images and pairs, its bad input, and real networks."""

from __future__ import annotations

from itertools import combinations
from math import isnan, nan
from pathlib import Path
from statistics import fmean, stdev

import pytest
import torch
from correspondence_fixtures import Given, noise, pixels, tensors
from torch import nn

import interpret
from interpret import DatasetError, InterpretError, ModelError, UnknownNameError, wrap
from interpret.results import load
from interpret.testing import check_probe, small_network
from interpret_correspondence import MaskedParts, correspondence, default_layers, permutation_test
from interpret_correspondence.distances import hamming, signs
from interpret_correspondence.placing import generator

PARTS = [{"nose": [(4 + i, 9)], "eye": [(3, 4), (11, 5 + i)]} for i in range(5)]
DATA = Path(__file__).parents[2].parent / "shared" / "data"


def distance(a: torch.Tensor, b: torch.Tensor, zeros: str) -> float:
    """The Hamming distance of two sign vectors, one dimension at a time."""
    pairs = list(zip(a.tolist(), b.tolist(), strict=True))
    if zeros == "ignore":
        pairs = [(x, y) for x, y in pairs if x and y]
    return sum(x != y for x, y in pairs) / len(pairs) if pairs else nan


@pytest.fixture(scope="module")
def found():
    return correspondence(
        small_network(), Given(tensors(5), PARTS), ["nose", "eye:1", "eye"], ["relu1", "fc"], window=(3, 5),
        random=3, permutations=50, batch_size=2,
    )  # fmt: skip


@pytest.mark.parametrize("zeros", ["agree", "ignore"])
@pytest.mark.parametrize("layer", ["relu1", "fc"])
def test_every_distance_equals_a_loop_over_images(found, layer, zeros) -> None:
    network, images = small_network(), tensors(5)
    grey = network.input.normalize(torch.full((3, 16, 16), 0.5))
    for mask in range(6):
        vectors = []
        for image, boxes in zip(images, found.boxes[mask], strict=True):
            covered = image.clone()
            for top, left, bottom, right in boxes:
                covered[:, top:bottom, left:right] = grey[:, top:bottom, left:right]
            values = network.record(torch.stack([image, covered]), [layer])[layer].flatten(1)
            vectors.append((values[0] - values[1]).sign())
        expected = [distance(a, b, zeros) for a, b in combinations(vectors, 2)]
        assert found.layers[layer].distance(zeros)[mask].tolist() == pytest.approx(
            expected, abs=1e-12, nan_ok=True
        )
        known = [value for value in expected if not isnan(value)]
        if mask < 3:
            assert float(found.mean(layer, zeros)[mask]) == pytest.approx(fmean(known))
            assert float(found.spread(layer, zeros)[mask]) == pytest.approx(stdev(known))
        unchanged = [float((vector == 0).double().mean()) for vector in vectors]
        assert found.layers[layer].unchanged[mask].tolist() == pytest.approx(unchanged)


def test_the_row_random_is_over_the_pairs_of_all_draws(found) -> None:
    values = found.layers["fc"].agree[3:].flatten().tolist()
    assert found.rows == ("nose", "eye:1", "eye", "random")
    assert float(found.mean("fc")[3]) == pytest.approx(fmean(values))
    assert float(found.spread("fc")[3]) == pytest.approx(stdev(values))
    assert found.counts == [5] * 4
    assert found.draws == 3


def test_masks_stand_on_the_parts_and_random_ones_inside(found) -> None:
    assert found.boxes[0][1] == ((8, 3, 11, 8),)
    assert found.boxes[1][0] == ((3, 1, 6, 6),)
    assert found.boxes[2][2] == ((3, 1, 6, 6), (6, 9, 9, 14))
    flat = torch.tensor([box for mask in found.boxes[3:] for image in mask for box in image])
    assert bool((flat[:, :2] >= 0).all())
    assert bool((flat[:, 2:] <= 16).all())
    assert (flat[:, 2:] - flat[:, :2]).tolist() == [[3, 5]] * 15


@pytest.mark.parametrize("zeros", ["agree", "ignore"])
def test_the_chance_is_that_of_the_part_among_its_draws(found, zeros) -> None:
    network, images = small_network(), tensors(5)
    grey = network.input.normalize(torch.full((3, 16, 16), 0.5))
    rows = []
    for place, image in enumerate(images):
        for mask in (1, 3, 4, 5):
            covered = image.clone()
            ((top, left, bottom, right),) = found.boxes[mask][place]
            covered[:, top:bottom, left:right] = grey[:, top:bottom, left:right]
            values = network.record(torch.stack([image, covered]), ["fc"])["fc"]
            rows.append(values[0] - values[1])
    across = getattr(hamming(signs(torch.stack(rows))), zeros).view(5, 4, 5, 4)
    expected = permutation_test(across, 50, generator(0, "permutations"))
    assert float(found.layers["fc"].p(zeros)[1]) == expected


def test_a_mask_that_hides_nothing_changes_nothing_exactly() -> None:
    images = [image.clone() for image in tensors(5, (3, 64, 64))]
    for image in images:
        image[:, 20:30, 20:30] = 0.5
    network = wrap(
        nn.Sequential(nn.Conv2d(3, 16, 5, padding=2), nn.ReLU(), nn.Conv2d(16, 8, 3)), input_size=64,
        mean=[0.0] * 3, std=[1.0] * 3,
    )  # fmt: skip
    there, elsewhere = {"flat": [(24.5, 24.5)]}, {"other": [(50, 50)]}
    found = correspondence(
        network, Given(images, [{**there, **elsewhere}] * 5), ["flat", "other"], ["0", "2"], window=10,
        batch_size=3, random=0,
    )  # fmt: skip
    for name, reach in (("0", 2), ("2", 3)):
        assert found.layers[name].unchanged[0].tolist() == [1.0] * 5
        assert float(found.mean(name)[0]) == 0
        assert bool(found.layers[name].ignore[0].isnan().all())
        changed = ((1 - found.layers[name].unchanged[1]) * found.layers[name].dimensions).round()
        assert bool((changed <= (8 + 8 * (name == "0")) * (10 + 2 * reach) ** 2).all())


def test_a_photographs_part_is_what_the_network_no_longer_sees() -> None:
    pictures, network = noise(2, (40, 70)), pixels(size=32)
    for picture in pictures:
        picture.paste((255, 0, 0), (38, 14, 44, 20))
    images = Given(pictures, [{"mark": [(40.5, 16.5)]}] * 2)
    found = correspondence(network, images, ["mark"], ["same"], window=9, fill=0.0, random=0)
    ((top, left, bottom, right),) = found.boxes[0][0]
    x = network.preprocess(pictures[0]).clone()
    red = (x[0] > 0.95) & (x[1:] < 0.05).all(0)
    assert int(red.sum()) >= 9
    red[top:bottom, left:right] = False
    assert not bool(red.any())


def test_shared_draws_are_ranked() -> None:
    images = Given(tensors(5), PARTS)
    found = correspondence(
        small_network(), images, ["nose"], ["pool2"], random=7, random_rule="shared", window=4
    )
    assert all(len(set(mask)) == 1 for mask in found.boxes[1:])
    mean = found.layers["pool2"].agree.mean(1)
    lower = int((mean[1:] <= mean[0] + 1e-12).sum())
    assert found.layers["pool2"].p_agree.tolist() == [(1 + lower) / 8]


def test_images_that_lack_a_part_are_left_out_and_listed() -> None:
    parts = [*PARTS[:4], {"eye": [(30, 4), (3, 3)]}, {"tail": [(1, 1)]}]
    found = correspondence(
        small_network(),
        Given(tensors(6), parts),
        ["nose", "eye"],
        ["fc"],
        random=2,
        window=3,
        permutations=20,
    )
    assert found.image.tolist() == [0, 1, 2, 3]
    assert found.missing == (
        ("nose", "picture-4", "'nose' is not visible"),
        ("nose", "picture-5", "'nose' is not visible"),
        ("eye", "picture-4", "'eye' cannot be masked: it lies outside of the photograph"),
        ("eye", "picture-5", "'eye' is not visible"),
    )
    alone = correspondence(
        small_network(), Given(tensors(4), PARTS[:4]), ["nose"], ["fc"], random=2, window=3, permutations=20
    )
    assert float(found.mean("fc")[0]) == float(alone.mean("fc")[0])
    assert float(found.layers["fc"].p_agree[0]) == float(alone.layers["fc"].p_agree[0])


def test_a_part_that_some_images_lack_is_compared_among_the_others() -> None:
    parts = [*PARTS[:4], {"eye": [(4, 4), (9, 3)]}]
    found = correspondence(
        small_network(), Given(tensors(5), parts), ["nose", "eye"], ["fc"], random=1, window=3
    )
    assert found.counts == [4, 5, 5]
    assert int(found.layers["fc"].agree[0].isnan().sum()) == 4
    assert not bool(found.layers["fc"].agree[1:].isnan().any())
    assert found.layers["fc"].unchanged.isnan().nonzero().tolist() == [[0, 4]]


def test_subsets_are_means_over_the_pairs_of_some_images(found) -> None:
    means = found.subsets("relu1", size=3, count=40, seed=1)
    assert means.shape == (40, 4)
    pairs = list(combinations(range(5), 2))
    possible = [
        [float(found.layers["relu1"].agree[0, pairs.index(pair)]) for pair in combinations(chosen, 2)]
        for chosen in combinations(range(5), 3)
    ]
    for value in means[:, 0].tolist():
        assert any(value == pytest.approx(fmean(values)) for values in possible)
    assert len({round(value, 9) for value in means[:, 0].tolist()}) > 3
    whole = found.subsets("relu1", "ignore", size=5, count=2)
    torch.testing.assert_close(whole, found.mean("relu1", "ignore").expand(2, 4))
    with pytest.raises(
        InterpretError, match=r"A subset of 6 images cannot be drawn: .* and 5 images have all"
    ):
        found.subsets("relu1", size=6)
    with pytest.raises(UnknownNameError, match="no layer 'relu2'"):
        found.subsets("relu2")


def test_a_tolerance_makes_more_zeros() -> None:
    images = Given(tensors(3), PARTS[:3])
    exact, rough = (
        correspondence(small_network(), images, ["nose"], ["fc"], random=0, tolerance=tolerance)
        for tolerance in (0.0, 0.4)
    )
    assert float(exact.layers["fc"].unchanged.sum()) == 0
    assert float(rough.layers["fc"].unchanged.sum()) > 0


def test_without_draws_or_permutations_there_is_no_chance() -> None:
    images = Given(tensors(3), PARTS[:3])
    for given in ({"random": 0}, {"permutations": 0}, {"permutations": 0, "random_rule": "shared"}):
        found = correspondence(small_network(), images, ["nose"], ["fc"], **{"random": 2, **given})
        assert bool(found.layers["fc"].p_agree.isnan().all())
        assert found.rows == (("nose", "random") if found.draws else ("nose",))


def test_two_images_have_one_pair_and_no_spread() -> None:
    found = correspondence(small_network(), Given(tensors(2), PARTS[:2]), ["nose"], ["fc"], random=1)
    assert found.layers["fc"].agree.shape == (2, 1)
    assert bool(found.spread("fc").isnan().all())


def test_fewer_images_are_refused_with_the_reasons() -> None:
    parts = [{"nose": [(3, 3)]}, {"nose": [(20, 3)]}, {}]
    expected = (
        "Pairs of images are compared, but 1 of 3 can have 'nose' masked. picture-1: 'nose' cannot be "
        "masked: it lies outside of the photograph; picture-2: 'nose' is not visible."
    )
    with pytest.raises(DatasetError, match=f"^{expected}$"):
        correspondence(small_network(), Given(tensors(3), parts), ["nose"], ["fc"])
    with pytest.raises(DatasetError, match="but 1 of 1 can"):
        correspondence(small_network(), Given(tensors(1), PARTS[:1]), ["nose"], ["fc"])


def test_images_that_cannot_be_read() -> None:
    pictures = [*noise(3), DatasetError("It is cut short.")]
    images = Given(pictures, [{"nose": [(8, 8)]}] * 4)
    with pytest.raises(
        DatasetError, match=r"Image 'picture-3' cannot be used. It is cut short. .*on_error: skip"
    ):
        correspondence(small_network(), images, ["nose"], ["fc"])
    found = correspondence(small_network(), images, ["nose"], ["fc"], on_error="skip")
    assert found.skipped == (("picture-3", "It is cut short."),)
    assert found.ids == {str(place): f"picture-{place}" for place in range(3)}
    with pytest.raises(DatasetError, match=r"None of the 1 images can be read\. It is cut short"):
        correspondence(small_network(), images.subset([3]), ["nose"], ["fc"], on_error="skip")


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"parts": ["noze"]}, UnknownNameError, "There is no part 'noze'. Did you mean 'nose'"),
        ({"layers": ["fcc"]}, UnknownNameError, "There is no layer 'fcc'. Did you mean 'fc'"),
        ({"parts": []}, InterpretError, r"parts must be a list of names, such as \['nose'\]. Got \[\]"),
        ({"parts": "nose"}, InterpretError, "parts must be a list of names"),
        ({"window": 17}, InterpretError, "A mask of 17 x 17 pixels does not fit into an image of 16 x 16"),
        ({"window": 0}, InterpretError, "A mask of 0 x 0 pixels"),
        ({"random": -1}, InterpretError, "random must be at least 0. Got -1"),
        ({"permutations": -1}, InterpretError, "permutations must be at least 0"),
        ({"tolerance": -0.1}, InterpretError, "tolerance must be at least 0"),
        ({"batch_size": 0}, InterpretError, "batch_size must be at least 1. Got 0"),
        ({"random_rule": "all"}, InterpretError, "random_rule must be 'each' or 'shared'. Got 'all'"),
        ({"on_error": "ignore"}, InterpretError, "on_error must be 'raise' or 'skip'"),
        ({"fill": 1.5}, InterpretError, "fill is 1.5"),
    ],
)
def test_bad_input(given, error, message) -> None:
    parts, layers = given.pop("parts", ["nose"]), given.pop("layers", ["fc"])
    with pytest.raises(error, match=message):
        correspondence(small_network(), Given(tensors(3), PARTS[:3]), parts, layers, **given)


def test_a_layer_without_signs_is_refused() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.whole, self.broken = nn.Identity(), nn.Identity()

        def forward(self, x):
            return self.whole(x.mean()) + self.broken(x / 0).sum((1, 2, 3))[:, None]

    network = wrap(Odd(), input_size=16)
    with pytest.raises(ModelError, match=r"Layer 'whole' gives a tensor of shape \(\) for 3 images"):
        correspondence(network, Given(tensors(3), PARTS[:3]), ["nose"], ["whole"])
    with pytest.raises(ModelError, match="Layer 'broken' has values that are not finite"):
        correspondence(network, Given(tensors(3), PARTS[:3]), ["nose"], ["broken"])


def test_networks_of_other_channels_sizes_and_types() -> None:
    for channels, size, dtype in ((1, (12, 20), torch.float32), (5, (9, 9), torch.float64)):
        network = pixels(channels, size)
        network.module.to(dtype)
        images = Given(tensors(3, (channels, *size)), [{"nose": [(4, 4)]}] * 3)
        found = correspondence(network, images, ["nose"], ["same", "fc"], fill="mean", random=2)
        assert found.layers["same"].dimensions == channels * size[0] * size[1]
        assert float(found.layers["fc"].unchanged.sum()) == 0
    grey = correspondence(pixels(1, 16), Given(noise(3), [{"nose": [(9, 9)]}] * 3), ["nose"], ["same"])
    assert grey.layers["same"].dimensions == 256


def test_default_layers_are_the_papers_or_the_middle_and_the_last() -> None:
    assert default_layers(interpret.load_model("zfnet", weights="scenes")) == ["layer5", "layer7"]
    assert default_layers(small_network()) == ["relu2"]
    module = nn.Sequential(*(nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU()) for _ in range(5)))
    assert default_layers(wrap(module, input_size=8)) == ["2.1", "4.1"]


def test_it_saves_and_loads(found, tmp_path) -> None:
    found.save(tmp_path)
    again = load(tmp_path)
    assert again.boxes == found.boxes
    assert again.missing == found.missing
    assert again.layers["fc"].ignore.equal(found.layers["fc"].ignore)
    assert again.mean("fc").equal(found.mean("fc"))


@pytest.mark.parametrize(
    "given", [{}, {"random_rule": "shared", "fill": "noise"}, {"avoid": True, "window": 2}]
)
def test_the_probe_keeps_its_promises(given) -> None:
    probe = MaskedParts(parts=["nose", "eye"], layers=["relu1", "fc"], random=3, permutations=20, **given)
    check_probe(probe, images=Given(tensors(5), PARTS))


def test_the_probe_finds_what_the_function_finds(found) -> None:
    again = interpret.load_probe(
        "correspondence", parts=["nose", "eye:1", "eye"], layers=["relu1", "fc"], window=(3, 5), random=3,
        permutations=50, batch_size=4,
    ).run(small_network(), Given(tensors(5), PARTS))  # fmt: skip
    assert again.boxes == found.boxes
    torch.testing.assert_close(again.layers["relu1"].agree, found.layers["relu1"].agree)


def test_faces_of_scenes_correspond() -> None:
    network = interpret.load_model("zfnet", weights="scenes")
    scenes = interpret.load_dataset("scenes", split="val", limit=120)
    faces = scenes.subset([place for place, label in enumerate(scenes.labels) if label == 0])
    found = correspondence(network, faces, ["eye:1", "eye:2", "nose"], random=4, permutations=99)
    for zeros in ("agree", "ignore"):
        for layer in ("layer5", "layer7"):
            mean = found.mean(layer, zeros)
            assert bool((mean[:3] < mean[3]).all())
            assert found.layers[layer].p(zeros).tolist() == [0.01] * 3


@pytest.mark.data
def test_eyes_of_dogs() -> None:
    if not (DATA / "animal-pose").exists():
        pytest.skip("The photographs of ../shared/data/animal-pose are not here.")
    dogs = interpret.load_dataset("animal_pose", path=DATA / "animal-pose", animals=["dog"]).subset(range(8))
    network = interpret.load_model("zfnet", weights="imagenette")
    found = correspondence(network, dogs, ["left eye", "nose"], ["layer5"], random=2, permutations=20)
    boxes = found.boxes[0]
    for place, index in enumerate(found.image.tolist()):
        picture, ((x, y),) = dogs[index].image, dogs[index].parts["left eye"]
        across, down = network.input.locate(x, y, picture.size)
        ((top, left, bottom, right),) = boxes[place]
        assert top <= down <= bottom
        assert left <= across <= right
    assert len(found.image) + len({name for _, name, _ in found.missing}) >= 8
