"""A folder of pages for a browser on this machine: on loopback, read only, and nothing beside that folder.

Who can ask: programs on this machine, and through them any page that a browser has open. So only requests
whose Host is this machine are answered, or a stranger's page could let its own name lead here and read along
(DNS rebinding). What can be asked for: plain files below the folder, through no link. Pages are confined to
the folder too, by Content-Security-Policy: a stranger's page loads nothing from elsewhere and sends nothing
there, unless it leads its reader away.
"""

from __future__ import annotations

import os
import re
import socketserver
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedReader
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from interpret.errors import InterpretError
from interpret.files.folders import inside, opened, stamp

LOOPBACK = "127.0.0.1"
HOSTS = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE)
"""This machine, whatever the port: it is another one where the address is forwarded (``ssh -L``)."""

TYPES = {
    "avif": "image/avif",
    "css": "text/css; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "gif": "image/gif",
    "htm": "text/html; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "ico": "image/x-icon",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "md": "text/plain; charset=utf-8",
    "pdf": "application/pdf",
    "png": "image/png",
    "svg": "image/svg+xml",
    "tex": "text/plain; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "webp": "image/webp",
    "woff2": "font/woff2",
    "yaml": "text/plain; charset=utf-8",
    "yml": "text/plain; charset=utf-8",
}
"""By the end of a file's name, the same on every machine; anything else is bytes to be saved."""

HEADERS = {
    "Cache-Control": "no-cache",  # kept, but asked for again: a gallery may be built anew meanwhile
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline' data: blob:; form-action 'self'",
    "Cross-Origin-Resource-Policy": "same-origin",  # other pages cannot show its pictures
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Server(ThreadingHTTPServer):
    """Answers requests for the files of one folder, on loopback."""

    daemon_threads = True

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder.resolve()
        super().__init__((LOOPBACK, port), Handler)

    @property
    def address(self) -> str:
        """``http://127.0.0.1:PORT/``."""
        return f"http://{LOOPBACK}:{self.server_port}/"

    def server_bind(self) -> None:
        """Take the port, and ask no name server for the name of this machine."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = LOOPBACK, self.socket.getsockname()[1]

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that goes away in the middle is no error."""
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextmanager
def serving(folder: Path, port: int = 0) -> Iterator[Server]:
    """The server, bound to its port; ``serve_forever`` lets it answer.

    Raises:
        InterpretError: If the port cannot be had.
    """
    try:
        server = Server(folder, port)
    except OSError as error:
        raise InterpretError(
            f"Port {port} cannot be used: {error.strerror}. Choose another one, or leave --port out."
        ) from None
    with server:
        yield server


class Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD of one connection; anything else is refused."""

    server: Server
    protocol_version = "HTTP/1.1"
    timeout = 60
    error_content_type = "text/plain; charset=utf-8"
    error_message_format = "%(code)d %(message)s\n"

    def do_GET(self) -> None:
        """A file, or why there is none."""
        self._answer()

    def do_HEAD(self) -> None:
        """What would be answered to GET, without the file."""
        self._answer()

    def _answer(self) -> None:
        hosts = self.headers.get_all("Host", [])
        if len(hosts) != 1 or not HOSTS.fullmatch(hosts[0].strip()):
            return self.send_error(HTTPStatus.FORBIDDEN, "Ask for 127.0.0.1 or localhost")
        if "Content-Length" in self.headers or "Transfer-Encoding" in self.headers:
            self.close_connection = True  # what follows is no next request
        name = name_of(self.path)
        try:
            path = inside(self.server.folder, name)
            if path.is_dir():
                return self._redirect(f"/{quote(os.fsencode(name))}/")
            with opened(path) as file:
                return self._send(path, file)
        except (InterpretError, OSError):
            return self.send_error(HTTPStatus.NOT_FOUND, "There is no such page")

    def _send(self, path: Path, file: BufferedReader) -> None:
        status = os.fstat(file.fileno())
        tag = f'"{stamp(status)}"'
        known = tag in {item.strip() for item in self.headers.get("If-None-Match", "").split(",")}
        self.send_response(HTTPStatus.NOT_MODIFIED if known else HTTPStatus.OK)
        self.send_header("ETag", tag)
        if not known:
            self.send_header("Content-Type", type_of(path))
            self.send_header("Content-Length", str(status.st_size))
        self.end_headers()
        if not known and self.command == "GET" and status.st_size:
            sent = self.connection.sendfile(file, count=status.st_size)
            self.close_connection |= sent < status.st_size  # it was cut meanwhile

    def _redirect(self, place: str) -> None:
        self.send_response(HTTPStatus.MOVED_PERMANENTLY)
        self.send_header("Location", place)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def end_headers(self) -> None:
        """With what every answer says."""
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def version_string(self) -> str:
        """The server's name, and no versions."""
        return "interpret"

    def log_message(self, *_: object) -> None:
        """Nobody reads along."""


def name_of(target: str) -> str:
    """The file that a request asks for, as a name in the folder; of a folder its ``index.html``."""
    path = target.partition("?")[0].partition("#")[0]
    if not path.startswith("/"):
        return ".."  # a proxy's request, which names no file of ours
    name = os.fsdecode(unquote_to_bytes(path[1:]))
    return name if name and not name.endswith("/") else f"{name}index.html"


def type_of(path: Path) -> str:
    """The Content-Type of a file."""
    return TYPES.get(path.suffix[1:].lower(), "application/octet-stream")
