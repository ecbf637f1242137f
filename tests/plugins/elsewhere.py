"""What the tests of plugins do in processes of their own."""

from __future__ import annotations

import io
import json
import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path


def printed(function, *arguments) -> str:
    """What a function writes to the standard output."""
    with redirect_stdout(io.StringIO()) as out:
        function(*arguments)
    return out.getvalue()


def type_commands(folder: Path, commands: Sequence[str], *programs: str) -> None:
    """Type commands and run Python programs in a folder; what they print goes into ``shown.json``.

    Plugins are found in ``site``, as in an environment into which they are installed.
    """
    from interpret.cli.shell import call  # noqa: PLC0415

    os.chdir(folder)
    sys.path[:0] = [str(folder / "site"), str(folder)]

    def typed(line: str) -> None:
        if call(shlex.split(line)[1:]):
            raise SystemExit(f"{line} failed")

    shown = {line: printed(typed, line) for line in commands}
    found = [printed(exec, text, {"__name__": "__main__"}) for text in programs]
    Path("shown.json").write_text(json.dumps([shown, found]))


def load(folder: Path, plugin: str) -> None:
    """Write the type of a saved result, whose plugin nobody has imported, beside it."""
    if plugin in sys.modules:
        sys.exit(2)
    import interpret  # noqa: PLC0415

    (folder / "type").write_text(type(interpret.load_result(folder / "saved")).__name__)
