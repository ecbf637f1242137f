import os
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image
from pydantic import ValidationError

from interpret.errors import DatasetError, UnknownNameError
from interpret.network import batches
from interpret.testing import check_dataset, small_network
from interpret_datasets import AnimalPose

sys.path.insert(0, str(Path(__file__).parent))
from labelled_fixtures import animal_labels, make_animals, picture

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "animal-pose"


def changed(place, **entries):
    """The label file with other entries in one annotation."""
    labels = animal_labels()
    labels["annotations"][place].update(entries)
    return labels


def opened(path, labels=None, **settings):
    return AnimalPose(path=make_animals(path, labels), **settings).open()


def test_every_animal_is_an_image_with_its_box_and_visible_parts(tmp_path):
    images = opened(tmp_path)
    assert list(images.ids) == ["dogs.png", "cat.png", "dogs.png#2"]
    assert images.categories == ("dog", "cat")
    assert list(images.labels) == [0, 1, 0]
    first, second, third = images
    assert (first.box, second.box, third.box) == ((0, 0, 10, 10), (1, 1, 20, 10), (10, 0, 20, 10))
    assert first.parts == {"left eye": ((2, 3),), "right eye": ((6, 3),), "nose": ((4, 5),)}
    assert second.parts == {"left eye": ((19, 9),), "right eye": ((0, 0),)}
    assert [sample.image.getpixel((0, 0))[0] for sample in images] == [1, 2, 1]


def test_contract(tmp_path):
    check_dataset(AnimalPose(path=make_animals(tmp_path)))


def test_animals_choose_categories_and_the_order_of_labels(tmp_path):
    assert list(opened(tmp_path, animals=("cat",)).ids) == ["cat.png"]
    images = opened(tmp_path, animals=("cat", "dog"))
    assert images.categories == ("cat", "dog")
    assert list(images.labels) == [1, 0, 1]


def test_only_animals_with_the_parts_that_are_asked_for(tmp_path):
    assert list(opened(tmp_path, parts=("left eye", "nose")).ids) == ["dogs.png", "dogs.png#2"]
    assert len(opened(tmp_path, parts=("left eye",))) == 3
    with pytest.raises(DatasetError, match=r"No animal .* has all of these parts visible: nose"):
        opened(tmp_path, animals=("cat",), parts=("nose",))


def test_an_id_does_not_depend_on_what_is_chosen(tmp_path):
    labels = animal_labels()
    labels["annotations"][0]["keypoints"][2][2] = 0
    assert list(opened(tmp_path, labels, parts=("nose",)).ids) == ["dogs.png#2"]


def test_visibility_of_coco_counts_too(tmp_path):
    images = opened(tmp_path, changed(1, keypoints=[[1, 1, 2], [2, 2, 0], [3.5, 4, 2]]))
    assert images[1].parts == {"left eye": ((1, 1),), "nose": ((3.5, 4),)}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"animals": ("dig",)}, "no animal 'dig'.*dog"),
        ({"parts": ("left_eye",)}, "no part 'left_eye'.*left eye"),
    ],
)
def test_unknown_names_show_the_nearest(tmp_path, settings, message):
    with pytest.raises(UnknownNameError, match=message):
        opened(tmp_path, **settings)


def test_a_name_twice_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="'animals' names one twice: dog, dog"):
        opened(tmp_path, animals=("dog", "dog"))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ('{"images": ', "keypoints.json is no label file of Animal-Pose: the file: Invalid JSON"),
        ("[]", "no label file of Animal-Pose: the file"),
        ({**animal_labels(), "annotations": []}, "annotations: List should have at least 1 item"),
        ({**animal_labels(), "images": [{"id": 7, "file_name": "dogs.png"}]}, "images: Input should be"),
        (changed(1, bbox=[0, 0, 5]), "annotations.1.bbox.3: Field required"),
        (changed(1, bbox=[0, 0, 5, float("nan")]), "annotations.1.bbox.3: Input should be a finite number"),
        (changed(2, keypoints=[[1, 2]] * 3), "annotations.2.keypoints.0.2: Field required"),
        (changed(2, keypoints=[[1, 2, 1]]), "annotations.2 has 1 keypoints, but a dog has 3"),
        (changed(0, image_id=3), "annotations.0 has image_id 3 .*'images' has no such entry"),
        (changed(0, category_id=9), "annotations.0 .*category_id 9, but 'categories' has no such entry"),
    ],
)
def test_a_label_file_of_another_form_is_refused_with_the_entry(tmp_path, labels, message):
    with pytest.raises(DatasetError, match=message):
        opened(tmp_path, labels)


def test_a_missing_folder_or_label_file_says_so(tmp_path):
    with pytest.raises(DatasetError, match=r"keypoints.json cannot be read: No such file"):
        AnimalPose(path=tmp_path).open()
    (tmp_path / "keypoints.json").write_text('{"categories": [], "images": {}, "annotations": []}')
    make_animals(tmp_path)
    for file in (tmp_path / "images").iterdir():
        file.unlink()
    (tmp_path / "images").rmdir()
    with pytest.raises(DatasetError, match=r"There is no folder .*images"):
        AnimalPose(path=tmp_path).open()


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (
            {"keypoints": [[2, 3, 1], [20, 3, 1], [4, 5, 1]]},
            "right eye of dogs.png is at .20.0, 3.0. .* 20 x 10",
        ),
        ({"keypoints": [[2, -1, 1], [6, 3, 1], [4, 5, 1]]}, "left eye of dogs.png is at .2.0, -1.0."),
        ({"bbox": [0, 0, 21, 10]}, r"box of dogs.png is \(0, 0, 21, 10\) .* 20 x 10 pixels"),
        ({"bbox": [5, 0, 5, 10]}, r"box of dogs.png is \(5, 0, 5, 10\)"),
    ],
)
def test_parts_and_boxes_outside_are_named_or_skipped(tmp_path, entries, message):
    images = opened(tmp_path, changed(0, **entries))
    with pytest.raises(DatasetError, match=message):
        images[0]
    batch = next(iter(batches(small_network(), images, 3, on_error="skip")))
    assert [name for name, _ in batch.skipped] == ["dogs.png"]


def test_a_part_outside_that_is_not_visible_does_not_matter(tmp_path):
    images = opened(tmp_path, changed(0, keypoints=[[2, 3, 1], [99, 3, 0], [4, 5, 1]]))
    assert images[0].parts.keys() == {"left eye", "nose"}


def test_a_label_file_that_names_a_missing_picture(tmp_path):
    dataset = AnimalPose(path=make_animals(tmp_path))
    (tmp_path / "images" / "cat.png").unlink()
    with pytest.raises(
        DatasetError, match=r"keypoints.json names 1 of 3 pictures that are not in .*: cat.png"
    ):
        dataset.open()
    assert len(AnimalPose(path=tmp_path, animals=("dog",)).open()) == 2
    images = AnimalPose(path=tmp_path, broken="keep").open()
    batch = next(iter(batches(small_network(), images, 3, on_error="skip")))
    assert [name for name, _ in batch.skipped] == ["cat.png"]
    assert "There is no file" in batch.skipped[0][1]


def test_the_fingerprint_follows_labels_and_pictures(tmp_path):
    first = opened(tmp_path).fingerprint()
    assert AnimalPose(path=tmp_path).open().fingerprint() == first
    assert AnimalPose(path=tmp_path, animals=("cat", "dog")).open().fingerprint() != first
    labels = tmp_path / "keypoints.json"
    labels.write_text(labels.read_text().replace("[10, 0, 20, 10]", "[11, 0, 20, 10]"))
    second = AnimalPose(path=tmp_path).open().fingerprint()
    assert second != first
    os.utime(tmp_path / "images" / "cat.png", (1, 1))
    assert AnimalPose(path=tmp_path).open().fingerprint() == second
    picture(tmp_path / "images" / "cat.png", tone=9)
    assert AnimalPose(path=tmp_path).open().fingerprint() not in {first, second}


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_and_parts_turn_with_the_picture(tmp_path, orientation, cut):
    """The label file counts stored pixels: box and parts lie where they lay, whole and in a crop."""
    labels = changed(0, bbox=[2, 1, 7, 4], keypoints=[[2, 3, 1], [6, 1, 1], [0, 0, 0]])
    folder = make_animals(tmp_path, labels)
    stored = np.zeros((10, 20, 3), dtype=np.uint8)
    stored[1:4, 2:7] = (9, 255, 9)
    stored[3, 2], stored[1, 6] = (100, 255, 9), (200, 255, 9)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    Image.fromarray(stored).save(folder / "images" / "dogs.png", exif=exif)
    crop = {"parts": ("left eye", "right eye"), "crop": 1.5} if cut else {}
    sample = AnimalPose(path=folder, **crop).open()[0]
    pixels = np.asarray(sample.image)
    if not cut:
        assert sample.image.size == ((20, 10) if orientation < 5 else (10, 20))
    for part, red in (("left eye", 100), ("right eye", 200)):
        ((x, y),) = sample.parts[part]
        assert pixels[round(y), round(x), 0] == red
    rows, columns = np.nonzero(pixels[..., 1])
    assert sample.box == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


def test_a_crop_is_a_square_around_the_parts(tmp_path):
    """Parts at (2, 3), (6, 3), (4, 5), 4 pixels at most, about (4, 3.67), of a dog at (0, 0) to (10, 10)."""
    whole = opened(tmp_path)
    faces = opened(tmp_path, parts=("left eye", "right eye", "nose"), crop=3)
    assert list(faces.ids) == ["dogs.png", "dogs.png#2"]
    first = faces[0]
    assert first.image.size == (12, 12)
    assert first.parts == {"left eye": ((4, 5),), "right eye": ((8, 5),), "nose": ((6, 7),)}
    assert first.box == (2, 2, 12, 12)
    colours = [first.image.getpixel(place) for place in ((1, 2), (2, 1), (2, 2), (11, 11))]
    assert colours == [(0, 0, 0), (0, 0, 0), (1, 20, 30), (1, 20, 30)]
    assert faces.fingerprint() != opened(tmp_path, parts=("left eye", "right eye", "nose")).fingerprint()
    assert whole[0].image.size == (20, 10)
    check_dataset(AnimalPose(path=tmp_path, parts=("left eye", "right eye"), crop=3))


def test_parts_and_boxes_beyond_a_crop_are_left_out(tmp_path):
    labels = changed(0, keypoints=[[2, 1, 1], [4, 1, 1], [4, 9, 1]], bbox=[8, 8, 10, 10])
    face = opened(tmp_path, labels, parts=("left eye", "right eye"), crop=2)[0]
    assert (face.image.size, face.box, face.parts.keys()) == ((4, 4), None, {"left eye", "right eye"})


def test_crops_that_make_no_sense_are_refused(tmp_path):
    with pytest.raises(ValidationError, match="'crop' is about the distances between 'parts'"):
        AnimalPose(path=tmp_path, parts=("nose",), crop=3)
    with pytest.raises(ValidationError):
        AnimalPose(path=tmp_path, parts=("nose", "left eye"), crop=0)
    same = changed(0, keypoints=[[2, 3, 1], [2, 3, 1], [4, 5, 1]])
    images = opened(tmp_path, same, parts=("left eye", "right eye"), crop=3)
    with pytest.raises(DatasetError, match=r"dogs.png cannot be cropped. .* at one place, \(2.0, 3.0\)"):
        images[0]
    assert images[2].image.size == (12, 12)


def test_it_can_be_pickled(tmp_path):
    images = opened(tmp_path)
    again = pickle.loads(pickle.dumps(images))
    assert again.fingerprint() == images.fingerprint()
    assert again[2].parts == images[2].parts


def test_options_are_checked(tmp_path):
    with pytest.raises(ValidationError):
        AnimalPose(path=tmp_path, broken="ignore")


@pytest.mark.data
@pytest.mark.skipif(not DATA.exists(), reason="Animal-Pose is not beside the repository")
def test_the_real_animals():
    images = AnimalPose(path=DATA, parts=("left eye", "right eye", "nose")).open()
    assert images.categories == ("dog", "cat")
    assert [list(images.labels).count(label) for label in (0, 1)] == [90, 30]
    check_dataset(AnimalPose(path=DATA), samples=len(images))
    first = images[0]
    assert (first.id, first.box) == ("2008_000078.jpg", (16, 1, 436, 500))
    assert first.parts["nose"] == ((273, 145),)
