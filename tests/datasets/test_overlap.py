import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps

import interpret
from interpret.errors import DatasetError, InterpretError, PluginError
from interpret.testing import check_probe, small_network
from interpret_datasets import FindOverlap, Folder, overlaps
from interpret_datasets.correlation import correlated
from interpret_datasets.miniatures import SIDE, miniature
from interpret_datasets.thumbnails import read_thumbnails, thumbnail, unit
from interpret_scenes import Scenes

DATA = Path(__file__).parents[2].parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no photographs in {DATA}")


def scene(seed):
    return Scenes(limit=1, seed=seed, size=96).open()[0].image


def jpeg(image, quality):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def slow_correlation(a, b, size):
    """Pearson's correlation of two pictures' block means, by numpy in float64."""

    def means(image):
        x = np.asarray(image.convert("L"), dtype=np.float64)
        height, width = x.shape
        return x.reshape(size, height // size, size, width // size).mean((1, 3)).ravel()

    return np.corrcoef(means(a), means(b))[0, 1]


def test_pairs_of_pictures_equal_pearsons_correlation_in_float64():
    first, second = [scene(i) for i in range(12)], [scene(100 + i) for i in range(9)]
    slow = np.array([[slow_correlation(a, b, 16) for b in second] for a in first])
    found = overlaps(first, second, threshold=0.2)
    expected = sorted((-slow[i, j], i, j) for i, j in zip(*np.nonzero(slow >= 0.2), strict=True))
    assert len(expected) > 5
    assert np.diff([value for value, _, _ in expected]).min() > 2e-6, "no order hangs on rounding"
    assert found.images.tolist() == [i for _, i, _ in expected]
    assert found.others.tolist() == [j for _, _, j in expected]
    np.testing.assert_allclose(found.correlation, [-value for value, _, _ in expected], atol=1e-6)
    assert found.ids == tuple((str(i), str(j)) for _, i, j in expected)
    assert found.compared == (12, 9)


def test_a_hand_computed_case():
    """Minus their mean, (1, 2, 3, 4) and (1, 2, 4, 3) have the product 4, and both have the length √5."""
    a, b = (unit(torch.tensor(x)) for x in ([[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0], [4.0, 3.0]]))
    torch.testing.assert_close(a * 5**0.5, torch.tensor([-1.5, -0.5, 0.5, 1.5]))
    assert float(a @ b) == pytest.approx(4 / 5, abs=1e-6)


@pytest.mark.parametrize("mirror", [pytest.param(False, marks=pytest.mark.slow), True])
def test_blocks_give_what_one_product_gives(mirror):
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(n, 9, generator=generator, dtype=torch.float64) for n in (1500, 9000))
    a, b = (x / x.norm(dim=1, keepdim=True) for x in (a, b))
    products = a @ b.T
    flipped = a @ b.reshape(-1, 3, 3).flip(2).reshape(-1, 9).T
    largest = torch.maximum(products, flipped) if mirror else products
    threshold = 0.93
    assert (largest - threshold).abs().min() > 1e-9, "no pair hangs on rounding"
    found = correlated(a, b, threshold, mirror=mirror)
    rows, columns = found.rows.tolist(), found.columns.tolist()
    expected = torch.nonzero(largest >= threshold - 5e-7).tolist()
    assert len(expected) > 500
    assert sorted(zip(rows, columns, strict=True)) == [(row, column) for row, column in expected]
    torch.testing.assert_close(found.correlation, largest[rows, columns], rtol=0, atol=5.1e-7)
    order = sorted(zip((-found.correlation).tolist(), rows, columns, strict=True))
    assert [place for _, *place in order] == [list(place) for place in zip(rows, columns, strict=True)]
    further = (flipped - products)[rows, columns]
    assert found.mirrored[further > 1e-6].all() == mirror
    assert not found.mirrored[further <= 0].any()
    assert mirror == bool(found.mirrored.any())


def test_the_last_bits_of_a_matrix_product_decide_nothing():
    """Other processors sum up in another order: lengths and products differ by some 1e-7."""
    generator = torch.Generator().manual_seed(0)
    a = torch.rand(40, 256, generator=generator) - 0.5
    b = torch.cat([a.flip(0), a])
    noise = torch.rand(3, 80, 256, generator=generator) * 2e-8 - 1e-8
    unit = [x / x.norm(dim=1, keepdim=True) for x in (a, *(b + part for part in noise))]
    found = [correlated(unit[0], other, 1) for other in unit[1:]]
    for one in found:
        assert one.correlation.tolist() == [1.0] * 80
        assert one.rows.tolist() == [row for row in range(40) for _ in range(2)]
        assert one.columns.tolist() == [place for row in range(40) for place in (39 - row, 40 + row)]


def test_equal_correlations_come_in_order_of_their_places():
    pictures = [scene(0), scene(1)]
    found = overlaps([*pictures, scene(0)], [*pictures[::-1], scene(0)], threshold=1)
    pairs = list(zip(found.images.tolist(), found.others.tolist(), strict=True))
    assert pairs == [(0, 1), (0, 2), (1, 0), (2, 1), (2, 2)]


CHANGES = {
    "the same": lambda image: image,
    "scaled and compressed": lambda image: jpeg(image.resize((200, 150)), 60),
    "dark": lambda image: ImageEnhance.Brightness(image).enhance(0.6),
    "grey": lambda image: image.convert("L"),
    "more contrast": lambda image: ImageEnhance.Contrast(image).enhance(1.3),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_copy_is_found_among_others(change):
    others = [scene(200 + i) for i in range(30)]
    found = overlaps([scene(0), CHANGES[change](others[17]), scene(1)], others)
    assert (found.images.tolist(), found.others.tolist()) == ([1], [17])
    assert not found.mirrored.any()


def test_a_mirrored_copy_is_found_where_asked():
    others = [scene(200 + i) for i in range(5)]
    mirrored = [ImageOps.mirror(others[2]), others[4]]
    assert overlaps(mirrored, others).others.tolist() == [4]
    found = overlaps(mirrored, others, mirror=True)
    assert {*zip(found.images.tolist(), found.others.tolist(), found.mirrored.tolist(), strict=True)} == {
        (0, 2, True),
        (1, 4, False),
    }


def test_a_negative_is_no_copy():
    assert len(overlaps([ImageOps.invert(scene(0))], [scene(0)]).ids) == 0


def test_pictures_of_one_tone_correlate_with_nothing_and_give_no_nan():
    blank = [Image.new("RGB", (20, 10), tone) for tone in ("white", "black", (17, 90, 3))]
    noise = np.random.default_rng(0).integers(0, 2, (64, 64, 3), dtype=np.uint8)
    blank += [Image.fromarray(noise + 200), torch.zeros(3, 8, 8), torch.full((1, 8, 8), -0.1)]
    thumbnails = read_thumbnails(interpret.images.dataset.as_images(blank), 16)
    assert torch.equal(thumbnails.x, torch.zeros(6, 256))
    found = overlaps(blank, [*blank, scene(0)], threshold=1e-4, mirror=True)
    assert len(found.ids) == 0
    assert found.compared == (6, 7)


def test_dark_and_faint_pictures_still_count():
    faint = ImageEnhance.Contrast(scene(0)).enhance(0.05)
    dark = ImageEnhance.Brightness(scene(1)).enhance(0.05)
    found = overlaps([faint, dark], [scene(0), scene(1)], threshold=0.9)
    assert sorted(found.images.tolist()) == sorted(found.others.tolist()) == [0, 1]


def test_preprocessed_tensors_and_their_photographs():
    pictures = [Scenes(limit=4, size=64).open()[i].image.convert("L") for i in range(4)]
    tensors = [torch.from_numpy(np.array(picture)).float()[None] / 255 - 0.5 for picture in pictures]
    found = overlaps(tensors, pictures, threshold=0.9999)
    assert found.images.tolist() == found.others.tolist()
    assert sorted(found.images.tolist()) == [0, 1, 2, 3]


def test_thumbnails_are_means_of_blocks():
    values = np.arange(48, dtype=np.uint8).reshape(4, 12) * 5
    small = thumbnail(Image.fromarray(values), 4)
    torch.testing.assert_close(
        small, torch.from_numpy(values.reshape(4, 4, 3).mean(2)).float(), atol=1e-4, rtol=0
    )
    assert thumbnail(Image.new("RGB", (3, 2)), 16).shape == (16, 16)


def folder(path, count, torn=()):
    path.mkdir()
    for i in range(count):
        scene(i).save(path / f"{i}.png")
    for i in torn:
        (path / f"{i}.png").write_bytes(b"\x89PNG torn")
    return path


def test_broken_pictures_end_the_work_or_are_listed(tmp_path):
    first = Folder(path=folder(tmp_path / "a", 4, torn=[1])).open()
    second = Folder(path=folder(tmp_path / "b", 5, torn=[0, 4])).open()
    with pytest.raises(DatasetError, match=r"Image '1\.png' cannot be used.*a/1\.png.*on_error: skip"):
        overlaps(first, second)
    found = overlaps(first, second, on_error="skip")
    assert found.ids == (("2.png", "2.png"), ("3.png", "3.png"))
    assert (found.images.tolist(), found.others.tolist()) == ([2, 3], [2, 3])
    assert [name for name, _ in found.skipped] == ["1.png"]
    assert [name for name, _ in found.skipped_others] == ["0.png", "4.png"]
    assert "not a picture" in found.skipped[0][1]
    assert found.compared == (3, 3)


def test_all_pictures_broken(tmp_path):
    broken = Folder(path=folder(tmp_path / "a", 2, torn=[0, 1])).open()
    found = overlaps(broken, [scene(0)], on_error="skip")
    assert (found.compared, found.ids, len(found.skipped)) == ((0, 1), (), 2)


@pytest.mark.parametrize("settings", [{"threshold": 0}, {"threshold": 1.1}, {"size": 1}])
def test_settings_that_make_no_sense(settings):
    with pytest.raises(InterpretError, match="threshold must be above 0 and at most 1, size at least 2"):
        overlaps([scene(0)], [scene(0)], **settings)


def test_too_many_pairs_are_refused_before_they_fill_the_memory():
    same = torch.full((2000, 4), 0.5)
    with pytest.raises(InterpretError, match=r"More than 1,000,000 pairs correlate by 0\.9"):
        correlated(same, same, 0.9)
    assert len(correlated(same[:1000], same[:1000], 0.9).rows) == 1_000_000


def test_the_probe_finds_what_the_function_finds_and_its_result_is_kept(tmp_path):
    others = {"name": "folder", "path": str(folder(tmp_path / "others", 6))}
    images = [scene(5), scene(50), scene(0)]
    probe = interpret.load_probe("overlap", others=others, mirror=True)
    found = probe.run(small_network(), interpret.images.dataset.as_images(images))
    assert found.ids == (("0", "5.png"), ("2", "0.png"))
    found.save(tmp_path / "result")
    kept = interpret.load_result(tmp_path / "result")
    assert kept.ids == found.ids
    assert torch.equal(kept.correlation, found.correlation)
    assert type(kept).axes()["mirrored"] == ("pair",)


def test_the_probe_keeps_the_contract():
    probe = FindOverlap(others={"name": "scenes", "limit": 3, "size": 32})
    check_probe(probe)
    assert probe.nested()[0] == Scenes(limit=3, size=32)


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"name": "scene"}, "no dataset 'scene'. Did you mean 'scenes'"),
        ({"name": "scenes", "sise": 3}, "sise"),
        ({}, "no dataset"),
    ],
)
def test_a_wrong_dataset_shows_before_anything_runs(others, message):
    with pytest.raises(PluginError, match=message):
        interpret.load_probe("overlap", others=others)


def test_in_a_pipeline(tmp_path):
    path = tmp_path / "overlap.yaml"
    path.write_text(f"""
version: 1
models: {{net: {{name: zfnet, weights: scenes}}}}
datasets: {{tested: {{name: folder, path: {folder(tmp_path / "tested", 3)}}}}}
steps:
  shared: {{probe: overlap, others: {{name: folder, path: {folder(tmp_path / "trained", 5)}}}}}
""")
    interpret.run_pipeline(path, out=tmp_path / "run")
    found = interpret.load_result(tmp_path / "run" / "shared")
    assert sorted(found.ids) == [("0.png", "0.png"), ("1.png", "1.png"), ("2.png", "2.png")]
    scene(9).save(tmp_path / "trained" / "0.png")
    interpret.run_pipeline(path, out=tmp_path / "run")
    assert len(interpret.load_result(tmp_path / "run" / "shared").ids) == 2


@pytest.mark.slow
@pytest.mark.data
@needs_data
def test_real_photographs_that_two_data_sets_share():
    sample = interpret.load_dataset("folder", path=DATA / "imagenet-sample")
    imagenette = interpret.load_dataset("imagenette", path=DATA / "imagenette-144", split="train")
    found = overlaps(sample, imagenette, threshold=0.99)
    assert sorted((a.split("_", 2)[2], b.rpartition("_")[2]) for a, b in found.ids) == [
        ("English_springer.jpg", "4704.jpg"),
        ("chain_saw.jpg", "924.jpg"),
        ("church.jpg", "63677.jpg"),
        ("garbage_truck.jpg", "2236.jpg"),
        ("parachute.jpg", "3637.jpg"),
    ]
    caltech = interpret.load_dataset("caltech101", path=DATA / "caltech101", background=True)
    assert overlaps(caltech, sample).ids == ()


def test_miniatures_show_the_whole_picture_on_white():
    wide = miniature(Image.new("RGB", (320, 80), (10, 20, 30)))
    assert wide.shape == (SIDE, SIDE, 3)
    assert wide[0, 0].tolist() == [255, 255, 255]
    assert (wide == torch.tensor([10, 20, 30])).all(2).sum() == SIDE * SIDE // 4
    assert miniature(torch.full((1, 5, 4), 3.0)).shape == (SIDE, SIDE, 3)
