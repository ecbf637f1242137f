"""One photograph has one id however it is given, and a result finds it in any dataset, or says why not."""

import os
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

import interpret
from interpret.errors import DatasetError, StepError
from interpret.images import Images, Matching, Sample, as_images
from interpret.testing import small_network
from interpret_deconv import Deconv
from interpret_deconv.mined import in_images
from interpret_figures.photographs import Photographs
from interpret_topk import mine

NAMES = ("cats/1.png", "cats/2.png", "dogs/1.png", "dogs/3.png", "dogs/10.png")


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Photographs of noise in a folder with two categories; one works in the folder above."""
    for number, name in enumerate(NAMES):
        file = tmp_path / "photos" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = torch.randint(0, 256, (16, 16, 3), generator=torch.Generator().manual_seed(number))
        Image.fromarray(pixels.to(torch.uint8).numpy()).save(file)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PWD", str(tmp_path))
    return tmp_path / "photos"


def folder(path, **options):
    return interpret.load_dataset("folder", path=path, **options)


def test_a_path_has_one_id_however_it_is_written(photos, tmp_path, monkeypatch):
    ways = ["photos/cats/1.png", Path("photos/cats/1.png"), "./photos/cats/1.png", "photos/./cats//1.png",
            "photos/dogs/../cats/1.png", photos / "cats" / "1.png", str(photos / "cats/1.png"),
            ("photos/cats/1.png", 3), {"image": "photos/cats/1.png"}]  # fmt: skip
    assert {as_images([way]).ids[0] for way in ways} == {"photos/cats/1.png"}
    with Image.open("photos/cats/1.png") as opened, Image.open(photos / "cats/1.png") as other:
        assert as_images([opened]).ids == as_images([(other, 1)]).ids == ["photos/cats/1.png"]
    (tmp_path / "link").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path / "link")
    monkeypatch.setenv("PWD", str(tmp_path / "link"))
    assert as_images([tmp_path / "link/photos/cats/1.png"]).ids == ["photos/cats/1.png"]
    assert as_images([photos / "cats/1.png"]).ids == ["photos/cats/1.png"]
    assert as_images(["../x.png", "/x.png"]).ids == [f"{tmp_path.parent}/x.png", "/x.png"]


def test_pictures_in_memory_have_their_places_as_ids(photos):
    with Image.open("photos/cats/1.png") as opened:
        assert as_images([opened.copy(), opened.convert("L"), torch.zeros(3, 4, 4)]).ids == ["0", "1", "2"]
        assert as_images([opened, opened]).ids == ["0", "1"]  # as frames of one file
        assert as_images([opened, "photos/cats/1.png"]).ids == ["0", "photos/cats/1.png"]
    with Path("photos/cats/1.png").open("rb") as file, Image.open(file) as unnamed:
        assert as_images([unnamed]).ids == ["0"]


def test_one_file_twice_is_refused(photos):
    with pytest.raises(DatasetError, match=r"Two images have the id 'photos/cats/1.png'"):
        as_images(["photos/cats/1.png", photos / "cats/1.png"])


def test_where_one_works_may_be_gone(photos, tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert as_images(["a/./b.png", "/c.png"]).ids == ["a/b.png", "/c.png"]
    os.chdir(tmp_path)


def places(images, ids):
    matching = Matching(as_images(images), {str(index): name for index, name in enumerate(ids)})
    return [matching.find(index) for index in range(len(ids))]


def test_the_same_images_are_in_their_places_without_looking_at_all(photos):
    class Once(Images):
        ids = ("a", "b", "c")
        asked = 0

        @property
        def whole_paths(self):
            Once.asked += 1
            return ()

        def __getitem__(self, index):
            return Sample(self.ids[index], torch.zeros(3, 4, 4))

        def fingerprint(self):
            return ""

    assert places(Once(), ["a", "b", "c"]) == [0, 1, 2]
    assert places(Once(), ["c", "a"]) == [2, 0]
    assert not Once.asked


def test_paths_are_found_in_a_folder_and_the_reverse(photos):
    inside = folder("photos")
    listed = [f"photos/{name}" for name in reversed(inside.ids)]
    count = len(NAMES)
    assert places(inside, listed) == list(reversed(range(count)))
    assert places(listed, inside.ids) == list(reversed(range(count)))
    whole = [str(photos / name) for name in inside.ids]
    assert places(inside, whole) == places(whole, inside.ids) == list(range(count))
    assert (
        places(folder(photos.parent), inside.ids)
        == places(inside, folder(photos.parent).ids)
        == [*range(count)]
    )
    assert places(folder("photos/dogs"), ["photos/dogs/3.png"]) == [folder("photos/dogs").ids.index("3.png")]


def test_paths_of_before_are_found(photos, monkeypatch):
    """Stored when ids were the paths as they were written."""
    listed = ["photos/cats/1.png", "photos/dogs/1.png"]
    assert places(listed, ["photos/dogs/1.png", str(photos / "cats/1.png")]) == [1, 0]
    monkeypatch.chdir(photos / "cats")
    monkeypatch.setenv("PWD", str(photos / "cats"))
    assert places([photos / "cats/1.png", photos / "dogs/1.png"], ["../dogs/1.png", "1.png"]) == [1, 0]


def test_a_folder_of_other_files_with_such_names_is_refused(photos, tmp_path):
    (tmp_path / "val/cats").mkdir(parents=True)
    Image.new("RGB", (16, 16)).save(tmp_path / "val/cats/1.png")
    assert places(folder("val"), ["photos/cats/1.png"]) == [None]
    assert places(folder("val"), [str(photos / "cats/1.png")]) == [None]


@pytest.mark.parametrize(
    ("images", "ids", "said"),
    [
        (["photos/cats/1.png", "photos/dogs/1.png"], ["1.png"],
         r"Image 0 was '1.png' .* each of 'photos/cats/1.png' and 'photos/dogs/1.png' could be it"),
        (["photos/cats/1.png"], ["1.png", "cats/1.png"],
         r"Image 0 was '1.png' .* 'photos/cats/1.png' could be it and another image of the result as well"),
        (["photos/cats/2.png", "photos/cats/1.png"], ["photos/cats/1.png", "1.png"],
         r"Image 1 was '1.png' .* 'photos/cats/1.png' could be it and another"),
        (["photos/cats/1.png"], ["photos/cats/2.png"],
         r"Image 0 was 'photos/cats/2.png' .* but now the dataset has 'photos/cats/1.png' there"),
        (["photos/cats/1.png"], ["photos/cats/1.png", "other.png"],
         r"Image 1 was 'other.png' .* but now the dataset has 1 image\b"),
        (["photos/cats/1.png"], ["s/1.png"], "the dataset has 'photos/cats/1.png' there"),
        (["photos/1", "photos/2"], ["1"], "the dataset has 'photos/1' there"),
        (["photos/cats/1.png"], [], "Image 0 was None"),
    ],
)  # fmt: skip
def test_what_is_not_there_or_not_sure_is_refused(photos, images, ids, said):
    matching = Matching(as_images(images), {str(index): name for index, name in enumerate(ids)})
    lost = [index for index in range(max(len(ids), 1)) if matching.find(index) is None]
    with pytest.raises(DatasetError, match=said) as error:
        matching.place(lost[0])
    assert str(error.value).endswith("Draw with the dataset the result was made with, or run the step again.")


def test_a_dataset_without_files_is_matched_by_its_ids():
    class Named(Images):
        def __init__(self, *ids):
            self.names = ids

        @property
        def ids(self):
            return self.names

        def __getitem__(self, index):
            return Sample(self.names[index], torch.zeros(3, 4, 4))

        def fingerprint(self):
            return ""

    assert places(Named("cats/1.png", "cats/2.png"), ["photos/cats/2.png", "1.png"]) == [1, 0]

    class Numbered(Named):
        whole_paths = ("/photos/cats/1.png", "/photos/cats/2.png")

    assert places(Numbered("first", "second"), ["photos/cats/2.png", "cats/1.png"]) == [1, 0]
    assert places(Named("ats/1.png"), ["photos/cats/1.png"]) == [None]


def test_a_subset_keeps_the_places_of_its_origin(photos):
    whole = folder("photos")
    part = whole.subset([3, 1])
    assert [Matching(part, {str(i): whole.ids[i] for i in (1, 3)}).place(i) for i in (1, 3)] == [1, 0]
    assert part.whole_paths == [str(photos / part.ids[0]), str(photos / part.ids[1])]
    assert places(part, [f"photos/{name}" for name in part.ids]) == [0, 1]


def test_exemplars_mined_from_paths_project_from_a_folder_and_the_reverse(photos):
    network, inside = small_network(), folder("photos")
    listed = [f"./photos/{name}" for name in reversed(inside.ids)]
    mined = {"list": mine(network, listed, ["conv2"], k=3), "folder": mine(network, inside, ["conv2"], k=3)}
    probe = Deconv()
    found = [
        probe.run(network, images, exemplars)
        for images in (
            listed,
            inside,
            [Image.open(path) for path in listed],
            [photos / name for name in inside.ids],
        )
        for exemplars in mined.values()
    ]
    for other in found[1:]:
        assert torch.equal(other["conv2"].patches, found[0]["conv2"].patches)
        assert torch.equal(other["conv2"].position, found[0]["conv2"].position)
    for result in found:
        for images in (listed, inside):
            photographs = Photographs(images, result.ids, result.input)
            for neuron in range(0, len(result["conv2"].image), 5):
                place = int(result["conv2"].image[neuron])
                truth = network.preprocess(photos.parent / _file(result.ids[str(place)]))
                assert torch.equal(photographs.preprocessed(place), truth)


def _file(name):
    return name if name.startswith("photos/") else f"photos/{name}"


def test_projections_speak_of_the_images_they_are_made_from(photos):
    network, inside = small_network(), folder("photos")
    mined = mine(network, [f"photos/{name}" for name in reversed(inside.ids)], ["conv2"], k=3)
    here = in_images(mined, inside)
    assert here.ids == {
        str(place): inside.ids[place] for place in range(len(inside)) if str(place) in here.ids
    }
    assert torch.equal(here["conv2"].values, mined["conv2"].values)
    assert torch.equal(len(inside) - 1 - here["conv2"].image, mined["conv2"].image)
    assert in_images(here, inside) is here
    missing = replace(mined["conv2"], image=mined["conv2"].image.index_fill(1, torch.tensor([2]), -1))
    moved = in_images(replace(mined, layers={"conv2": missing}), inside)
    assert (moved["conv2"].image[:, 2] == -1).all()


def test_exemplars_of_other_images_are_refused_with_both(photos):
    network = small_network()
    mined = mine(network, ["photos/cats/1.png", "photos/cats/2.png"], ["conv2"], k=2)
    with pytest.raises(
        StepError, match=r"mined from other images. Image \d was 'photos/cats/\d.png' .* Use the"
    ):
        Deconv().run(network, ["photos/dogs/1.png", "photos/dogs/3.png"], mined)
    torch.equal(
        Deconv().run(network, ["photos/cats/1.png", "photos/cats/2.png"], mined)["conv2"].image, torch.ones(1)
    )


def test_folders_stay_cheap_to_send(photos):
    images = folder("photos")
    assert list(pickle.loads(pickle.dumps(images)).whole_paths) == [str(photos / name) for name in images.ids]


def test_files_by_name_are_the_same_photographs(photos):
    named = interpret.load_dataset("files", paths=["./photos/cats/1.png", str(photos / "cats"), "photos"])
    assert sorted(named.ids) == sorted(f"photos/{name}" for name in NAMES)
    assert places(named, folder("photos").ids) == [
        named.ids.index(f"photos/{name}") for name in folder("photos").ids
    ]
