"""Ctrl-C that is never lost: it ends the work between two parts of it, or the process shortly after.

Python raises KeyboardInterrupt wherever the interpreter happens to be: in a callback of torch or a destructor
it is dropped, or brings the process down. Here it is raised only where `check_interrupt` is called. What
comes to no such place in time ends as if it were killed, which costs nothing: files are written whole or
not at all, and the kernel gives locks back.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import parent_process
from pathlib import Path
from select import select
from threading import Event, Thread
from typing import NoReturn

STOPPED = 130
"""The exit code of a program that Ctrl-C has ended."""

GRACE = 0.3
"""Seconds in which the work may come to a place where it can stop."""

_pressed, _told, _awaited = Event(), Event(), Event()
_describe: list[Callable[[], str]] = []
_words: list[str] = []
_unfinished: set[Path] = set()
_saving: list[tuple[Callable[[], object], str]] = []


def check_interrupt() -> None:
    """End the work here if Ctrl-C was pressed; what takes long calls it between its parts.

    Raises:
        KeyboardInterrupt: If it was.
    """
    if _pressed.is_set():
        raise KeyboardInterrupt


def leave_to_parent() -> None:
    """In a process that works for the one that started it: Ctrl-C is for that one, with which it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, name="interpret-parent", daemon=True).start()


def _end_with_parent() -> None:
    if parent := parent_process():
        parent.join()
        os._exit(1)


def was_interrupted() -> bool:
    """Whether Ctrl-C was pressed since `listen`."""
    return _pressed.is_set()


@contextmanager
def stopping(describe: Callable[[], str]) -> Iterator[None]:
    """While this holds, ``describe`` says what the same command will do after Ctrl-C.

    Args:
        describe: Looks at what is stored; other threads call it too.
    """
    if not _describe:
        _words.clear()
    _describe.append(describe)
    try:
        yield
    except KeyboardInterrupt:
        _words.append(describe())
        raise
    finally:
        _describe.remove(describe)


@contextmanager
def until_interrupt() -> Iterator[None]:
    """While this holds, Ctrl-C is how the user ends the program: at once, in silence, with exit code 0."""
    _awaited.set()
    try:
        yield
    finally:
        _awaited.clear()


@contextmanager
def saving(save: Callable[[], object], words: str) -> Iterator[None]:
    """While this holds, Ctrl-C lets ``save`` come to its end before it ends the process; another does not.

    Args:
        save: Stores what is done somewhere far; it is called in another thread, even if it goes on here.
        words: What users are told meanwhile.
    """
    entry = (save, words)
    _saving.append(entry)
    try:
        yield
    finally:
        _saving.remove(entry)


def tell() -> None:
    """Say on stderr that the work was stopped, and how it goes on, unless that was said."""
    if _told.is_set():
        return
    _told.set()
    sys.stderr.write(_message())
    sys.stderr.flush()


def _message() -> str:
    words = _words[0] if _words else _describe[-1]() if _describe else ""
    cursor = "\x1b[?25h" if sys.stderr.isatty() else ""  # progress bars hide it
    return f"{cursor}\nStopped. {words}".rstrip() + "\n"


def listen() -> None:
    """From now on Ctrl-C ends the process with code 130: in order if it can, after `GRACE` if it must.

    A second Ctrl-C ends it at once, as does the first one before any work has begun. Where the process was
    started to ignore Ctrl-C, as in the background of a script, it does.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    os.register_at_fork(after_in_child=_as_python_does)
    Thread(target=_watch, args=(ours, theirs), name="interpret-interrupts", daemon=True).start()


def _as_python_does() -> None:
    """A process that is forked has no thread that listens."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _watch(ours: socket.socket, _theirs: socket.socket) -> None:
    """Wait for Ctrl-C, which arrives here whatever the main thread is doing."""
    while signal.SIGINT not in ours.recv(1):
        pass
    if _awaited.is_set():
        leave(0)
    _pressed.set()
    again = bool(_describe) and _is_pressed_again(ours, GRACE)  # there is work to be stopped
    if not _told.is_set():
        _told.set()
        _write(_message())
    for save, words in () if again else tuple(_saving):
        if _is_stopped_while(ours, save, words):
            break
    leave()


def _is_pressed_again(ours: socket.socket, seconds: float) -> bool:
    """Wait for another Ctrl-C, but no longer than that."""
    ours.settimeout(seconds)
    try:
        while signal.SIGINT not in ours.recv(1):
            pass
    except TimeoutError:
        return False
    return True


def _is_stopped_while(ours: socket.socket, save: Callable[[], object], words: str) -> bool:
    """Let what is done be saved, unless Ctrl-C is pressed again."""
    thread = Thread(target=save, daemon=True)
    thread.start()
    if not _is_pressed_again(ours, GRACE) and thread.is_alive():
        _write(f"{words}\n")
    while thread.is_alive():
        if _is_pressed_again(ours, GRACE):
            return True
    return False


def _write(text: str) -> None:
    """Say something on stderr, where somebody may be reading."""
    if select([], [2], [], GRACE / 3)[1]:
        os.write(2, text.encode())


@contextmanager
def unfinished(folder: Path) -> Iterator[None]:
    """While this holds, the folder is of no use to anybody: where `leave` ends the process, it goes too."""
    _unfinished.add(folder)
    try:
        yield
    finally:
        _unfinished.discard(folder)


def leave(code: int = STOPPED) -> NoReturn:
    """End the process at once, and the children that an executor has: Python takes seconds to tidy up."""
    _end_children()
    for folder in tuple(_unfinished):
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(code)


def _end_children() -> None:
    if multiprocessing := sys.modules.get("multiprocessing"):
        for child in multiprocessing.active_children():
            child.terminate()
