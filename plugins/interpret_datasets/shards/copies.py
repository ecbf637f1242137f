"""A folder behind a URL, copied for libraries that read folders of this machine only."""

from __future__ import annotations

import atexit
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from interpret.errors import DatasetError
from interpret.files import file_system, is_inside, shown
from interpret.interrupts import check_interrupt
from interpret_datasets.shards.urls import understood


@cache
def local_copy(url: str) -> Path:
    """The folder of a URL with all its files, in a temporary folder that goes when the process ends.

    Raises:
        DatasetError: If there is no such folder, or it cannot be read.
    """
    folder = Path(mkdtemp(prefix="interpret-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with understood(url):
        system, inner = file_system(url, DatasetError)
        top = inner.rstrip("/")
        for file in system.find(top):
            name = file.removeprefix(top).lstrip("/")
            if not file.startswith(f"{top}/") or not is_inside(name):
                raise DatasetError(f"{shown(url)} is no folder of plain files: it has {file!r:.100}.")
            check_interrupt()
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            system.get_file(file, str(folder / name))
    if not any(folder.iterdir()):
        raise DatasetError(f"There is no folder {shown(url)}, or it is empty. Check dataset option 'path'.")
    return folder
