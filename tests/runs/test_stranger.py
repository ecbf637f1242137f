"""A run folder that somebody else made: nothing outside it is read, written, moved or removed."""

import hashlib
import json
import os
import resource
import shutil
from pathlib import Path

import pytest

from interpret.cli.shell import report
from interpret.errors import InterpretError, StepError
from interpret.files.sealed import seal, unseal
from interpret.images import Images
from interpret.run import run_pipeline

SMALL = ("count: 1000", "count: 300")
PAGE = "peaks/pages/peaks.txt"


@pytest.fixture(scope="module")
def made(tiny, tmp_path_factory):
    """A finished run folder."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "pipeline.yaml").write_text(tiny.PIPELINE.replace(*SMALL))
    run_pipeline(folder / "pipeline.yaml", folder / "out", registry=tiny.registry())
    return folder / "out"


@pytest.fixture
def received(known, write, tmp_path, tiny, made):
    """A pipeline, a finished run folder of it, and something beside it that must stay as it is."""
    path, out, victim = write(SMALL), tmp_path / "out", tmp_path / "victim"
    shutil.copytree(made, out)
    (victim / "shards").mkdir(parents=True)
    for name in ("victim.txt", "result.json", "shards/mine.txt"):
        (victim / name).write_text("kept")
    tiny.seen.clear()
    return path, out, victim


def state(folder: Path) -> dict[str, object]:
    """Everything below a folder: what files hold, and where links lead."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        found[name] = path.readlink() if path.is_symlink() else path.is_file() and path.read_bytes()
    return found


def sealed(path: Path, change) -> None:
    record = unseal(path.read_bytes())
    change(record)
    path.write_bytes(seal(record))


def name_in_figures(out: Path, name: object, *, old: bool) -> None:
    if old:
        (out / "peaks/figures.json").write_text(json.dumps({"key": [name]}))
        return
    (out / "peaks/figures.json").write_bytes(seal({"figures": {"key": {name: "0" * 64}}}))


def name_in_result(out: Path, name: object, *, old: bool) -> None:
    path = out / "peaks/result.json"
    sealed(path, lambda record: record["result"]["fields"].update(start={"$file": name, "sha256": ""}))
    if old:
        path.write_text(json.dumps(json.loads(path.read_text())))


@pytest.mark.parametrize("old", [False, True], ids=["sealed", "unsealed"])
@pytest.mark.parametrize("where", [name_in_figures, name_in_result])
@pytest.mark.parametrize(
    "name", ["../../victim/victim.txt", "/VICTIM", "..", "\ud800", "a\0b", "pages/../../x"]
)
def test_a_stored_name_that_leads_outside_is_refused_with_a_cure_that_works(
    received, known, where, name, old
):
    path, out, victim = received
    where(out, name.replace("/VICTIM", str(victim / "victim.txt")), old=old)
    before, beside = state(out), state(victim)
    for force in (False, True):
        with pytest.raises(InterpretError, match=r"no path inside it\. Nothing there was read") as error:
            run_pipeline(path, out, registry=known, force=force)
        assert state(out) == before
    assert report(error.value) == 2
    cure = str(error.value).partition("Remove ")[2].partition(" and run again")[0]
    Path(cure).unlink()
    run_pipeline(path, out, registry=known)
    assert state(victim) == beside


def link_step(out: Path, victim: Path) -> Path:
    shutil.rmtree(out / "peaks")
    return out / "peaks"


def link_lock(out: Path, victim: Path) -> Path:
    (out / ".lock").unlink()
    return out / ".lock"


def link_inside(name: str):
    def link(out: Path, victim: Path) -> Path:
        place = out / "peaks" / name
        shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)
        place.parent.mkdir(exist_ok=True)
        return place

    return link


NAMES = [
    "result.json",
    "result.safetensors",
    "step.json",
    "figures.json",
    "shards",
    "shards/key",
    "pages",
    "pages/peaks.txt",
]
PLACES = {"step": link_step, ".lock": link_lock, **{name: link_inside(name) for name in NAMES}}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("target", ["victim", "victim/victim.txt", "nowhere"])
def test_a_link_is_refused_before_anything_is_touched(received, known, tmp_path, place, target):
    path, out, victim = received
    link = PLACES[place](out, victim)
    link.symlink_to(tmp_path / target)
    before, beside = state(out), state(victim)
    for options in ({}, {"force": True}, {"shard": (1, 2)}, {"merge": True}):
        with pytest.raises(InterpretError, match=r"is a link.*Nothing was changed. Move it away") as error:
            run_pipeline(path, out, registry=known, **options)
        assert str(link) in str(error.value)
    assert (state(out), state(victim)) == (before, beside)
    link.unlink()
    run_pipeline(path, out, registry=known)
    assert state(victim) == beside


@pytest.mark.parametrize("name", [".work", "manifest.json"])
def test_links_beside_the_steps_are_refused_too(received, known, name):
    path, out, victim = received
    (out / name).unlink(missing_ok=True)
    (out / name).symlink_to(victim)
    with pytest.raises(InterpretError, match="is a link"):
        run_pipeline(path, out, registry=known, force=True)
    assert (victim / "victim.txt").exists()


def test_a_lock_that_is_another_file_too_is_not_emptied(received, known):
    path, out, victim = received
    (out / ".lock").unlink()
    os.link(victim / "victim.txt", out / ".lock")
    with pytest.raises(InterpretError, match=r"second name of another file.*Remove it and run again"):
        run_pipeline(path, out, registry=known)
    assert (victim / "victim.txt").read_text() == "kept"
    (out / ".lock").unlink()
    run_pipeline(path, out, registry=known)


@pytest.mark.parametrize("name", [".lock", "peaks", "peaks/result.json", "peaks/figures.json", "peaks/notes"])
def test_a_pipe_is_refused_and_never_waited_for(received, known, name):
    path, out, _ = received
    place = out / name
    shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)
    os.mkfifo(place)
    with pytest.raises(InterpretError, match="is no plain file or folder"):
        run_pipeline(path, out, registry=known)


@pytest.mark.parametrize("name", ["peaks/result.json", "peaks/step.json", "manifest.json", ".lock", PAGE])
def test_a_folder_where_a_file_should_be_is_refused(received, known, name):
    path, out, _ = received
    (out / name).unlink()
    (out / name).mkdir()
    with pytest.raises(InterpretError, match="is a folder, where a file should be"):
        run_pipeline(path, out, registry=known)
    (out / name).rmdir()
    run_pipeline(path, out, registry=known)


def test_a_planted_result_of_another_type_is_refused(received, known, tiny, write, tmp_path):
    """Its checksums are right and its key too, but it is not what the step promises."""
    path, out, _ = received
    for name in ("result.json", "result.safetensors"):
        shutil.copy(out / "lonely" / name, out / "peaks" / name)
    planted = (out / "peaks/result.json").read_bytes()
    sealed(out / "peaks/step.json", lambda record: record.update(result=hashlib.sha256(planted).hexdigest()))
    shutil.rmtree(out / "jitter")
    with pytest.raises(
        StepError, match=r"'peaks' promises a Peaks, but a Jitter is stored.*--force"
    ) as error:
        run_pipeline(path, out, registry=known)
    assert report(error.value) == 1
    assert isinstance(run_pipeline(path, out, registry=known, force=True)["peaks"], tiny.Peaks)


@pytest.mark.parametrize(
    "text",
    [b'{"a": 5}', b"[]", b"", b"{", b'{"figures": 3}', b"\xff\xfe", b"[" * 100_000, seal({"figures": [1]})],
)
@pytest.mark.parametrize("name", ["figures.json", "step.json", "result.json"])
def test_a_state_file_that_cannot_be_read_begins_anew(received, known, name, text):
    path, out, _ = received
    before = state(out)
    (out / "peaks" / name).write_bytes(text)
    run_pipeline(path, out, registry=known)
    after = state(out)
    assert {name: after[name] for name in after if "/" in name} == {
        name: before[name] for name in before if "/" in name
    }


@pytest.mark.parametrize(
    "harm", [lambda data: b"", lambda data: data[:-1], lambda data: data.replace(b"p", b"q")]
)
def test_a_figure_that_was_emptied_or_altered_is_drawn_again(received, known, tiny, harm):
    path, out, _ = received
    page = out / "peaks/pages/peaks.txt"
    text = page.read_bytes()
    page.write_bytes(harm(text))
    assert run_pipeline(path, out, registry=known).steps["peaks"].status == "drawn"
    assert page.read_bytes() == text
    assert tiny.seen == [("page", "peaks")]


def test_a_figure_that_somebody_altered_is_not_removed(received, known, write):
    _, out, _ = received
    (out / "peaks/pages/peaks.txt").write_text("my notes")
    run_pipeline(write((", render: [{name: page}]", "")), out, registry=known)
    assert (out / "peaks/pages/peaks.txt").read_text() == "my notes"


def test_a_users_own_temporary_files_stay(received, known):
    path, out, _ = received
    theirs = [out / name for name in (".x.part", "peaks/.notes.123.part", ".draft.drawing/a")]
    ours = [out / f"{place}.interpret-{'0f' * 8}.part" for place in ("", "peaks/", "peaks/pages/")]
    (out / ".draft.drawing").mkdir()
    (out / ".work").mkdir(exist_ok=True)
    ours.append(out / ".work" / f".interpret-{'1e' * 8}.part")
    for file in (*theirs, *ours):
        file.touch()
    (out / f".interpret-{'2d' * 8}.part").mkdir()
    run_pipeline(path, out, registry=known)
    assert all(file.exists() for file in theirs)
    assert not list(out.rglob(".interpret-*"))


def test_a_changed_digit_in_a_shard_is_computed_again(known, tiny, write, tmp_path):
    """Of 5 shards with one digit changed 4 were merged wrong once."""
    path, out = write(), tmp_path / "out"
    run_pipeline(path, tmp_path / "straight", registry=known)
    for part in (1, 2):
        run_pipeline(path, out, registry=known, shard=(part, 2))
    first, second, third, fourth = sorted(out.glob("peaks/shards/*/*"))
    text = (first / "result.json").read_text()
    (first / "result.json").write_text(text.replace('"start": 0', '"start": 1'))
    shutil.rmtree(third)
    shutil.copytree(second, third)  # whole, but of another place
    (fourth / "step.json").unlink()
    tiny.seen.clear()
    run_pipeline(path, out, registry=known)
    assert [entry[1] for entry in tiny.seen if entry[0] == "shard"] == ["0", "512", "768"]
    for name in ("result.json", "result.safetensors"):
        assert (out / "peaks" / name).read_bytes() == (tmp_path / "straight/peaks" / name).read_bytes()


def test_a_renderer_cannot_place_what_is_no_plain_file(known, tiny, write, tmp_path, monkeypatch):
    def render(self, result: tiny.Peaks, images: Images, folder: Path):
        (folder / "link").symlink_to("/etc/passwd")
        return []

    monkeypatch.setattr(tiny.Page, "render", render)
    with pytest.raises(InterpretError, match="figures are plain files"):
        run_pipeline(write(SMALL), tmp_path / "out", registry=known)
    assert not (tmp_path / "out/peaks/link").exists()


def test_an_output_folder_that_is_reached_by_a_link_is_taken(known, write, tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "runs").symlink_to(tmp_path / "disk")
    run = run_pipeline(write(SMALL), tmp_path / "runs", registry=known)
    assert len(run["peaks"].ids) == 300
    assert (tmp_path / "disk/peaks/result.json").is_file()


FILED = ("lonely: {probe: lonely, images: [5, 3]}", "lonely: {probe: writer}")


@pytest.mark.parametrize("harm", [lambda data: b"", lambda data: bytes([data[0] ^ 1]) + data[1:], None])
@pytest.mark.parametrize("place", ["lonely/*/0.txt", ".work/*/0.txt"])
def test_a_harmed_file_of_a_result_is_made_again(known, write, tmp_path, harm, place):
    """It may be a second name of the file that the step keeps for itself, and both are harmed at once."""
    path, out = write(SMALL, FILED), tmp_path / "out"
    text = run_pipeline(path, out, registry=known)["lonely"].files[0].read_bytes()
    for force in (False, True):
        victims = list(out.glob(place))
        assert victims or force, "a kept step does not make its own files again"
        for victim in victims:
            victim.write_bytes(harm(text)) if harm else victim.unlink()
        run = run_pipeline(path, out, registry=known, force=force)
        assert run["lonely"].files[0].read_bytes() == text
    assert [file.read_bytes() for file in sorted(out.glob("lonely/*/*.txt"))] == [text, b"letter 1 of 2"]


def test_a_full_disk_is_said_before_anything_is_touched(received, known, monkeypatch):
    """A limit on the size of files stands for the disk: the kernel refuses to write in the same way."""
    path, out, _ = received
    (out / ".lock").unlink()
    before = state(out)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        with pytest.raises(InterpretError, match=r"cannot be used: File too large\. Nothing in") as error:
            run_pipeline(path, out, registry=known)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert report(error.value) == 2
    assert state(out) == before | {".lock": b""}
    run = run_pipeline(path, out, registry=known)
    assert {step.status for step in run.steps.values()} == {"kept"}
