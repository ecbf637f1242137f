"""``interpret view``: from a run or a gallery to an address, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest
import tiny_plugin
from pydantic import Field

from interpret.cli.shell import call
from interpret.cli.viewing import find_site
from interpret.errors import InterpretError
from interpret.plugin import Exporter, discovery, hookimpl
from interpret.plugin.discovery import Loaded, Origin, classify
from interpret.run import run_pipeline

INDEX = "<!doctype html><title>é</title>".encode()


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "index.html").write_bytes(INDEX)
    return folder


@contextmanager
def program(*arguments, **environment):
    """``interpret view`` as a process of its own."""
    command = [sys.executable, "-c", "from interpret.cli import main; main()", "view", *map(str, arguments)]
    quiet = {name: value for name, value in os.environ.items() if name not in {"DISPLAY", "WAYLAND_DISPLAY"}}
    started = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**quiet, "BROWSER": "", **environment},
    )
    try:
        yield started
    finally:
        started.kill()
        started.wait()
        started.stdout.close()
        started.stderr.close()


def fetch(address):
    with socket.create_connection(
        ("127.0.0.1", int(address.rsplit(":")[-1].strip("/\n"))), timeout=10
    ) as found:
        found.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: found.recv(65536), b""))


@pytest.mark.parametrize("given", ["site", "site/index.html", "."])
def test_it_prints_the_address_and_ends_quietly_with_ctrl_c(site, given):
    folder = site.parent / given
    if given == ".":  # a run, with its gallery
        site.rename(site.parent / "gallery")
    with program(folder, "--no-browser") as running:
        address = running.stdout.readline()
        assert address.startswith("http://127.0.0.1:")
        assert fetch(address).endswith(INDEX)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=20)
    assert (running.returncode, out, err) == (0, "", "Ctrl-C ends it.\n")


def test_it_opens_the_browser(site, tmp_path):
    with socket.create_server(("127.0.0.1", 0), backlog=1) as told:
        told.settimeout(30)
        browser = tmp_path / "browser"
        browser.write_text(
            f"#!{sys.executable}\nimport socket, sys\n"
            f"socket.create_connection({told.getsockname()}).sendall(sys.argv[1].encode())\n"
        )
        browser.chmod(0o755)
        with program(site, BROWSER=str(browser)) as running:
            address = running.stdout.readline().strip()
            with told.accept()[0] as connection:
                assert connection.recv(100).decode() == address


def test_without_a_screen_no_browser_starts_in_the_terminal(site):
    with program(site) as running:
        assert fetch(running.stdout.readline()).endswith(INDEX)
        assert running.stderr.readline() == "Ctrl-C ends it.\n"
        assert "open the address in a browser" in running.stderr.readline()


def test_the_port_is_chosen(site):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with program(site, "--no-browser", "--port", port) as running:
        assert running.stdout.readline() == f"http://127.0.0.1:{port}/\n"


def test_a_port_that_is_taken(site, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert call(["view", str(site), "--no-browser", "--port", str(port)]) == 2
    assert (
        f"Port {port} cannot be used: Address already in use. Choose another one" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("gone", "There is no folder gone. `interpret run PIPELINE --out FOLDER` makes one."),
        ("other/empty", "has no manifest.json and no index.html"),
        ("", "empty text is no path"),
        ("a\0b", "no path"),
    ],
)
def test_where_there_is_nothing_to_see(tmp_path, monkeypatch, capsys, given, found):
    (tmp_path / "other" / "empty").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert call(["view", given, "--no-browser"]) == 2
    assert found in capsys.readouterr().err


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_no_port(site, capsys, port):
    assert call(["view", str(site), "--port", port]) == 2
    assert "port" in capsys.readouterr().err


def test_the_command_needs_no_torch(site):
    code = "import sys; from interpret.cli import commands, viewing; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_python_without_our_ctrl_c_is_stopped_by_its_own(site):
    code = (
        "import pathlib, sys; from interpret.cli import viewing; viewing.view_site(pathlib.Path(sys.argv[1]))"
    )
    command = [sys.executable, "-u", "-c", code, str(site)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as started:
        assert started.stdout.readline().startswith(b"http://")
        started.send_signal(signal.SIGINT)
        assert started.wait(20) == 0


# A run, whose gallery is made first.


class Gallery(Exporter):
    """A page that says which runs it is of."""

    name: ClassVar[str] = "gallery"
    allow: tuple[str, ...] = Field((), description="Packages.")

    def export(self, runs: Any, folder: Any) -> Any:
        written.append(runs)
        if self.allow:
            (folder / "no such folder" / "index.html").write_text("as on a disk that may not be written")
        (folder / "index.html").write_text(f"Gallery {len(written)}")
        return folder / "index.html"


class Ours:
    """The plugin that offers it."""

    @hookimpl
    def register_exporters(self):
        return [Gallery]


written: list[Any] = []


@pytest.fixture
def known(monkeypatch):
    """The tiny plugin and the exporter, and nothing else."""
    written.clear()
    plugins = {**tiny_plugin.parts(), "gallery": Ours()}
    registry = classify([Loaded(Origin("tests", "1", name), plugin) for name, plugin in plugins.items()])
    monkeypatch.setattr(discovery, "registry", lambda: registry)
    return registry


@pytest.fixture
def run(known, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.yaml").write_text(tiny_plugin.PIPELINE.replace("count: 1000", "count: 10"))
    run_pipeline(tmp_path / "my.yaml", out="runs/my", registry=known)
    return tmp_path / "runs" / "my"


def test_the_gallery_of_a_run_is_made_once(run, known):
    site = find_site("runs/my", lambda: known)
    assert site.resolve() == run / "gallery"
    assert (site / "index.html").read_text() == "Gallery 1"
    assert find_site(str(run), lambda: known) == run / "gallery"
    assert len(written) == 1


def test_a_gallery_that_is_older_than_its_run_is_made_again(run, known):
    find_site("runs/my", lambda: known)
    (run.parent.parent / "my.yaml").write_text(tiny_plugin.PIPELINE.replace("count: 1000", "count: 9"))
    run_pipeline("my.yaml", out="runs/my", registry=known)
    assert (find_site("runs/my", lambda: known) / "index.html").read_text() == "Gallery 2"


def test_a_gallery_is_shown_as_it_was_where_a_plugin_is_missing(run, known, monkeypatch, capsys):
    find_site("runs/my", lambda: known)
    less = classify([Loaded(Origin("tests", "1", "gallery"), Ours())])
    monkeypatch.setattr(discovery, "registry", lambda: less)
    assert (find_site("runs/my", lambda: less) / "index.html").read_text() == "Gallery 1"
    said = capsys.readouterr().err
    assert "shown as it was, since it cannot be made: " in said
    assert "tiny" in said


def test_without_the_gallery_the_reason_is_the_error(run, monkeypatch):
    less = classify([Loaded(Origin("tests", "1", "gallery"), Ours())])
    monkeypatch.setattr(discovery, "registry", lambda: less)
    with pytest.raises(InterpretError, match="tiny"):
        find_site("runs/my", lambda: less)


def test_the_gallery_itself_is_served_as_it_is(run, known):
    find_site("runs/my", lambda: known)
    (run / "manifest.json").unlink()
    for given in ("runs/my/gallery", "runs/my/gallery/index.html", "runs/my"):
        assert find_site(given, lambda: pytest.fail("nothing is made")).resolve() == run / "gallery"


def test_the_run_that_was_meant_is_named(run, known):
    for name in ("my", "runs/mine", "runs/other"):
        with pytest.raises(InterpretError, match=f"There is no folder {name}. .*runs/my"):
            find_site(name, lambda: known)


def test_a_run_that_may_only_be_read_is_seen_from_elsewhere(run, known):
    with pytest.raises(InterpretError, match=r"cannot be written: No such file.*interpret gallery .*--out"):
        find_site(str(run), lambda: known, ["x"])
    find_site(str(run), lambda: known)
    assert find_site(str(run), lambda: known, ["x"]) == run / "gallery"
