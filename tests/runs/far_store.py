"""An object store in a folder: files with slashes in their names, whole or not there, and no folders.

It is away while a file ``away`` is there, and takes the seconds in a file ``slow``; it remembers what was
asked of it. Processes find it by ``FAR_STORE``.
"""

import hashlib
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import interrupt_fixtures
import tiny_plugin
from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from interpret.files import write_atomically
from interpret.run import remote


class FarStore(AbstractFileSystem):
    """``far://bucket/name`` is a file in the folder that ``FAR_STORE`` names."""

    protocol = "far"
    cachable = False
    asked: ClassVar[list[tuple[str, str]]] = []

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.top = Path(os.environ["FAR_STORE"])

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path.removeprefix("far://").rpartition("@")[2].strip("/")

    def _file(self, what: str, path: str) -> Path:
        """Where a file is; nothing answers while there is a file called away."""
        if (self.top / "away").exists():
            raise ConnectionError("no route to far host, asked by far://key:hush@bucket")
        path = str(self._strip_protocol(path))
        self.asked.append((what, path))
        return self.top / path.replace("/", "%")

    def _info(self, file: Path) -> dict[str, Any]:
        try:
            content, status = file.read_bytes(), file.stat()
        except FileNotFoundError:
            raise FileNotFoundError(file.name.replace("%", "/")) from None
        return {
            "name": file.name.replace("%", "/"),
            "size": len(content),
            "type": "file",
            "ETag": hashlib.md5(content).hexdigest(),
            "LastModified": datetime.fromtimestamp(status.st_mtime, UTC),
        }

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        file = self._file("info", path)
        if not file.exists() and any(other.name.startswith(f"{file.name}%") for other in self.top.iterdir()):
            return {"name": self._strip_protocol(path), "size": 0, "type": "directory"}
        return self._info(file)

    def find(self, path: str, detail: bool = False, **_: Any) -> Any:
        top = self._file("find", path)
        found = [file for file in self.top.iterdir() if file.name.endswith(".part") is False]
        inside = [file for file in found if file == top or file.name.startswith(f"{top.name}%")]
        infos = {info["name"]: info for info in map(self._info, sorted(inside))}
        return infos if detail else list(infos)

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        return self._file("get", path).read_bytes()[start:end]

    def get_file(self, rpath: str, lpath: str, *_: Any, **__: Any) -> None:
        Path(lpath).write_bytes(self.cat_file(rpath))

    def pipe_file(self, path: str, value: bytes, *_: Any, **__: Any) -> None:
        file = self._file("put", path)
        if (slow := self.top / "slow").exists():
            time.sleep(float(slow.read_text()))
        write_atomically(file, value)

    def put_file(self, lpath: str, rpath: str, *_: Any, **__: Any) -> None:
        self.pipe_file(rpath, Path(lpath).read_bytes())

    def rm_file(self, path: str) -> None:
        self._file("remove", path).unlink()


class FoldersStore(LocalFileSystem):
    """``folders://name`` is a file in folders, which must be made, and are walked through, as by SFTP."""

    protocol = "folders"
    cachable = False

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        inner = path.removeprefix("folders://").rstrip("/")
        return inner if inner.startswith("/") else f"{os.environ['FAR_STORE']}/{inner}"

    def ls(self, path: str, detail: bool = False, **options: Any) -> Any:
        if Path(os.environ["FAR_STORE"], "away").exists() and "/inner" in path:
            raise ConnectionError("no route")
        return super().ls(path, detail, **options)


fsspec.register_implementation("far", FarStore, clobber=True)
fsspec.register_implementation("folders", FoldersStore, clobber=True)


def program(arguments: list[str], log: str, environment: dict[str, str]) -> None:
    """The program ``interpret`` in a process of its own, on a machine with another environment."""
    interrupt_fixtures.program(arguments, log, **environment)


def job(path: str, out: str, environment: dict[str, str], **options: Any) -> None:
    """Run a pipeline in a process of its own, on a machine with another environment; it sends often."""
    os.environ.update(environment)
    remote.EVERY = 0.05
    tiny_plugin.job(path, out, **options)
