"""``interpret view``: the gallery of a run, made if it has to be, in the reader's browser."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import click

from interpret.browsers import open_address
from interpret.cli.serving import serving
from interpret.errors import InterpretError, nearest, suggest
from interpret.files.reading import printable_lines
from interpret.files.remote import readable_folder
from interpret.interrupts import until_interrupt

if TYPE_CHECKING:
    from interpret.plugin.discovery import Registry

FIRST = "index.html"


def find_site(path: str, registry: Callable[[], Registry], allow: Sequence[str] = ()) -> Path:
    """The folder whose pages are served: that of a gallery; of a run, its gallery as the run is now.

    Args:
        path: The folder of a run, or a folder with an ``index.html``, or that file.
        registry: Gives the plugins, which a gallery is made with.
        allow: Packages whose functions the run's pipeline may name.

    Raises:
        InterpretError: If it is neither, or there is no gallery and none can be made.
    """
    given = readable_folder(path)
    folder = given.parent if given.name == FIRST else given
    if (folder / "manifest.json").is_file():
        return _gallery_of(folder, registry, allow)
    for site in (folder, folder / "gallery"):
        if (site / FIRST).is_file():
            return site
    if not folder.is_dir():
        raise InterpretError(f"There is no folder {path}. {_suggest(folder)}")
    raise InterpretError(
        f"{path} has no manifest.json and no {FIRST}: neither a run nor a gallery. Give the folder that "
        "`interpret run PIPELINE --out FOLDER` wrote."
    )


def _gallery_of(run: Path, registry: Callable[[], Registry], allow: Sequence[str]) -> Path:
    """The gallery of a run as it is now; the one it has where none can be made, as without a plugin of it."""
    from interpret.cli.exporting import export  # noqa: PLC0415 - imports torch

    try:
        return export([run], registry(), allow=tuple(allow)).folder
    except InterpretError as error:
        there = run / "gallery"
        if (there / FIRST).is_file():
            said = f"The gallery is shown as it was, since it cannot be made: {error}"
            click.echo(printable_lines(said), err=True)
            return there
        raise


def _suggest(folder: Path) -> str:
    """The runs that were perhaps meant."""
    runs = {found.parent.name: str(found.parent) for found in sorted(Path("runs").glob("*/manifest.json"))}
    if not runs:
        return "`interpret run PIPELINE --out FOLDER` makes one."
    return suggest(str(folder), [runs[name] for name in nearest(folder.name, runs) or runs])


def view_site(folder: Path, port: int = 0, *, browser: bool = True) -> None:
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
    """Open the reader's browser, or say that there is none."""
    if not open_address(address):
        click.echo("There is no screen to open it on: open the address in a browser.", err=True)
