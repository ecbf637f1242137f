"""Pictures, and the tar shards and tables that real libraries write of them."""

import hashlib
import io
import re
import tarfile
import threading
from contextlib import contextmanager
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from PIL import Image


def picture(index, size=(9, 7)):
    content = np.random.default_rng(index).integers(0, 256, (*size, 3), np.uint8)
    content[0, 0] = index % 256
    return Image.fromarray(content)


def png(index):
    file = io.BytesIO()
    picture(index).save(file, "png")
    return file.getvalue()


def members(count, first=0, label=lambda index: str(index % 3)):
    for index in range(first, first + count):
        yield f"{index:05d}.png", png(index)
        yield f"{index:05d}.cls", label(index).encode()


def write_tar(path, pairs, mode="w"):
    """A tar file of names and contents, by Python's own writer."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as tar:
        for name, content in pairs:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def first_values(images):
    return [int(np.asarray(sample.image).flat[0]) for sample in images]


class Ranges(SimpleHTTPRequestHandler):
    """A server as buckets have them: parts of files, and an ETag for each."""

    whole_only = False
    tagged = True

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("Range")))
        content = self.content()
        if self.server.fails_after is not None:
            self.server.fails_after -= 1
            self.server.busy = self.server.fails_after < 0
        if content is None or self.server.busy:
            self.send_error(503 if self.server.busy else 404)
            self.server.busy = max(self.server.busy - 1, 0)
            return
        asked = None if self.whole_only else re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        part = content[int(asked[1]) : int(asked[2]) + 1] if asked else content
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {asked[1]}-{asked[2]}/{len(content)}")
        self.say(content, len(part))
        self.wfile.write(part)

    def do_HEAD(self):
        content = self.content()
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.say(content, len(content))

    def say(self, content, length):
        self.send_header("Content-Length", str(length))
        if not self.whole_only:
            self.send_header("Accept-Ranges", "bytes")
        if self.tagged:
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.end_headers()

    def content(self):
        file = Path(self.translate_path(self.path))
        return file.read_bytes() if file.is_file() else None

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, *_):
        """A client may leave before it has everything."""


@contextmanager
def serving(folder, **says):
    """The URL of a server for a folder; it notes requests for content, and fails as often as it is busy."""
    handler = type("Handler", (Ranges,), says)
    with Server(("127.0.0.1", 0), partial(handler, directory=str(folder))) as server:
        server.asked, server.busy, server.fails_after, server.daemon_threads = [], 0, None, True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", server
        server.shutdown()


@cache
def jpeg(index):
    """A small photograph of about 1 kB."""
    file = io.BytesIO()
    picture(index, (24, 24)).save(file, "jpeg")
    return file.getvalue()
