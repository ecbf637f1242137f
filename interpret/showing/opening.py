"""Open a page in the browser, where there is one."""

from __future__ import annotations

import os
import sys
import webbrowser
from pathlib import Path


def open_page(page: Path) -> bool:
    """Whether a browser was started for a file; it never fails, and never takes the terminal."""
    if not _has_display():
        return False
    try:
        return webbrowser.open(page.resolve().as_uri())
    except (webbrowser.Error, OSError, ValueError):
        return False


def _has_display() -> bool:
    """Without a display only browsers in the terminal are left, which nobody asked for."""
    asked = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")
    return sys.platform in {"win32", "darwin"} or any(map(os.environ.get, asked))
