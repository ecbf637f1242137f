import os
import pickle
import re
import sys
from pathlib import Path

import pytest
import torchvision.datasets
from PIL import Image

import interpret
from interpret.errors import DatasetError
from interpret.images import Object
from interpret.network import batches
from interpret.testing import check_dataset, small_network
from interpret_captum.metrics import pixel_maps
from interpret_datasets import Voc2007, Voc2012
from interpret_datasets.voc_xml import CATEGORIES

sys.path.insert(0, str(Path(__file__).parent))
from labelled_fixtures import annotate, make_voc, shown

DATA = Path(__file__).parents[2].parent / "shared" / "data"
BIRD, CAR, CAT, DOG, PERSON, SOFA = map(CATEGORIES.index, ("bird", "car", "cat", "dog", "person", "sofa"))

needs_voc = pytest.mark.skipif(
    not (DATA / "VOCdevkit").exists(), reason="the sample of VOC is not beside the repository"
)


def opened(path, **settings):
    return Voc2012(path=path, **{"split": "trainval", **settings}).open()


def test_an_image_shows_all_categories_of_objects_that_are_not_difficult(tmp_path):
    make_voc(tmp_path)
    images = opened(tmp_path)
    assert list(images.ids) == ["2008_000001", "2008_000002", "2008_000003", "2008_000010"]
    assert list(images.present) == [(DOG, PERSON), (SOFA,), (), (CAR, DOG)]
    assert list(images.unsure) == [(), (CAT,), (BIRD,), ()]
    assert len(images.categories) == 20


def test_boxes_count_from_0_and_are_half_open(tmp_path):
    make_voc(tmp_path)
    first = opened(tmp_path)[0]
    assert first.objects == (
        Object(PERSON, (0, 0, 4, 10)),
        Object(DOG, (4, 1, 20, 10)),
        Object(PERSON, (1, 1, 3, 3)),
    )
    assert [one.difficult for one in opened(tmp_path)[3].objects] == [True, False, False]


@pytest.mark.parametrize(
    ("single", "labels", "boxes"),
    [
        ("largest", [DOG, SOFA, None, CAR], [(4, 1, 20, 10), (0, 0, 20, 10), None, (2, 2, 6, 6)]),
        ("first", [PERSON, SOFA, None, DOG], [(0, 0, 4, 10), (0, 0, 20, 10), None, (0, 0, 2, 2)]),
        ("none", [None] * 4, [None] * 4),
    ],
)
def test_the_one_label_of_an_image(tmp_path, single, labels, boxes):
    make_voc(tmp_path)
    images = opened(tmp_path, single=single)
    assert list(images.labels) == labels
    assert [sample.box for sample in images] == boxes
    assert [sample.label for sample in images] == labels
    assert len(images[0].objects) == 3


def test_the_first_of_objects_that_are_equally_large_is_the_largest(tmp_path):
    root = make_voc(tmp_path)
    annotate(root, "2008_000001", [shown("cow", (1, 1, 4, 4)), shown("bus", (5, 5, 8, 8))])
    assert opened(tmp_path).labels[0] == CATEGORIES.index("cow")


@pytest.mark.parametrize("settings", [{}, {"single": "first"}, {"single": "none"}])
def test_contract(tmp_path, settings):
    make_voc(tmp_path)
    check_dataset(Voc2012(path=tmp_path, split="trainval", **settings))


@pytest.mark.parametrize("inner", ["", "VOCdevkit", "VOCdevkit/VOC2012"])
def test_three_folders_may_be_given(tmp_path, inner):
    make_voc(tmp_path)
    assert list(opened(tmp_path / inner, split="train").ids) == ["2008_000001", "2008_000002"]


def test_the_layout_of_2007(tmp_path):
    root = make_voc(tmp_path, "2007")
    (root / "ImageSets" / "Main" / "test.txt").write_text("2008_000010\n")
    assert list(Voc2007(path=tmp_path, split="test").open().labels) == [CAR]
    check_dataset(Voc2007(path=tmp_path, split="trainval"))
    with pytest.raises(DatasetError, match="no folder VOC2012"):
        opened(tmp_path)


def test_a_limit_takes_images_at_equal_distances(tmp_path):
    make_voc(tmp_path)
    assert list(opened(tmp_path, limit=2).ids) == ["2008_000001", "2008_000003"]


def test_a_split_that_is_not_there_names_those_that_are(tmp_path):
    root = make_voc(tmp_path)
    with pytest.raises(DatasetError, match=r"no .*test.txt. Splits that are there: train, trainval, val\."):
        opened(tmp_path, split="test")
    (root / "ImageSets" / "Main" / "val.txt").write_text("\n")
    with pytest.raises(DatasetError, match=r"val.txt lists no image"):
        opened(tmp_path, split="val")
    (root / "ImageSets" / "Main" / "val.txt").write_text("2008_000001\n2008_000001\n")
    with pytest.raises(DatasetError, match=r"Two images have the id '2008_000001'"):
        opened(tmp_path, split="val")


def test_fractions_are_rounded_and_parts_of_people_are_no_objects(tmp_path):
    root = make_voc(tmp_path)
    head = shown("head", (1, 1, 2, 2)).replace("object>", "part>")
    annotate(root, "2008_000001", [shown("person", (1.4, 2.6, 9.5001, 9.9), more=head)])
    assert opened(tmp_path)[0].objects == (Object(PERSON, (0, 2, 10, 10)),)


BROKEN = {
    "no object": ("<annotation><size/></annotation>", "has no object, but every image of VOC shows one"),
    "no XML": ("<annotation><object>", "is not XML: no element found"),
    "a bomb": ('<!DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>', "declares a document type"),
    "unknown": (f"<annotation>{shown('dig', (1, 1, 2, 2))}</annotation>", r"has an object 'dig'\. .*dog"),
    "no box": (
        "<annotation><object><name>dog</name></object></annotation>",
        "has a dog whose bndbox lacks a number",
    ),
    "no number": (f"<annotation>{shown('dog', (1, 1, 'x', 2))}</annotation>", "has a dog whose bndbox lacks"),
    "not finite": (
        f"<annotation>{shown('dog', (1, 1, 'inf', 2))}</annotation>",
        "has a dog whose bndbox lacks",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_annotation_is_fatal_or_skipped_by_choice(tmp_path, case):
    text, message = BROKEN[case]
    root = make_voc(tmp_path)
    (root / "Annotations" / "2008_000002.xml").write_text(text)
    with pytest.raises(DatasetError, match=rf"1 of 4 annotations cannot be used.*2008_000002.xml {message}"):
        opened(tmp_path)
    images = opened(tmp_path, broken="keep")
    assert (images.labels[1], images.present[1], images.unsure[1]) == (None, (), ())
    batch = next(iter(batches(small_network(), images, 4, on_error="skip")))
    assert [name for name, _ in batch.skipped] == ["2008_000002"]
    assert list(batch.indices) == [0, 2, 3]
    with pytest.raises(DatasetError, match=message):
        images[1]


def test_a_missing_annotation(tmp_path):
    root = make_voc(tmp_path)
    (root / "Annotations" / "2008_000003.xml").unlink()
    with pytest.raises(DatasetError, match=r"2008_000003.xml cannot be read: No such file"):
        opened(tmp_path)
    assert len(opened(tmp_path, split="train")) == 2


def test_a_list_that_names_a_missing_picture(tmp_path):
    root = make_voc(tmp_path)
    (root / "JPEGImages" / "2008_000003.jpg").unlink()
    with pytest.raises(DatasetError, match=r"trainval.txt names 1 of 4 pictures .*: 2008_000003.jpg\."):
        opened(tmp_path)
    batch = next(iter(batches(small_network(), opened(tmp_path, broken="keep"), 4, on_error="skip")))
    assert [name for name, _ in batch.skipped] == ["2008_000003"]


@pytest.mark.parametrize("box", [(1, 1, 21, 10), (0, 1, 5, 5), (5, 1, 4, 10)])
def test_a_box_outside_of_the_picture_is_named(tmp_path, box):
    root = make_voc(tmp_path)
    annotate(root, "2008_000001", [shown("person", (1, 1, 20, 10)), shown("dog", box)])
    images = opened(tmp_path)
    with pytest.raises(DatasetError, match=r"The box of a dog in 2008_000001.xml is .* 20 x 10 pixels"):
        images[0]
    assert images[1].box == (0, 0, 20, 10)


def test_the_fingerprint_follows_annotations_and_options(tmp_path):
    root = make_voc(tmp_path)
    first = opened(tmp_path).fingerprint()
    assert opened(tmp_path).fingerprint() == first
    assert opened(tmp_path, single="first").fingerprint() != first
    assert opened(tmp_path, split="val").fingerprint() != first
    annotate(root, "2008_000001", [shown("dog", (1, 1, 4, 4))])
    assert opened(tmp_path).fingerprint() != first


def test_it_can_be_pickled_with_its_broken_annotations(tmp_path):
    root = make_voc(tmp_path)
    (root / "Annotations" / "2008_000002.xml").write_text("")
    images = opened(tmp_path, broken="keep")
    again = pickle.loads(pickle.dumps(images))
    assert again.fingerprint() == images.fingerprint()
    assert again[0].objects == images[0].objects


def fake_download(calls, fails=False):
    """torchvision's class, bringing a folder that was made before instead of an archive."""

    def run(root, year, image_set, download):
        calls.append((Path(root), year, image_set, download))
        if fails:
            raise OSError("no network")
        if not (Path(root) / "VOCdevkit").exists():
            make_voc(Path(root), year)
        lists = Path(root) / "VOCdevkit" / f"VOC{year}" / "ImageSets" / "Main"
        (lists / f"{image_set}.txt").write_text("2008_000001\n")

    return run


def test_a_download_happens_only_where_something_is_missing(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(torchvision.datasets, "VOCDetection", fake_download(calls))
    for split in ("train", "train", "test", "test"):
        assert list(Voc2007(path=tmp_path, split=split, download=True).open().ids) == ["2008_000001"]
    assert calls == [(tmp_path, "2007", "train", True), (tmp_path, "2007", "test", True)]


def test_a_download_that_fails_says_where_the_files_are(tmp_path, monkeypatch):
    monkeypatch.setattr(torchvision.datasets, "VOCDetection", fake_download([], fails=True))
    with pytest.raises(DatasetError, match=r"download of voc2012 failed: no network.*robots\.ox\.ac\.uk"):
        opened(tmp_path, download=True)


@pytest.mark.data
@needs_voc
def test_the_real_sample_keeps_the_contract():
    check_dataset(Voc2012(path=DATA, split="trainval"), samples=20)
    counts = [len(Voc2012(path=DATA, split=split).open()) for split in ("train", "val", "trainval")]
    assert counts == [100, 100, 200]


@pytest.mark.data
@needs_voc
@pytest.mark.parametrize("split", ["train", "val", "trainval"])
def test_the_real_annotations_agree_with_the_lists_of_each_category(split):
    """VOC's own lists say 1 for present, 0 for difficult only, -1 for absent."""
    images = Voc2012(path=DATA, split=split).open()
    lists = DATA / "VOCdevkit" / "VOC2012" / "ImageSets" / "Main"
    for label, category in enumerate(CATEGORIES):
        ours = [
            "1" if label in here else "0" if label in hard else "-1"
            for here, hard in zip(images.present, images.unsure, strict=True)
        ]
        text = (lists / f"{category}_{split}.txt").read_text().split()
        assert dict(zip(text[::2], text[1::2], strict=True)) == dict(zip(images.ids, ours, strict=True))


@pytest.mark.data
@needs_voc
def test_the_real_objects_are_those_that_torchvision_reads():
    images = Voc2012(path=DATA, split="trainval").open()
    theirs = torchvision.datasets.VOCDetection(DATA, "2012", "trainval")
    assert len(images) == len(theirs)
    for place in range(0, len(images), 4):
        sample, (_, entry) = images[place], theirs[place]
        found = [
            (one["name"], *(int(one["bndbox"][side]) for side in ("xmin", "ymin", "xmax", "ymax")))
            for one in entry["annotation"]["object"]
        ]
        ours = [
            (CATEGORIES[one.label], one.box[0] + 1, one.box[1] + 1, *one.box[2:]) for one in sample.objects
        ]
        assert ours == found


@pytest.mark.data
@needs_voc
def test_the_pointing_game_takes_the_box_of_the_largest_object():
    """The strongest pixel of a map, taken back into the photograph, lies in the box or does not."""
    images = Voc2012(path=DATA, split="val", limit=12).open()
    network = interpret.load_model("zfnet", width=0.0625, input_size=64)
    probes = [{"probe": "captum.saliency"}]
    found = interpret.load_probe("compare", probes=probes, metrics=["localisation"]).run(network, images)
    pointing = found.each[0, [metric.name for metric in found.metrics].index("pointing")]
    maps = pixel_maps(found.attributions["captum.saliency"].maps)
    hits = [_hit(sample, values, network.input) for sample, values in zip(images, maps, strict=True)]
    assert pointing.tolist() == hits
    assert {0.0, 1.0} == set(hits)


def _hit(sample, values, spec):
    """1 where the largest value lies in the box; by hand, from the scaling of a centre crop."""
    scale = spec.shorter_side / min(sample.image.size)
    row, column = divmod(int(values.argmax()), values.shape[1])
    offsets = [round((side * scale - 64) / 2) for side in sample.image.size]
    x, y = ((place + offset + 0.5) / scale for place, offset in zip((column, row), offsets, strict=True))
    left, top, right, bottom = sample.box
    return float(left <= x < right and top <= y < bottom)


@pytest.mark.parametrize("stated", [None, (20, 10), (10, 20)])
def test_boxes_turn_with_the_photograph(tmp_path, stated):
    """A photograph that is stored on its side: boxes count its pixels, unless they state the other size."""
    root = make_voc(tmp_path)
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn clockwise: 20 x 10 becomes 10 x 20
    Image.new("RGB", (20, 10)).save(root / "JPEGImages" / "2008_000001.jpg", exif=exif)
    path = root / "Annotations" / "2008_000001.xml"
    annotate(root, "2008_000001", [shown("dog", (1, 2, 4, 10))])
    size = f"<size><width>{stated[0]}</width><height>{stated[1]}</height></size>" if stated else ""
    path.write_text(
        re.sub("<size>.*</size>", "", path.read_text()).replace("</annotation>", f"{size}</annotation>")
    )
    sample = opened(tmp_path)[0]
    assert sample.image.size == (10, 20)
    assert sample.box == sample.objects[0].box == ((0, 1, 4, 10) if stated == (10, 20) else (0, 0, 9, 4))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'<?xml version="1.0" encoding="utf-32"?><annotation/>', "not XML in UTF-8"),
        (b'<?xml version="1.0" encoding="nope"?><annotation/>', "not XML in UTF-8"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotation/>'.encode("utf-16"), "not XML in UTF-8"),
        (b"<annotation>" + b" " * 2**22, "larger than"),
        (b"<a>" * 100_000, "not XML"),
    ],
    ids=["utf-32", "nope", "utf-16", "large", "nested"],
)
def test_annotations_made_to_harm_are_refused(tmp_path, content, said):
    path = make_voc(tmp_path) / "Annotations" / "2008_000001.xml"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=said):
        opened(tmp_path)


def test_a_list_that_leads_out_of_the_folder_is_refused(tmp_path):
    root = make_voc(tmp_path)
    (root / "ImageSets" / "Main" / "trainval.txt").write_text("2008_000001\n../../secret\n")
    with pytest.raises(DatasetError, match=r"names '\.\./\.\./secret'"):
        opened(tmp_path, broken="keep")


def test_an_annotation_that_is_a_pipe_is_refused(tmp_path):
    path = make_voc(tmp_path) / "Annotations" / "2008_000001.xml"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(DatasetError, match="named pipe"):
        opened(tmp_path)
