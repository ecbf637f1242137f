"""Files behind URLs: the file systems of fsspec, and what is said of them without passwords.

fsspec comes with torch. It reads its own configuration and environment (``FSSPEC_S3_KEY``, …); a URL has no
options, since some would make it write elsewhere.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

from interpret.errors import InterpretError, PluginError, clause, suggest
from interpret.files.reading import printable

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_CHAINED = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*::")
_LONG = 3
"""Letters that a secret has at least: shorter ones would make riddles of messages."""


def is_url(path: object) -> bool:
    """Whether a path names a file system of fsspec: ``s3://…``."""
    return isinstance(path, str) and bool(_SCHEME.match(path) or _CHAINED.match(path))


def shown(path: str) -> str:
    """A path or URL in a message, without the password or the signature that it may hold."""
    if not is_url(path):
        return printable(path)
    scheme, _, rest = path.partition("://")
    host, slash, inner = re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")
    return printable(f"{scheme}://{host.rpartition('@')[2]}{slash}{inner}")


def reason(error: BaseException, url: str = "") -> str:
    """What a file system says of a failure, in a line, without what `shown` leaves out of its URL."""
    line = " ".join(str(getattr(error, "strerror", None) or error).split()) or "no reason given"
    for secret in _secrets(url):
        line = line.replace(secret, "…")
    return f"{type(error).__name__}: {clause(printable(line)):.300}"


def connection_failure(error: FileNotFoundError) -> BaseException | None:
    """What went wrong where fsspec says of any failure of HTTP that there is no file."""
    cause = error.__cause__
    failed = type(cause).__module__.startswith("aiohttp") and getattr(cause, "status", 0) not in {404, 410}
    return cause if failed else None


def telling_cause(error: BaseException, url: str) -> BaseException | None:
    """The error, as the cause of another one, unless a traceback could tell what `shown` leaves out."""
    return None if _secrets(url) else error


def _secrets(url: str) -> list[str]:
    """The parts of a URL that nobody is shown, the longest first."""
    address, *asked = re.split(r"[?#]", url.partition("://")[2], maxsplit=1)
    user = address.partition("/")[0].rpartition("@")[0]
    values = [part.partition("=")[2] for part in re.split(r"[&#]", "".join(asked))]
    found = {*asked, *values, user, *user.split(":")[1:]}
    return sorted((part for part in found if len(part) >= _LONG), key=len, reverse=True)


def file_system(url: str, error: type[InterpretError] = InterpretError) -> tuple[Any, str]:
    """The file system of a URL, and the path there; made anew in each process.

    Args:
        url: The URL.
        error: What is raised.

    Raises:
        InterpretError: If there is no such file system.
        PluginError: If the package that reads it is not installed.
    """
    if "::" in url:
        raise error(
            f"{shown(url)} chains file systems, some of which write copies. Give the URL of the file or the "
            "folder itself."
        )
    fsspec = import_module("fsspec")
    schemes = [*fsspec.available_protocols(), *fsspec.registry]  # those registered by others, too
    if _scheme(url) not in schemes:
        raise error(
            f"{shown(url)} cannot be opened: no protocol is called so. {suggest(_scheme(url), schemes)}"
        )
    try:
        found: tuple[Any, str] = fsspec.core.url_to_fs(url)
    except ImportError as missing:
        raise PluginError(f"{shown(url)} cannot be opened: {_missing(url, missing)}") from missing
    except Exception as failed:  # noqa: BLE001 - what file systems raise has no common type
        message = f"{shown(url)} cannot be opened: {reason(failed, url)}."
        raise error(message) from telling_cause(failed, url)
    return found


def _missing(url: str, error: ImportError) -> str:
    """What fsspec says where a package is missing, and how to get it."""
    schemes = import_module("fsspec.registry").known_implementations
    known = schemes.get(_scheme(url), {})
    package = known.get("class", "").partition(".")[0]
    if package in {"", "fsspec"}:
        return f"{clause(error)}."
    return f"the package {package} is not installed. Install it: pip install {package}"


def _scheme(url: str) -> str:
    return url.partition("://")[0].lower()
