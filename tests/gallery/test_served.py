"""Pages that ``interpret view`` serves, in a real browser: they work, and send nothing anywhere else."""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Thread

import pytest
from browsing import address, opened, settle

from interpret.cli.serving import serving

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="{root}style.css">
<main><h1>{title}</h1>{body}</main><script src="{root}script.js"></script></html>"""


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "site"
    (folder / "sub").mkdir(parents=True)
    (folder / "style.css").write_text("body { color: rgb(1, 2, 3) }")
    (folder / "script.js").write_text("document.body.dataset.ran = 'yes'")
    (folder / "index.html").write_text(PAGE.format(title="Top", root="", body='<a href="sub/#x">down</a>'))
    (folder / "sub" / "index.html").write_text(PAGE.format(title="Sub", root="../", body='<p id="x">x</p>'))
    return folder


@pytest.fixture
def server(site):
    with serving(site) as started:
        thread = Thread(target=started.serve_forever, args=(0.01,))
        thread.start()
        yield started
        started.shutdown()
        thread.join()


def test_a_site_works_as_from_the_file_system(visit, server):
    page = visit(server.address, "")
    assert page.evaluate("[document.body.dataset.ran, getComputedStyle(document.body).color]") == [
        "yes",
        "rgb(1, 2, 3)",
    ]
    page.click("a")
    page.wait_for_function("document.title == 'Sub' && document.body.dataset.ran == 'yes'")
    assert page.url == f"{server.address}sub/#x"


WAYS = {
    "image": "new Image().src = url",
    "fetch": "fetch(url, {mode: 'no-cors'}).catch(() => 0)",
    "beacon": "navigator.sendBeacon(url)",
    "socket": "new WebSocket(url.replace('http', 'ws'))",
    "frame": "document.body.append(Object.assign(document.createElement('iframe'), {src: url}))",
    "script": "document.body.append(Object.assign(document.createElement('script'), {src: url}))",
    "form": "document.body.innerHTML = `<form action='${url}'></form>`; document.forms[0].submit()",
}


def received(listener):
    """What browsers have sent to an address: they may connect in advance, and then send nothing."""
    while True:
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            return
        connection.settimeout(0.2)
        with connection, suppress(TimeoutError):
            yield connection.recv(100)


def test_a_strangers_page_sends_nothing_elsewhere(browser, server):
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.settimeout(0.2)
        there = f"http://127.0.0.1:{elsewhere.getsockname()[1]}"
        with opened(browser, server.address) as (page, watch):
            page.goto(address(server.address))
            for name, way in WAYS.items():
                page.evaluate(f"() => {{ const url = '{there}/{name}'; {way} }}")
            settle(page)
        assert not b"".join(received(elsewhere))
    refused = [line.replace("ws:", "http:") for line in watch.problems if "Content Security Policy" in line]
    seen = {name for name in WAYS if any(f"{there}/{name}" in line for line in refused)}
    assert seen >= WAYS.keys() - {"frame"}  # of a frame it names the server alone


def test_another_page_sees_nothing_of_it(browser, server, tmp_path):
    (server.folder / "photo.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
    (tmp_path / "evil").mkdir()
    (tmp_path / "evil" / "index.html").write_text(f'<img alt="" src="{server.address}photo.svg">')
    with opened(browser, tmp_path / "evil") as (page, _):
        page.goto(address(tmp_path / "evil"))
        settle(page)
        assert page.evaluate("document.images[0].naturalWidth") == 0
        read = f"fetch('{server.address}').then(() => 'read', () => 'refused')"
        assert page.evaluate(read) == "refused"
