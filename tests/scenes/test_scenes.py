import hashlib
import pickle
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest
from pydantic import ValidationError
from scene_digest import digest, write_digest

from interpret_scenes import CATEGORIES, HOME, Scenes

PARTS = {
    "face": {"locks": 1, "ear": 2, "head": 1, "hair": 1, "eye": 2, "nose": 1, "mouth": 1},
    "cat": {"ear": 2, "head": 1, "eye": 2, "muzzle": 1, "nose": 1},
    "fish": {"tail": 1, "fin": 2, "body": 1, "side_fin": 1, "eye": 1, "mouth": 1},
    "bird": {"leg": 2, "tail": 1, "body": 1, "beak": 1, "head": 1, "eye": 1, "wing": 1},
    "butterfly": {"wing": 4, "antenna": 2, "body": 1, "head": 1},
    "flower": {"stem": 1, "leaf": 2, "petal": range(5, 9), "centre": 1},
    "car": {"cabin": 1, "window": 2, "body": 1, "lamp": 2, "wheel": 2},
    "bicycle": {"wheel": 2, "frame": 1, "pedals": 1, "saddle": 1, "handlebar": 1},
    "boat": {"mast": 1, "flag": 1, "sail": 2, "hull": 1, "porthole": 3},
    "house": {"chimney": 1, "wall": 1, "roof": 1, "window": 2, "door": 1},
}


def content(sample):
    truth = repr((sample.id, sample.label, sample.box, sample.parts)).encode()
    return hashlib.sha256(sample.image.tobytes() + sample.mask.tobytes() + truth).hexdigest()


def test_a_scene_depends_on_its_place_alone():
    many, few = Scenes(limit=5000).open(), Scenes(limit=13).open()
    backwards = [content(few[i]) for i in reversed(range(13))]
    assert [content(many[i]) for i in range(13)] == backwards[::-1]
    assert len(set(backwards)) == 13
    assert len(many) == 5000
    assert (few.ids, few.labels) == (many.ids[:13], many.labels[:13])


def test_every_seed_and_split_draws_other_scenes():
    sets = [Scenes(split=split, seed=seed, limit=3) for split in ("train", "val", "test") for seed in (0, 1)]
    pictures = {images[i].image.tobytes() for images in (scenes.open() for scenes in sets) for i in range(3)}
    assert len(pictures) == 18


def test_another_process_draws_the_same(fork, tmp_path):
    process = fork(write_digest, tmp_path / "digest")
    process.join(60)
    assert (tmp_path / "digest").read_text() == digest()


def test_threads_and_pickle_change_nothing():
    images = Scenes(limit=20, size=64).open()
    alone = [content(images[i]) for i in range(20)]
    copy = pickle.loads(pickle.dumps(Scenes(limit=20, size=64).open()))
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda i: content(copy[i]), range(20))) == alone


def test_every_ten_scenes_show_every_category():
    images = Scenes(limit=203).open()
    labels = images.labels
    assert images.categories == CATEGORIES == tuple(PARTS)
    assert all(sorted(labels[i : i + 10]) == list(range(10)) for i in range(0, 200, 10))
    assert len(labels) == len(images.ids) == len(set(images.ids)) == 203
    assert len({tuple(labels[i : i + 10]) for i in range(0, 200, 10)}) > 15
    assert [images[i].label for i in range(20)] == list(labels[:20])


@pytest.mark.parametrize(("correlation", "share"), [(0.0, 0.1), (0.5, 0.55), (1.0, 1.0)])
def test_correlation_sets_how_often_a_category_is_at_home(correlation, share):
    images = Scenes(limit=3000, correlation=correlation).open()
    grounds = [images.background(i) for i in range(3000)]
    home = np.mean(
        [HOME[CATEGORIES[label]] == ground for label, ground in zip(images.labels, grounds, strict=True)]
    )
    assert abs(home - share) < 4 * np.sqrt(share * (1 - share) / 3000) + 1e-12
    assert sorted(HOME.values()) == sorted(set(grounds))


def test_the_named_background_is_the_one_drawn():
    images = Scenes(limit=160, size=32, clutter=0).open()
    nights = [i for i in range(160) if images.background(i) == "night"]
    sands = [i for i in range(160) if images.background(i) == "sand"]
    drawn = {i: images[i] for i in nights + sands}
    tone = {i: np.median(np.asarray(sample.image)[~sample.mask]) for i, sample in drawn.items()}
    assert min(len(nights), len(sands)) > 10
    assert max(tone[i] for i in nights) < 90
    assert min(tone[i] for i in sands) > 120


def test_the_box_is_tight_around_the_mask():
    for sample in Scenes(limit=30, size=64).open():
        left, top, right, bottom = sample.box
        rows, columns = np.nonzero(sample.mask)
        assert (left, top, right, bottom) == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert sample.image.size == sample.mask.shape[::-1] == (64, 64)
        assert sample.image.mode == "RGB"


def test_objects_fill_a_fair_share_and_stay_mostly_inside():
    samples = list(Scenes(limit=120, size=48).open())
    shares = np.array([sample.mask.mean() for sample in samples])
    borders = [np.mean(np.r_[m[0], m[-1], m[:, 0], m[:, -1]]) for m in (sample.mask for sample in samples)]
    assert 0.02 < shares.min() < 0.12 < shares.mean() < 0.35 < shares.max() < 0.65
    assert np.mean(borders) < 0.02
    assert max(borders) < 0.3


@cache
def many():
    """Scenes to look at; nobody changes them."""
    return tuple(Scenes(limit=100).open())


def positions(sample):
    """How many positions of parts a scene lists, and how many with nothing hidden; petals left out."""
    expected = PARTS[CATEGORIES[sample.label]]
    counted = [(len(sample.parts.get(name, ())), most) for name, most in expected.items() if name != "petal"]
    return np.array(counted).sum(0)


def test_parts_are_those_of_the_category_from_left_to_right():
    for sample in many():
        expected = PARTS[CATEGORIES[sample.label]]
        assert set(sample.parts) <= set(expected)
        for name, places in sample.parts.items():
            most = expected[name] if isinstance(expected[name], int) else max(expected[name])
            assert 1 <= len(places) <= most
            assert list(places) == sorted(places)


def test_clutter_hides_some_parts():
    calm, wild = (
        np.sum([positions(images[i]) for i in range(120, 200)], axis=0)
        for images in (Scenes(size=32, clutter=clutter).open() for clutter in (1, 3))
    )
    assert calm[0] / calm[1] > 0.99
    assert 0.9 < wild[0] / wild[1] < 1


def test_without_clutter_only_the_border_hides_parts():
    for sample in Scenes(limit=40, clutter=0).open():
        left, top, right, bottom = sample.box
        if min(left, top) > 0 and max(right, bottom) < 96:
            found, most = positions(sample)
            assert found == most
            assert CATEGORIES[sample.label] != "flower" or len(sample.parts["petal"]) in range(5, 9)


def test_parts_lie_on_the_object():
    on_object = Counter()
    for sample in many():
        for places in sample.parts.values():
            for x, y in places:
                assert -0.5 <= min(x, y) <= max(x, y) < 95.5
                on_object[bool(sample.mask[round(y), round(x)])] += 1
    assert on_object[True] / on_object.total() > 0.98  # a star may lie on the very middle


def test_a_scene_is_the_same_at_every_size():
    small, large = (Scenes(limit=10, size=size, clutter=0).open() for size in (64, 192))
    for i in range(10):
        a, b = small[i], large[i]
        shrunk = b.mask.reshape(64, 3, 64, 3).mean((1, 3)) > 0.5
        assert np.logical_xor(shrunk, a.mask).sum() < 0.12 * a.mask.sum() + 12
        for name in a.parts.keys() & b.parts.keys():
            if len(a.parts[name]) == len(b.parts[name]):
                scaled = (np.array(b.parts[name]) + 0.5) / 3 - 0.5
                np.testing.assert_allclose(np.sort(scaled, 0), np.sort(np.array(a.parts[name]), 0), atol=1e-9)


@pytest.mark.parametrize("size", [16, 33, 300])
def test_odd_and_extreme_sizes(size):
    samples = list(Scenes(limit=3, size=size).open())
    assert all(sample.image.size == (size, size) and sample.mask.any() for sample in samples)


def test_the_fingerprint_covers_every_setting():
    others = {"split": "test", "limit": 1999, "size": 97, "seed": 1, "correlation": 0.1, "clutter": 0.5}
    assert others.keys() == Scenes.model_fields.keys()
    prints = {Scenes(**{name: value}).open().fingerprint() for name, value in others.items()}
    assert len(prints | {Scenes().open().fingerprint()}) == len(others) + 1
    assert Scenes().open().fingerprint() == Scenes(limit=2000).open().fingerprint()


@pytest.mark.parametrize(
    "wrong", [{"correlation": 1.5}, {"limit": 0}, {"size": 8}, {"split": "dev"}, {"seed": -1}, {"sise": 96}]
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Scenes(**wrong)


def test_places_outside_are_refused_and_negative_ones_count_from_the_end():
    images = Scenes(limit=12).open()
    with pytest.raises(IndexError):
        images[12]
    assert content(images[-1]) == content(images[11])
    assert len(list(images)) == 12


def test_so_many_scenes_are_refused():
    """Their ids alone would fill the memory."""
    with pytest.raises(ValidationError, match="less than or equal to 1000000"):
        Scenes(limit=99_999_999_999)
