"""Run a command; every error ends in one clean block and an exit code.

0: done. 1: a step failed, or something inside is wrong. 2: the input is wrong. 130: stopped with Ctrl-C.
141: what reads the output has seen enough (``interpret list | head -1``), as shells say of other tools.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

import click

from interpret import interrupts
from interpret.cli import pipes
from interpret.cli.commands import Settings, interpret
from interpret.errors import InterpretError, PipelineError, StepError
from interpret.files.reading import printable_lines
from interpret.interrupts import STOPPED

SPINS = "10000"
"""Some ten microseconds: as long as waking a thread takes."""

DONE, FAILED, WRONG_INPUT, READER_GONE = 0, 1, 2, 141


def main() -> NoReturn:
    """The program ``interpret``."""
    interrupts.listen()
    _yield_cores()
    code = call(sys.argv[1:])
    if not pipes.flush():
        code = code or READER_GONE
    if code == STOPPED:
        interrupts.leave()
    sys.exit(code)


def _yield_cores() -> None:
    """Let OpenMP's threads sleep soon when they wait for each other; it is read when torch is imported.

    Beside other work, those that spin take its time and their own.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)


def call(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    settings = Settings()
    try:
        code = interpret.main(list(arguments), prog_name="interpret", standalone_mode=False, obj=settings)
    except click.ClickException as error:
        with suppress(BrokenPipeError):
            error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _stopped()
    except SystemExit as error:  # click and rich end the program where nobody reads what they print
        return _ended(error)
    except Exception as error:  # noqa: BLE001 - the last door: nobody is shown a wall of text unasked
        return _failed(error, whole=settings.traceback)
    if interrupts.was_interrupted():  # and the work was done before it came to a place to stop
        return _stopped()
    return code if isinstance(code, int) else DONE


def _failed(error: Exception, *, whole: bool) -> int:
    """Say what went wrong; after Ctrl-C it comes of that."""
    return _stopped() if interrupts.was_interrupted() else report(error, whole=whole)


def _stopped() -> int:
    with suppress(BrokenPipeError):
        interrupts.tell()
    return STOPPED


def _ended(error: SystemExit) -> int:
    if pipes.reader_gone() or isinstance(error.__context__, BrokenPipeError):
        return READER_GONE
    return report(RuntimeError(f"something that was called ended the program with {error.code!r}"))


def report(error: Exception, *, whole: bool = False) -> int:
    """Say on stderr what went wrong and what to do next; returns the exit code.

    Args:
        error: What a command raised.
        whole: Show the traceback too.
    """
    unexpected = not isinstance(error, InterpretError)
    with suppress(BrokenPipeError):  # nobody reads it, but the exit code still tells
        if whole:
            click.echo(printable_lines("".join(traceback.format_exception(error))), err=True)
        click.echo(f"{click.style('error:', fg='red', bold=True)} {printable_lines(_words(error))}", err=True)
        for note in getattr(error, "__notes__", []):
            click.echo(printable_lines(note), err=True)
        if not whole and (unexpected or error.__cause__ is not None):
            click.echo("The same command with --traceback shows where it happened.", err=True)
    return FAILED if unexpected or isinstance(error, StepError) else WRONG_INPUT


def _words(error: Exception) -> str:
    if isinstance(error, PipelineError):
        count = len(error.problems)
        return f"{count} {'problem' if count == 1 else 'problems'} in the pipeline\n{error}"
    if isinstance(error, InterpretError):
        return str(error)
    return f"unexpected {type(error).__name__}: {error}"
