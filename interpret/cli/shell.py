"""Run a command; every error ends in one clean block and an exit code.

0: done. 1: a step failed, or something inside is wrong. 2: the input is wrong. 130: stopped with Ctrl-C.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

import click

from interpret import interrupts
from interpret.cli.commands import Settings, interpret
from interpret.errors import InterpretError, PipelineError, StepError
from interpret.interrupts import STOPPED

DONE, FAILED, WRONG_INPUT = 0, 1, 2


def main() -> NoReturn:
    """The program ``interpret``."""
    interrupts.listen()
    code = call(sys.argv[1:])
    if code == STOPPED:
        with suppress(OSError):
            sys.stdout.flush()
        interrupts.leave()
    sys.exit(code)


def call(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    settings = Settings()
    try:
        code = interpret.main(list(arguments), prog_name="interpret", standalone_mode=False, obj=settings)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        interrupts.tell()
        return STOPPED
    except Exception as error:  # noqa: BLE001 - the last door: nobody is shown a wall of text unasked
        return report(error, whole=settings.traceback)
    if interrupts.was_interrupted():  # and the work was done before it came to a place to stop
        interrupts.tell()
        return STOPPED
    return code if isinstance(code, int) else DONE


def report(error: Exception, *, whole: bool = False) -> int:
    """Say on stderr what went wrong and what to do next; returns the exit code.

    Args:
        error: What a command raised.
        whole: Show the traceback too.
    """
    if whole:
        traceback.print_exception(error)
    click.echo(f"{click.style('error:', fg='red', bold=True)} {_words(error)}", err=True)
    for note in getattr(error, "__notes__", []):
        click.echo(note, err=True)
    unexpected = not isinstance(error, InterpretError)
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
