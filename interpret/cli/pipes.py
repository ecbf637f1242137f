"""Whether somebody still reads what we print: ``interpret list | head -1`` closes its end early."""

from __future__ import annotations

import os
import select
import sys

OUTPUTS = (1, 2)
"""The file descriptors of stdout and stderr."""


def reader_gone() -> bool:
    """Whether what reads stdout or stderr has closed its end of the pipe."""
    poll = select.poll()
    for output in OUTPUTS:
        poll.register(output, 0)
    return any(events & select.POLLERR for _, events in poll.poll(0))


def flush() -> bool:
    """Write what is still buffered; False where nobody reads it any more; then no more is."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (BrokenPipeError, AttributeError):  # None where a program was started without
        discard()
        return False
    return True


def discard() -> None:
    """Let what is still printed go nowhere, so that the end of Python does not complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for output in OUTPUTS:
        os.dup2(nowhere, output)
    os.close(nowhere)
