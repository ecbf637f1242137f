"""A run folder behind a URL: worked in here, stored there, and gone on with from any machine."""

import asyncio
import os
import random
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest
from fsspec.asyn import get_loop
from test_interrupts import PROMPT, interrupt

import interpret
from interpret.cli.exporting import export
from interpret.cli.viewing import find_site
from interpret.errors import InterpretError, PluginError
from interpret.files import locks, mirrors
from interpret.files.locks import RemoteLock
from interpret.files.mirrors import Mirror, whole_last
from interpret.files.remote import RemoteFolder, readable_folder
from interpret.plugin import discovery
from interpret.progress import Progress
from interpret.run import open_run, remote, run_pipeline
from interpret.run.cache import new_run

URL = "far://key:hush@bucket/runs/one"
SHOWN = "far://bucket/runs/one"
PIPELINE = """\
version: 1
models: {net: {name: tiny}}
datasets: {val: {name: noise, count: 1000}}
steps:
  peaks: {probe: peaks, batch_size: 8, render: [{name: page}]}
  jitter: {probe: jitter, inputs: {peaks: peaks}}
  written: {probe: writer}
"""


@pytest.fixture
def far(tiny, tmp_path, monkeypatch):
    """An empty store; this machine has an empty cache, and does not wait long."""
    import far_store  # noqa: PLC0415 - on the path only now

    (tmp_path / "store").mkdir()
    monkeypatch.setenv("FAR_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("INTERPRET_CACHE", str(tmp_path / "here"))
    monkeypatch.setattr(mirrors, "WAITS", (0.01,))
    far_store.FarStore.asked.clear()
    return far_store


@pytest.fixture
def pipeline(tmp_path):
    (tmp_path / "pipeline.yaml").write_text(PIPELINE)
    return tmp_path / "pipeline.yaml"


@pytest.fixture
def go(far, known, pipeline):
    """Run a pipeline at the URL."""
    return lambda path=pipeline, **options: run_pipeline(path, URL, registry=known, **options)


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Go on on another machine, by its name."""
    return lambda name: monkeypatch.setenv("INTERPRET_CACHE", str(tmp_path / name))


def at(cache: Path) -> dict[str, str]:
    """The environment of a process on a machine with that cache."""
    return {"FAR_STORE": os.environ["FAR_STORE"], "INTERPRET_CACHE": str(cache)}


@pytest.fixture(scope="module")
def expected(tiny, tmp_path_factory):
    """The files that the same run in a folder has."""
    folder = tmp_path_factory.mktemp("expected")
    (folder / "pipeline.yaml").write_text(PIPELINE)
    run_pipeline(folder / "pipeline.yaml", folder / "run", registry=tiny.registry())
    return files(folder / "run")


def files(folder: Path) -> dict[str, bytes]:
    """What steps have stored and drawn."""
    found = (path for path in folder.rglob("*") if path.is_file() and ".work" not in path.parts)
    named = {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
    return {name: data for name, data in named.items() if "/" in name}


def there(top: str = "bucket/runs/one") -> dict[str, bytes]:
    """What is in the store, by name in the run folder."""
    system = fsspec.filesystem("far")
    return {path.removeprefix(f"{top}/"): system.cat_file(path) for path in system.find(top)}


def steps_there() -> dict[str, bytes]:
    return {name: data for name, data in there().items() if "/" in name and name[0] != "."}


def statuses(run):
    return [step.status for step in run.steps.values()]


def test_a_run_at_a_url_is_that_of_a_folder(go, machine, expected):
    run = go()
    assert run.url == SHOWN
    assert SHOWN in repr(run)
    assert steps_there() == files(run.folder) == expected
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


@pytest.fixture
def killed(far, pipeline, tmp_path, fork):
    """Kill a run on another machine before its process touches a disk for the so-manieth time."""

    def _killed(moment: int, name: str = "killed", **options) -> int:
        environment = at(tmp_path / name)
        process = fork(
            far.job, str(pipeline), URL, environment, kill_at=moment, log=tmp_path / "log", **options
        )
        process.join()
        return int(process.exitcode)

    return _killed


def test_a_killed_run_goes_on_on_another_machine(far, fork, go, write, tiny):
    """What was sent is not computed again; who was killed is told of, and taken over from."""
    path = write(("probe: peaks,", "probe: peaks, pause: 0.3,"), text=PIPELINE)
    process = fork(far.job, str(path), URL, at(path.parent / "killed"))
    while not (sent := shards_there()) and process.is_alive():
        time.sleep(0.01)
    process.kill()
    process.join()
    sent = shards_there()
    with pytest.raises(
        InterpretError, match=rf"The run at {SHOWN} is in use by process \d+ on .*--take-over"
    ):
        go(path)
    tiny.seen.clear()
    go(path, take_over=True)
    computed = {int(event[1]) for event in tiny.seen if event[0] == "shard"}
    assert sent
    assert not sent & computed
    run = run_pipeline(path, path.parent / "straight", registry=tiny.registry())
    assert steps_there() == files(run.folder)
    assert not [name for name in there() if name[0] == "." and not name.startswith(".work/")]


def shards_there() -> set[int]:
    """The images at which shards begin that are whole there."""
    return {
        int(name.split("/")[3][:8]) for name in there() if name.endswith("/step.json") and "shards" in name
    }


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 40))])
def test_runs_that_are_killed_again_and_again_come_to_the_same(seed, killed, go, machine, expected):
    """Each on one of two machines, at moments at which something is written here or sent there."""
    moments = random.Random(seed)
    for _ in range(3):
        killed(moments.randrange(20, 900), f"machine-{moments.randrange(2)}", take_over=True)
    machine(f"machine-{moments.randrange(2)}")
    run = go(take_over=True)
    assert steps_there() == files(run.folder) == expected
    machine("other")
    assert statuses(go()) == ["kept"] * 3


def test_a_run_that_was_killed_here_goes_on_at_once(killed, go, machine, expected):
    assert killed(300) == -9
    machine("killed")
    go()
    assert steps_there() == expected


class Away(Progress):
    """The store goes away when a step is done."""

    def finished(self, step: str, status: str) -> None:
        Path(os.environ["FAR_STORE"], "away").touch()


def test_without_a_connection_all_stays_here_and_is_sent_by_the_same_command(
    go, expected, tiny, monkeypatch, caplog
):
    monkeypatch.setattr(remote, "EVERY", 0.01)
    with pytest.raises(
        InterpretError, match="far://bucket/runs/one cannot be used: ConnectionError: "
    ) as raised:
        go(progress=Away())
    folder = RemoteFolder(URL).folder
    assert f"All that was computed is in {folder} on this machine" in str(raised.value)
    assert "the same command sends it there" in str(raised.value)
    assert files(folder) == expected
    assert "hush" not in str(raised.value) + caplog.text
    Path(os.environ["FAR_STORE"], "away").unlink()
    tiny.seen.clear()
    assert statuses(go()) == ["kept"] * 3
    assert not [event for event in tiny.seen if event[0] == "shard"]
    assert steps_there() == expected


def test_a_store_that_is_away_for_a_moment_is_told_of_once(go, expected, monkeypatch, caplog):
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
    assert steps_there() == expected
    assert 1 <= caplog.text.count("cannot be written now") <= 3
    assert f"{SHOWN} cannot be written now: ConnectionError: no route to far host" in caplog.text
    assert "hush" not in caplog.text


def test_a_step_that_fails_leaves_what_is_done_there(go, write):
    path = write(("probe: jitter,", "probe: jitter, fail: true,"))
    with pytest.raises(InterpretError, match="on purpose"):
        go(path)
    assert {"peaks/step.json", "lonely/step.json", "manifest.json"} <= there().keys()
    assert not [name for name in there() if name.startswith(".locks")]


def test_shares_of_several_machines_are_merged(go, machine, expected):
    for number in (1, 2):
        machine(f"machine-{number}")
        go(shard=(number, 2))
    machine("other")
    go(merge=True)
    assert steps_there() == expected


def mirror(tmp_path, name="one", **options) -> Mirror:
    folder = tmp_path / name / "folder"
    folder.mkdir(parents=True, exist_ok=True)
    return Mirror(folder, "far://bucket/runs/m", tmp_path / name / "notes.json", **options)


def both(tmp_path):
    """The same folder on two machines, with three files that are the same everywhere."""
    one, other = mirror(tmp_path), mirror(tmp_path, "other")
    for name in "abc":
        (one.folder / name).write_text(name)
    one.send(all_of_it=True)
    other.bring()
    return one, other


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_change_of_one_side_goes_to_the_other(far, tmp_path):
    one, other = both(tmp_path)
    (one.folder / "a").write_text("changed")
    (one.folder / "b").unlink()
    (one.folder / "d").write_text("d")
    one.send(all_of_it=True)
    mirror(tmp_path, "other").bring()
    assert contents(other.folder) == contents(one.folder) == {"a": "changed", "c": "c", "d": "d"}


def test_where_both_have_changed_the_far_side_counts_and_nothing_unsent_is_lost(far, tmp_path):
    one, other = both(tmp_path)
    (one.folder / "a").write_text("there")
    (one.folder / "b").unlink()
    one.send(all_of_it=True)
    for name in "abcd":
        (other.folder / name).write_text(f"here {name}")
    again = mirror(tmp_path, "other")
    again.bring()
    again.send(all_of_it=True)
    assert contents(other.folder) == {"a": "there", "b": "here b", "c": "here c", "d": "here d"}
    assert there("bucket/runs/m") == {name: text.encode() for name, text in contents(other.folder).items()}


def test_what_is_missing_here_when_it_begins_is_brought_and_not_removed_there(far, tmp_path):
    one, _ = both(tmp_path)
    for path in one.folder.iterdir():
        path.unlink()
    again = mirror(tmp_path)
    again.bring()
    assert contents(one.folder) == {name: name for name in "abc"}


def test_what_is_gone_for_a_moment_is_not_removed_there(far, tmp_path):
    one, _ = both(tmp_path)
    (one.folder / "a").unlink()
    one.send()
    assert "a" in there("bucket/runs/m")
    one.send()
    assert "a" not in there("bucket/runs/m")


def test_only_what_counts_is_brought_sent_and_removed(far, tmp_path):
    both(tmp_path)
    part = mirror(tmp_path, "part", tops=("a", "d"), stays=lambda name: name.startswith("d/."))
    part.bring()
    assert contents(part.folder) == {"a": "a"}
    (part.folder / "d").mkdir()
    for name in ("a", "b", "d/e", "d/.f"):
        (part.folder / name).write_text("new")
    part.send(all_of_it=True)
    assert there("bucket/runs/m") == {"a": b"new", "b": b"b", "c": b"c", "d/e": b"new"}


def test_what_says_that_others_are_whole_is_sent_after_them(far, tmp_path):
    names = ("step.json", "result.json", "result.safetensors", "a.png", "state.ckpt.sha256", "state.ckpt")
    one = mirror(tmp_path)
    for name in names:
        (one.folder / name).write_text(name)
    one.send(all_of_it=True)
    sent = [path.rpartition("/")[2] for what, path in far.FarStore.asked if what == "put"]
    assert sent.index("step.json") == len(names) - 1
    assert set(sent[:3]) == {"result.safetensors", "a.png", "state.ckpt"}
    assert [path for group in whole_last(map(Path, names)) for path in group][-1] == Path("step.json")


@pytest.mark.parametrize("name", ["../out", "a/../../out", "/out", "a\\b"])
def test_names_that_lead_outside_are_refused(far, tmp_path, name):
    (tmp_path / "store" / f"bucket/runs/m/{name}".replace("/", "%")).write_text("x")
    with pytest.raises(InterpretError, match="which is no plain name of a file"):
        mirror(tmp_path).bring()
    assert not (tmp_path / "one" / "out").exists()


def test_two_runs_at_one_url_exclude_each_other(far, tmp_path):
    first, second = (RemoteLock(mirror(tmp_path, name), name) for name in ("first", "second"))
    first.acquire()
    with pytest.raises(
        InterpretError, match=rf"in use by process {os.getpid()} on .*last heard of \d+ seconds ago"
    ):
        second.acquire()
    assert first.is_held()
    assert not second.is_held()
    second.acquire(take_over=True)
    assert not first.is_held()
    second.release()
    first.acquire()


def test_shares_do_not_exclude_each_other_but_whole_runs(far, tmp_path):
    shares = [RemoteLock(mirror(tmp_path, name), name, shared=True) for name in ("a", "b")]
    for share in shares:
        share.acquire()
    with pytest.raises(InterpretError, match="is in use by"):
        RemoteLock(mirror(tmp_path, "c"), "c").acquire()
    assert all(share.is_held() for share in shares)


def test_a_lock_that_is_not_renewed_is_that_of_nobody(far, tmp_path):
    """By the clock of the store: those of the machines may be wrong."""
    first, second = (RemoteLock(mirror(tmp_path, name), name) for name in ("first", "second"))
    first.acquire()
    file = tmp_path / "store" / first.place.replace("/", "%")
    os.utime(file, (time.time() - locks.STALE - 1,) * 2)
    second.acquire()
    assert not first.is_held()


def test_of_two_that_begin_at_once_never_both_are_let_in(far, tmp_path):
    for trial in range(20):
        let_in, start = [], threading.Barrier(2)

        def begin(name, start=start, let_in=let_in, trial=trial):
            lock = RemoteLock(mirror(tmp_path, f"{name}{trial}"), name)
            start.wait()
            try:
                lock.acquire()
            except InterpretError:
                return
            let_in.append(lock)

        threads = [threading.Thread(target=begin, args=(name,)) for name in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(let_in) <= 1
        for lock in let_in:
            lock.release()


def test_a_run_that_is_taken_over_stores_no_more_and_says_so(go, machine, expected):
    class Thief(Progress):
        def finished(self, step: str, status: str) -> None:
            if step == "peaks":
                machine("thief")
                go(take_over=True)
                machine("here")

    with pytest.raises(InterpretError, match="Another process has taken the run over"):
        go(progress=Thief())
    assert steps_there() == expected
    assert statuses(go()) == ["kept"] * 3


def test_a_run_at_a_url_is_read(far, go, machine, known):
    run = go()
    machine("other")
    far.FarStore.asked.clear()
    opened = open_run(URL, registry=known)
    assert opened.steps["jitter"].result().best.tolist() == run["jitter"].best.tolist()
    assert [path.name for path in opened.steps["peaks"].figures] == ["peaks.txt"]
    assert interpret.load_result(f"{URL}/jitter").best.tolist() == run["jitter"].best.tolist()
    assert not [
        path for what, path in far.FarStore.asked if what == "put" or (what == "get" and ".work" in path)
    ]
    assert statuses(go()) == ["kept"] * 3


def test_a_run_that_goes_on_here_is_read_as_it_is(go, known):
    found = []

    class Reader(Progress):
        def finished(self, step: str, status: str) -> None:
            found.append(open_run(URL, registry=known).steps["peaks"].status)

    go(progress=Reader())
    assert found[0] == "done"


def test_passwords_are_nowhere(go, tmp_path):
    run = go()
    kept = [path for path in (tmp_path / "here").rglob("*") if path.is_file()]
    assert not [path for path in kept if "hush" in str(path) or b"hush" in path.read_bytes()]
    assert not [name for name, data in there().items() if b"hush" in data]
    assert "hush" not in repr(run) + str(run.folder)
    assert RemoteFolder(URL).folder == RemoteFolder("far://other:word@bucket/runs/one/").folder
    assert RemoteFolder(URL).folder != RemoteFolder("far://bucket/runs/two@one").folder


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nowhere://bucket/run", "nowhere://bucket/run cannot be opened: .*Protocol not known: nowhere"),
        ("zip::far://bucket/run.zip", "chains file systems"),
        ("far://key:hush@bucket/none", "There is no run at far://bucket/none, nor a gallery or a result"),
        (Path("far://bucket/run"), "pathlib takes a slash away from the URL 'far:/bucket/run'"),
    ],
)
def test_urls_that_cannot_be_read(far, url, message):
    with pytest.raises(InterpretError, match=message) as raised:
        readable_folder(url)
    assert "hush" not in str(raised.value)


def test_a_missing_package_is_named(far):
    fsspec.register_implementation(
        "lacking", "lacking_fs.Store", errtxt="Install lacking_fs to access Lacking"
    )
    with pytest.raises(PluginError, match=r"lacking://b/r cannot be opened: .*pip install lacking_fs"):
        readable_folder("lacking://b/r")


def test_what_can_only_be_read_is_refused_before_anything_is_computed(far, known, pipeline, tiny):
    with pytest.raises(InterpretError, match=r"https://host/run can only be read\. Give a path, or a URL"):
        run_pipeline(pipeline, "https://me:hush@host/run?signature=abcdef", registry=known)
    assert not tiny.seen


def test_a_file_url_is_the_folder(far, known, pipeline, tmp_path, expected):
    run = run_pipeline(pipeline, f"file://{tmp_path}/run", registry=known)
    assert (run.folder, run.url) == (tmp_path / "run", "")
    assert files(tmp_path / "run") == expected
    assert open_run(f"file://{tmp_path}/run", registry=known).folder == tmp_path / "run"


@pytest.mark.parametrize("how", ["polite", "deaf"])
def test_ctrl_c_sends_what_is_done_before_it_ends(far, fork, tmp_path, how):
    """It waits for a store that takes its time, whether the work comes to an end or not."""
    started, path = tmp_path / "started", tmp_path / "p.yaml"
    path.write_text(
        PIPELINE.replace("{probe: writer}", f"{{probe: stubborn, how: {how}, started: {started}}}")
    )
    (tmp_path / "store" / "slow").write_text("0.1")
    process = fork(
        far.program, ["run", str(path), "--out", URL], str(tmp_path / "log"), at(tmp_path / "here")
    )
    interrupt(process, started.exists)
    assert process.exitcode == 130
    said = (tmp_path / "log").read_text()
    assert "Stopped. The same command starts the step 'written' again" in said
    assert f"What is done is being sent to {SHOWN}. Ctrl-C again does not wait for it." in said
    assert {"peaks/step.json", "jitter/step.json", "manifest.json"} <= there().keys()


def test_a_second_ctrl_c_does_not_wait(far, fork, tmp_path):
    started, path, log = tmp_path / "started", tmp_path / "p.yaml", tmp_path / "log"
    path.write_text(PIPELINE.replace("{probe: writer}", f"{{probe: stubborn, started: {started}}}"))
    process = fork(far.program, ["run", str(path), "--out", URL], str(log), at(tmp_path / "here"))
    while not started.exists() and process.is_alive():
        time.sleep(0.01)
    (tmp_path / "store" / "slow").write_text("60")
    interrupt(process, started.exists, wait=False)
    assert interrupt(process, lambda: "is being sent" in log.read_text()) < PROMPT
    assert process.exitcode == 130


def test_the_command_line_says_where_a_run_is(far, fork, pipeline, tmp_path):
    process = fork(
        far.program, ["run", str(pipeline), "--out", URL], str(tmp_path / "log"), at(tmp_path / "here")
    )
    process.join()
    said = (tmp_path / "log").read_text()
    assert process.exitcode == 0
    assert f"Results are in {SHOWN}" in said
    assert f"On this machine they are in {RemoteFolder(URL).folder}" in said.replace("\n", "")


def test_galleries_are_made_here_of_runs_that_are_there(far, tmp_path):
    """With the plugins that are installed; nothing that only reads writes to the URL."""
    url, registry = "memory://galleries/one", discovery.registry()
    text = {
        "version": 1,
        "models": {"net": {"name": "zfnet", "width": 0.0625, "input_size": 64, "categories": 10}},
        "datasets": {"drawn": {"name": "scenes", "split": "val", "limit": 10, "size": 64}},
        "steps": {"strongest": {"probe": "topk", "layers": ["layer1"], "k": 2}},
    }
    run_pipeline(text, url)
    before = fsspec.filesystem("memory").find("/galleries")
    made = export([url], registry)
    assert made.first.is_file()
    assert made.folder == RemoteFolder(url).folder / "gallery"
    assert find_site(url, lambda: registry) == made.folder
    assert export([url, url], registry, str(tmp_path / "site")).folder == tmp_path / "site"
    assert fsspec.filesystem("memory").find("/galleries") == before
    with pytest.raises(InterpretError, match="memory://galleries/two is a URL, and this is written to"):
        export([url], registry, "memory://galleries/two")


@pytest.mark.parametrize("url", ["far://", "far://key:hush@", "https://host/run?signature=hush"])
def test_what_is_no_folder_is_refused(far, url):
    with pytest.raises(InterpretError, match="is no folder: a bucket or a path is missing") as raised:
        readable_folder(url)
    assert "hush" not in str(raised.value)


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


@pytest.fixture
def served(tmp_path, far):
    """The URL of a server that lists the folder ``served``, as many do."""
    pytest.importorskip("aiohttp", reason="HTTP needs the extra data: pip install 'interpret-cnn[data]'.")
    handler = partial(QuietHandler, directory=str(tmp_path / "served"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        system = fsspec.filesystem("http")
        if system._session is not None:  # fsspec would keep it until the process ends
            asyncio.run_coroutine_threadsafe(system._session.close(), get_loop()).result()
        type(system).clear_instance_cache()
        server.shutdown()


class QuietHandler(SimpleHTTPRequestHandler):
    """Says nothing."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


def test_a_run_is_read_from_a_server_that_lists_folders(served, pipeline, known, tmp_path, expected):
    run_pipeline(pipeline, tmp_path / "served" / "runs" / "one", registry=known)
    opened = open_run(f"{served}/runs/one", registry=known)
    assert files(opened.folder) == expected
    assert not (opened.folder / ".work").exists()
    before = {path: path.stat().st_mtime_ns for path in opened.folder.rglob("*") if path.is_file()}
    again = open_run(f"{served}/runs/one", registry=known)
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    assert again.steps["jitter"].complete
    with pytest.raises(InterpretError, match=r"There is no run at http://127\.0\.0\.1"):
        open_run(f"{served}/runs")
