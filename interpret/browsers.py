"""Opens an address in the reader's browser, where there is one."""

from __future__ import annotations

import os
import sys
import webbrowser
from contextlib import suppress


def open_address(address: str) -> bool:
    """Whether a browser was started for an address; it never fails, and never takes the terminal."""
    with suppress(webbrowser.Error, OSError, ValueError):
        return _has_screen() and webbrowser.open(address)
    return False


def _has_screen() -> bool:
    """Without one only browsers in the terminal are left, which nobody asked for."""
    asked = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")
    return sys.platform in {"win32", "darwin"} or any(map(os.environ.get, asked))
