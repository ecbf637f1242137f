"""Runs at a URL are read, and what cannot be read is told of."""

import asyncio
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest
from fsspec.asyn import get_loop
from url_runs import URL, files, statuses

import interpret
from interpret.cli.exporting import export
from interpret.cli.viewing import find_site
from interpret.errors import InterpretError, PluginError
from interpret.files.remote import RemoteFolder, readable_folder
from interpret.plugin import discovery
from interpret.progress import Progress
from interpret.run import open_run, run_pipeline


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


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nowhere://bucket/run", "nowhere://bucket/run cannot be opened: no protocol is called so"),
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


def test_galleries_are_made_here_of_runs_that_are_there(far):
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
    assert fsspec.filesystem("memory").find("/galleries") == before
    with pytest.raises(InterpretError, match="memory://galleries/two is a URL, and this is written to"):
        export([url], registry, "memory://galleries/two")


@pytest.mark.parametrize("url", ["far://", "far://key:hush@", "https://host/run?signature=hush"])
def test_what_is_no_folder_is_refused(far, url):
    with pytest.raises(InterpretError, match="is no folder: a bucket or a path is missing") as raised:
        readable_folder(url)
    assert "hush" not in str(raised.value)


class QuietHandler(SimpleHTTPRequestHandler):
    """Says nothing."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


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


def test_a_run_is_read_from_a_server_that_lists_folders(served, pipeline, known, tmp_path, straight):
    run_pipeline(pipeline, tmp_path / "served" / "runs" / "one", registry=known)
    opened = open_run(f"{served}/runs/one", registry=known)
    assert files(opened.folder) == straight
    assert not (opened.folder / ".work").exists()
    before = {path: path.stat().st_mtime_ns for path in opened.folder.rglob("*") if path.is_file()}
    again = open_run(f"{served}/runs/one", registry=known)
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    assert again.steps["jitter"].complete
    with pytest.raises(InterpretError, match=r"There is no run at http://127\.0\.0\.1"):
        open_run(f"{served}/runs")
