"""A run folder behind a URL: worked in here, stored there, and gone on with from any machine."""

import os
import threading
import time
from pathlib import Path

import pytest
from url_runs import SHOWN, URL, at, files, statuses, steps_there, there

from interpret.errors import InterpretError
from interpret.files.remote import RemoteFolder
from interpret.progress import Progress
from interpret.run import open_run, remote, run_pipeline
from interpret.run.cache import new_run


def test_a_run_at_a_url_is_that_of_a_folder(go, machine, straight):
    run = go()
    assert run.url == SHOWN
    assert SHOWN in repr(run)
    assert steps_there() == files(run.folder) == straight
    assert "manifest.json" in there()
    assert not [name for name in there() if ".lock" in name or name.endswith("hashes.json")]
    machine("other")
    assert statuses(go()) == ["kept"] * 3


def test_only_what_differs_is_brought_and_sent(far, go):
    go()
    far.FarStore.asked.clear()
    run = go()
    moved = [path for what, path in far.FarStore.asked if what in {"put", "get"} and ".locks" not in path]
    assert moved == ["bucket/runs/one/manifest.json"] * len(moved)
    (run.folder / "peaks" / "result.json").unlink()
    far.FarStore.asked.clear()
    assert statuses(go()) == ["kept"] * 3
    assert [path for what, path in far.FarStore.asked if what == "get"][:1] == [
        "bucket/runs/one/peaks/result.json"
    ]


class Away(Progress):
    """The store goes away when a step is done."""

    def finished(self, step: str, status: str) -> None:
        Path(os.environ["FAR_STORE"], "away").touch()


def test_without_a_connection_all_stays_here_and_is_sent_by_the_same_command(
    go, straight, tiny, monkeypatch, caplog
):
    monkeypatch.setattr(remote, "EVERY", 0.01)
    with pytest.raises(
        InterpretError, match="far://bucket/runs/one cannot be used: ConnectionError: "
    ) as raised:
        go(progress=Away())
    folder = RemoteFolder(URL).folder
    assert f"All that was computed is in {folder} on this machine" in str(raised.value)
    assert "the same command sends it there" in str(raised.value)
    assert files(folder) == straight
    assert "hush" not in str(raised.value) + caplog.text
    Path(os.environ["FAR_STORE"], "away").unlink()
    tiny.seen.clear()
    assert statuses(go()) == ["kept"] * 3
    assert not [event for event in tiny.seen if event[0] == "shard"]
    assert steps_there() == straight


def test_a_store_that_is_away_for_a_moment_is_told_of_once(go, straight, monkeypatch, caplog):
    """The run goes on; what it makes meanwhile is there at the end."""
    monkeypatch.setattr(remote, "EVERY", 0.01)
    away = Path(os.environ["FAR_STORE"], "away")

    class Blink(Progress):
        def advanced(self, step: str, parts: int) -> None:
            away.touch()
            end = time.monotonic() + 10
            while "cannot be written now" not in caplog.text and time.monotonic() < end:
                time.sleep(0.01)

        def finished(self, step: str, status: str) -> None:
            away.unlink(missing_ok=True)

    go(progress=Blink())
    assert steps_there() == straight
    assert 1 <= caplog.text.count("cannot be written now") <= 3
    assert f"{SHOWN} cannot be written now: ConnectionError: no route to far host" in caplog.text
    assert "hush" not in caplog.text


def test_a_step_that_fails_leaves_what_is_done_there(go, write):
    path = write(("probe: jitter,", "probe: jitter, fail: true,"))
    with pytest.raises(InterpretError, match="on purpose"):
        go(path)
    assert {"peaks/step.json", "lonely/step.json", "manifest.json"} <= there().keys()
    assert not [name for name in there() if name.startswith(".locks")]


def test_shares_of_several_machines_are_merged(go, machine, straight):
    for number in (1, 2):
        machine(f"machine-{number}")
        go(shard=(number, 2))
    machine("other")
    go(merge=True)
    assert steps_there() == straight


def test_a_run_that_is_taken_over_stores_no_more_and_says_so(go, machine, straight):
    class Thief(Progress):
        def finished(self, step: str, status: str) -> None:
            if step == "peaks":
                machine("thief")
                go(take_over=True)
                machine("here")

    with pytest.raises(InterpretError, match="Another process has taken the run over"):
        go(progress=Thief())
    assert steps_there() == straight
    assert statuses(go()) == ["kept"] * 3


def test_passwords_are_nowhere(go, tmp_path):
    run = go()
    kept = [path for path in (tmp_path / "here").rglob("*") if path.is_file()]
    assert not [path for path in kept if "hush" in str(path) or b"hush" in path.read_bytes()]
    assert not [name for name, data in there().items() if b"hush" in data]
    assert "hush" not in repr(run) + str(run.folder)
    assert RemoteFolder(URL).folder == RemoteFolder("far://other:word@bucket/runs/one/").folder
    assert RemoteFolder(URL).folder != RemoteFolder("far://bucket/runs/two@one").folder


def test_what_can_only_be_read_is_refused_before_anything_is_computed(far, known, pipeline, tiny):
    with pytest.raises(InterpretError, match=r"https://host/run can only be read\. Give a path, or a URL"):
        run_pipeline(pipeline, "https://me:hush@host/run?signature=abcdef", registry=known)
    assert not tiny.seen


def test_a_file_url_is_the_folder(far, known, pipeline, tmp_path, straight):
    run = run_pipeline(pipeline, f"file://{tmp_path}/run", registry=known)
    assert (run.folder, run.url) == (tmp_path / "run", "")
    assert files(tmp_path / "run") == straight
    assert open_run(f"file://{tmp_path}/run", registry=known).folder == tmp_path / "run"


def test_the_command_line_says_where_a_run_is(far, fork, pipeline, tmp_path):
    process = fork(
        far.program, ["run", str(pipeline), "--out", URL], str(tmp_path / "log"), at(tmp_path / "here")
    )
    process.join()
    said = (tmp_path / "log").read_text()
    assert process.exitcode == 0
    assert f"Results are in {SHOWN}" in said
    assert f"On this machine they are in {RemoteFolder(URL).folder}" in said.replace("\n", "")


def test_a_cache_that_cannot_be_written_is_told_of(go, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("INTERPRET_CACHE", str(tmp_path / "file"))
    with pytest.raises(InterpretError, match=r"Not a directory\. Mend that, or set INTERPRET_CACHE"):
        go()


def test_processes_of_torchrun_wait_until_the_first_has_brought_everything(
    go, machine, monkeypatch, tmp_path
):
    """And leave it to that to send; on several machines they need a disk that all see."""
    go()
    machine("other")
    for name, value in {
        "WORLD_SIZE": "2",
        "RANK": "1",
        "LOCAL_WORLD_SIZE": "2",
        "TORCHELASTIC_RUN_ID": "x",
    }.items():
        monkeypatch.setenv(name, value)
    followers: list[Path] = []
    thread = threading.Thread(target=lambda: followers.append(go().folder))
    thread.start()
    assert not followers
    place = remote.find_place(URL)
    assert place.remote
    place.remote.mirror().bring()
    (place.remote.home / remote.BROUGHT).write_text(new_run())
    thread.join()
    assert followers == [place.folder]
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "1")
    with pytest.raises(InterpretError, match="give a path on a shared disk, not a URL"):
        go()
