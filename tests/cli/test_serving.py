"""What serves pages, asked over raw sockets: as a browser would, or a stranger's page."""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager, suppress
from threading import Thread
from urllib.parse import quote

import pytest

from interpret.cli.serving import HEADERS, TYPES, serving

SECRET = b"nobody reads this"
INDEX = "<!doctype html><title>é</title>".encode()


@pytest.fixture
def site(tmp_path):
    """A gallery, with a secret beside it and every way out of it that a file system has."""
    (tmp_path / "secret.txt").write_bytes(SECRET)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "index.html").write_bytes(SECRET)
    folder = tmp_path / "site"
    (folder / "sub" / "empty").mkdir(parents=True)
    (folder / "index.html").write_bytes(INDEX)
    (folder / "sub" / "index.html").write_bytes(b"sub")
    (folder / "nothing.css").write_bytes(b"")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "away").symlink_to(tmp_path / "other")
    (folder / "here").symlink_to(folder)
    os.mkfifo(folder / "pipe.html")
    (folder / "indexed").mkdir()
    (folder / "indexed" / "index.html").symlink_to(tmp_path / "secret.txt")
    return folder


@contextmanager
def running(folder):
    with serving(folder) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def server(site):
    with running(site) as started:
        yield started


def exchange(server, request: bytes) -> bytes:
    """Send bytes and read until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def ask(server, target="/", method="GET", host="127.0.0.1", **headers):
    """Status, headers and body of one answer."""
    lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items()]
    hosts = [f"Host: {name}\r\n" for name in ([host] if isinstance(host, str) else host)]
    request = f"{method} {target} HTTP/1.1\r\nConnection: close\r\n{''.join([*hosts, *lines])}\r\n"
    head, _, body = exchange(server, request.encode("latin-1")).partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    return int(first.split()[1]), dict(line.split(": ", 1) for line in rest), body


def test_a_page_is_what_its_file_is(server):
    status, headers, body = ask(server)
    assert (status, body) == (200, INDEX)
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Content-Length"] == str(len(INDEX))
    assert headers.items() >= HEADERS.items()
    assert headers["Server"] == "interpret"


@pytest.mark.parametrize("target", ["/index.html", "/?q=1", "/index.html?unit=7#x", "/%69ndex.html"])
def test_ways_to_write_an_address(server, target):
    assert ask(server, target)[::2] == (200, INDEX)


def test_a_folder_is_its_index(server):
    assert ask(server, "/sub/")[::2] == (200, b"sub")
    status, headers, body = ask(server, "/sub?unit=7")
    assert (status, headers["Location"], body) == (301, "/sub/", b"")
    assert headers.items() >= HEADERS.items()


def test_an_empty_file(server):
    status, headers, body = ask(server, "/nothing.css")
    assert (status, headers["Content-Length"], body) == (200, "0", b"")


def test_head_says_the_same_without_the_file(server):
    status, headers, body = ask(server, method="HEAD")
    assert (status, body) == (200, b"")
    assert {**headers, "Date": ""} == {**ask(server)[1], "Date": ""}
    assert ask(server, "/none", method="HEAD")[::2] == (404, b"")


def test_a_large_file_arrives_whole(server):
    data = os.urandom(3_000_001)
    (server.folder / "sheet.webp").write_bytes(data)
    status, headers, body = ask(server, "/sheet.webp")
    assert (status, headers["Content-Type"]) == (200, "image/webp")
    assert body == data


@pytest.mark.parametrize("ending", [*TYPES, "JS", "PNG", "", "safetensors", "exe"])
def test_types_do_not_hang_on_the_machine(server, ending):
    (server.folder / f"file.{ending}").write_bytes(b"x")
    assert ask(server, f"/file.{ending}")[1]["Content-Type"] == TYPES.get(
        ending.lower(), "application/octet-stream"
    )


def test_what_has_not_changed_is_not_sent_again(server):
    tag = ask(server)[1]["ETag"]
    status, headers, body = ask(server, If_None_Match=f'"other", {tag}')
    assert (status, headers["ETag"], body) == (304, tag, b"")
    (server.folder / "index.html").write_bytes(INDEX[::-1])
    assert ask(server, If_None_Match=tag)[::2] == (200, INDEX[::-1])


NAMES = [
    "100 %.png",
    "a#b?c.png",
    "<script>.png",
    "q\"'.png",
    "日本 \N{DOG FACE}.png",
    "שלום.png",
    "&amp;.png",
    "%2e%2e.png",
]


@pytest.mark.parametrize("name", [*NAMES, os.fsdecode(b"\xff\xfe.png"), "x" * 200 + ".png", "...png"])
def test_names_of_strangers(server, name):
    (server.folder / name).write_bytes(b"mine")
    assert ask(server, "/" + quote(os.fsencode(name)))[::2] == (200, b"mine")


OUTSIDE = [
    "/../secret.txt",
    "/sub/../../secret.txt",
    "/%2e%2e/secret.txt",
    "/%2E%2E%2Fsecret.txt",
    "/..%2fsecret.txt",
    "/sub/..%2f..%2fsecret.txt",
    "/%252e%252e/secret.txt",
    "/%c0%ae%c0%ae/secret.txt",
    "/..%5csecret.txt",
    "/..\\secret.txt",
    "/.%00./secret.txt",
    "/secret.txt%00.html",
    "//secret.txt",
    "/%2fetc/passwd",
    "//etc/passwd",
    "/etc/passwd",
    "/file:///etc/passwd",
    "/~root/",
    "../secret.txt",
    "secret.txt",
    "*",
    "http://127.0.0.1/../secret.txt",
    "file:///etc/passwd",
    "/link.txt",
    "/away/index.html",
    "/away/",
    "/here/index.html",
    "/pipe.html",
    "/indexed/",
    "/indexed/index.html",
    "/sub/empty/",
    "/sub/empty",
    "/index.html/",
    "/index.html/x",
    "/./index.html",
    "/sub//index.html",
    "/" + "a" * 300,
    "/" + "a/" * 3000,
    "/gone.html",
]


@pytest.mark.parametrize("target", OUTSIDE)
def test_nothing_else_is_there(server, target):
    status, headers, body = ask(server, target)
    if status == 301:  # a folder; and what is behind it?
        status, headers, body = ask(server, headers["Location"])
    assert (status, headers["Content-Type"]) == (404, "text/plain; charset=utf-8")
    assert body == b"404 There is no such page\n"


def test_a_folder_that_became_a_link_is_not_followed(server, tmp_path):
    (server.folder / "sub").rename(tmp_path / "moved")
    (server.folder / "sub").symlink_to(tmp_path / "other")
    assert ask(server, "/sub/index.html")[0] == 404


@pytest.mark.parametrize("host", ["127.0.0.1:{}", "localhost:{}", "LOCALHOST", "[::1]:80", "localhost:9000"])
def test_names_of_this_machine(server, host):
    assert ask(server, host=host.format(server.server_port))[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:{}", "127.0.0.1.evil.example:{}", "localhost.evil.example",
        "evil.example#localhost", "evil@localhost", "localhost:80@evil.example", "localhost:", "localhost:x",
        "0.0.0.0:{}", "127.0.0.2", "", [], ["localhost", "evil.example"], ["localhost", "localhost"],
    ],
)  # fmt: skip
def test_a_name_that_was_led_here_is_refused(server, host):
    port = server.server_port
    given = host.format(port) if isinstance(host, str) else host
    status, headers, body = ask(server, host=given)
    assert status == 403
    assert INDEX not in body
    assert headers.items() >= HEADERS.items()


def test_a_request_without_headers_is_refused(server):
    assert INDEX not in exchange(server, b"GET /index.html\r\n\r\n")
    assert b" 403 " in exchange(server, b"GET / HTTP/1.0\r\n\r\n")


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get", "X"]
)
def test_other_methods_are_refused(server, method):
    before = sorted(server.folder.rglob("*"))
    status, headers, body = ask(server, "/index.html", method=method)
    assert status == 501
    assert INDEX not in body
    assert headers["Connection"] == "close"
    assert sorted(server.folder.rglob("*")) == before


def test_a_body_is_no_second_request(server):
    second = b"GET /sub/ HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for header in (f"Content-Length: {len(second)}", "Transfer-Encoding: chunked"):
        first = f"GET / HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n".encode()
        assert exchange(server, first + second).count(b"HTTP/1.1 ") == 1


def test_one_connection_serves_many_requests(server):
    first = b"GET /sub/ HTTP/1.1\r\nHost: localhost\r\n\r\n"
    missing = b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    answer = exchange(server, first * 2 + missing + last)
    assert answer.count(b"HTTP/1.1 200 ") == 4
    assert answer.endswith(INDEX)


@pytest.mark.parametrize(
    "noise",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(60) + b"\n",  # https
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET\r\n\r\n",
        b"\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"x: y\r\n" * 200 + b"\r\n",
        b"GET / HTTP/1.1\r\n" + b"x" * 70_000 + b"\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: \xff\r\nConnection: close\r\n\r\n",
    ],
)
def test_noise_is_answered_or_dropped_and_the_next_one_is_served(server, noise, capfd):
    with suppress(ConnectionError):
        assert INDEX not in exchange(server, noise)
    assert ask(server)[0] == 200
    assert capfd.readouterr() == ("", "")


def test_who_waits_keeps_nobody_waiting(server):
    with socket.create_connection(("127.0.0.1", server.server_port)) as idle:
        idle.sendall(b"GET / HT")
        assert ask(server)[0] == 200


def test_a_browser_that_goes_away_is_no_error(server, capfd):
    (server.folder / "big.webp").write_bytes(bytes(30_000_000))
    with socket.create_connection(("127.0.0.1", server.server_port)) as connection:
        connection.sendall(b"GET /big.webp HTTP/1.1\r\nHost: localhost\r\n\r\n")
        connection.recv(100)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert ask(server)[0] == 200
    assert capfd.readouterr() == ("", "")


def test_only_this_address_listens(server):
    assert server.server_address[0] == "127.0.0.1"
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", server.server_port), timeout=5)


def test_a_site_that_is_reached_by_a_link_is_served(site, tmp_path):
    (tmp_path / "short").symlink_to(site)
    with running(tmp_path / "short") as server:
        assert ask(server)[::2] == (200, INDEX)
