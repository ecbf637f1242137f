"""``interpret view``: where the pages of a run are, and the reader's browser."""

from __future__ import annotations

import os
import sys
import webbrowser
from contextlib import suppress
from pathlib import Path
from threading import Thread

import click

from interpret.cli.serving import serving
from interpret.errors import InterpretError
from interpret.files.folders import user_path
from interpret.interrupts import until_interrupt


def find_site(path: str | Path) -> Path:
    """The folder whose pages are served: a gallery, or that of a run.

    Args:
        path: The folder of a run, a folder with an ``index.html``, or that file.

    Raises:
        InterpretError: If there is none.
    """
    given = user_path(path)
    folder = given.parent if given.name == "index.html" else given
    for site in (folder, folder / "gallery"):
        if (site / "index.html").is_file():
            return site.resolve()
    what = "has no gallery" if folder.is_dir() else "is no folder"
    raise InterpretError(f"{path} {what}. Give the folder of a run, or a folder with an index.html.")


def view(folder: Path, port: int = 0, *, browser: bool = True) -> None:
    """Serve a folder until Ctrl-C, and print the address.

    Args:
        folder: A folder with an ``index.html``.
        port: Where; 0 for any that is free.
        browser: Open the address in the reader's browser, where there is a screen.

    Raises:
        InterpretError: If the port cannot be had.
    """
    with until_interrupt(), suppress(KeyboardInterrupt), serving(folder, port) as server:
        click.echo(server.address)
        click.echo("Ctrl-C ends it.", err=True)
        if browser:
            Thread(target=_open, args=(server.address,), daemon=True).start()
        server.serve_forever()


def _open(address: str) -> None:
    """Without a screen Python would start a browser in the terminal."""
    screen = sys.platform in {"darwin", "win32"} or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )
    if not screen or not webbrowser.open(address):
        click.echo("There is no screen to open it on: open the address in a browser.", err=True)
